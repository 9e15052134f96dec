"""Real videos by four parts as processes, one of which is killed: the bytes of one command."""

import csv
import json
from pathlib import Path

import hypothesis
import pytest

from tests.execution.parting import Array
from tests.pipelines.test_real_videos import FEW, MODEL, VIDEOS, pytestmark, title_of
from tests.published import published, without_attempts
from videonet.storage.dataset_dir import DatasetDir

pytestmark = [pytestmark, pytest.mark.thorough]

# All of them in `make test-all`: to classify their 5,600 frames twice takes minutes.
THOROUGH = hypothesis.settings().max_examples >= 1000


def test_real_videos_in_parts_are_those_of_one_command(tmp_path: Path):
    catalogue = tmp_path / "videos.csv"
    with catalogue.open("w", newline="") as lines:
        rows = csv.writer(lines)
        rows.writerow(["id", "url", "title"])
        for each in map(json.loads, (VIDEOS / "videos.jsonl").read_text().splitlines()):
            if THOROUGH or each["file"] in FEW:
                rows.writerow([each["file"], each["file"], title_of(each)])
    given = (
        *("--targets", "imagenet1k", "--source", f"catalogue:{catalogue}"),
        *("--files-root", str(VIDEOS), "--classifier", str(MODEL), "--min-seconds", "0"),
    )
    alone, together = (tmp_path / name for name in ("alone", "together"))
    Array(given, str(alone), {}, alone / "machine").done(None)
    array = Array(given, str(together), {}, together / "machines")
    store = together / "store"
    array.run(lambda: any(store.glob("record/*/*.json")), lambda: None)
    manifest = DatasetDir(together / "out").manifest()
    assert manifest is not None
    assert manifest.totals.clips > 0
    expected = without_attempts(published(alone / "out"))
    assert without_attempts(published(together / "out")) == expected
