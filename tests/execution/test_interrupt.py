"""Ctrl-C: a run ends at once and in one sentence, and the same command goes on."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from demo.behaviours import Behaviour, Hang, Hold, Status
from demo.drawing import draw_video
from demo.server import VideoServer
from tests.curated import VIDEONET, arguments, videonet
from tests.curating import outcomes_of
from tests.fetch.fetching import fetch
from tests.fetch.visiting import quick_web
from tests.local import TYPED
from tests.patience import PATIENCE, wait_for
from tests.stored import records_in, sections_in
from videonet.cli.interrupt import ended_by_signal
from videonet.cli.terminal import Console
from videonet.fetch.disk_budget import DiskBudget
from videonet.fetch.limits import FetchLimits
from videonet.schemas.candidate import Candidate
from videonet.schemas.reason import Outcome
from videonet.schemas.video_info import VideoInfo
from videonet.stop_signal import Stopped, StopSignal, set_on_interrupt
from videonet.storage.store import Store

VIDEOS = 30
FEW = 12  # more than are downloaded at once
# Seconds; who went on waiting for a silent server would do so for 20, or for the deadline of 600.
SOON = 15
LIMITS = FetchLimits(deadline=PATIENCE, silence=PATIENCE)


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    """A folder with a class list, and a file for each of VIDEOS rows of a catalogue."""
    (tmp_path / "classes.txt").write_text("balloon\n")
    (tmp_path / "files").mkdir()
    draw_video(tmp_path / "files" / "0.mp4", "balloon", 11, size=(96, 64))
    video = (tmp_path / "files" / "0.mp4").read_bytes()
    for number in range(VIDEOS):
        (tmp_path / "files" / f"{number}.mp4").write_bytes(video)
    return tmp_path


def command(folder: Path, server: VideoServer, videos: int = VIDEOS) -> list[str]:
    rows = "".join(f"{i},{server.url(f'{i}.mp4')},a balloon\n" for i in range(videos))
    (folder / "videos.csv").write_text("id,url,title\n" + rows)
    return [
        str(VIDEONET),
        *arguments(folder),
        "--source",
        f"catalogue:{folder / 'videos.csv'}",
        *("--requests-per-second", "1000", "--per-host", "8", *TYPED),
    ]


def interrupted(
    typed: list[str],
    seen: Callable[[], bool],
    says: str = r"stopping: ([0-9]+ downloads? ends?, )?nothing is lost\n",
) -> float:
    """Start the command, interrupt it as soon as `seen`, and return how long it took to end.

    `says` is a pattern of what it is to answer.
    """
    process = subprocess.Popen(
        typed,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Tests that run in the background ignore it, and so would this process.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        wait_for(seen)
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        said = iter(process.stderr.readline, "")
        answer = next(line for line in said if line.startswith("stopping"))
        assert re.fullmatch(says, answer)
        # It answers before it has ended what it is at.
        assert time.monotonic() - begin < SOON
        stdout, stderr = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert (process.returncode, stdout) == (130, "")
    assert stderr.splitlines()[-1] == "Interrupted; the same command goes on."
    assert "Traceback" not in stderr
    return time.monotonic() - begin


@pytest.mark.slow
@pytest.mark.parametrize("hangs", [Hang(), Hold(threading.Event())], ids=["body", "answer"])
def test_a_run_that_waits_for_a_silent_server_ends_and_goes_on(asked: Path, hangs: Behaviour):
    silent = {f"{number}.mp4": hangs for number in range(2, FEW)}
    with VideoServer(asked / "files", silent) as server:
        typed = command(asked, server, FEW)
        waiting = r"stopping: [0-9]+ downloads end, nothing is lost\n"
        seconds = interrupted(typed, lambda: len(server.requests()) >= 8, waiting)
        assert seconds < SOON
        records = list(records_in(asked / "store"))
        assert len(records) <= 2, "what was interrupted is no failure"
        assert "It was stopped" in videonet("status", asked / "out").stdout
        server.behaviours.clear()
        ended = subprocess.run(typed, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert set(outcomes_of(asked / "out").values()) == {(Outcome.KEPT, None)}
    assert len(outcomes_of(asked / "out")) == FEW


@pytest.mark.slow
def test_a_run_that_is_scanning_ends(asked: Path):
    with VideoServer(asked / "files") as server:
        typed, store = command(asked, server), asked / "store"
        assert interrupted(typed, lambda: bool(sections_in(store, "scan"))) < SOON


IN_A_LIBRARY = """
import hashlib
from videonet.cli.terminal import Console
from videonet.cli.interrupt import ended_by_signal
with ended_by_signal(Console(stderr=True)):
    print("at work", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)  # for half an hour
