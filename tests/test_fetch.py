"""fetch: from a url to a file, and from each cause of failure to its reason."""

import errno
import functools
import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import msgspec
import pytest
from yt_dlp.utils import ExtractorError, GeoRestrictedError

from demo.behaviours import (
    Bandwidth,
    Behaviour,
    Cut,
    Delay,
    Hang,
    NoLength,
    NoRanges,
    Redirect,
    Status,
    WrongLength,
)
from demo.drawing import draw_video
from demo.odd_files import write_noise, write_page, write_sound
from demo.server import VideoServer
from schemas import POLICIES, Candidate, Fetch, Policy, Reason
from videonet.budget import DiskBudget
from videonet.fetch import (
    ERROR_LENGTH,
    FetchLimits,
    explain,
    fetch,
    is_here,
    release,
    shortened,
    worth_fetching,
)
from videonet.files import sha256_of
from videonet.store import Store

LIMITS = FetchLimits(deadline=20, attempts=3, wait=0.01, longest_wait=0.05, silence=5)
IMPATIENT = FetchLimits(deadline=1, attempts=3, wait=0.01, longest_wait=0.05, silence=0.5)
NAME = "a video.mp4"


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("video") / "v.mp4"
    draw_video(path, "balloon", 2, size=(96, 64))
    return path.read_bytes()


