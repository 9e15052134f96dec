"""The curation as a Beam graph: its stages, and what crosses them."""

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import apache_beam as beam
import msgspec
import pytest
from apache_beam.coders import FastPrimitivesCoder
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pipeline import AppliedPTransform, PipelineVisitor
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from demo.train_classifier import MODEL
from demo.videos import EXPECTED
from demo.world import World
from tests.curating import outcomes_of
from tests.fetch.padding import pad
from tests.local import LOCAL, TYPED
from videonet.curation.context import open_context
from videonet.execution.prepare import make_plan, prepare
from videonet.pipelines.curate import curate
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.run import Plan, ShardState
from videonet.schemas.settings import CurateOptions, RunOptions
from videonet.storage.locks import exclusive_lock
from videonet.storage.store import Store

STAGES = {
    "together": [
        "ClassList",
        "SynonymExpandedTitleQuery",
        "DownloadFilterAndCut",
        "ShardedParquetAndTFRecordClips",
        "Manifest",
    ],
    "apart": [
        "ClassList",
        "SynonymExpandedTitleQuery",
        "Download",
        "First100FramesTop1Filter",
        "DownloadRest",
        "LengthFilter",
        "CutClips",
        "Verdicts",
        "ShardedParquetAndTFRecordClips",
        "Manifest",
    ],
}
DATAFLOW = (
    "--runner=DataflowRunner",
    "--dry_run=True",
    "--project=some-project",
    "--region=us-central1",
    "--temp_location=gs://some-bucket/tmp",
    "--sdk_container_image=some-image",
)
LARGEST_RECORD = 4_096

# Sizes by transform, filled while a pipeline runs in this process.
SIZES: dict[str, int] = {}


def asked_for(world: World, folder: Path) -> tuple[CurateOptions, RunOptions]:
    options = CurateOptions(
        targets=str(world.classes), source=f"catalogue:{world.catalogue}", classifier=str(MODEL)
    )
    folders = {"store": str(folder / "store"), "out": str(folder / "out")}
    return options, RunOptions(**folders, allow_private_hosts=LOCAL)


@pytest.fixture(scope="module")
def plan(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plan]:
    """The plan of a curation on Dataflow whose scans need no GPU."""
    with world.serve():
        asked, run = asked_for(world, tmp_path_factory.mktemp("dataflow"))
        with exclusive_lock(Path(run.store), Path(run.out)):
            yield prepare(asked, run, beam_options=DATAFLOW)


def dataflow(plan: Plan) -> set[str]:
    """Names of the transforms of the Dataflow job that a plan becomes, nothing being sent."""
    options = PipelineOptions(list(DATAFLOW))
    pipeline = beam.Pipeline(runner="DataflowRunner", options=options)
    curate(pipeline, plan)
    transforms = pipeline.run().job.proto_pipeline.components.transforms
    return {transform.unique_name for transform in transforms.values()}


@pytest.mark.parametrize("form", STAGES)
def test_the_stages_of_a_dataflow_job_are_named_after_what_the_job_does(plan: Plan, form: str):
    names = dataflow(msgspec.structs.replace(plan, form=form))
    assert {name for name in names if name and "/" not in name} - {
        "ref_AppliedPTransform_AppliedPTransform_1"
    } == set(STAGES[form])


@pytest.mark.parametrize("form", STAGES)
def test_where_duplicates_are_looked_for_a_stage_of_its_own_waits_for_all_verdicts(
    plan: Plan, form: str
):
    settings = msgspec.structs.replace(plan.settings, duplicates="drop")
    names = dataflow(msgspec.structs.replace(plan, form=form, settings=settings))
    assert "DuplicateFilter" in names
    rebuilt = msgspec.structs.replace(settings, lock="0" * 64)
    names = dataflow(msgspec.structs.replace(plan, form=form, settings=rebuilt))
    assert "DuplicateFilter" not in names


