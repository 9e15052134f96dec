"""How long it takes to find the duplicates among any number of videos, and whether all are found.

The frames are made up: of each clip the first is random, and each differs from the one before it in
some 6% of its bits, as half a second of a calm shot does. Planted among them are

- copies: a video again, each frame with some bits flipped, up to 4% or 8% of them on average
- trimmed ones: the same from a second on, cut elsewhere, so that times and clips are others
- one video that is there a thousand times
- openings: series of a thousand videos that begin with the same four seconds and are different

    python -m benchmarks.duplicates --videos N [--json FILE]
"""

import argparse
import json
import resource
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from videonet.selection.duplicates import KeptVideo, best_first, duplicates
from videonet.selection.frame_table import FrameTable

# A clip of 10.24 s has so many frames with a hash, and a video up to four clips.
_FRAMES, _MOST_CLIPS = 21, 4

# Videos that are made up at once.
_CHUNK = 20_000

# Of a thousand videos, so many are copies of another one, by kind.
_SHARES = {"copy, 4% of the bits": 30, "copy, 8% of the bits": 10, "trimmed copy": 10}
_FLIPPED = {"copy, 4% of the bits": 0.04, "copy, 8% of the bits": 0.08, "trimmed copy": 0.04}
_SERIES, _OPENING = 1_000, 8


@dataclass
class MadeUp:
    """Frames, and what is the same among them."""

    table: FrameTable
    # by position of a copy: its kind, and the position of its original
    copies: dict[int, tuple[str, int]]


def made_up(videos: int, seed: int = 0) -> MadeUp:
    """So many videos with random frames, and copies among them."""
    rng = np.random.default_rng(seed)
    clips = rng.choice([1, 2, 3, 4], videos, p=[0.2, 0.1, 0.1, 0.6])
    ends = np.cumsum(clips * _FRAMES, dtype=np.int64)
    begins = ends - clips * _FRAMES
    hashes = np.empty((int(ends[-1]), 32), np.uint8)
    for start in range(0, len(hashes), _CHUNK * _FRAMES):
        chunk = hashes[start : start + _CHUNK * _FRAMES].reshape(-1, _FRAMES, 32)
        chunk[:, 0] = rng.integers(0, 256, (len(chunk), 32), np.uint8)
        for frame in range(1, _FRAMES):
            # Each bit is set in all of four with a chance of one in 16.
            some = rng.integers(0, 256, (4, len(chunk), 32), np.uint8)
            chunk[:, frame] = chunk[:, frame - 1] ^ np.bitwise_and.reduce(some)
    # Clips of a long video are a minute apart.
    places = np.arange(len(hashes)) - np.repeat(begins, clips * _FRAMES)
    times = (places // _FRAMES * 60_000_000 + places % _FRAMES * 500_000).astype(np.int64)
    made = MadeUp(FrameTable(hashes, times, begins, ends), {})
    _plant(made, rng)
    return made


def _plant(made: MadeUp, rng: np.random.Generator) -> None:
    table = made.table
    free = rng.permutation(len(table)).tolist()
    for kind, share in _SHARES.items():
        for _ in range(len(table) * share // 1_000):
            original, copy = sorted((free.pop(), free.pop()))
            _copy(made, kind, original, copy, rng)
    if len(table) >= 100 * _SERIES:
        original, *copies = sorted(free.pop() for _ in range(_SERIES))
        for copy in copies:
            _copy(made, "one video, a thousand times", original, copy, rng)
        for _ in range(len(table) // (100 * _SERIES)):
            opening = table.hashes[table.begins[free[-1]] :][:_OPENING].copy()
            for video in (free.pop() for _ in range(_SERIES)):
                begin = table.begins[video]
                noise = _bits(rng, opening.shape, 0.03)
                table.hashes[begin : begin + _OPENING] = opening ^ noise


def _copy(made: MadeUp, kind: str, original: int, copy: int, rng: np.random.Generator) -> None:
    """Make one video a copy of another, as far as both have frames."""
    table = made.table
    begin, end = table.begins[original], table.ends[original]
    skipped = 2 if kind == "trimmed copy" else 0
    number = min(end - begin, table.ends[copy] - table.begins[copy]) - skipped
    here = slice(table.begins[copy], table.begins[copy] + number)
    frames = table.hashes[begin + skipped : begin + skipped + number]
    table.hashes[here] = frames ^ _bits(rng, frames.shape, _FLIPPED.get(kind, 0.04))
    times = table.times[begin + skipped : begin + skipped + number]
    table.times[here] = times - times[0]
    # It ends with the original, and so does what it has.
    table.ends[copy] = here.stop
    made.copies[copy] = kind, original


def _bits(rng: np.random.Generator, shape: tuple[int, ...], share: float) -> NDArray[np.uint8]:
    """Bytes of which about this share of the bits are set."""
    set_in = rng.random((*shape, 8), np.float32) < share
    return np.packbits(set_in, axis=-1)[..., 0]


def measure(number: int) -> dict[str, object]:
    """Find what is planted among so many videos."""
    begun = time.perf_counter()
    made = made_up(number)
    # All as good: they stay in this order.
    videos = best_first(KeptVideo(f"v{i:08d}", f"{i:064x}", 1, 1.0, i) for i in range(number))
    made_in = time.perf_counter() - begun
    before = _peak()
    begun, busy = time.perf_counter(), time.process_time()
    found = {each.video_key: each.of for each in duplicates(videos, made.table)}
    took, busy = time.perf_counter() - begun, time.process_time() - busy
    planted, right = Counter[str](), Counter[str]()
    for copy, (kind, original) in made.copies.items():
        planted[kind] += 1
        right[kind] += found.pop(f"v{copy:08d}", None) == f"v{original:08d}"
    return {
        "videos": number,
        "frames": len(made.table.hashes),
        "made up in, s": round(made_in, 1),
        "bytes of frames": made.table.hashes.nbytes + made.table.times.nbytes,
        "took, s": round(took, 1),
        "processor time of all threads, s": round(busy, 1),
        "memory before, bytes": before,
        "memory at most, bytes": _peak(),
        "found": {kind: f"{right[kind]:,} of {planted[kind]:,}" for kind in planted},
        "called duplicates wrongly": len(found),
    }


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Measure, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=int, default=100_000)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    result = measure(given.videos)
    for name, value in result.items():
        print(f"{name}: {value}")
    if given.json is not None:
        given.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
