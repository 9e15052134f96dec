"""demo.drawing, demo.encoding: the same arguments draw the same video, playable everywhere."""

from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from demo.drawing import KINDS, SCENERY, Scene, draw_video
from demo.encoding import Encoding
from demo.odd_files import truncate


def frames(path: Path) -> list[np.ndarray[Any, Any]]:
    """Decoded frames as shown, uint8 RGB [H, W, 3]."""
    with av.open(str(path)) as file:
        return [
            np.rot90(each.to_ndarray(format="rgb24"), round(each.rotation / 90))
            for each in file.decode(video=0)
        ]


def times(path: Path) -> list[Fraction]:
    with av.open(str(path)) as file:
        return [each.pts * each.time_base for each in file.decode(video=0)]


def draw(path: Path, **options: Any) -> Path:
    options = {"kind": "sailboat", "seconds": 1, "size": (64, 48), "fps": 10} | options
    draw_video(path, **options)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_equal_seeds_draw_equal_pictures_and_others_others(kind: str):
    first, second, other = (Scene(kind, (64, 48), seed).frame(0.7) for seed in ("a", "a", "b"))
    assert first.tobytes() == second.tobytes()
    assert first.tobytes() != other.tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_the_picture_moves(kind: str):
    scene = Scene(kind, (64, 48), seed=0)
    assert scene.frame(0).tobytes() != scene.frame(1).tobytes()


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp4", "libx264"),
        ("a.mkv", "libx264"),
        ("a.ts", "libx264"),
        ("a.mov", "mpeg4"),
        ("a.webm", "libvpx"),
        ("a.webm", "libvpx-vp9"),
    ],
)
def test_every_container_plays_and_equal_arguments_write_equal_files(
    tmp_path: Path, name: str, codec: Any
):
    path = draw(tmp_path / name, encoding=Encoding(codec))
    pictures = frames(path)
    assert len(pictures) == 10
    assert {each.shape for each in pictures} == {(48, 64, 3)}
    again = draw(tmp_path / f"again-{name}", encoding=Encoding(codec))
    assert again.read_bytes() == path.read_bytes()


def test_the_index_of_an_mp4_is_first_or_last(tmp_path: Path):
    first = draw(tmp_path / "first.mp4").read_bytes()
    last = draw(tmp_path / "last.mp4", encoding=Encoding(index_first=False)).read_bytes()
    assert first.index(b"moov") < first.index(b"mdat")
    assert last.index(b"moov") > last.index(b"mdat")


def test_a_video_with_a_rotation_is_stored_turned_and_shown_upright(tmp_path: Path):
    upright = frames(draw(tmp_path / "a.mp4"))
    for rotation in (90, 180, 270):
        path = draw(tmp_path / f"{rotation}.mp4", encoding=Encoding(rotation=rotation))
        with av.open(str(path)) as file:
            assert next(file.decode(video=0)).rotation % 360 == -rotation % 360
        difference = np.abs(frames(path)[5].astype(int) - upright[5])
        assert difference.mean() < 4


def test_a_video_can_start_late_and_have_uneven_frames(tmp_path: Path):
    assert times(draw(tmp_path / "late.mp4", encoding=Encoding(start=1.5)))[0] == Fraction(3, 2)
    uneven = times(draw(tmp_path / "uneven.mp4", encoding=Encoding(uneven=True)))
    assert {later - earlier for earlier, later in pairwise(uneven)} == {
        Fraction(100, 1000),
        Fraction(140, 1000),
        Fraction(60, 1000),
    }


def test_several_kinds_are_shown_one_after_the_other(tmp_path: Path):
    path = draw(tmp_path / "a.mp4", kind=(SCENERY, "mushroom"), seed="x")
    expected = [np.asarray(Scene(kind, (64, 48), "x").frame(0.5)) for kind in (SCENERY, "mushroom")]
    shown = frames(path)
    assert np.abs(shown[4].astype(int) - expected[0]).mean() < 8
    assert np.abs(shown[5].astype(int) - expected[1]).mean() < 8


def test_a_truncated_video_decodes_up_to_the_cut_and_then_fails(tmp_path: Path):
    path = draw(tmp_path / "a.mp4", seconds=3)
    truncate(path, packets=10)
    with av.open(str(path)) as file:
        assert file.streams.video[0].frames == 30
        decoded = file.decode(video=0)
        assert len(list(islice(decoded, 5))) == 5
        with pytest.raises(av.InvalidDataError):
            list(decoded)


def test_an_unknown_kind_is_refused_by_name(tmp_path: Path):
    with pytest.raises(ValueError, match="no such kind: 'zeppelin'; there are balloon, "):
        draw(tmp_path / "a.mp4", kind="zeppelin")