def test_on_dataflow_candidates_are_spread_over_machines(plan: Plan):
    names = dataflow(msgspec.structs.replace(plan, form="together"))
    assert any(name.startswith("DownloadFilterAndCut/SpreadCandidates") for name in names)


def test_on_dataflow_downloads_and_scans_run_on_machines_of_their_own(plan: Plan):
    names = dataflow(msgspec.structs.replace(plan, form="apart"))
    spread = ["Download/SpreadDownloads", "First100FramesTop1Filter/SpreadScans"]
    for start in (*spread, "DownloadRest/SpreadRests"):
        assert any(name.startswith(start) for name in names), start


def test_only_a_cluster_that_scans_on_gpus_takes_the_steps_apart(
    world: World, plan: Plan, tmp_path: Path
):
    (_, run), store = asked_for(world, tmp_path), Store(tmp_path / "store")
    store.prepare()
    forms = {
        (device, local): make_plan(
            msgspec.structs.replace(run, device=device),
            plan.settings,
            store,
            local=local,
        ).form
        for device in ("cpu", "cuda")
        for local in (True, False)
    }
    assert forms.pop(("cuda", False)) == "apart"
    assert set(forms.values()) == {"together"}


@pytest.mark.slow
def test_the_beam_main_takes_beam_options_among_its_own(world: World, tmp_path: Path):
    with world.serve():
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pipelines.curate", *DATAFLOW),
                *("--targets", str(world.classes), "--source", f"catalogue:{world.catalogue}"),
                *("--classifier", str(MODEL)),
                *("--store", str(tmp_path / "store"), "--out", str(tmp_path / "out"), *TYPED),
            ],
            capture_output=True,
            text=True,
            env=os.environ | {"COLUMNS": "200"},
        )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out" / "targets.json").read_bytes())


class _Everywhere(PipelineVisitor):
    """Collects what every transform hands on, but for titles in batches, and sums of numbers.

    (Beam takes sums apart before it runs them, so that their inner steps cannot be listened to.)
    """

    def __init__(self) -> None:
        # with whether it holds groups, by name
        self.collections: dict[str, tuple[beam.PCollection, bool]] = {}

    def visit_transform(self, transform_node: AppliedPTransform) -> None:
        for tag, collection in transform_node.outputs.items():
            label = transform_node.full_label
            aside = any(
                f"/{name}" in f"/{label}/"
                for name in ("ReadTitles", "SpreadTitles", "Combine", "CountVideos", "OnePart/")
            )
            if isinstance(collection, beam.PCollection) and not aside:
                is_group = isinstance(transform_node.transform, beam.GroupByKey)
                self.collections[f"{label} {tag}"] = collection, is_group


def _measure(element: Any, name: str, is_group: bool) -> None:
    """Note the size of an element, encoded. A group is streamed: what counts is each member."""
    for member in element[1] if is_group else [element]:
        size = len(FastPrimitivesCoder().encode(member))
        SIZES[name] = max(SIZES.get(name, 0), size)


class Forms(NamedTuple):
    """What the two forms of the graph made of the same candidates, as on many machines."""

    # OUT
    together: Path
    apart: Path
    # bytes of the video that is rejected by a part of it, and how many were sent to each form
    size: int
    sent: tuple[int, ...]


