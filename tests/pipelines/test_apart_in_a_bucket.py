"""Stages apart with a store in a bucket: each finds on no machine what another one has fetched."""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
import msgspec
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from demo.train_classifier import MODEL
from demo.world import World
from tests.curating import FEW, few_of, options_of
from tests.fetch.padding import pad
from tests.local import LOCAL
from tests.patience import PATIENCE
from tests.storage.servers import Server, fake_gcs, moto
from videonet import curate
from videonet.curation.context import close_contexts, open_context
from videonet.execution.prepare import prepare
from videonet.schemas.run import Plan
from videonet.stages.filters import CutClips, Download, DownloadRest, LengthFilter, Top1Filter
from videonet.stages.sharded_clips import Manifest, ShardedClips
from videonet.stages.title_query import ClassList, TitleQuery
from videonet.storage.objects import Objects
from videonet.storage.places import open_place

pytestmark = pytest.mark.slow

MACHINES = ("Download", "Top1Filter", "DownloadRest", "LengthFilter", "CutClips")


@pytest.fixture(params=["gs", pytest.param("s3", marks=pytest.mark.thorough)])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with fake_gcs() if request.param == "gs" else moto() as server:
        server.set_environment(monkeypatch)
        yield server
        # Nothing else tells those of machines that their run is over.
        close_contexts()


def of_machine(plan: Plan, folder: Path, name: str) -> Plan:
    return msgspec.structs.replace(plan, scratch=str(folder / name))


def graph(pipeline: beam.Pipeline, plan: Plan, folder: Path) -> None:
    """The graph with its stages apart; each of them has a scratch folder of its own."""
    on = {name: of_machine(plan, folder, name) for name in MACHINES}
    targets = pipeline | ClassList(plan)
    candidates, shards = targets | TitleQuery(plan)
    downloaded, undone = candidates | Download(on["Download"])
    showing, unlike = downloaded | Top1Filter(on["Top1Filter"])
    whole, broken = showing | DownloadRest(on["DownloadRest"])
    lasting, short = whole | LengthFilter(on["LengthFilter"])
    cut = lasting | CutClips(on["CutClips"])
    verdicts = (undone, unlike, broken, short, cut) | "Verdicts" >> beam.Flatten()
    _ = (verdicts | ShardedClips(plan, shards)) | Manifest(plan)


def published(out: Objects) -> dict[str, bytes | None]:
    """What depends on no clock and no machine."""
    return {
        each.name: out.read(each.name)
        for each in out.list("")
        if not each.name.startswith(("_state/", "lease/", ".")) and each.name != "run.json"
    }


def large_videos(world: World, folder: Path) -> World:
    """Some of the demo's videos, and two that are fetched in parts."""
    own = World(Path(shutil.copytree(world.folder, folder / "world")))
    for name in ("long balloon.mp4", "long lie.mp4"):
        shutil.copy(own.files / "valley.mp4", own.files / name)
        pad(own.files / name, 9_000_000)
    return own


def test_stages_apart_come_to_the_same_bytes_and_leave_nothing_on_the_way(
    world: World, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("VIDEONET_CACHE", str(tmp_path / "cache"))
    own = large_videos(world, tmp_path)
    bucket = server.make_bucket(f"bucket-{uuid.uuid4().hex[:12]}")
    machines = tmp_path / "machines"
    with own.serve() as web:
        catalogue = few_of(own.catalogue, tmp_path)
        rows = [
            f"long,{web.url('long balloon.mp4')},a balloon,12,,",
            f"lie,{web.url('long lie.mp4')},a mushroom,12,,",
        ]
        catalogue.write_text(catalogue.read_text() + "\n".join(rows) + "\n")
        given = {
            "targets": own.classes,
            "source": f"catalogue:{catalogue}",
            "classifier": str(MODEL),
            "shards": 3,
            "deadline": PATIENCE,
            "requests_per_second": 10_000.0,
            "per_host": 8,
            "allow_private_hosts": LOCAL,
        }
        folders = {"store": tmp_path / "store", "out": tmp_path / "out"}
        curate(**given, **folders)
        web.forget_requests()
        asked = len(web.requests())
        buckets = {"store": f"{bucket}/store", "out": f"{bucket}/out"}
        plan = prepare(*options_of({**given, **buckets}))
        plan = msgspec.structs.replace(plan, local=False, form="apart", disk_budget=None)
        store = open_place(buckets["store"])
        # As a stage of this run leaves it that was killed.
        store.write_once(f"handed_on/{plan.run_id}/ab/{'ab' * 32}", b"bytes")
        with (
            open_context(plan),
            beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions([])) as pipeline,
        ):
            graph(pipeline, plan, machines)
        sent = {
            name: sum(each.bytes_sent for each in web.requests()[asked:] if each.path == name)
            for name in ("long balloon.mp4", "long lie.mp4")
        }
    assert published(open_place(buckets["out"])) == published(open_place(folders["out"]))
    # Nothing was fetched twice, and what a part decides was not fetched whole.
    assert sent["long balloon.mp4"] < 1.1 * 9_000_000
    assert 0 < sent["long lie.mp4"] < 9_000_000 / 4
    left = {each.name.partition("/")[0] for each in store.list("")}
    assert not left & {"handed_on", "part", "clips", "claim"}
    kept = [each.name for each in open_place(folders["store"]).list("video/")]
    assert [each.name for each in store.list("video/")] == kept
    assert len(FEW) > len(kept) > 0
    in_hand = [each for each in machines.glob("*/stores/*/[vpt]*/**/*") if each.is_file()]
    assert in_hand == []
    for name in MACHINES[1:]:
        assert list((machines / name / "copies").iterdir()), f"{name} has brought nothing"
