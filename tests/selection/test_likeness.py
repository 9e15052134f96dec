"""compare: several frames in sequence, or one with like pixels, make a video like a set."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demo.drawing import draw_video
from tests.video.test_frame_hash import clip_of, scene, title_card
from videonet.schemas.clip_hashes import ClipHashes
from videonet.selection import likeness
from videonet.selection.likeness import (
    LEAST_FRAMES,
    MOST_BITS,
    MOST_BITS_BY_PIXELS,
    compare,
    least_agreement,
)
from videonet.selection.reference import Reference, make_reference, read_reference
from videonet.selection.reference import _write as write_reference
from videonet.storage.store import Store
from videonet.video.decoder import shared_decoder
from videonet.video.frame_hash import clip_hashes, pictures_to_hash


def images(folder: Path, *pictures: np.ndarray) -> Reference:
    """A set of images."""
    files = []
    for number, picture in enumerate(pictures):
        file = folder / f"{number}.png"
        Image.fromarray(picture).save(file)
        files.append((f"set/{file.name}", file))
    return make_reference(files, shared_decoder())


def video_of(reference: Reference) -> Reference:
    """The same as if its images were frames of one video, half a second apart."""
    count = len(reference.file)
    return Reference(
        **{
            **vars(reference),
            "is_video": np.ones_like(reference.is_video),
            "file": np.zeros(count, np.int32),
            "time": np.arange(count, dtype=np.int64) * 500_000,
        }
    )


def hashed(*frames: np.ndarray) -> tuple[ClipHashes, list[np.ndarray]]:
    """The hashes of a clip with a frame each half second, and its pictures."""
    clip = clip_of(list(frames), step=500_000)
    hashes = clip_hashes([clip], video_key="youtube:x", sha256="0" * 64, cut_key="cut")
    return hashes, pictures_to_hash(clip)


def compared(reference: Reference, *frames: np.ndarray, pixels: bool = True):
    """What is found; without `pixels`, the pictures show something else than the hashes say."""
    hashes, pictures = hashed(*frames)
    shown = dict(enumerate(pictures if pixels else [scene(40)[..., 1]] * len(pictures)))
    return compare(hashes, reference, lambda _: shown)


def cropped(picture: np.ndarray, share: float) -> np.ndarray:
    height, width = picture.shape[:2]
    y, x = round(height * share / 2), round(width * share / 2)
    return picture[y : height - y, x : width - x]


def with_logo(picture: np.ndarray) -> np.ndarray:
    """The picture with a white patch at the top right, as wide as a fifth of it."""
    height, width = picture.shape[:2]
    again = picture.copy()
    again[height // 25 : height // 4, width * 77 // 100 : width * 97 // 100] = 250
    return again


@pytest.mark.parametrize(
    "alter",
    [
        lambda picture: picture,
        lambda picture: picture[:, ::-1],
        lambda picture: cropped(picture, 0.1),
        lambda picture: cropped(picture, 0.05)[:, ::-1],
        lambda picture: np.pad(picture, ((40, 40), (0, 0), (0, 0))),
        lambda picture: np.array(Image.fromarray(picture).resize((160, 90))),
        lambda picture: with_logo(picture),
        lambda picture: with_logo(cropped(picture, 0.1)[:, ::-1]),
    ],
    ids=[
        *("as it is", "mirrored", "cropped", "mirrored and cropped", "letterboxed", "scaled"),
        *("with a logo", "mirrored, cropped and with a logo"),
    ],
)
def test_one_image_is_found_by_its_pixels(tmp_path: Path, alter):
    reference = images(tmp_path, scene(1), scene(2))
    found = compared(reference, *(np.ascontiguousarray(alter(scene(each))) for each in (7, 2)))
    assert found.neighbour == "set/1.png"
    assert (found.matched, found.time) == (1, 1.5)
    assert found.correlation >= 0.9


def test_a_picture_with_a_logo_is_beyond_the_bits_that_count_in_sequence(tmp_path: Path):
    reference = images(tmp_path, scene(2))
    altered = np.ascontiguousarray(with_logo(cropped(scene(2), 0.1)))
    found = compared(reference, altered)
    assert MOST_BITS < found.distance <= MOST_BITS_BY_PIXELS
    assert compared(reference, altered, pixels=False).neighbour is None


def test_the_further_hashes_are_apart_the_better_pixels_have_to_agree():
    asked = [least_agreement(bits) for bits in range(MOST_BITS_BY_PIXELS + 1)]
    assert asked == sorted(asked)
    assert (asked[0], asked[MOST_BITS], asked[MOST_BITS + 1], asked[-1]) == (0.7, 0.7, 0.71, 0.9)


def test_no_file_of_the_set_hides_another_one(tmp_path: Path, monkeypatch):
    """However many frames are nearer to pictures that do not agree, those that do are found."""
    monkeypatch.setattr(likeness, "_MOST_LOOKED_AT", 12)
    reference = images(tmp_path, *[scene(1)] * 16, with_logo(scene(2)))
    one_video = np.r_[np.zeros(16, np.int32), np.int32(16)]
    reference = Reference(**{**vars(reference), "file": one_video})
    hashes, pictures = hashed(scene(1), scene(2))
    shown = {0: scene(40)[..., 1], 1: pictures[1]}
    assert compare(hashes, reference, lambda _: shown).neighbour == "set/16.png"


def test_without_pixels_that_agree_one_image_decides_nothing(tmp_path: Path):
    assert compared(images(tmp_path, scene(1)), scene(1), pixels=False).neighbour is None


def test_what_cannot_be_looked_at_is_not_said_to_be_unlike_the_set(tmp_path: Path):
    def gone(_):
        raise FileNotFoundError("gone")

    reference, (hashes, _) = images(tmp_path, scene(1)), hashed(scene(1))
    with pytest.raises(FileNotFoundError):
        compare(hashes, reference, gone)
    far, _ = hashed(scene(20))
    assert compare(far, reference, gone).neighbour is None


def test_other_videos_are_like_nothing(tmp_path: Path):
    reference = images(tmp_path, *(scene(seed) for seed in range(10)))
    found = compared(reference, *(scene(seed) for seed in range(20, 30)))
    assert (found.neighbour, found.frames, found.matched) == (None, 10, 0)


def test_frames_at_the_same_distance_in_time_are_enough(tmp_path: Path):
    reference = video_of(images(tmp_path, *(scene(seed) for seed in range(6))))
    later = [scene(seed) for seed in (30, 31, 2, 3, 4)]
    found = compared(reference, *later, pixels=False)
    assert (found.neighbour, found.matched, found.time) == ("set/0.png", 3, 2.0)


def test_like_frames_in_another_order_are_not(tmp_path: Path):
    reference = video_of(images(tmp_path, *(scene(seed) for seed in range(6))))
    assert compared(reference, *(scene(each) for each in (5, 2, 0)), pixels=False).matched == 0
    two = [scene(30), scene(2), scene(3)]
    assert LEAST_FRAMES == 3
    assert compared(reference, *two, pixels=False).neighbour is None


def test_title_cards_and_black_frames_decide_nothing(tmp_path: Path):
    cards = [title_card("THE END"), np.zeros((256, 456, 3), np.uint8)]
    reference = images(tmp_path, *cards, scene(1))
    assert set(reference.file.tolist()) == {2}
    found = compared(reference, *cards)
    assert (found.neighbour, found.frames) == (None, 0)


def test_a_video_that_is_shorter_than_a_clip_has_frames_all_the_same(tmp_path: Path):
    draw_video(tmp_path / "a.mp4", "balloon", 1, size=(160, 120))
    reference = make_reference([("a.mp4", tmp_path / "a.mp4")], shared_decoder())
    assert reference.time.tolist() == [0, 320_000, 560_000, 800_000]


def test_a_file_that_is_no_image_has_no_frames(tmp_path: Path):
    for name, data in (("a.jpg", b"none"), ("b.mp4", b"none"), ("c.png", b"")):
        (tmp_path / name).write_bytes(data)
    files = [(path.name, path) for path in sorted(tmp_path.iterdir())]
    assert len(make_reference(files, shared_decoder()).file) == 0


def test_frames_are_hashed_in_the_variants_that_are_asked_for(tmp_path: Path):
    files = []
    for seed in (1, 2):
        Image.fromarray(scene(seed)).save(tmp_path / f"{seed}.png")
        files.append((f"{seed}.png", tmp_path / f"{seed}.png"))
    whole = make_reference(files, shared_decoder())
    plain = make_reference(files, shared_decoder(), variants=[0])
    assert plain.variant.tolist() == [0, 0]
    assert np.array_equal(plain.hashes, whole.hashes[whole.variant == 0])
    assert np.array_equal(plain.picture, whole.picture)


def test_the_store_gives_back_what_it_was_given(tmp_path: Path):
    store = Store(tmp_path / "store")
    store.prepare()
    reference = images(tmp_path, scene(1), scene(2))
    write_reference(store, "ab", reference)
    again = read_reference(store, "ab")
    assert again.names == reference.names
    for name in ("is_video", "file", "time", "picture", "hashes", "frame", "variant"):
        assert np.array_equal(getattr(again, name), getattr(reference, name))
    assert read_reference(store, "cd") is None
    (store.root / "reference" / "ab.npz").write_bytes(b"PK damaged")
    assert read_reference(store, "ab") is None
