"""videonet.fetch.attempt: from a url to a file, in attempts."""

import time
from contextlib import suppress
from dataclasses import replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from demo.behaviours import (
    Bandwidth,
    Cut,
    Delay,
    Hang,
    NoLength,
    NoRanges,
    Redirect,
    Status,
    WrongLength,
)
from demo.odd_files import write_noise, write_page, write_sound
from demo.server import VideoServer
from tests.fetch.fetching import fetch
from tests.fetch.visiting import IMPATIENT, LIMITS, NAME, Visit, candidate, has_worked, quick_web
from tests.patience import PATIENCE
from tests.stored import file_of
from videonet.fetch.disk_budget import DiskBudget
from videonet.schemas.reason import Reason

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
        record = fetch(
            candidate(server.url(NAME)), store, DiskBudget(None), LIMITS, quick_web(), "run"
        )
    assert record.reason is None
    assert file_of(store, record).read_bytes() == video


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
    limits = replace(LIMITS, max_bytes=len(video))
    visit = Visit(folder, store, Bandwidth(1_000_000), name="large.mp4", limits=limits)
    assert visit.fetch.reason is Reason.TOO_LARGE
    assert str(large.stat().st_size) in visit.fetch.error
    assert visit.fetch.attempts == 1
    assert sum(each.bytes_sent for each in visit.requests) < 2_000_000


def test_a_file_that_grows_above_the_size_limit_unannounced_is_too_large(folder, store, video):
    (folder / "large.mp4").write_bytes(video + bytes(20_000_000))
    limits = replace(LIMITS, max_bytes=1_000_000)
    visit = Visit(folder, store, NoLength(), name="large.mp4", limits=limits)
    assert visit.fetch.reason is Reason.TOO_LARGE
    assert visit.fetch.attempts == 1


def test_a_file_of_exactly_the_size_limit_is_not_too_large(folder, store, video):
    limits = replace(LIMITS, max_bytes=len(video))
    assert has_worked(Visit(folder, store, limits=limits), store, video)


@pytest.mark.parametrize(
    "url", ["file://{folder}/{name}", "ftp://{host}/{name}", "ytsearch:cats", "{name}", "//{host}/"]
)
def test_an_address_that_is_not_for_the_web_is_refused_without_a_request(folder, store, url):
    with VideoServer(folder) as server:
        url = url.format(folder=folder, name=NAME, host=server.address.removeprefix("http://"))
        record = fetch(candidate(url), store, DiskBudget(None), LIMITS, quick_web(), "run")
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


@pytest.mark.parametrize("asked", [3600, formatdate(32503680000, usegmt=True), "9" * 400])
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
    record = fetch(candidate(url), store, DiskBudget(None), LIMITS, quick_web(), "run")
    assert record.reason is Reason.NETWORK
    assert record.attempts == LIMITS.attempts


@pytest.mark.parametrize("behaviour", [Hang(), Hang(after=1500), Delay(10 * PATIENCE)])
def test_a_silent_server_is_a_timeout_within_the_deadline(folder, store, behaviour):
    visit = Visit(folder, store, behaviour, limits=IMPATIENT)
    assert visit.fetch.reason is Reason.TIMEOUT
    assert visit.seconds < PATIENCE


@pytest.mark.parametrize("speed", [1000, 40])
def test_a_server_that_trickles_is_a_timeout_within_the_deadline(folder, store, video, speed):
    # The whole file would take ten times as long as the patience of this test.
    (folder / NAME).write_bytes(video + bytes(round(10 * PATIENCE * speed)))
    visit = Visit(folder, store, Bandwidth(speed), limits=IMPATIENT)
    assert visit.fetch.reason is Reason.TIMEOUT
    assert "1 s" in visit.fetch.error
    assert visit.seconds < PATIENCE


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
        record = fetch(candidate(url), store, DiskBudget(None), IMPATIENT, quick_web(), "run")
        server.shutdown()
    assert record.reason is Reason.TIMEOUT


# The deadline passes between the second request and its answer, also on a slow machine.
LATE = replace(LIMITS, deadline=3)


class Late(BaseHTTPRequestHandler):
    """A video that begins at once when first asked for; after that late, and in drops."""

    asked = 0

    def do_GET(self):
        Late.asked += 1
        if Late.asked > 1:
            time.sleep(LATE.deadline + 0.5)
        self.send_response(200)
        self.send_header("Content-Type", "video/mp4")
        self.send_header("Content-Length", "100000")
        self.end_headers()
        with suppress(OSError):
            if Late.asked == 1:
                self.wfile.write(bytes(2000))
            for _ in range(round(2 * PATIENCE / 0.05)):
                self.wfile.write(b"x")
                time.sleep(0.05)

    def log_message(self, *_):
        return


def test_an_answer_that_begins_after_the_deadline_is_not_waited_for(store):
    with ThreadingHTTPServer(("127.0.0.1", 0), Late) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        begin = time.monotonic()
        url = f"http://127.0.0.1:{server.server_port}/v.mp4"
        record = fetch(candidate(url), store, DiskBudget(None), LATE, quick_web(), "run")
        seconds = time.monotonic() - begin
        server.shutdown()
    assert Late.asked == 2
    assert record.reason is Reason.TIMEOUT
    assert seconds < PATIENCE  # half of what the answer takes
