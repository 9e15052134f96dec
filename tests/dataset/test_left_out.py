"""Classes of a list that nothing can confirm: a data set says which it lacks, and why."""

import json
from pathlib import Path

import pytest

from tests.curated import curated_once
from tests.curating import curate
from videonet.dataset.lock_file import read_lock
from videonet.report.facts import facts_of
from videonet.schemas.target import MOST_NAMED
from videonet.storage.dataset_dir import LOCK_FILE
from videonet.targets.resolve import UNCONFIRMED


@pytest.mark.slow
def test_classes_that_no_output_confirms_are_in_manifest_card_lock_file_and_report(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
):
    curated = curated_once(tmp_path_factory.getbasetemp())
    manifest = curate(f"folder:{curated.folder / 'videos'}", "imagenet1k", tmp_path, shards=1)
    assert manifest.totals.kept_videos
    (left_out,) = manifest.settings.left_out
    assert left_out.why == UNCONFIRMED
    assert left_out.classes + len(manifest.targets) == 1_000
    assert len(left_out.first) == MOST_NAMED
    assert left_out.first[0] == "n01440764 tench"
    out = tmp_path / "out"
    card = " ".join((out / "README.md").read_text().split())
    assert f"{left_out.classes} classes of the list were left out (no output of the" in card
    assert "n01440764 tench, n01443537 goldfish" in card
    assert f"and {left_out.classes - MOST_NAMED} more." in card
    assert read_lock(out / LOCK_FILE).header.settings.left_out == manifest.settings.left_out
    said = {each.name: each.value for each in facts_of(out, None).settings}
    assert said["left out of that list"] == f"{left_out.classes} classes ({UNCONFIRMED})"


@pytest.mark.slow
def test_a_list_of_which_nothing_is_left_out_says_nothing(
    tmp_path_factory: pytest.TempPathFactory,
):
    curated = curated_once(tmp_path_factory.getbasetemp())
    settings = json.loads((curated.out / "manifest.json").read_text())["settings"]
    assert "left_out" not in settings
    assert "of the list" not in (curated.out / "README.md").read_text()