@pytest.fixture
def folder(tmp_path: Path, video: bytes) -> Path:
    """What the server serves."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / NAME).write_bytes(video)
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    store.prepare()
    return store


def candidate(url: str, *, root: Path | None = None) -> Candidate:
    return Candidate(
        video_key="url:key",
        video_id="id",
        url=url,
        root=None if root is None else str(root),
        title="title",
        duration=None,
        channel=None,
        licence=None,
        source="catalogue",
        matches=(),
    )


class Visit:
    """One candidate fetched from a server that behaves in one way."""

    def __init__(
        self,
        folder: Path,
        store: Store,
        behaviour: Behaviour | None = None,
        *,
        name: str = NAME,
        limits: FetchLimits = LIMITS,
        budget: DiskBudget | None = None,
        others: dict[str, Behaviour] | None = None,
    ) -> None:
        self.budget = budget or DiskBudget(None)
        behaviours = (others or {}) | ({name: behaviour} if behaviour else {})
        with VideoServer(folder, behaviours) as server:
            begin = time.monotonic()
            one = candidate(server.url(name))
            self.fetch = fetch(one, store, self.budget, limits, "run")
            self.seconds = time.monotonic() - begin
            self.requests = server.requests()
        assert store.fetch("url:key") == self.fetch
        assert list((store.root / "tmp").iterdir()) == []
        if not self.fetch.here:
            assert self.budget.used == 0
            assert store.video_bytes() == 0


def has_worked(visit: Visit, store: Store, content: bytes) -> bool:
    sha256 = hashlib.sha256(content).hexdigest()
    assert visit.fetch == Fetch(
        video_key="url:key",
        here=True,
        path=None,
        sha256=sha256,
        bytes=len(content),
        mtime_ns=None,
        reason=None,
        error=None,
        attempts=visit.fetch.attempts,
        run_id="run",
    )
    assert visit.budget.used == len(content)
    return store.file(visit.fetch).read_bytes() == content


# What works.


@pytest.mark.parametrize(
    "behaviour",
    [
        None,
        NoRanges(),
        NoLength(chunked=True),
        NoLength(chunked=False),
        Delay(0.1),
        Bandwidth(200_000),
    ],
)
def test_a_video_is_downloaded_whole_at_the_first_attempt(folder, store, video, behaviour):
    visit = Visit(folder, store, behaviour)
    assert has_worked(visit, store, video)
    assert visit.fetch.attempts == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirection_is_followed(folder, store, video, status):
    visit = Visit(folder, store, Redirect(NAME, status), name="moved.mp4")
    assert has_worked(visit, store, video)


def test_a_server_that_is_overloaded_twice_is_asked_again(folder, store, video):
    visit = Visit(folder, store, Status(503, times=2, retry_after=0))
    assert has_worked(visit, store, video)
    assert visit.fetch.attempts == 3
    assert [each.status for each in visit.requests][:2] == [503, 503]


def test_a_connection_that_is_cut_is_resumed_where_it_broke(folder, store, video):
    visit = Visit(folder, store, Cut(after=len(video) // 2, times=2))
    assert has_worked(visit, store, video)
    assert visit.fetch.attempts == 2
    resumed = visit.requests[-1]
    assert resumed.range is not None
    assert 0 < int(resumed.range.removeprefix("bytes=").removesuffix("-")) <= len(video) // 2
    assert resumed.status == 206
    assert resumed.bytes_sent < len(video)


def test_a_download_that_cannot_be_resumed_begins_anew_and_is_not_glued_together(
    folder, store, video
):
    with VideoServer(folder, {NAME: Cut(len(video) // 2, times=2)}, ranges=False) as server:
        record = fetch(candidate(server.url(NAME)), store, DiskBudget(None), LIMITS, "run")
    assert record.reason is None
    assert store.file(record).read_bytes() == video


def test_a_file_whose_name_has_a_percent_sign_is_downloaded(folder, store, video):
    (folder / "100%(id)s.mp4").write_bytes(video)
    assert has_worked(Visit(folder, store, name="100%(id)s.mp4"), store, video)


# What is refused: asked once in a run.

REFUSALS = {
    404: Reason.UNAVAILABLE,
    410: Reason.UNAVAILABLE,
    400: Reason.REFUSED,
    401: Reason.REFUSED,
    403: Reason.REFUSED,
    418: Reason.REFUSED,
    451: Reason.GEO_BLOCKED,
}


@pytest.mark.parametrize(("status", "reason"), REFUSALS.items())
def test_a_refusal_has_its_reason_and_costs_one_request(folder, store, status, reason):
    visit = Visit(folder, store, Status(status))
    assert visit.fetch.reason is reason
    assert str(status) in visit.fetch.error
    assert not visit.fetch.here
    assert visit.fetch.attempts == 1
    assert len(visit.requests) == 1


def test_a_page_in_place_of_a_video_is_no_video(folder, store):
    write_page(folder / "page.mp4")
    visit = Visit(folder, store, name="page.mp4")
    assert visit.fetch.reason is Reason.NOT_A_VIDEO
    assert visit.fetch.attempts == 1


def test_a_page_without_a_video_is_unsupported(folder, store):
    write_page(folder / "page.html")
    visit = Visit(folder, store, name="page.html")
    assert visit.fetch.reason is Reason.UNSUPPORTED
    assert visit.fetch.attempts == 1


def test_random_bytes_are_no_video(folder, store):
    write_noise(folder / "noise.mp4")
    assert Visit(folder, store, name="noise.mp4").fetch.reason is Reason.NOT_A_VIDEO


@pytest.mark.parametrize("name", ["sound.mp4", "sound.ogg"])
def test_sound_without_a_picture_is_no_video(folder, store, name):
    write_sound(folder / "sound.mp4", 1)
    (folder / name).write_bytes((folder / "sound.mp4").read_bytes())
    visit = Visit(folder, store, name=name)
    assert visit.fetch.reason is Reason.NOT_A_VIDEO
    assert "audio" in visit.fetch.error


def test_a_file_above_the_size_limit_is_too_large_as_soon_as_it_is_announced(folder, store, video):
    large = folder / "large.mp4"
    large.write_bytes(video + bytes(5_000_000))
    limits = FetchLimits(max_bytes=len(video), deadline=20)
    visit = Visit(folder, store, Bandwidth(1_000_000), name="large.mp4", limits=limits)
    assert visit.fetch.reason is Reason.TOO_LARGE
    assert str(large.stat().st_size) in visit.fetch.error
    assert visit.fetch.attempts == 1
    assert sum(each.bytes_sent for each in visit.requests) < 2_000_000


def test_a_file_that_grows_above_the_size_limit_unannounced_is_too_large(folder, store, video):
    (folder / "large.mp4").write_bytes(video + bytes(20_000_000))
    limits = FetchLimits(max_bytes=1_000_000, deadline=20)
    visit = Visit(folder, store, NoLength(), name="large.mp4", limits=limits)
    assert visit.fetch.reason is Reason.TOO_LARGE
    assert visit.fetch.attempts == 1


def test_a_file_of_exactly_the_size_limit_is_not_too_large(folder, store, video):
    limits = FetchLimits(max_bytes=len(video), deadline=20)
    assert has_worked(Visit(folder, store, limits=limits), store, video)


@pytest.mark.parametrize(
    "url", ["file://{folder}/{name}", "ftp://{host}/{name}", "ytsearch:cats", "{name}", "//{host}/"]
)
def test_an_address_that_is_not_for_the_web_is_refused_without_a_request(folder, store, url):
    with VideoServer(folder) as server:
        url = url.format(folder=folder, name=NAME, host=server.address.removeprefix("http://"))
        record = fetch(candidate(url), store, DiskBudget(None), LIMITS, "run")
        assert server.requests() == []
    assert record.reason is Reason.BAD_ADDRESS
    assert record.attempts == 0
    assert url in record.error
    assert store.video_bytes() == 0


@pytest.mark.parametrize("to", ["file://{file}", "ftp://127.0.0.1/a.mp4"])
def test_a_redirection_out_of_the_web_is_refused(folder, store, to):
    visit = Visit(folder, store, Redirect(to.format(file=folder / NAME)), name="trap.mp4")
    assert visit.fetch.reason is Reason.BAD_ADDRESS
    assert len(visit.requests) == 1


def test_a_redirection_in_circles_ends(folder, store):
    visit = Visit(folder, store, Redirect("circle.mp4"), name="circle.mp4")
    assert visit.fetch.reason is Reason.REFUSED
    assert visit.fetch.attempts == 1


# What may pass: asked again, and in another run.


def test_a_server_that_is_always_overloaded_is_asked_as_often_as_is_allowed(folder, store):
    visit = Visit(folder, store, Status(503, retry_after=0))
    assert visit.fetch.reason is Reason.SERVER_ERROR
    assert visit.fetch.attempts == len(visit.requests) == LIMITS.attempts


def test_a_wait_that_the_server_asks_for_in_seconds_is_kept(folder, store, video):
    visit = Visit(folder, store, Status(429, times=1, retry_after=1))
    assert has_worked(visit, store, video)
    refused, again = visit.requests[:2]
    assert again.time - refused.time >= 1


def test_a_wait_that_the_server_asks_for_as_a_date_is_kept(folder, store, video):
    date = formatdate(time.time() + 3, usegmt=True)  # a date is whole seconds: 2 at least
    visit = Visit(folder, store, Status(429, times=1, retry_after=date))
    assert has_worked(visit, store, video)
    refused, again = visit.requests[:2]
    assert again.time - refused.time >= 1


@pytest.mark.parametrize("asked", [3600, formatdate(time.time() + 3600, usegmt=True), "9" * 400])
def test_a_wait_beyond_the_deadline_is_not_begun(folder, store, asked):
    visit = Visit(folder, store, Status(429, retry_after=asked))
    assert visit.fetch.reason is Reason.RATE_LIMITED
    assert visit.fetch.attempts == len(visit.requests) == 1


@pytest.mark.parametrize("asked", ["soon", "", "²", "Mon, 99 Nov 2026 99:99:99 GMT"])
def test_a_wait_that_makes_no_sense_is_one_of_ours(folder, store, asked):
    visit = Visit(folder, store, Status(429, retry_after=asked))
    assert visit.fetch.reason is Reason.RATE_LIMITED
    assert visit.fetch.attempts == LIMITS.attempts


@pytest.mark.parametrize("behaviour", [Cut(after=1500), WrongLength(by=10)])
def test_a_connection_that_always_breaks_is_the_networks_fault(folder, store, behaviour):
    visit = Visit(folder, store, behaviour)
    assert visit.fetch.reason is Reason.NETWORK
    assert visit.fetch.attempts == LIMITS.attempts


def test_a_server_that_is_not_there_is_the_networks_fault(folder, store):
    with VideoServer(folder) as server:
        url = server.url(NAME)
    record = fetch(candidate(url), store, DiskBudget(None), LIMITS, "run")
    assert record.reason is Reason.NETWORK
    assert record.attempts == LIMITS.attempts


@pytest.mark.parametrize("behaviour", [Hang(), Hang(after=1500), Delay(60)])
def test_a_silent_server_is_a_timeout_within_the_deadline(folder, store, behaviour):
    visit = Visit(folder, store, behaviour, limits=IMPATIENT)
    assert visit.fetch.reason is Reason.TIMEOUT
    assert visit.seconds < 15  # and not 60, or for ever


@pytest.mark.parametrize("speed", [1000, 40])
def test_a_server_that_trickles_is_a_timeout_within_the_deadline(folder, store, speed):
    visit = Visit(folder, store, Bandwidth(speed), limits=IMPATIENT)
    assert visit.fetch.reason is Reason.TIMEOUT
    assert "1 s" in visit.fetch.error
    assert visit.seconds < 15


class Trickle(BaseHTTPRequestHandler):
    """A page without an end, a few bytes at a time."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"<p>more\n")
                time.sleep(0.02)
        except OSError:
            return

    def log_message(self, *_):
        return


