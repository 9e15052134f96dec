"""Ranks that are asked to end do so together, after a checkpoint, and go on to the last bit."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.patience import PATIENCE, wait_for
from tests.training.training import ALONE, command, small_data

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from videonet.training import checkpoint  # noqa: E402
from videonet.training.asked_to_end import asked_to_end  # noqa: E402
from videonet.training.log_lines import StepLine, lines_of  # noqa: E402

STEPS = 30
# Workers that read clips are sent the same signals. No checkpoint is due before the end.
SETTINGS = ("train.epochs=15", "log.checkpoint_every=1000", "data.workers=1")


def test_a_signal_is_noted_and_what_was_before_comes_back():
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGUSR1)
    with asked_to_end() as asked:
        assert asked.number == 0
        os.kill(os.getpid(), signal.SIGUSR1)
        assert asked.number == signal.SIGUSR1
        os.kill(os.getpid(), signal.SIGTERM)
        assert asked.number == signal.SIGTERM
    assert before == (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGUSR1))


def test_a_second_ctrl_c_is_what_it_was_before():
    before = signal.getsignal(signal.SIGINT)
    with asked_to_end() as asked:
        os.kill(os.getpid(), signal.SIGINT)
        assert asked.number == signal.SIGINT
        assert signal.getsignal(signal.SIGINT) is before
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_that_is_ignored_stays_so():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with asked_to_end() as asked:
            os.kill(os.getpid(), signal.SIGINT)
            assert asked.number == 0
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


# As the command has it, in a step that does not end.
IN_A_STEP = """
import hashlib, signal
from videonet.cli.interrupt import ended_by_signal
from videonet.cli.terminal import Console
from videonet.training.asked_to_end import asked_to_end
console = Console(stderr=True)
with ended_by_signal(console):
    with ended_by_signal(console, but={15, 10}, but_first={2: "noted"}), asked_to_end() as asked:
        print("at work", flush=True)
        while True:
            hashlib.pbkdf2_hmac("sha256", b"", b"", 1000 if asked.number == 0 else 2**31 - 1)
