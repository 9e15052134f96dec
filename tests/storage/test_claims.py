"""Claims: a video in hand is left alone by other runs, and taken over from those that are gone."""

import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.patience import PATIENCE, wait_for
from videonet.stop_signal import Stopped, StopSignal
from videonet.storage.claims import Claims
from videonet.storage.folder_objects import FolderObjects

VIDEO, OTHER = "ab/abcdef", "cd/cdef01"

SHORT = 0.4


@pytest.fixture
def objects(tmp_path: Path) -> FolderObjects:
    return FolderObjects(tmp_path / "store")


def test_a_video_is_in_one_hand_and_others_are_free(objects: FolderObjects) -> None:
    one, other = Claims(objects), Claims(objects)
    assert one.take(VIDEO)
    assert one.take(VIDEO)
    assert not other.take(VIDEO)
    assert other.take(OTHER)
    assert (one.has(VIDEO), other.has(VIDEO)) == (True, False)
    one.give_back(VIDEO)
    assert other.take(VIDEO)
    one.close()
    other.close()
    assert list(objects.list("")) == []


def test_of_many_runs_that_want_a_video_one_has_it_at_a_time(objects: FolderObjects) -> None:
    at_work, most = [0], [0]
    lock = threading.Lock()

    def work(_: int) -> None:
        claims = Claims(objects)
        claims.wait(VIDEO)
        with lock:
            at_work[0] += 1
            most[0] = max(most[0], at_work[0])
        time.sleep(0.01)
        with lock:
            at_work[0] -= 1
        claims.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert most == [1]


def test_a_claim_lasts_as_long_as_its_run_is_at_work(objects: FolderObjects) -> None:
    one, other = Claims(objects, seconds=SHORT), Claims(objects, seconds=SHORT)
    assert one.take(VIDEO)
    end = time.monotonic() + 3 * SHORT
    while time.monotonic() < end:
        assert not other.take(VIDEO)
        time.sleep(0.02)
    one.close()
    assert other.take(VIDEO)
    other.close()


def test_a_claim_that_a_disk_lost_half_of_keeps_nobody_from_a_video(objects: FolderObjects) -> None:
    """As a lease with numbers would: see the tests of leases."""
    for lost in (b"", b'{"number":1,"hol'):
        objects.write_once("claim/aa/video.json", lost)
        claims = Claims(objects)
        assert claims.take("aa/video")
        claims.close()
        assert objects.read("claim/aa/video.json") is None


def test_waiting_ends_with_the_run_that_waits(objects: FolderObjects) -> None:
    stop = StopSignal()
    one, other = Claims(objects), Claims(objects, stop=stop)
    assert one.take(VIDEO)
    threading.Timer(0.1, stop.set).start()
    with pytest.raises(Stopped):
        other.wait(VIDEO)
    one.close()


HOLD = """
import sys, time
from pathlib import Path
from videonet.storage.claims import Claims
from videonet.storage.folder_objects import FolderObjects
claims = Claims(FolderObjects(Path(sys.argv[1])), seconds=float(sys.argv[2]))
assert claims.take(sys.argv[3])
print("held", flush=True)
sys.stdin.readline()
claims.close()
"""


def holder(objects: FolderObjects, seconds: float) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, objects.address, str(seconds), VIDEO],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_videos_of_a_killed_process_are_free_at_once(objects: FolderObjects) -> None:
    claims = Claims(objects)
    process = holder(objects, 1000)
    try:
        assert not claims.take(VIDEO)
    finally:
        process.kill()
        process.wait()
    assert claims.take(VIDEO)
    claims.close()


def test_the_claim_of_a_stopped_process_ends_and_it_leaves_the_later_one_alone(
    objects: FolderObjects,
) -> None:
    claims = Claims(objects)
    process = holder(objects, SHORT)
    try:
        process.send_signal(signal.SIGSTOP)
        wait_for(lambda: claims.take(VIDEO))
        process.send_signal(signal.SIGCONT)
        process.communicate("\n", PATIENCE)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert not Claims(objects).take(VIDEO)
    claims.close()
    assert list(objects.list("")) == []
