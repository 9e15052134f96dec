"""Ranks that wait for each other, convolutions of one shape, and batches on their way."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.patience import PATIENCE, wait_for
from tests.training.training import ALONE, command, small_data

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from torch.backends import cudnn  # noqa: E402
from torch.distributed import DistBackendError, DistStoreError  # noqa: E402

from videonet.errors import OneRankError  # noqa: E402
from videonet.training.data.loader import Batch  # noqa: E402
from videonet.training.data.prefetch import prefetch_to_device  # noqa: E402
from videonet.training.distributed import _lost_rank_named  # noqa: E402
from videonet.training.fixed_shapes import fixed_shapes  # noqa: E402
from videonet.training.log_lines import lines_of  # noqa: E402


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            RuntimeError(
                "[../gloo/buffer.cc:81] Timed out waiting 5000ms for recv operation to complete"
            ),
            "Rank 3 has waited 5 s for another rank, which hangs or is at an evaluation",
        ),
        (
            DistStoreError("wait timeout after 5000ms, keys: /default_pg/0//cuda//0"),
            "Rank 3 has waited 5 s for another rank, which hangs or is at an evaluation",
        ),
        (
            RuntimeError("[../gloo/pair.cc:534] Connection closed by peer [127.0.0.1]:4711"),
            "Rank 3 has lost another rank, which says itself why; the same command goes on",
        ),
    ],
)
def test_a_rank_that_hangs_or_has_gone_is_a_sentence_of_whoever_waits(error, said):
    with pytest.raises(OneRankError) as raised, _lost_rank_named(3, 5.0):
        raise error
    assert str(raised.value).startswith(said)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: the launch timed out and was terminated"),
        DistBackendError("NCCL error: CUDA error: the launch timed out and was terminated"),
        DistBackendError("NCCL error: invalid argument"),
        RuntimeError("DataLoader timed out after 5 seconds"),
        RuntimeError("broken pipe"),
        RuntimeError("[../gloo/buffer.cc:81] of another kind"),
    ],
)
def test_what_a_rank_finds_by_itself_is_blamed_on_no_other(error):
    with pytest.raises(RuntimeError) as raised, _lost_rank_named(3, 5.0):
        raise error
    assert raised.value is error


@pytest.mark.slow
@pytest.mark.parametrize("held", [0, 1])
def test_a_rank_that_hangs_ends_the_others_with_a_sentence(tmp_path, held):
    data = small_data(tmp_path / "data")
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    more = ("train.epochs=4000", "train.timeout_seconds=20", "log.checkpoint_every=100000")
    ranks = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "videonet.training.train"),
                *command(data, tmp_path / "run", *more),
            ],
            env=ALONE
            | {"MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}
            | {"RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": str(rank)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        wait_for(lambda: len(lines_of(tmp_path / "run")) >= 3)
        ranks[held].send_signal(signal.SIGSTOP)
        waiting = 1 - held
        _, said = ranks[waiting].communicate(timeout=PATIENCE)
    finally:
        for rank in ranks:
            rank.kill()
            rank.communicate()
    assert ranks[waiting].returncode == 2, said
    assert f"videonet: Rank {waiting} has waited 20 s for another rank" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("asked", [False, True])
def test_the_fastest_convolutions_are_taken_unless_the_same_are_asked_for(asked):
    before = cudnn.benchmark, cudnn.deterministic
    with fixed_shapes(deterministic=asked):
        assert (cudnn.benchmark, cudnn.deterministic) == (not asked, asked)
    assert (cudnn.benchmark, cudnn.deterministic) == before


def test_the_same_convolutions_are_taken_where_pytorch_itself_was_told_so():
    torch.use_deterministic_algorithms(True)
    try:
        with fixed_shapes(deterministic=False):
            assert (cudnn.benchmark, cudnn.deterministic) == (False, True)
    finally:
        torch.use_deterministic_algorithms(False)


def made(asked: list[int]) -> Iterator[Batch]:
    for step in range(3):
        asked.append(step)
        numbers = torch.full((1,), step)
        frames = torch.zeros(1, 1, 2, 2, 3, dtype=torch.uint8)
        none = torch.zeros(1, dtype=torch.bool)
        yield Batch(frames, torch.ones(1, 1, 2), numbers, numbers, none, numbers)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_a_batch_is_given_before_the_next_one_has_arrived(device):
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs an NVIDIA GPU")
    asked: list[int] = []
    for step, batch in enumerate(prefetch_to_device(made(asked), torch.device(device))):
        assert batch.videos.tolist() == [step]
        assert asked == list(range(step + 1))