def test_a_page_without_an_end_is_a_timeout_within_the_deadline(store):
    with ThreadingHTTPServer(("127.0.0.1", 0), Trickle) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/page"
        record = fetch(candidate(url), store, DiskBudget(None), IMPATIENT, "run")
        server.shutdown()
    assert record.reason is Reason.TIMEOUT


class Late(BaseHTTPRequestHandler):
    """A video that is announced at once when first asked for; then late, and in drops."""

    asked = 0

    def do_GET(self):
        Late.asked += 1
        time.sleep(0.7)
        self.send_response(200)
        self.send_header("Content-Type", "video/mp4")
        self.send_header("Content-Length", "100000")
        self.end_headers()
        with suppress(OSError):
            if Late.asked == 1:
                self.wfile.write(bytes(2000))
            for _ in range(400):
                self.wfile.write(b"x")
                time.sleep(0.05)

    def log_message(self, *_):
        return


def test_an_answer_that_begins_after_the_deadline_is_not_waited_for(store):
    limits = FetchLimits(deadline=1, attempts=3, wait=0.01, silence=5)
    with ThreadingHTTPServer(("127.0.0.1", 0), Late) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        begin = time.monotonic()
        url = f"http://127.0.0.1:{server.server_port}/v.mp4"
        record = fetch(candidate(url), store, DiskBudget(None), limits, "run")
        seconds = time.monotonic() - begin
        server.shutdown()
    assert Late.asked == 2
    assert record.reason is Reason.TIMEOUT
    assert seconds < 10  # and not the 20 that the answer takes