"""


def test_the_first_ctrl_c_is_noted_and_the_second_ends_a_training_at_once():
    with subprocess.Popen(
        [sys.executable, "-c", IN_A_STEP],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline() == "at work\n"
            process.send_signal(signal.SIGINT)
            assert process.stderr.readline() == "\n"
            assert process.stderr.readline() == "noted\n"
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.5)
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 128 + signal.SIGINT
            assert process.stderr.read() == "\nstopping\nInterrupted; the same command goes on.\n"
        finally:
            process.kill()


def test_a_process_that_reads_clips_outlasts_signals_to_all_and_heeds_that_of_its_trainer():
    code = (
        "import sys; from videonet.training.asked_to_end import *; leave_to_trainer(0);"
        "print('ready', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
        # Of somebody else, such as a scheduler.
        subprocess.run(["kill", "-USR1", str(reader.pid)], check=True)
        subprocess.run(["kill", "-TERM", str(reader.pid)], check=True)
        subprocess.run(["kill", "-INT", str(reader.pid)], check=True)
        with pytest.raises(subprocess.TimeoutExpired):
            reader.wait(0.5)
        reader.terminate()
        assert reader.wait(PATIENCE) == 128 + signal.SIGTERM


# Whole trainings, as torchrun starts their ranks.


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_data(tmp_path_factory.mktemp("data"))


@contextmanager
def ranks_of(count: int, data: Path, run: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """A training by so many ranks; none is left afterwards."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    typed = command(data, run, *SETTINGS)
    ranks = [
        subprocess.Popen(
            [sys.executable, "-m", "videonet.training.train", *typed],
            env=ALONE
            | {"MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}
            | {"RANK": str(rank), "WORLD_SIZE": str(count), "LOCAL_RANK": str(rank)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(count)
    ]
    try:
        yield ranks
    finally:
        for rank in ranks:
            rank.kill()
            rank.communicate()


def said(run: Path) -> list[tuple[int, float, float, float]]:
    """What the log says of each step, but how long it took."""
    lines = (line for line in lines_of(run) if isinstance(line, StepLine))
    return [(each.step, each.loss, each.learning_rate, each.target_momentum) for each in lines]


def trained(count: int, data: Path, run: Path) -> None:
    """Train to the end."""
    with ranks_of(count, data, run) as ranks:
        for rank in ranks:
            _, errors = rank.communicate(timeout=PATIENCE)
            assert rank.returncode == 0, errors


@pytest.fixture(scope="module")
def unbroken(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """A run of so many ranks that nobody asked to end."""
    runs: dict[int, Path] = {}

    def run_of(count: int) -> Path:
        if count not in runs:
            runs[count] = tmp_path_factory.mktemp(f"unbroken-{count}")
            trained(count, data, runs[count])
        return runs[count]

    return run_of


# Of each signal: to which rank, and how many seconds after the one before.
ONE, OTHER, BOTH, LATER = [(0, 0.0)], [(1, 0.0)], [(0, 0.0), (1, 0.0)], [(1, 0.0), (0, 0.2)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "number", "sent"),
    [
        pytest.param(1, signal.SIGUSR1, ONE, marks=pytest.mark.thorough),
        (1, signal.SIGINT, ONE),
        pytest.param(2, signal.SIGINT, BOTH, marks=pytest.mark.thorough),
        pytest.param(2, signal.SIGUSR1, OTHER, marks=pytest.mark.thorough),
        (2, signal.SIGTERM, LATER),
        pytest.param(2, signal.SIGTERM, ONE, marks=pytest.mark.thorough),
        pytest.param(2, signal.SIGUSR1, BOTH, marks=pytest.mark.thorough),
    ],
)
def test_ranks_that_are_asked_to_end_do_so_after_the_same_step_and_go_on_to_the_last_bit(
    data, unbroken, tmp_path, count, number, sent
):
    with ranks_of(count, data, tmp_path) as ranks:
        wait_for(lambda: len(said(tmp_path)) >= 4, 0.002)
        for rank, pause in sent:
            time.sleep(pause)
            ranks[rank].send_signal(number)
        errors = [rank.communicate(timeout=PATIENCE)[1] for rank in ranks]
    # A signal that comes when all is done ends the process as it ends any: shells count both alike.
    assert {rank.returncode for rank in ranks} <= {128 + number, -number}, errors
    assert ranks[sent[0][0]].returncode == 128 + number, errors
    done = checkpoint.newest_step(tmp_path)
    assert 4 <= done < STEPS
    assert errors[0].splitlines()[-1] == (
        f"Interrupted after step {done} of {STEPS}; the same command goes on."
    )
    assert "Traceback" not in "".join(errors)
    trained(count, data, tmp_path)
    assert said(tmp_path) == said(unbroken(count))
    mine, theirs = (
        checkpoint.load(checkpoint.path_of(run, STEPS)) for run in (tmp_path, unbroken(count))
    )
    for part in ("online", "target"):
        for name, tensor in mine[part].items():
            assert torch.equal(tensor, theirs[part][name]), name


@pytest.mark.slow
def test_torchrun_that_is_asked_to_end_leaves_a_checkpoint(data, tmp_path):
    launcher = subprocess.Popen(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *("--nproc-per-node=2", "-m", "videonet.training.train"),
            *command(data, tmp_path, *SETTINGS),
        ],
        env=ALONE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(lambda: len(said(tmp_path)) >= 4 or launcher.poll() is not None)
        launcher.terminate()
        _, errors = launcher.communicate(timeout=PATIENCE)
    finally:
        launcher.kill()
    assert launcher.returncode != 0
    done = checkpoint.newest_step(tmp_path)
    assert 4 <= done < STEPS, errors
    assert f"Interrupted after step {done} of {STEPS}; the same command goes on." in errors
