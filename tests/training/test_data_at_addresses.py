"""Training on a data set in a bucket: the same batches, by ranges that are kept on this disk."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.storage.conftest import bucket, gcs, s3, server  # noqa: F401
from tests.storage.servers import Server
from tests.training.training import ALONE, VIDEONET, small_data
from tests.training.written import clips_of, write_out
from videonet.errors import UsageError
from videonet.storage.places import open_place

torch = pytest.importorskip("torch")

from videonet.training import checkpoint  # noqa: E402
from videonet.training.config import Data, Views  # noqa: E402
from videonet.training.data import shard_files as module  # noqa: E402
from videonet.training.data.clip_index import open_clip_index  # noqa: E402
from videonet.training.data.loader import Batch, batches  # noqa: E402
from videonet.training.data.moments import two_moments  # noqa: E402

VIDEOS = [[("a", 2), ("c", 1), ("e", 1)], [("b", 3), ("d", 2)]]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_out(tmp_path_factory.mktemp("data") / "out", [clips_of(each) for each in VIDEOS])


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIDEONET_CACHE", str(tmp_path / "cache"))
    # The shards of this test are small.
    monkeypatch.setattr(module, "_TAIL", 4096)
    return tmp_path / "cache" / "ranges"


def uploaded(out: Path, address: str) -> str:
    """The address of a copy of a data set."""
    place = open_place(address)
    for file in sorted(out.rglob("*")):
        if file.is_file():
            assert place.write_once(f"out/{file.relative_to(out)}", file) is not None
    return f"{address}/out"


@pytest.fixture
def remote(out: Path, bucket: str, cache: Path) -> str:  # noqa: F811
    return uploaded(out, bucket)


def loaded(out: Path | str, *, workers: int = 0, steps: int = 5) -> list[Batch]:
    data = Data(workers=workers, clips_per_video="all")
    return list(batches(open_clip_index(out), Views(), data, batch=4, seed=3, steps=steps))


def same(one: list[Batch], other: list[Batch]) -> bool:
    return len(one) == len(other) and all(
        torch.equal(getattr(a, name), getattr(b, name))
        for a, b in zip(one, other, strict=True)
        for name in ("frames", "sizes", "videos", "examples")
    )


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_batches_are_those_of_the_folder(out: Path, remote: str, workers: int) -> None:
    assert same(loaded(remote, workers=workers), loaded(out))


def test_frames_that_are_held_out_are_those_of_the_folder(out: Path, remote: str) -> None:
    here, there = (
        list(two_moments(dataset, np.flatnonzero(dataset.held_out), seed=1))
        for dataset in (open_clip_index(each, 0.5, 1) for each in (out, remote))
    )
    assert len(here) == len(there) > 0
    for one, other in zip(here, there, strict=True):
        assert torch.equal(one.frames, other.frames)
        assert one.labels == other.labels


def test_a_clip_is_asked_for_once(out: Path, remote: str, server: Server) -> None:  # noqa: F811
    server.proxy.clear()
    # Each of nine clips comes more than once.
    loaded(remote, steps=9)
    # The manifest, the split that is not there, of each of two shards its tail and its footer,
    # which is longer here, and nine clips; a list to open the place, and one of the shards.
    assert server.proxy.counts["get"] <= 2 + 2 * 2 + 9
    assert server.proxy.counts["list"] == 2
    server.proxy.clear()
    assert same(loaded(remote, steps=9), loaded(out, steps=9))
    assert server.proxy.counts["get"] == 2


def test_batches_are_the_same_while_all_fails(
    out: Path,
    remote: str,
    server: Server,  # noqa: F811
) -> None:
    server.proxy.every = 4
    there = loaded(remote)
    server.proxy.every = 0
    assert same(there, loaded(out))
    assert sum(server.proxy.injected.values()) > 2


def test_a_damaged_range_is_fetched_again(out: Path, remote: str, cache: Path) -> None:
    loaded(remote)
    for file in cache.glob("*/*"):
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
    assert same(loaded(remote), loaded(out))


def test_what_is_kept_has_a_bound(
    out: Path, remote: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded(remote)
    files = [file for file in cache.glob("*/*") if file.is_file()]
    total = sum(file.stat().st_size for file in files)
    oldest = min(files, key=lambda file: file.stat().st_mtime_ns)
    monkeypatch.setattr(module, "_BUDGET", total // 2)
    module._KeptRanges(cache).trim()
    assert 0 < sum(file.stat().st_size for file in cache.glob("*/*")) <= total * 0.4
    assert not oldest.exists()
    monkeypatch.setattr(module, "_LOOK", 0.0)
    assert same(loaded(remote), loaded(out))
    assert sum(file.stat().st_size for file in cache.glob("*/*")) <= total // 2


def test_what_is_wrong_there_is_said(
    out: Path,
    bucket: str,  # noqa: F811
    cache: Path,
) -> None:
    with pytest.raises(UsageError, match=f"{bucket}/none holds no finished data set"):
        open_clip_index(f"{bucket}/none")
    address = uploaded(out, bucket)
    place = open_place(address)
    shard = "clips/parquet/clips-00000-of-00002.parquet"
    state = place.read_versioned(shard)
    assert state is not None
    assert place.write_if(shard, state.data[:-1], state.generation) is not None
    with pytest.raises(UsageError, match=f"{address}/{shard} has .* bytes, and the manifest says"):
        open_clip_index(address)
    place.delete(shard)
    with pytest.raises(UsageError, match=f"{address}/{shard} is missing"):
        open_clip_index(address)


@pytest.mark.thorough
def test_fifty_steps_end_in_the_same_weights(
    bucket: str,  # noqa: F811
    server: Server,  # noqa: F811
    tmp_path: Path,
) -> None:
    out = small_data(tmp_path / "out")
    address = uploaded(out, bucket)
    settings = (
        *("train.epochs=2", "optimizer.warmup_epochs=1", "data.workers=1"),
        *("log.picture_every=0", "log.retrieval_every=0"),
    )
    environment = ALONE | server.environment | {"VIDEONET_CACHE": str(tmp_path / "cache")}
    server.proxy.every = 5
    for data, run in ((address, "there"), (out, "here")):
        done = subprocess.run(
            [
                *(VIDEONET, "train", "--data", str(data), "--out", str(tmp_path / run)),
                *("--config", "vito_tiny"),
                *(word for each in settings for word in ("--set", each)),
            ],
            capture_output=True,
            text=True,
            env=os.environ | environment,
        )
        assert done.returncode == 0, done.stderr
    server.proxy.every = 0
    assert sum(server.proxy.injected.values()) > 2
    here, there = (
        checkpoint.load(checkpoint.path_of(tmp_path / run, 50)) for run in ("here", "there")
    )
    assert here["manifest_sha256"] == there["manifest_sha256"]
    assert here["online"].keys() == there["online"].keys()
    assert all(torch.equal(here["online"][name], there["online"][name]) for name in here["online"])