# The disk budget.


def test_without_room_in_the_budget_nothing_stays(folder, store, video):
    budget = DiskBudget(len(video) - 1)
    budget.begin()
    visit = Visit(folder, store, budget=budget)
    assert visit.fetch.reason is Reason.DISK_FULL
    assert visit.fetch.attempts == 1


def test_without_room_for_a_file_of_unknown_length_nothing_stays(folder, store, video):
    budget = DiskBudget(len(video) - 1)
    budget.begin()
    visit = Visit(folder, store, NoLength(), budget=budget)
    assert visit.fetch.reason is Reason.DISK_FULL


@pytest.mark.parametrize("name", ["page.mp4", "sound.mp4"])
def test_bytes_of_what_is_no_video_are_given_back(folder, store, name):
    write_page(folder / "page.mp4")
    write_sound(folder / "sound.mp4", 1)
    visit = Visit(folder, store, name=name)  # asserts that nothing is in use
    assert visit.fetch.reason is Reason.NOT_A_VIDEO


def test_bytes_are_given_back_when_the_store_cannot_take_the_file(folder, store, video):
    place = store.root / store.video("url:key")
    place.mkdir(parents=True)
    budget = DiskBudget(None)
    with VideoServer(folder) as server, pytest.raises(OSError, match="directory"):
        fetch(candidate(server.url(NAME)), store, budget, LIMITS, "run")
    assert budget.used == 0
    assert list((store.root / "tmp").iterdir()) == []


