"""The curation as a Beam graph: its stages, and what crosses them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

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
from videonet.execution.prepare import prepare
from videonet.pipelines.curate import curate
from videonet.schemas.settings import CurateOptions, RunOptions
from videonet.storage.locks import exclusive_lock

STAGES = [
    "ClassList",
    "SynonymExpandedTitleQuery",
    "Download",
    "First100FramesTop1Filter",
    "DownloadRest",
    "LengthFilter",
    "ShardedParquetAndTFRecordClips",
    "Manifest",
]
DATAFLOW = (
    "--runner=DataflowRunner",
    "--dry_run=True",
    "--project=some-project",
    "--region=us-central1",
    "--temp_location=gs://some-bucket/tmp",
)
LARGEST_RECORD = 4_000

# Sizes by transform, filled while a pipeline runs in this process.
SIZES: dict[str, int] = {}


def asked_for(world: World, folder: Path) -> tuple[CurateOptions, RunOptions]:
    options = CurateOptions(
        targets=str(world.classes), source=f"catalogue:{world.catalogue}", classifier=str(MODEL)
    )
    return options, RunOptions(store=str(folder / "store"), out=str(folder / "out"))


@pytest.fixture(scope="module")
def dataflow(world: World, tmp_path_factory: pytest.TempPathFactory) -> object:
    """The Dataflow job that a curation is translated to, nothing being sent."""
    with world.serve():
        asked, run = asked_for(world, tmp_path_factory.mktemp("dataflow"))
        with exclusive_lock(Path(run.store), Path(run.out)):
            plan = prepare(asked, run, beam_options=DATAFLOW)
        options = PipelineOptions(list(DATAFLOW))
        pipeline = beam.Pipeline(runner="DataflowRunner", options=options)
        curate(pipeline, plan)
        return pipeline.run().job.proto_pipeline.components


def test_the_stages_of_a_dataflow_job_are_named_after_what_the_job_does(dataflow):
    names = {transform.unique_name for transform in dataflow.transforms.values()}
    assert {name for name in names if name and "/" not in name} - {
        "ref_AppliedPTransform_AppliedPTransform_1"
    } == set(STAGES)


def test_on_dataflow_downloads_and_scans_run_on_machines_of_their_own(dataflow):
    names = [transform.unique_name for transform in dataflow.transforms.values()]
    assert any(name.startswith("First100FramesTop1Filter/SpreadScans") for name in names)


def test_the_beam_main_takes_beam_options_among_its_own(world: World, tmp_path: Path):
    with world.serve():
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pipelines.curate", *DATAFLOW),
                *("--targets", str(world.classes), "--source", f"catalogue:{world.catalogue}"),
                *("--classifier", str(MODEL)),
                *("--store", str(tmp_path / "store"), "--out", str(tmp_path / "out")),
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
                name in label
                for name in ("ReadTitles", "SpreadTitles", "Combine", "CountVideos", "EachOnce")
            )
            if isinstance(collection, beam.PCollection) and not aside:
                is_group = isinstance(transform_node.transform, beam.GroupByKey)
                self.collections[f"{label} {tag}"] = collection, is_group


def _measure(element: Any, name: str, is_group: bool) -> None:
    """Note the size of an element, encoded. A group is streamed: what counts is each member."""
    for member in element[1] if is_group else [element]:
        size = len(FastPrimitivesCoder().encode(member))
        SIZES[name] = max(SIZES.get(name, 0), size)


@pytest.fixture(scope="module")
def spread(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """OUT of a run whose stages work one after the other, as on many machines; fills SIZES."""
    tmp_path = tmp_path_factory.mktemp("spread")
    # One title that names twenty classes more, in many words.
    kinds = [f"kind number {number}" for number in range(20)]
    classes = tmp_path / "classes.txt"
    crowd = "".join(f"{kind}: balloon\n" for kind in kinds)
    classes.write_text(world.classes.read_text() + crowd)
    with world.serve() as server:
        catalogue = tmp_path / "catalogue.csv"
        title = f"{' '.join(kinds)} and a balloon, {'x' * 500}"
        row = f"crowd,{server.url('valley.mp4')}?crowd,{title!r},12,,\n".replace("'", '"')
        catalogue.write_text(world.catalogue.read_text() + row)
        asked, run = asked_for(world, tmp_path)
        asked = msgspec.structs.replace(
            asked, targets=str(classes), source=f"catalogue:{catalogue}"
        )
        with exclusive_lock(Path(run.store), Path(run.out)):
            # In one process the first stage does the work of those that follow.
            plan = msgspec.structs.replace(prepare(asked, run), local=False)
            with beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions([])) as pipeline:
                curate(pipeline, plan)
                everywhere = _Everywhere()
                pipeline.visit(everywhere)
                for name, (collection, is_group) in everywhere.collections.items():
                    _ = collection | f"Measure {name}" >> beam.Map(_measure, name, is_group)
    return tmp_path / "out"


def test_stages_on_machines_of_their_own_come_to_the_same_verdicts(spread: Path):
    assert EXPECTED.items() <= outcomes_of(spread).items()


def test_no_record_that_crosses_a_stage_is_larger_than_4_kb(spread: Path):
    for stage in STAGES[1:-1]:
        assert any(name.startswith(stage) for name in SIZES), f"nothing measured of {stage}"
    largest = max(SIZES, key=SIZES.__getitem__)
    assert SIZES[largest] <= LARGEST_RECORD, f"{largest} hands on {SIZES[largest]} bytes"
    assert SIZES[largest] > 500, "records were measured"
