"""videonet.fetch.acquire: the state of a video, from run to run."""

import functools
import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import msgspec
import pytest

from demo.behaviours import (
    NoLength,
    Status,
)
from demo.odd_files import write_page, write_sound
from demo.server import VideoServer
from tests.fetch.fetching import fetch, release
from tests.fetch.visiting import LIMITS, NAME, Visit, candidate, quick_web
from tests.local import ALLOWED
from tests.stored import file_of
from videonet.fetch.acquire import is_local, worth_fetching
from videonet.fetch.disk_budget import DiskBudget
from videonet.fetch.host_state import Pace
from videonet.fetch.web import Web
from videonet.files import sha256_of
from videonet.schemas.fetch import Fetch
from videonet.schemas.reason import Policy, Reason
from videonet.versions import decoder_version

# The disk budget.


def test_without_room_in_the_budget_nothing_stays(folder, store, video):
    budget = DiskBudget(len(video) - 1)
    visit = Visit(folder, store, budget=budget)
    assert visit.fetch.reason is Reason.DISK_FULL
    assert visit.fetch.attempts == 1


def test_without_room_for_a_file_of_unknown_length_nothing_stays(folder, store, video):
    budget = DiskBudget(len(video) - 1)
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
        fetch(candidate(server.url(NAME)), store, budget, LIMITS, quick_web(), "run")
    assert budget.used == 0
    assert list((store.root / "tmp").glob("[!.]*")) == []


def test_two_downloads_that_wait_for_each_other_end(folder, store, video):
    """Both have half of what they need, and the budget has room for one of them."""
    (folder / "b.mp4").write_bytes(video)
    size = len(video)
    budget = DiskBudget(round(1.5 * size))
    behaviours = dict.fromkeys((NAME, "b.mp4"), NoLength())
    names = (NAME, "b.mp4")

    def download(url: str) -> Fetch:
        one = msgspec.structs.replace(candidate(url), video_key=f"url:{url}")
        return fetch(one, store, budget, LIMITS, quick_web(), "run")

    with VideoServer(folder, behaviours) as server, ThreadPoolExecutor(2) as pool:
        records = list(pool.map(download, map(server.url, names)))
    assert sorted(each.here for each in records) == [False, True]
    assert {each.reason for each in records} == {None, Reason.DISK_FULL}
    assert budget.used == size == store.video_bytes()


def test_who_waits_for_a_connection_is_not_waited_for(folder, store, video):
    """The budget is full, and the host gives one connection at a time."""
    (folder / "b.mp4").write_bytes(video)
    budget = DiskBudget(len(video), used=len(video))
    web = Web(Pace(requests_per_second=1000, connections=1), allowed_hosts=ALLOWED)
    names = (NAME, "b.mp4")

    def download(url: str) -> Fetch:
        one = msgspec.structs.replace(candidate(url), video_key=f"url:{url}")
        return fetch(one, store, budget, LIMITS, web, "run")

    with VideoServer(folder) as server, ThreadPoolExecutor(2) as pool:
        begin = time.monotonic()
        records = list(pool.map(download, map(server.url, names)))
        seconds = time.monotonic() - begin
    assert {each.reason for each in records} == {Reason.DISK_FULL}
    assert seconds < LIMITS.deadline / 2


# Local files.


def test_a_local_file_is_read_in_place_and_neither_copied_nor_deleted(tmp_path, store, video):
    (tmp_path / "mine").mkdir()
    file = tmp_path / "mine" / "a.mp4"
    file.write_bytes(video)
    budget = DiskBudget(0)
    record = fetch(
        candidate("mine/a.mp4", root=tmp_path), store, budget, LIMITS, quick_web(), "run"
    )
    assert record.here
    assert record.attempts == 0
    assert (record.path, record.bytes) == (str(file), len(video))
    assert record.sha256 == sha256_of(file) == hashlib.sha256(video).hexdigest()
    assert file_of(store, record).samefile(file)
    assert store.video_bytes() == budget.used == 0
    assert release(record, store) == 0
    assert file.read_bytes() == video
    assert is_local(record, store)


def test_a_local_file_that_is_gone_or_has_another_size_is_not_here(tmp_path, store, video):
    file = tmp_path / "a.mp4"
    file.write_bytes(video)
    record = fetch(
        candidate("a.mp4", root=tmp_path), store, DiskBudget(0), LIMITS, quick_web(), "run"
    )
    file.write_bytes(video + b"more")
    assert not is_local(record, store)
    file.unlink()
    assert not is_local(record, store)


@pytest.mark.parametrize("path", ["missing.mp4", "missing/a.mp4", "a.mp4/b.mp4"])
def test_a_local_file_that_is_not_there_is_missing(tmp_path, store, video, path):
    (tmp_path / "a.mp4").write_bytes(video)
    record = fetch(candidate(path, root=tmp_path), store, DiskBudget(0), LIMITS, quick_web(), "run")
    assert (record.here, record.reason) == (False, Reason.MISSING)


@pytest.mark.parametrize("path", ["../secret.mp4", "x/../../secret.mp4", "{outside}", ".."])
def test_a_local_path_that_leaves_its_root_is_refused(tmp_path, store, video, path):
    (tmp_path / "root" / "x").mkdir(parents=True)
    outside = tmp_path / "secret.mp4"
    outside.write_bytes(video)
    one = candidate(path.format(outside=outside), root=tmp_path / "root")
    record = fetch(one, store, DiskBudget(0), LIMITS, quick_web(), "run")
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
    record = fetch(one, store, DiskBudget(0), LIMITS, quick_web(), "run")
    assert record.reason is None
    assert file_of(store, record).read_bytes() == video


