"""Frames that look alike have hashes that differ in few bits, also after they were encoded again.

A hash is the pHash of 256 bits, as the library `imagehash` computes it. Those of two frames that
show something else differ in about half of their bits. Of the same picture, encoded again or
scaled, up to some ten bits differ; `benchmarks/likeness.py` measures that, and other alterations.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import imagehash
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from videonet.schemas.clip import Clip
from videonet.schemas.clip_hashes import ClipHashes
from videonet.shards.jpeg import check_size

# To be raised with every change to what a hash is of, or which frames of a clip have one.
HASH_VERSION = 1

HASH_BYTES = 32

# A frame of less decides nothing: black and flat ones, and words on a plain ground, look alike
# whatever they are from. Measured by `benchmarks/likeness.py`.
LEAST_QUALITY = 40

# Frames of a clip that have a hash: the first one after each so many microseconds.
_EVERY = 500_000

# Height and width of the pictures that hashes are made of, pixels.
_SIDE = 64
# At which a frame is decoded at least, so that bars are found to within half a percent of it.
_DECODED = 128

# A row or column belongs to a bar if no more than a few of its pixels are brighter than this, of
# 255: black is 0 to 16 there, and an encoder adds to it.
_DARK, _SHARE = 24, 0.95
# Of each side, so much stays at least. What is darker all over has no bars.
_LEAST_LEFT = 0.25

# Fields of 8 x 8 pixels of that picture; in one that shows something, grey levels have at least
# this standard deviation.
_FIELD, _BUSY = 8, 3.0
# Levels that count as the same plain ground, to both sides of it.
_PLAIN = 3


class FrameHash(NamedTuple):
    """What a frame looks like."""

    # 32 bytes
    bits: bytes
    # how much is to be seen, 0 to 100; see LEAST_QUALITY
    quality: int


def frame_hash(image: NDArray[np.uint8]) -> FrameHash:
    """The perceptual hash of a picture and its quality; of a shape, RGB [H, W, 3] or grey [H, W].

    The picture is taken as it is, with bars if it has any: see `without_bars`. pHash after
    Zauner 2010, "Implementation and Benchmarking of Perceptual Image Hash Functions".
    """
    grey = Image.fromarray(image).convert("L")
    bits = imagehash.phash(grey, hash_size=16).hash
    small = np.asarray(grey.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS))
    return FrameHash(np.packbits(bits).tobytes(), _quality(small))


def clip_hashes(clips: Iterable[Clip], *, video_key: str, sha256: str, cut_key: str) -> ClipHashes:
    """The hashes of a video's clips, about two frames a second, without bars at their edges.

    `sha256` is that of the content that was cut, `cut_key` the way in which it was. Raises
    ValueError for a frame that is no JPEG, or not of the size that its clip states.
    """
    hashing = ClipHashing()
    for clip in clips:
        hashing.add(clip)
    return hashing.hashes(video_key=video_key, sha256=sha256, cut_key=cut_key)


class ClipHashing:
    """Takes the clips of a video one by one, while they are cut or read, and hashes them."""

    def __init__(self) -> None:
        self._clips: list[int] = []
        self._times: list[int] = []
        self._hashes: list[FrameHash] = []

    def add(self, clip: Clip) -> None:
        """Hash a clip. Raises ValueError for frames that are not as their clip states."""
        chosen = frames_to_hash(clip.image_timestamp)
        for place, picture in zip(chosen, pictures_to_hash(clip), strict=True):
            self._clips.append(number_of_clip(clip))
            self._times.append(clip.image_timestamp[place])
            self._hashes.append(frame_hash(picture))

    def hashes(self, *, video_key: str, sha256: str, cut_key: str) -> ClipHashes:
        """Those of all clips that were added; see `clip_hashes`."""
        return ClipHashes(
            video_key=video_key,
            sha256=sha256,
            cut_key=cut_key,
            version=HASH_VERSION,
            clips=tuple(self._clips),
            times=tuple(self._times),
            hashes=b"".join(each.bits for each in self._hashes),
            qualities=bytes(each.quality for each in self._hashes),
        )


def number_of_clip(clip: Clip) -> int:
    """The index of a clip in its video."""
    return int(clip.example_id.rpartition("#")[2])


def pictures_to_hash(clip: Clip) -> list[NDArray[np.uint8]]:
    """The frames of a clip that have a hash, grey levels [H, W] without bars; see `clip_hashes`."""
    size = clip.image_height, clip.image_width
    chosen = frames_to_hash(clip.image_timestamp)
    return without_bars([grey_frame(clip.image_encoded[each], size) for each in chosen])


def frames_to_hash(times: Sequence[int]) -> list[int]:
    """Indices of the frames of a clip that have a hash; their times are in microseconds.

    >>> frames_to_hash([0, 80_000, 480_000, 560_000, 1_200_000])
    [0, 3, 4]
    """
    chosen, due = list[int](), 0
    for place, time in enumerate(times):
        passed = time - times[0]
        if passed >= due:
            chosen.append(place)
            due = (passed // _EVERY + 1) * _EVERY
    return chosen


def grey_frame(jpeg: bytes, size: tuple[int, int]) -> NDArray[np.uint8]:
    """A frame of this height and width as grey levels [H, W], scaled down while it is decoded.

    Raises ValueError for what is no JPEG of that size.
    """
    check_size(jpeg, size)
    pixels: Any = simplejpeg.decode_jpeg(
        jpeg, colorspace="GRAY", min_height=_DECODED, min_width=_DECODED
    )
    grey: NDArray[np.uint8] = pixels[..., 0]
    return grey


def without_bars(greys: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    """The pictures [H, W], all of one shot and size, without what is black at the edges of all."""
    if not greys:
        return []
    rows = np.max([np.quantile(each, _SHARE, axis=1) for each in greys], axis=0)
    top, bottom = _bright(rows)
    columns = np.max([np.quantile(each[top:bottom], _SHARE, axis=0) for each in greys], axis=0)
    left, right = _bright(columns)
    return [each[top:bottom, left:right] for each in greys]


def words(hashes: bytes) -> NDArray[np.uint64]:
    """Hashes of 32 bytes one after the other, as uint64 [N, 4]: for counting bits that differ."""
    return np.frombuffer(hashes, np.uint64).reshape(-1, HASH_BYTES // 8)


def distances(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> NDArray[np.int64]:
    """In how many bits hashes differ: of [N, 4] and [M, 4], a table [N, M]."""
    found: NDArray[np.int64] = np.bitwise_count(one[:, None] ^ other[None]).sum(
        axis=-1, dtype=np.int64
    )
    return found


def _bright(levels: NDArray[np.float64]) -> tuple[int, int]:
    """From where to where rows, or columns, are not dark; all, if that is too little."""
    places = np.flatnonzero(levels > _DARK)
    if not len(places) or places[-1] + 1 - places[0] < _LEAST_LEFT * len(levels):
        return 0, len(levels)
    return int(places[0]), int(places[-1]) + 1


def _quality(small: NDArray[np.uint8]) -> int:
    """How much is to be seen in a picture of 64 x 64 grey levels: the least of three measures.

    How steep it is, as in Facebook's PDQ ("The TMK+PDQF Video-Hashing Algorithm and the PDQ
    Image-Hashing Algorithm", 2019); in how many of its fields there is anything; and how much of it
    is not of one level, of which two thirds are enough.
    """
    levels = small.astype(np.int32)
    steps = [np.abs(np.diff(levels, axis=axis)) * 100 // 255 for axis in (0, 1)]
    steep = sum(int(each.sum()) for each in steps) / 90
    number = _SIDE // _FIELD
    fields = levels.reshape(number, _FIELD, number, _FIELD).std(axis=(1, 3))
    busy = 100 * float((fields > _BUSY).mean())
    counts = np.bincount(levels.ravel(), minlength=256)
    plain = np.convolve(counts, np.ones(2 * _PLAIN + 1, int), "same").max() / levels.size
    return int(min(100, steep, busy, 150 * (1 - plain)))