"""


def test_an_interrupt_is_answered_while_the_main_thread_is_within_a_library():
    process = subprocess.Popen(
        [sys.executable, "-c", IN_A_LIBRARY],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 130
    assert said == "\nstopping\nInterrupted; the same command goes on.\n"


# Other signals than Ctrl-C.


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda each: each.name)
@pytest.mark.parametrize("way", ["once", "twice", "to all of the group"])
def test_a_run_that_is_to_end_ends_and_goes_on(asked: Path, number: signal.Signals, way: str):
    with VideoServer(asked / "files") as server:
        typed = command(asked, server, FEW)
        store = asked / "store"
        process = started(typed)
        wait_for(lambda: bool(sections_in(store, "scan")) or process.poll() is not None)
        send = os.killpg if way == "to all of the group" else os.kill
        for _ in range(1 if way == "once" else 2):
            send(process.pid, number)
        ended_by(process, number, r"stopping: ([0-9]+ downloads? ends?, )?nothing is lost")
        again = subprocess.run(typed, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert set(outcomes_of(asked / "out").values()) == {(Outcome.KEPT, None)}
    assert len(outcomes_of(asked / "out")) == FEW


SIGNAL_AT_IMPORT = """
import os, sys
_, module, number, *typed = sys.argv
def struck(event, arguments):
    if event == "import" and arguments[0] == module:
        os.kill(os.getpid(), int(number))
sys.addaudithook(struck)
from videonet.__main__ import main
sys.argv[1:] = typed
main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("module", ["typer", "videonet.cli.interrupt", "apache_beam.pipeline"])
def test_a_signal_while_the_command_starts_ends_it_without_a_trace(
    asked: Path, module: str, number: signal.Signals
):
    (asked / "videos.csv").write_text("id,url,title\n1,http://127.0.0.1:9/,a balloon\n")
    typed = [*arguments(asked), "--source", f"catalogue:{asked / 'videos.csv'}"]
    process = started([sys.executable, "-c", SIGNAL_AT_IMPORT, module, str(int(number)), *typed])
    ended_by(process, number, "stopping|")


def started(typed: list[str]) -> subprocess.Popen[str]:
    """A command in a process group of its own, which ignores no signal."""

    def heed_all() -> None:
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_DFL)

    return subprocess.Popen(
        typed,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_all,
        start_new_session=True,
    )


def ended_by(process: subprocess.Popen[str], number: signal.Signals, says: str) -> None:
    """Check what a command says that a signal ends, and that no process of its group is left."""
    try:
        _, stderr = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 128 + number, stderr
    assert "Traceback" not in stderr
    said = [line for line in stderr.splitlines() if line]
    assert said[-1] == "Interrupted; the same command goes on."
    answers = [line for line in said if line.startswith("stopping")]
    assert re.fullmatch(says, "".join(answers)), stderr
    wait_for(lambda: not _is_there(process.pid))


def _is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


# What waits, one by one.


@pytest.mark.parametrize("behaviour", [Hang(), Hang(1500), Status(503, retry_after=50)])
def test_a_fetch_that_is_called_off_ends_at_once_and_leaves_no_record(
    asked: Path, behaviour: Behaviour
):
    store, budget, stop = Store(asked / "store"), DiskBudget(None), StopSignal()
    store.prepare()
    with VideoServer(asked / "files", {"0.mp4": behaviour}) as server:
        candidate = Candidate(
            video_key="url:key",
            video=VideoInfo(
                video_id="id",
                url=server.url("0.mp4"),
                root=None,
                title="cats",
                duration=None,
                channel=None,
                licence=None,
                live_status=None,
            ),
            source="catalogue",
            sha256=None,
            matches=(),
        )
        threading.Timer(0.5, stop.set).start()
        begin = time.monotonic()
        with pytest.raises(Stopped):
            fetch(candidate, store, budget, LIMITS, quick_web(stop), "run")
        assert time.monotonic() - begin < SOON
    assert store.fetch("url:key") is None
    assert budget.used == 0
    assert list((store.root / "tmp").glob("[!.]*")) == []


def test_waiting_for_room_in_the_budget_is_called_off():
    stop = StopSignal()
    budget = DiskBudget(100, used=90, stop=stop)
    room, _ = budget.begin(), budget.begin()
    threading.Timer(0.2, stop.set).start()
    begin = time.monotonic()
    with pytest.raises(Stopped):
        room.take(20, PATIENCE)
    assert time.monotonic() - begin < SOON
    assert budget.used == 90


def test_an_interrupt_sets_the_signal_before_anything_else():
    stop = StopSignal()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), set_on_interrupt(stop):
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert stop.is_set()


def test_what_goes_wrong_after_an_interrupt_is_an_interrupt():
    def run(*, interrupted: bool) -> None:
        with set_on_interrupt(StopSignal()):
            if interrupted:
                signal.raise_signal(signal.SIGINT)
            raise ValueError("as Beam ends when its stages were stopped")

    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        with pytest.raises(KeyboardInterrupt):
            run(interrupted=True)
        with pytest.raises(ValueError, match="stages were stopped"):
            run(interrupted=False)
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_interrupt_that_is_ignored_stays_ignored():
    stop = StopSignal()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with set_on_interrupt(stop), ended_by_signal(Console()):
            signal.raise_signal(signal.SIGINT)
        assert not stop.is_set()
    finally:
        signal.signal(signal.SIGINT, before)