def test_two_downloads_that_wait_for_each_other_end(folder, store, video):
    """Both have half of what they need, and the budget has room for one of them."""
    (folder / "b.mp4").write_bytes(video)
    size = len(video)
    budget = DiskBudget(round(1.5 * size))
    behaviours = dict.fromkeys((NAME, "b.mp4"), NoLength())
    names = (NAME, "b.mp4")
    for _ in names:
        budget.begin()

    def download(url: str) -> Fetch:
        one = msgspec.structs.replace(candidate(url), video_key=f"url:{url}")
        record = fetch(one, store, budget, LIMITS, "run")
        budget.settle(0)
        return record

    with VideoServer(folder, behaviours) as server, ThreadPoolExecutor(2) as pool:
        records = list(pool.map(download, map(server.url, names)))
    assert sorted(each.here for each in records) == [False, True]
    assert {each.reason for each in records} == {None, Reason.DISK_FULL}
    assert budget.used == size == store.video_bytes()


# Local files.


def test_a_local_file_is_read_in_place_and_neither_copied_nor_deleted(tmp_path, store, video):
    (tmp_path / "mine").mkdir()
    file = tmp_path / "mine" / "a.mp4"
    file.write_bytes(video)
    budget = DiskBudget(0)
    record = fetch(candidate("mine/a.mp4", root=tmp_path), store, budget, LIMITS, "run")
    assert record.here
    assert record.attempts == 0
    assert (record.path, record.bytes) == (str(file), len(video))
    assert record.sha256 == sha256_of(file) == hashlib.sha256(video).hexdigest()
    assert store.file(record).samefile(file)
    assert store.video_bytes() == budget.used == 0
    assert release(record, store) == 0
    assert file.read_bytes() == video
    assert is_here(record, store)


def test_a_local_file_that_is_gone_or_has_another_size_is_not_here(tmp_path, store, video):
    file = tmp_path / "a.mp4"
    file.write_bytes(video)
    record = fetch(candidate("a.mp4", root=tmp_path), store, DiskBudget(0), LIMITS, "run")
    file.write_bytes(video + b"more")
    assert not is_here(record, store)
    file.unlink()
    assert not is_here(record, store)


@pytest.mark.parametrize("path", ["missing.mp4", "missing/a.mp4", "a.mp4/b.mp4"])
def test_a_local_file_that_is_not_there_is_missing(tmp_path, store, video, path):
    (tmp_path / "a.mp4").write_bytes(video)
    record = fetch(candidate(path, root=tmp_path), store, DiskBudget(0), LIMITS, "run")
    assert (record.here, record.reason) == (False, Reason.MISSING)


@pytest.mark.parametrize("path", ["../secret.mp4", "x/../../secret.mp4", "{outside}", ".."])
def test_a_local_path_that_leaves_its_root_is_refused(tmp_path, store, video, path):
    (tmp_path / "root" / "x").mkdir(parents=True)
    outside = tmp_path / "secret.mp4"
    outside.write_bytes(video)
    one = candidate(path.format(outside=outside), root=tmp_path / "root")
    record = fetch(one, store, DiskBudget(0), LIMITS, "run")
    assert (record.here, record.reason, record.sha256) == (False, Reason.BAD_ADDRESS, None)


