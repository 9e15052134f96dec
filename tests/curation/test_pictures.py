"""What the pictures of clips are: from the options to the data set, and to a copy of it."""

from pathlib import Path

import pytest
import simplejpeg

from tests.curated import Curated, curated_once, sentence, videonet
from videonet.dataset.verify import verify
from videonet.storage.dataset_dir import DatasetDir

SMALL = ("--short-side", "64", "--frame-rate", "5", "--jpeg-quality", "80")
OTHER = (*SMALL, "--jpeg-subsampling", "4:2:0")
NAMES = {"short_side", "frame_rate", "jpeg_quality", "jpeg_subsampling"}


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


def request(curated: Curated, out: Path) -> list[str]:
    typed = [*curated.request, "--config", str(curated.folder / "run.toml")]
    typed[typed.index("--out") + 1] = str(out)
    return typed


@pytest.mark.slow
def test_clips_are_as_they_were_asked_for_and_so_is_a_copy_of_the_data_set(
    curated: Curated, tmp_path: Path
):
    ended = videonet(*request(curated, tmp_path / "out"), *OTHER)
    assert ended.code == 0, ended.stderr
    assert verify(tmp_path / "out").problems == []
    output = DatasetDir(tmp_path / "out")
    manifest = output.manifest()
    assert manifest is not None
    assert manifest.settings.by_name().keys() >= NAMES
    clips = [
        clip
        for each in manifest.shards
        if "parquet" in each.path
        for clip in output.clips_in(each.path)
    ]
    assert clips
    for clip in clips:
        assert min(clip.image_height, clip.image_width) == 64
        assert clip.image_frame_rate == 5
        assert len(clip.image_encoded) <= 52
        assert simplejpeg.decode_jpeg_header(clip.image_encoded[0])[3] == "420"
    card = (tmp_path / "out" / "README.md").read_text()
    assert "quality 80, colours 4:2:0" in card
    assert "the shorter of the two is 64" in card
    lock = tmp_path / "out" / "videos.lock.parquet"
    roots = ("--files-root", curated.folder / "videos")
    again = videonet("rebuild", lock, "--store", curated.store, *roots, "--out", tmp_path / "again")
    assert again.code == 0, again.stderr
    copy = DatasetDir(tmp_path / "again").manifest()
    assert copy is not None
    assert copy.shards == manifest.shards


def test_at_their_defaults_nothing_is_written_of_them(curated: Curated):
    manifest = DatasetDir(curated.out).manifest()
    assert manifest is not None
    assert NAMES.isdisjoint(manifest.settings.by_name())


def test_going_on_with_other_pictures_is_refused(curated: Curated):
    said = sentence(videonet(*request(curated, curated.out), *SMALL))
    assert "short_side was 256, is 64" in said


@pytest.mark.parametrize(
    ("typed", "due"),
    [
        (("--short-side", "512"), "--short-side is 512; give at most 256"),
        (("--frame-rate", "60"), "--frame-rate is 60; give at most 30"),
        (("--jpeg-quality", "101"), "--jpeg-quality is 101; give at most 100"),
    ],
)
def test_what_cannot_be_cut_is_a_sentence(
    curated: Curated, tmp_path: Path, typed: tuple[str, str], due: str
):
    assert due in sentence(videonet(*request(curated, tmp_path / "out"), *typed))
