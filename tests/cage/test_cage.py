"""Tasks in processes that are shut in: what they can do, and what becomes of those that die."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from videonet.cage.cage import Cage, InterruptionError, LimitError
from videonet.cage.confinement import can_shut_in
from videonet.schemas.decode_limits import DecodeLimits

PLANTED = "tests.cage.planted"

on_linux = pytest.mark.skipif(not can_shut_in(), reason="this system shuts no process in")


@pytest.fixture(scope="module")
def cage():
    with Cage(PLANTED, DecodeLimits(memory=128 << 20, seconds=1)) as cage:
        yield cage


def alone(cage: Cage, task: str) -> list[bytes]:
    return list(cage.run(task, b""))


def test_a_task_gets_arguments_and_files_and_may_ask(cage: Cage, tmp_path: Path):
    (tmp_path / "one").write_bytes(b"1")
    (tmp_path / "two").write_bytes(b"2")
    with (tmp_path / "one").open("rb") as one, (tmp_path / "two").open("rb") as two:
        files = [one.fileno(), two.fileno()]
        said = list(cage.run("echo", b"hello", files, lambda question: b"about " + question))
    assert said == [b"hello", b"1", b"2", b"about what?"]


@pytest.mark.parametrize(
    ("task", "says"),
    [
        ("segfault", r"crashed \(SIGSEGV\)"),
        ("abort", r"crashed \(SIGABRT\)"),
        ("spin", r"more than 1 s of a processor"),
        ("allocate", r"more than 134,217,728 bytes of memory"),
        ("die", r"exit status 7"),
        ("babble", r"said what no decoder says"),
        ("promise", r"said what no decoder says"),
        ("overfill", r"more than 134,217,728 bytes of memory"),
        ("claim", r"more than 134,217,728 bytes of memory"),
        ("claim_in_vain", r"more than 134,217,728 bytes of memory"),
        ("fill", r"more than 134,217,728 bytes of memory"),
    ],
)
def test_what_breaks_its_limits_counts_against_the_task(cage: Cage, task: str, says: str):
    with pytest.raises(LimitError, match=says):
        alone(cage, task)
    assert alone_after(cage) == [b"", b"!"]


def alone_after(cage: Cage) -> list[bytes]:
    return list(cage.run("echo", b"", (), lambda _: b"!"))


def test_memory_that_nobody_refers_to_any_more_is_free_again(cage: Cage):
    assert alone(cage, "litter") == [b"alive"]


def test_a_fault_of_our_own_counts_against_nobody(cage: Cage):
    with pytest.raises(RuntimeError, match="a fault of ours"):
        alone(cage, "fault")


def test_a_task_that_hangs_is_ended_by_the_clock_and_counts_against_nobody():
    with Cage(PLANTED, DecodeLimits(seconds=10), clock=0.5) as cage:
        with pytest.raises(InterruptionError, match=r"not done within 0\.5 s"):
            alone(cage, "sleep")
        with pytest.raises(InterruptionError):
            alone(cage, "stall")
        with pytest.raises(InterruptionError):
            alone(cage, "spin")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_task_that_is_killed_from_outside_counts_against_nobody(cage: Cage, number: int):
    said = cage.run("wait_to_be_killed", b"")
    os.kill(int(next(said)), number)
    with pytest.raises(InterruptionError, match="from outside"):
        next(said)


def test_a_server_that_is_killed_is_started_again(cage: Cage):
    said = cage.run("wait_to_be_killed", b"")
    task = psutil.Process(int(next(said)))
    server = task.parent()
    assert server is not None
    server.kill()
    with pytest.raises(InterruptionError):
        next(said)
    assert alone_after(cage) == [b"", b"!"]
    assert gone(task)


def gone(process: psutil.Process) -> bool:
    try:
        process.wait(30)
    except psutil.TimeoutExpired:
        return False
    return True


def test_a_task_that_nobody_waits_for_is_ended(cage: Cage):
    said = cage.run("wait_to_be_killed", b"")
    task = psutil.Process(int(next(said)))
    said.close()
    assert gone(task)


def test_what_looks_may_end_a_task():
    stop = threading.Event()

    def look() -> None:
        if stop.is_set():
            raise KeyboardInterrupt

    with Cage(PLANTED, DecodeLimits(seconds=60), look=look) as cage:
        said = cage.run("wait_to_be_killed", b"")
        task = psutil.Process(int(next(said)))
        stop.set()
        with pytest.raises(KeyboardInterrupt):
            next(said)
        assert gone(task)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_all_end_with_the_process_that_began_them(number: int):
    program = (
        "import time\n"
        "from videonet.cage.cage import Cage\n"
        "from videonet.schemas.decode_limits import DecodeLimits\n"
        f"said = Cage({PLANTED!r}, DecodeLimits()).run('wait_to_be_killed', b'')\n"
        "print(next(said).decode(), flush=True)\n"
        "time.sleep(100)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        task = psutil.Process(int(process.stdout.readline()))
        server = task.parent()
        process.send_signal(number)
    assert server is not None
    assert gone(task)
    assert gone(server)


def test_many_threads_share_a_cage(cage: Cage):
    with ThreadPoolExecutor(8) as pool:
        said = pool.map(lambda number: list(cage.run("echo", b"%d" % number, (), bytes)), range(40))
    assert [first for first, _ in said] == [b"%d" % number for number in range(40)]


def test_closing_ends_the_server():
    cage = Cage(PLANTED, DecodeLimits())
    said = cage.run("wait_to_be_killed", b"")
    server = psutil.Process(int(next(said))).parent()
    assert server is not None
    cage.close()
    assert gone(server)


@on_linux
def test_there_is_no_way_out(cage: Cage):
    assert alone(cage, "escape") == []
    assert not Path("/tmp/planted").exists()


@on_linux
def test_no_other_file_can_be_written_to(cage: Cage, tmp_path: Path):
    (tmp_path / "given").write_bytes(b"given")
    inheritable = os.open(tmp_path / "other", os.O_RDWR | os.O_CREAT)
    os.set_inheritable(inheritable, True)
    try:
        with (tmp_path / "given").open("rb") as given:
            said = list(cage.run("write_everywhere", b"", [given.fileno()]))
    finally:
        os.close(inheritable)
    # What is written to the standard streams goes nowhere.
    assert said == [b"0 1 2"]
    assert (tmp_path / "given").read_bytes() == b"given"
    assert (tmp_path / "other").read_bytes() == b""


def test_secrets_of_the_environment_stay_outside(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    with Cage(PLANTED, DecodeLimits()) as cage:
        said = cage.run("wait_to_be_killed", b"")
        server = psutil.Process(int(next(said))).parent()
        assert server is not None
        assert "hush" not in server.environ().values()


@on_linux
def test_a_machine_without_memory_ends_a_task_and_not_who_asked_for_it(cage: Cage):
    said = cage.run("wait_to_be_killed", b"")
    task = psutil.Process(int(next(said)))
    scores = [
        int(Path(f"/proc/{process.pid}/oom_score_adj").read_text())
        for process in (task, *task.parents()[:2])
    ]
    assert scores[0] == 1000
    assert max(scores[1:]) < 1000


def test_a_crash_says_nothing_on_the_terminal(capfd: pytest.CaptureFixture[str]):
    with Cage(PLANTED, DecodeLimits()) as cage:
        for task in ("abort", "segfault"):
            with pytest.raises(LimitError):
                alone(cage, task)
    assert capfd.readouterr() == ("", "")