@pytest.mark.parametrize("path", ["x/../a.mp4", "./a.mp4", "{root}/a.mp4", "link/a.mp4"])
def test_a_local_path_may_be_written_in_many_ways_below_its_root(tmp_path, store, video, path):
    root, disk = tmp_path / "root", tmp_path / "other disk"
    for each in (root / "x", disk):
        each.mkdir(parents=True)
    (root / "a.mp4").write_bytes(video)
    (disk / "a.mp4").write_bytes(video)
    (root / "link").symlink_to(disk)
    one = candidate(path.format(root=root), root=root)
    record = fetch(one, store, DiskBudget(0), LIMITS, "run")
    assert record.reason is None
    assert store.file(record).read_bytes() == video


def test_a_pipe_or_a_folder_is_no_video_and_is_not_waited_for(tmp_path, store):
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "folder.mp4").mkdir()
    for path in ("pipe.mp4", "folder.mp4"):
        record = fetch(candidate(path, root=tmp_path), store, DiskBudget(0), LIMITS, "run")
        assert record.reason is Reason.NOT_A_VIDEO


def test_a_local_file_must_be_a_video_within_the_size_limit(tmp_path, store, video):
    write_page(tmp_path / "page.mp4")
    (tmp_path / "a.mp4").write_bytes(video)
    tight = FetchLimits(max_bytes=len(video) - 1)
    fetched = functools.partial(fetch, store=store, budget=DiskBudget(0), run_id="run")
    page = fetched(candidate("page.mp4", root=tmp_path), limits=LIMITS)
    assert page.reason is Reason.NOT_A_VIDEO
    assert fetched(candidate("a.mp4", root=tmp_path), limits=tight).reason is Reason.TOO_LARGE
    assert (tmp_path / "page.mp4").exists()


# From run to run.


def test_attempts_are_counted_over_all_runs(folder, store, video):
    with VideoServer(folder, {NAME: Status(503, times=4, retry_after=0)}) as server:
        one = candidate(server.url(NAME))
        first = fetch(one, store, DiskBudget(None), LIMITS, "first")
        second = fetch(one, store, DiskBudget(None), LIMITS, "second")
    assert (first.attempts, first.reason) == (3, Reason.SERVER_ERROR)
    assert (second.attempts, second.reason, second.run_id) == (5, None, "second")


def test_a_file_that_went_away_is_remembered_by_its_content(folder, store, video):
    here = Visit(folder, store).fetch
    assert release(here, store) == len(video)
    assert not is_here(store.fetch("url:key"), store)
    gone = Visit(folder, store, Status(404)).fetch
    assert (gone.here, gone.reason, gone.sha256) == (False, Reason.UNAVAILABLE, here.sha256)
    assert gone.bytes == len(video)


def test_a_released_file_is_gone_and_may_be_released_again(folder, store, video):
    record = Visit(folder, store).fetch
    assert is_here(record, store)
    assert release(record, store) == len(video)
    assert store.video_bytes() == 0
    released = store.fetch("url:key")
    assert released == msgspec.structs.replace(record, here=False)
    assert release(released, store) == 0


def test_a_copy_that_lost_bytes_is_not_here(folder, store):
    record = Visit(folder, store).fetch
    os.truncate(store.file(record), 100)
    assert not is_here(record, store)
    assert not is_here(None, store)


RECORD = Fetch(
    video_key="k",
    here=False,
    path=None,
    sha256=None,
    bytes=None,
    mtime_ns=None,
    reason=None,
    error=None,
    attempts=1,
    run_id="first",
)


def test_what_was_never_tried_or_worked_before_is_worth_fetching():
    assert worth_fetching(None, "first", 1000)
    assert worth_fetching(RECORD, "first", 1000)
    assert worth_fetching(RECORD, "second", 1000)