def test_a_pipe_or_a_folder_is_no_video_and_is_not_waited_for(tmp_path, store):
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "folder.mp4").mkdir()
    for path in ("pipe.mp4", "folder.mp4"):
        record = fetch(
            candidate(path, root=tmp_path), store, DiskBudget(0), LIMITS, quick_web(), "run"
        )
        assert record.reason is Reason.NOT_A_VIDEO


def test_a_local_file_must_be_a_video_within_the_size_limit(tmp_path, store, video):
    write_page(tmp_path / "page.mp4")
    (tmp_path / "a.mp4").write_bytes(video)
    tight = replace(LIMITS, max_bytes=len(video) - 1)
    fetched = functools.partial(
        fetch, store=store, budget=DiskBudget(0), web=quick_web(), run_id="run"
    )
    page = fetched(candidate("page.mp4", root=tmp_path), limits=LIMITS)
    assert page.reason is Reason.NOT_A_VIDEO
    assert fetched(candidate("a.mp4", root=tmp_path), limits=tight).reason is Reason.TOO_LARGE
    assert (tmp_path / "page.mp4").exists()


# From run to run.


def test_attempts_are_counted_over_all_runs(folder, store, video):
    with VideoServer(folder, {NAME: Status(503, times=4, retry_after=0)}) as server:
        one = candidate(server.url(NAME))
        first = fetch(one, store, DiskBudget(None), LIMITS, quick_web(), "first")
        second = fetch(one, store, DiskBudget(None), LIMITS, quick_web(), "second")
    assert (first.attempts, first.reason) == (3, Reason.SERVER_ERROR)
    assert (second.attempts, second.reason, second.run_id) == (5, None, "second")


def test_a_file_that_went_away_is_remembered_by_its_content(folder, store, video):
    here = Visit(folder, store).fetch
    assert release(here, store) == len(video)
    assert not is_local(store.fetch("url:key"), store)
    gone = Visit(folder, store, Status(404)).fetch
    assert (gone.here, gone.reason, gone.sha256) == (False, Reason.UNAVAILABLE, here.sha256)
    assert gone.bytes == len(video)


def test_a_released_file_is_gone_and_may_be_released_again(folder, store, video):
    record = Visit(folder, store).fetch
    assert is_local(record, store)
    assert release(record, store) == len(video)
    assert store.video_bytes() == 0
    released = store.fetch("url:key")
    assert released == msgspec.structs.replace(record, here=False)
    assert release(released, store) == 0


def test_a_copy_that_lost_bytes_is_not_here(folder, store):
    record = Visit(folder, store).fetch
    os.truncate(file_of(store, record), 100)
    assert not is_local(record, store)
    assert not is_local(None, store)


RECORD = Fetch(
    video_key="k",
    here=False,
    path=None,
    sha256=None,
    bytes=None,
    mtime_ns=None,
    reason=None,
    error=None,
    declared_duration=None,
    licence=None,
    attempts=1,
    run_id="first",
)


# Reasons that depend on what a run asks for: its verdict decides before anything is fetched.
SETTINGS = (Reason.TOO_SHORT, Reason.LICENCE)

# Reasons that are judged anew by what else is known.
ANEW = {Reason.DISK_FULL, Reason.PAGE_TOO_LARGE, *SETTINGS}


def test_what_was_never_tried_or_worked_before_is_worth_fetching():
    assert worth_fetching(None, "first", LIMITS)
    assert worth_fetching(RECORD, "first", LIMITS)
    assert worth_fetching(RECORD, "second", LIMITS)


@pytest.mark.parametrize("reason", sorted(set(Reason) - ANEW))
def test_a_permanent_failure_is_never_tried_again_and_a_passing_one_by_another_run(reason):
    failed = msgspec.structs.replace(RECORD, reason=reason, decoder=decoder_version())
    assert not worth_fetching(failed, "first", LIMITS)
    assert worth_fetching(failed, "second", LIMITS) == (reason.policy is not Policy.NEVER)


def test_what_another_decoder_could_not_decode_is_tried_again_by_another_run():
    for decoder in (None, "1 0.0.0"):
        failed = msgspec.structs.replace(RECORD, reason=Reason.UNDECODABLE, decoder=decoder)
        assert not worth_fetching(failed, "first", LIMITS)
        assert worth_fetching(failed, "second", LIMITS)


@pytest.mark.parametrize("reason", SETTINGS)
def test_what_a_page_said_does_not_stop_a_run_with_other_settings(reason):
    refused = msgspec.structs.replace(RECORD, reason=reason)
    assert worth_fetching(refused, "first", LIMITS)
    assert worth_fetching(refused, "second", LIMITS)


def test_what_the_disk_had_no_room_for_is_tried_again_until_it_has():
    failed = msgspec.structs.replace(RECORD, reason=Reason.DISK_FULL)
    assert worth_fetching(failed, "first", LIMITS)
    assert worth_fetching(failed, "second", LIMITS)


def test_what_was_too_large_is_tried_again_under_a_limit_that_it_keeps_to(folder, store, video):
    tight = replace(LIMITS, max_bytes=len(video) - 1)
    record = Visit(folder, store, limits=tight).fetch
    assert not worth_fetching(record, "second", tight)
    assert worth_fetching(record, "second", replace(LIMITS, max_bytes=len(video)))
