"""Clips as short loops: a few small frames of each, as one animated picture.

Of 20 real videos, 12 frames of 32,400 pixels have at about the same quality, in kB
(`python -m benchmarks.loop_forms`): side by side as a JPEG 59, as WebP 37 and as AVIF 31; as an
animation in WebP 49, in AVIF 20, in H.264 20. A page may hold any number of pictures, but only some
dozens of videos.
"""

import io
import math
import os
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from PIL import Image

from videonet.errors import UsageError
from videonet.schemas.clip import Clip
from videonet.shards.jpeg import decode
from videonet.shards.layout import shard_of, shard_path
from videonet.storage.clips_named import clips_named
from videonet.storage.dataset_dir import DatasetDir

# Of the whole clip, evenly spread: 10.24 s pass in 2.7 s.
FRAMES = 12
FRAME_MILLISECONDS = 200
# The last frame stays: one sees where the loop begins.
LAST_MILLISECONDS = 500

# Of a frame: as many as 240 x 135 has, whatever its shape.
PIXELS = 32_400

_QUALITY = 50
# Of 0 to 10: slower ones take twice as long, and give hardly fewer bytes.
_SPEED = 9

# The boxes of an AVIF that say when it was made: twice 8 bytes, after a version (of 1) and flags
# (ISO/IEC 14496-12, 8.2.2, 8.3.2 and 8.4.2).
_TIMED = (b"mvhd", b"tkhd", b"mdhd")
_VERSION_BYTES, _TIMES_BYTES = 4, 16

# Shards that are read side by side: what waits for a bucket does not wait for the processor.
_AT_ONCE = 8

# Why there is no loop.
NO_SHARD = "Its shard is not there."
NOT_IN_SHARD = "It is not in its shard."
DAMAGED = "It is damaged."


@dataclass(frozen=True)
class Loop:
    """A clip as a page shows it."""

    # animated
    avif: bytes
    # of the clip within its video, microseconds
    begin: int
    end: int
    labels: tuple[str, ...]


def loops(
    output: DatasetDir, shards: int, wanted: Iterable[str], made: Callable[[], object]
) -> dict[str, Loop | str]:
    """The loops of these clips, by their example_ids.

    In place of what cannot be read stands a sentence that says why. Only shards with these clips
    are opened, and of a Parquet shard only these clips are read; each thread has one in memory.
    `made` is called after each clip, by any thread.
    """

    def of_shard(index: int) -> dict[str, Loop | str]:
        own: dict[str, Loop | str] = {}
        for example_id, loop in _of_shard(output, index, shards, by_shard[index]):
            own[example_id] = loop
            made()
        return own

    by_shard: defaultdict[int, set[str]] = defaultdict(set)
    for example_id in wanted:
        by_shard[shard_of(example_id.rpartition("#")[0], shards)].add(example_id)
    found: dict[str, Loop | str] = {}
    pool = ThreadPoolExecutor(min(_AT_ONCE, os.cpu_count() or 1))
    try:
        for own in pool.map(of_shard, sorted(by_shard)):
            found |= own
    finally:
        pool.shutdown(cancel_futures=True)
    return found


def _of_shard(
    output: DatasetDir, index: int, shards: int, ids: Collection[str]
) -> Iterator[tuple[str, Loop | str]]:
    """The loops of these clips of a shard, by their example_ids, as far as they are there."""
    path = next(
        (
            each
            for each in (shard_path(name, index, shards) for name in ("parquet", "tfrecord"))
            if output.files.size(each) is not None
        ),
        None,
    )
    if path is None:
        yield from ((example_id, NO_SHARD) for example_id in ids)
        return
    left = set(ids)
    try:
        for clip in clips_named(output, path, ids):
            left.discard(clip.example_id)
            yield clip.example_id, _loop(clip)
    except UsageError:
        # One of them is damaged: the others are read one by one.
        for example_id in sorted(left):
            yield example_id, _alone(output, path, example_id)
    else:
        yield from ((example_id, NOT_IN_SHARD) for example_id in left)


def _alone(output: DatasetDir, path: str, example_id: str) -> Loop | str:
    """The loop of a clip of a shard in which something is damaged."""
    try:
        clip = next(clips_named(output, path, {example_id}), None)
    except UsageError:
        return DAMAGED
    return NOT_IN_SHARD if clip is None else _loop(clip)


def _loop(clip: Clip) -> Loop | str:
    try:
        avif = _animation(clip)
    except ValueError:
        return DAMAGED
    return Loop(avif, clip.clip_start_timestamp, clip.clip_end_timestamp, clip.clip_label_text)


def _animation(clip: Clip) -> bytes:
    """A few frames of a clip as an AVIF. Raises ValueError for frames that are damaged."""
    stored = len(clip.image_encoded)
    if not stored:
        raise ValueError("it has no frames")
    size = clip.image_height, clip.image_width
    small = _size(*size)
    first, *rest = [
        Image.fromarray(decode(clip.image_encoded[place], size)).resize(
            small, Image.Resampling.BILINEAR, reducing_gap=2.0
        )
        for place in _spread(stored)
    ]
    animation = io.BytesIO()
    first.save(
        animation,
        "AVIF",
        save_all=True,
        append_images=rest,
        duration=[*[FRAME_MILLISECONDS] * len(rest), LAST_MILLISECONDS],
        quality=_QUALITY,
        speed=_SPEED,
        max_threads=1,
    )
    return _without_times(animation.getvalue())


def _without_times(avif: bytes) -> bytes:
    """The same animation, that does not say when it was made: equal clips are equal bytes."""
    data = bytearray(avif)
    # One picture alone has none of them. They come before the frames, which may be anything.
    for name in _TIMED if b"moov" in data else ():
        begin = data.index(name) + len(name) + _VERSION_BYTES
        data[begin : begin + _TIMES_BYTES] = bytes(_TIMES_BYTES)
    return bytes(data)


def _spread(count: int) -> Sequence[int]:
    """Positions of at most FRAMES of `count` frames, with the first and the last."""
    places = np.linspace(0, count - 1, min(count, FRAMES)).round().astype(int)
    return sorted(set(places.tolist()))


def _size(height: int, width: int) -> tuple[int, int]:
    """Width and height of a frame that has at most PIXELS, and the shape of one of this size."""
    scale = min(1.0, math.sqrt(PIXELS / (height * width)))
    return max(1, round(width * scale)), max(1, round(height * scale))
