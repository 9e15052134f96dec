"""What others do to a run's files between the writing of shards and the manifest."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import apache_beam as beam
import pytest

from demo.train_classifier import MODEL
from demo.world import World
from tests.curating import few_of, options_of
from tests.local import LOCAL
from tests.patience import PATIENCE
from videonet.curation.context import open_context
from videonet.dataset.verify import verify
from videonet.errors import UsageError
from videonet.execution.execute import Graph, execute
from videonet.execution.prepare import prepare
from videonet.pipelines.curate import curate
from videonet.schemas.manifest import Shard
from videonet.schemas.run import Plan
from videonet.schemas.withdrawal import Withdrawal
from videonet.stages.filters import DownloadFilterAndCut
from videonet.stages.sharded_clips import Manifest, ShardedClips
from videonet.stages.title_query import ClassList, TitleQuery
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store


def interrupted_by(act: Callable[[Shard], Shard]) -> Graph:
    """The graph of a curation, and something that happens to each file of a shard on the way."""

    def graph(pipeline: beam.Pipeline, plan: Plan) -> object:
        candidates, shards = pipeline | ClassList(plan) | TitleQuery(plan)
        verdicts = candidates | DownloadFilterAndCut(plan)
        files, counts = verdicts | ShardedClips(plan, shards)
        return (files | beam.Map(act), counts) | Manifest(plan)

    return graph


def alter(shard: Shard, out: Path) -> Shard:
    file = out / shard.path
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    return shard


def withdraw(shard: Shard, store: Path, out: Path) -> Shard:
    state = DatasetDir(out).shard_state(0)
    assert state is not None
    key = min(state.videos)
    Store(store).write_withdrawal(Withdrawal(video_key=key, video_id="asked for"))
    return shard


@pytest.fixture
def run(world: World, tmp_path: Path) -> Callable[[Graph], None]:
    def carried_out(graph: Graph) -> None:
        with world.serve():
            given = {
                "targets": str(world.classes),
                "source": f"catalogue:{few_of(world.catalogue, tmp_path)}",
                "classifier": str(MODEL),
                "store": tmp_path / "store",
                "out": tmp_path / "out",
                "deadline": PATIENCE,
                "requests_per_second": 10_000.0,
                "per_host": 8,
                "allow_private_hosts": LOCAL,
            }
            with open_context(prepare(*options_of(given))) as context:
                execute(context, graph)

    return carried_out


def test_a_shard_that_was_altered_before_the_manifest_is_in_no_manifest(
    run: Callable[[Graph], None], tmp_path: Path
):
    output = DatasetDir(tmp_path / "out")
    with pytest.raises(UsageError, match=r"2 files of shards that are not as this run wrote them"):
        run(interrupted_by(partial(alter, out=tmp_path / "out")))
    assert output.manifest() is None
    run(curate)
    assert output.manifest() is not None
    assert verify(tmp_path / "out").problems == []


def test_a_video_that_is_withdrawn_before_the_manifest_is_in_no_manifest(
    run: Callable[[Graph], None], tmp_path: Path
):
    output = DatasetDir(tmp_path / "out")
    act = partial(withdraw, store=tmp_path / "store", out=tmp_path / "out")
    with pytest.raises(UsageError, match="1 videos that this run has kept were withdrawn"):
        run(interrupted_by(act))
    assert output.manifest() is None
    (withdrawn,) = Store(tmp_path / "store").withdrawals()
    before = output.shard_state(0)
    assert before is not None
    run(curate)
    after = output.shard_state(0)
    assert after is not None
    assert before.videos.keys() - after.videos.keys() == {withdrawn.video_key}