@pytest.mark.parametrize("reason", set(Reason) - {Reason.DISK_FULL})
def test_a_permanent_failure_is_never_tried_again_and_a_passing_one_by_another_run(reason):
    failed = msgspec.structs.replace(RECORD, reason=reason)
    assert not worth_fetching(failed, "first", 1000)
    assert worth_fetching(failed, "second", 1000) == (POLICIES[reason] is Policy.NEXT_RUN)


def test_what_the_disk_had_no_room_for_is_tried_again_until_it_has():
    failed = msgspec.structs.replace(RECORD, reason=Reason.DISK_FULL)
    assert worth_fetching(failed, "first", 1000)
    assert worth_fetching(failed, "second", 1000)


def test_what_was_too_large_is_tried_again_under_a_limit_that_it_keeps_to(folder, store, video):
    tight = FetchLimits(max_bytes=len(video) - 1, deadline=20)
    record = Visit(folder, store, limits=tight).fetch
    assert not worth_fetching(record, "second", len(video) - 1)
    assert worth_fetching(record, "second", len(video))


# Error texts.


def test_a_long_error_is_shortened_to_what_a_record_keeps(store):
    record = fetch(candidate("no" * 1000), store, DiskBudget(0), LIMITS, "run")
    assert len(record.error) == ERROR_LENGTH == 300
    assert record.error.endswith("…")


def test_an_error_is_one_line_without_colours():
    assert shortened("\x1b[0;31mERROR:\x1b[0m  no\n such   file\n") == "ERROR: no such file"
    assert shortened("e" * 300) == "e" * 300
    assert shortened("e" * 301) == "e" * 299 + "…"


WORDS = {
    "Sign in to confirm you\u2019re not a bot. Use --cookies": Reason.RATE_LIMITED,
    "The current session has been rate-limited by YouTube": Reason.RATE_LIMITED,
    "Sign in to confirm your age. This video may be inappropriate": Reason.AGE_GATED,
    "Private video. Sign in if you've been granted access": Reason.PRIVATE,
    "This video is only available for registered users": Reason.PRIVATE,
    "This live event will begin in 3 days.": Reason.UPCOMING,
    "Premieres in 2 hours": Reason.UPCOMING,
    "Video unavailable. This video has been removed by the uploader": Reason.UNAVAILABLE,
    "This video does not exist.": Reason.UNAVAILABLE,
    "The account associated with this video has been terminated.": Reason.UNAVAILABLE,
    "This video is no longer available": Reason.UNAVAILABLE,
    "Video unavailable. This content isn't available, try again later.": Reason.EXTRACTION,
    "Unable to extract the player's settings": Reason.EXTRACTION,
}


@pytest.mark.parametrize(("words", "reason"), WORDS.items())
def test_what_a_site_says_in_words_has_its_reason(words, reason):
    assert explain(ExtractorError(words, expected=True)).reason is reason


def test_a_video_that_is_not_shown_here_is_geo_blocked():
    assert explain(GeoRestrictedError("not in your country")).reason is Reason.GEO_BLOCKED


def test_a_bug_of_an_extractor_is_internal_and_tried_by_the_next_run():
    assert explain(ExtractorError("no title found")).reason is Reason.INTERNAL
    assert explain(KeyError("title")).reason is Reason.INTERNAL


def test_what_may_be_a_sites_mood_is_tried_by_the_next_run_and_what_is_gone_is_not():
    policies = {
        Reason.REFUSED: Policy.NEXT_RUN,
        Reason.EXTRACTION: Policy.NEXT_RUN,
        Reason.UNAVAILABLE: Policy.NEVER,
        Reason.BAD_ADDRESS: Policy.NEVER,
    }
    assert {reason: POLICIES[reason] for reason in policies} == policies


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_told_from_other_faults_of_the_machine(number):
    assert explain(OSError(number, os.strerror(number))).reason is Reason.DISK_FULL
    assert explain(PermissionError(errno.EACCES, "denied")).reason is Reason.INTERNAL
