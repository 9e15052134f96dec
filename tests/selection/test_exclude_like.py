"""videonet curate --exclude-like: videos that show what is in an evaluation set are rejected."""

import shutil
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tests.curated import Curated
from tests.curating import bytes_of, frames_classified, verdicts_of
from tests.selection.test_exclude import command
from tests.withdrawing import (
    again,
    assert_sound,
    clips_of,
    kept_beside_others,
    outcomes,
    tree,
)
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.verdict import Verdict


def frames_in(file: Path) -> list[Image.Image]:
    with av.open(str(file)) as container:
        return [frame.to_image() for frame in container.decode(video=0)]


def reason_of(out: Path, verdict: Verdict) -> Verdict:
    return next(each for each in verdicts_of(out) if each.video_key == verdict.video_key)


@pytest.mark.slow
def test_a_video_of_an_evaluation_set_is_rejected_and_the_others_stay(
    curated: Curated, copy: Curated
):
    before, seen = bytes_of(copy.out), frames_classified()
    one, other = kept_beside_others(copy.out)
    folder = copy.folder / "evaluation" / "val"
    folder.mkdir(parents=True)
    shutil.copy(curated.folder / "videos" / one.video.url, folder / "v_001.mp4")
    manifest = again(curated, copy, exclude_like=[str(folder.parent)])
    rejected = reason_of(copy.out, one)
    assert (rejected.outcome, rejected.reason) == (Outcome.REJECTED, Reason.EVALUATION_DATA)
    assert "on like evaluation/val/v_001.mp4; the nearest differs in" in rejected.error
    assert outcomes(copy.out, other.video_key) == {(Outcome.KEPT, None)}
    assert not clips_of(copy.out, one.video_key)
    assert_sound(copy.out)
    said = manifest.settings.excluded_like
    assert (said.names, said.files, said.unread) == (("evaluation",), 1, 0)
    assert said.frames > 10
    card = (copy.out / "README.md").read_text()
    assert "of an evaluation set: evaluation (sha256 `" in card.replace("\n", " ")
    # Nothing was looked at twice; and without the set, all is as it was.
    assert frames_classified() == seen
    again(curated, copy)
    assert bytes_of(copy.out) == before


@pytest.mark.slow
def test_an_image_of_an_evaluation_set_is_found_also_mirrored(curated: Curated, copy: Curated):
    one, other = kept_beside_others(copy.out)
    folder = copy.folder / "images"
    folder.mkdir()
    frames = frames_in(curated.folder / "videos" / one.video.url)
    frames[len(frames) // 8].transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "a.png")
    (folder / "notes.txt").write_text("no image")
    ended = command(curated, copy, "--exclude-like", folder)
    assert ended.code == 0, ended.stderr
    assert "images: 1 frames of 1 files; 1 files are no images" in ended.stderr
    rejected = reason_of(copy.out, one)
    assert rejected.reason is Reason.EVALUATION_DATA, rejected.error
    assert "like images/a.png" in rejected.error
    assert "correlation" in rejected.error
    assert outcomes(copy.out, other.video_key) == {(Outcome.KEPT, None)}
    # The same command has nothing to do.
    state = (copy.out / "run.json").read_bytes()
    assert command(curated, copy, "--exclude-like", folder).code == 0
    assert (copy.out / "run.json").read_bytes() == state


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda _: None, "There is no folder"),
        (Path.mkdir, "has no image and no video"),
        (lambda folder: _black(folder), "has no frame that shows enough"),
    ],
    ids=["none", "empty", "black"],
)
def test_a_set_that_shows_nothing_is_one_sentence(curated: Curated, copy: Curated, make, said):
    folder = copy.folder / "evaluation"
    make(folder)
    before = tree(copy.out)
    ended = command(curated, copy, "--exclude-like", folder)
    assert ended.code == 2
    assert said in ended.stderr.splitlines()[-1]
    assert tree(copy.out) == before


def _black(folder: Path) -> None:
    folder.mkdir()
    Image.fromarray(np.zeros((90, 160, 3), np.uint8)).save(folder / "black.png")
