"""A training run that is killed goes on as if it had not been."""

import multiprocessing
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.patience import PATIENCE
from tests.training.training import ALONE, STEPS, VIDEONET, command, quick, small_data

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from videonet.training import checkpoint  # noqa: E402
from videonet.training.log_lines import StepLine, lines_of  # noqa: E402
from videonet.training.train import train  # noqa: E402

# Workers decode ahead, so that a killed run has more batches made than used.
WORKERS = "data.workers=2"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def unbroken(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("unbroken")
    train(quick(WORKERS), data, run)
    return run


def started(data: Path, run: Path) -> list[str]:
    return [str(VIDEONET), "train", *command(data, run, WORKERS)]


def said(run: Path) -> list[tuple[int, float, float, float]]:
    """What the log says of each step, but how long it took."""
    lines = (line for line in lines_of(run) if isinstance(line, StepLine))
    return [(each.step, each.loss, each.learning_rate, each.target_momentum) for each in lines]


def kill_after(data: Path, run: Path, steps: int) -> None:
    process = subprocess.Popen(
        started(data, run), env=ALONE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while process.poll() is None and len(said(run)) < steps:
            time.sleep(0.005)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


@pytest.mark.slow
def test_killed_twice_it_takes_the_same_steps_to_the_last_bit(data, unbroken, tmp_path):
    # Before the first checkpoint, and some time after it.
    kill_after(data, tmp_path, 2)
    assert checkpoint.newest(tmp_path) is None
    kill_after(data, tmp_path, 5)
    assert checkpoint.newest(tmp_path) == checkpoint.path_of(tmp_path, 3)
    train(quick(WORKERS), data, tmp_path)

    assert said(tmp_path) == said(unbroken)
    assert len(said(tmp_path)) == STEPS
    mine, theirs = (checkpoint.load(checkpoint.path_of(run, STEPS)) for run in (tmp_path, unbroken))
    for part in ("online", "target"):
        assert mine[part].keys() == theirs[part].keys()
        for name, tensor in mine[part].items():
            assert torch.equal(tensor, theirs[part][name]), name


def trained_by(ranks: int, data: Path, run: Path) -> None:
    """Train with so many processes, as torchrun would start them."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    # They fork from one that has imported all of it.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["videonet.training.train", "tests.training.training"])
    started = [
        context.Process(target=rank, args=(each, ranks, port, data, run)) for each in range(ranks)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join(PATIENCE)
    assert [process.exitcode for process in started] == [0] * ranks


def rank(number: int, ranks: int, port: int, data: Path, run: Path) -> None:
    torch.set_num_threads(1)
    os.environ |= {"MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}
    os.environ |= {"RANK": str(number), "WORLD_SIZE": str(ranks), "LOCAL_RANK": str(number)}
    train(quick("train.batch=6", "train.epochs=2.3"), data, run)


@pytest.mark.slow
def test_three_ranks_go_on_to_the_last_bit_too(data, tmp_path):
    run = tmp_path / "run"
    trained_by(3, data, run)
    unbroken = said(run)
    assert len(unbroken) == 6
    (run / "checkpoints" / "step-00000006.pt").unlink()
    trained_by(3, data, run)
    assert said(run) == unbroken


@pytest.mark.slow
def test_asked_to_end_with_all_its_processes_it_says_so_and_goes_on(data, unbroken, tmp_path):
    process = subprocess.Popen(
        started(data, tmp_path),
        env=ALONE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        while process.poll() is None and len(said(tmp_path)) < 4:
            time.sleep(0.005)
        # As a scheduler does, which also ends the processes that read clips.
        os.killpg(process.pid, signal.SIGTERM)
        _, stderr = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 128 + signal.SIGTERM, stderr
    last = stderr.splitlines()[-1]
    assert re.fullmatch(rf"Interrupted after step \d of {STEPS}; the same command goes on\.", last)
    assert "Traceback" not in stderr
    train(quick(WORKERS), data, tmp_path)
    assert said(tmp_path) == said(unbroken)
