"""videonet.cli.outcome: what a finished run prints, and its exit code."""

import io
import shutil
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from tests.curated import Curated, curated_once, videonet
from videonet.cli.outcome import exit_code, show_outcome
from videonet.schemas.manifest import Counts
from videonet.storage.dataset_dir import DatasetDir


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


def test_classes_are_called_by_name(curated: Curated):
    output, file = DatasetDir(curated.out), io.StringIO()
    plan, manifest = output.plan(), output.manifest()
    assert plan is not None
    assert manifest is not None
    named = [msgspec.structs.replace(each, name=f"[big] {each.name}") for each in output.targets()]
    show_outcome(Console(file=file), plan, manifest, named, output.lookup(), ())
    assert "[big] balloon" in file.getvalue()
    assert exit_code(manifest, output.lookup(), ()) == 0


def test_classes_without_a_candidate_are_counted_in_one_row(curated: Curated):
    output, file = DatasetDir(curated.out), io.StringIO()
    plan, manifest = output.plan(), output.manifest()
    assert plan is not None
    assert manifest is not None
    nothing = Counts(pairs=0, kept=0, rejected={}, failed={})
    empty = [f"empty{index}" for index in range(25)]
    targets = [
        *output.targets(),
        *(
            msgspec.structs.replace(output.targets()[0], target_id=each, name=each)
            for each in empty
        ),
    ]
    counts = {**manifest.targets, **dict.fromkeys(empty, nothing)}
    more = msgspec.structs.replace(manifest, targets=counts)
    show_outcome(Console(file=file), plan, more, targets, output.lookup(), ())
    table = file.getvalue()
    assert "25 without a candidate" in table
    assert "empty" not in table
    assert "more in manifest.json" not in table


def test_kept_videos_that_are_too_short_for_a_clip_are_no_videos_that_clips_are_of(
    curated: Curated,
):
    output, file = DatasetDir(curated.out), io.StringIO()
    plan, manifest = output.plan(), output.manifest()
    assert plan is not None
    assert manifest is not None
    totals = msgspec.structs.replace(manifest.totals, kept_without_clip=1)
    told = msgspec.structs.replace(manifest, totals=totals)
    show_outcome(Console(file=file), plan, told, output.targets(), output.lookup(), ())
    said = " ".join(file.getvalue().split())
    assert "4 videos found, 3 kept (1 too short for a clip); 4 clips of 2 videos in 2" in said


def test_a_store_that_knows_no_video_of_a_class_says_to_give_the_first_source(
    curated: Curated, tmp_path: Path
):
    (tmp_path / "classes.txt").write_text("lighthouse\n")
    # Other tests ask for a run over the same store, and only one can be at work in it.
    store = shutil.copytree(curated.store, tmp_path / "store")
    ended = videonet(
        *curated.request,
        *("--source", "store", "--targets", str(tmp_path / "classes.txt"), "--store", str(store)),
        *("--out", str(tmp_path / "out")),
    )
    assert ended.code == 3
    said = " ".join(ended.stdout.split())
    assert "There is no clip, since no video that the store knows has a title that names" in said
    assert "give the first source again" in said
    assert "videonet targets" not in said


def test_titles_that_name_no_class_say_where_the_names_are(curated: Curated, tmp_path: Path):
    (tmp_path / "classes.txt").write_text("lighthouse\n")
    ended = videonet(
        *curated.request,
        *("--targets", str(tmp_path / "classes.txt"), "--store", str(tmp_path / "store")),
        *("--out", str(tmp_path / "out")),
    )
    assert ended.code == 3
    said = " ".join(ended.stdout.split())
    assert "no title names a class: see `videonet targets` for the names looked for" in said
