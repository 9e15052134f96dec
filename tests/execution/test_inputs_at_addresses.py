"""Class list, catalogue, classifier, configuration and lock file at addresses of a bucket."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from demo.train_classifier import MODEL
from demo.world import World
from tests.curated import videonet
from tests.curating import few_of
from tests.local import TYPED
from tests.storage.conftest import bucket, gcs, s3, server  # noqa: F401
from tests.storage.servers import Server
from videonet.files import sha256_of
from videonet.storage.places import open_place

pytestmark = pytest.mark.slow


def digests(out: Path) -> dict[str, str]:
    return {each.name: sha256_of(each) for each in sorted((out / "clips" / "parquet").iterdir())}


def test_a_run_with_all_inputs_in_a_bucket_is_the_run_with_files(
    world: World,
    server: Server,  # noqa: F811
    bucket: str,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VIDEONET_CACHE", str(tmp_path / "cache"))
    place = open_place(bucket)
    with world.serve():
        few = few_of(world.catalogue, tmp_path)
        (tmp_path / "run.toml").write_text('per-class = 4\nformat = "parquet"\n')
        files = {
            "in/classes.txt": world.classes,
            "in/few.csv": few,
            "in/model.onnx": MODEL,
            "in/model.json": MODEL.with_suffix(".json"),
            "in/run.toml": tmp_path / "run.toml",
        }
        for name, file in files.items():
            if file.exists():
                assert place.write_once(name, file) is not None

        def run(root: str, folder: Path) -> None:
            at = {name: f"{root}/{name}" if root else str(file) for name, file in files.items()}
            ended = videonet(
                *("curate", "--config", at["in/run.toml"], "--targets", at["in/classes.txt"]),
                *("--source", f"catalogue:{at['in/few.csv']}"),
                *("--classifier", at["in/model.onnx"], *TYPED),
                *("--store", str(folder / "store"), "--out", str(folder / "out")),
            )
            assert ended.code in (0, 3), ended.stderr

        run("", tmp_path / "files")
        run(bucket, tmp_path / "addresses")
        there, here = tmp_path / "addresses" / "out", tmp_path / "files" / "out"
        shard = next((here / "clips" / "parquet").iterdir())
        assert pq.read_metadata(shard).num_rows > 0
        assert digests(there) == digests(here)

        # Given the same, nothing is to be done.
        server.proxy.clear()
        run(bucket, tmp_path / "addresses")
        assert server.proxy.counts["get"] == 0

        lock = there / "videos.lock.parquet"
        assert place.write_once("in/videos.lock.parquet", lock) is not None
        again = tmp_path / "again"
        ended = videonet(
            *("rebuild", f"{bucket}/in/videos.lock.parquet", *TYPED),
            *("--store", str(again / "store"), "--out", str(again / "out")),
        )
        assert ended.code == 0, ended.stdout + ended.stderr
        assert digests(again / "out") == digests(here)