@pytest.fixture(scope="module")
def forms(world: World, tmp_path_factory: pytest.TempPathFactory) -> Forms:
    """Both forms, with their stages one after the other; fills SIZES."""
    folder = tmp_path_factory.mktemp("forms")
    own = World(Path(shutil.copytree(world.folder, folder / "world")))
    # Videos that are long enough to be fetched in parts: one shows its class, one does not.
    for name in ("long balloon.mp4", "long lie.mp4"):
        shutil.copy(own.files / "valley.mp4", own.files / name)
        pad(own.files / name, 3_000_000)
    # One title that names twenty classes more, in many words.
    kinds = [f"kind number {number}" for number in range(20)]
    own.classes.write_text(
        own.classes.read_text() + "".join(f"{each}: balloon\n" for each in kinds)
    )
    with own.serve() as server:
        title = f"{' '.join(kinds)} and a balloon, {'x' * 500}"
        rows = [
            f'crowd,{server.url("valley.mp4")}?crowd,"{title}",12,,',
            f"long,{server.url('long balloon.mp4')},a balloon,12,,",
            f"lie,{server.url('long lie.mp4')},a mushroom,12,,",
        ]
        own.catalogue.write_text(own.catalogue.read_text() + "\n".join(rows) + "\n")
        sent = [0]
        for form in STAGES:
            # Some files come only when they are asked for again, in either run.
            server.forget_requests()
            curate_in_form(own, folder / form, form)
            sent.append(sum(each.bytes_sent for each in server.requests("long lie.mp4")))
    size = (own.files / "long lie.mp4").stat().st_size
    once = tuple(after - before for before, after in itertools.pairwise(sent))
    return Forms(folder / "together" / "out", folder / "apart" / "out", size, once)


def curate_in_form(world: World, folder: Path, form: str) -> None:
    """Curate in one process, but stage by stage, as machines of their own would; fills SIZES."""
    asked, run = asked_for(world, folder)
    asked = msgspec.structs.replace(asked, shards=3)
    run = msgspec.structs.replace(run, requests_per_second=10_000.0, per_host=8)
    with exclusive_lock(Path(run.store), Path(run.out)):
        plan = msgspec.structs.replace(prepare(asked, run), local=False, form=form)
        with (
            open_context(plan),
            beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions([])) as pipeline,
        ):
            curate(pipeline, plan)
            everywhere = _Everywhere()
            pipeline.visit(everywhere)
            for name, (collection, is_group) in everywhere.collections.items():
                _ = collection | f"Measure {name}" >> beam.Map(_measure, name, is_group)


def files_in(out: Path) -> dict[str, bytes]:
    """Every file in OUT by its path, but what names the run, its times and its inodes."""
    files = (file for file in out.rglob("*") if file.is_file() and file.name != ".lock")
    contents = {str(file.relative_to(out)): file.read_bytes() for file in files}
    for name in ("_state/run.json", "_state/taken_up.json"):
        del contents[name]
    for name in contents:
        if name.startswith("_state/shards/"):
            state = ShardState.from_json(contents[name])
            contents[name] = msgspec.structs.replace(state, notes={}).to_json()
    return contents


def test_stages_on_machines_of_their_own_come_to_the_same_verdicts(forms: Forms):
    for out in (forms.together, forms.apart):
        outcomes = outcomes_of(out)
        assert EXPECTED.items() <= outcomes.items()
        assert outcomes["long", "balloon"] == (Outcome.KEPT, None)
        assert outcomes["lie", "mushroom"] == (Outcome.REJECTED, Reason.NO_TOP1_MATCH)


def test_together_and_apart_write_the_same_bytes(forms: Forms):
    together, apart = files_in(forms.together), files_in(forms.apart)
    assert together.keys() == apart.keys()
    assert [name for name in together if together[name] != apart[name]] == []
    written = {name.partition("/")[0] for name in together}
    assert {"clips", "verdicts", "candidates", "lookup.json", "manifest.json"} <= written


def test_in_both_forms_a_part_is_enough_to_reject_a_video(forms: Forms):
    for sent in forms.sent:
        assert 0 < sent < forms.size / 4


@pytest.mark.parametrize("form", STAGES)
def test_no_record_that_crosses_a_stage_is_larger_than_4_kb(forms: Forms, form: str):
    for stage in STAGES[form][1:-1]:
        assert any(name.startswith(stage) for name in SIZES), f"nothing measured of {stage}"
    largest = max(SIZES, key=SIZES.__getitem__)
    assert SIZES[largest] <= LARGEST_RECORD, f"{largest} hands on {SIZES[largest]} bytes"
    assert SIZES[largest] > 500, "records were measured"
