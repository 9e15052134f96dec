"""How much there is: clips, frames, videos, hours, channels, licences; and the sentence on it."""

import shutil
from pathlib import Path

import pytest

from tests.curated import Curated, curated_once
from tests.report.written import target, verdict, write
from videonet.dataset.finished_dataset import open_dataset
from videonet.report.facts import facts_of
from videonet.schemas.reason import Reason
from videonet.storage.dataset_dir import DatasetDir


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


def test_the_summary_says_how_much_there_is(curated: Curated):
    facts = facts_of(curated.out, None)
    manifest = DatasetDir(curated.out).manifest()
    assert manifest is not None
    shards = [each for each in manifest.shards if each.path.startswith("clips/parquet")]
    assert facts.sizes.bytes == sum(each.bytes for each in shards)
    assert facts.summary.startswith(
        f"3 of 4 videos found were kept. 3 videos in 2 of 3 classes give "
        f"{manifest.totals.clips} clips, "
    )
    assert (facts.state, facts.sampled) == ("finished", False)


def test_how_long_the_clips_are_and_how_many_frames_they_have_is_counted(curated: Curated):
    facts = facts_of(curated.out, None)
    clips = list(open_dataset(curated.out).clips())
    assert facts.sizes.frames == sum(len(each.image_encoded) for each in clips)
    spans = sum(each.clip_end_timestamp - each.clip_start_timestamp for each in clips)
    assert facts.sizes.clip_seconds == spans / 1_000_000


def test_frames_that_no_footer_counts_are_not_said(curated: Curated, tmp_path: Path):
    out = tmp_path / "out"
    shutil.copytree(curated.out, out)
    for file in (out / "clips" / "parquet").iterdir():
        file.write_bytes(b"PAR1 no more")
    assert facts_of(out, None).sizes.frames is None
    shutil.rmtree(out / "clips")
    assert facts_of(out, None).sizes.frames is None


def test_channels_and_licences_are_those_of_kept_videos_each_counted_once(tmp_path: Path):
    targets = [target("kite"), target("crane")]
    rows = [
        verdict(0, "kite", channel="a", licence="CC BY 4.0", duration=4.5),
        verdict(0, "crane", channel="a", licence="CC BY 4.0", duration=4.5),
        verdict(1, "kite", channel="a", licence="all rights reserved"),
        verdict(2, "kite"),
        verdict(3, "kite", Reason.TOO_SHORT, channel="b", licence="CC0"),
    ]
    sizes = facts_of(write(tmp_path, targets, rows), None).sizes
    assert (sizes.channels, sizes.without_channel) == (1, 1)
    assert (sizes.licences, sizes.without_licence, sizes.creative_commons) == (2, 1, 1)
    assert sizes.kept_seconds == 4.5


def test_videos_that_are_too_short_for_a_clip_are_counted_and_said(tmp_path: Path):
    targets = [target("kite"), target("crane"), target("hawk")]
    rows = [
        *(verdict(i, "kite", clips=2) for i in range(3)),
        *(verdict(i, "crane", clips=0) for i in range(3, 5)),
        verdict(5, "hawk", Reason.NO_TOP1_MATCH),
    ]
    facts = facts_of(write(tmp_path, targets, rows), None)
    assert facts.summary == (
        "5 of 6 videos found were kept, 2 of them too short for a clip. "
        "3 videos in 1 of 3 classes give 6 clips."
    )
    assert (facts.sizes.kept, facts.sizes.with_clip) == (5, 3)
    assert (facts.sizes.classes, facts.sizes.classes_with_clip) == (2, 1)
    assert (facts.funnel.kept, facts.funnel.with_clip) == (5, 3)


@pytest.mark.parametrize(
    ("kept", "summary"),
    [
        (1, "1 of 1 video found was kept, but it is too short for a clip."),
        (2, "2 of 2 videos found were kept, but all are too short for a clip."),
    ],
)
def test_a_data_set_without_any_clip_says_so(kept: int, summary: str, tmp_path: Path):
    rows = [verdict(i, "kite", clips=0) for i in range(kept)]
    assert facts_of(write(tmp_path, [target("kite")], rows), None).summary == summary
