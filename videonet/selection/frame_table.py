"""The frames of many videos as two arrays, of those that show something."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from videonet.schemas.clip_hashes import ClipHashes
from videonet.video.frame_hash import HASH_BYTES, LEAST_QUALITY


@dataclass(frozen=True)
class FrameTable:
    """The frames of many videos. Those of video `v` are from `begins[v]` to `ends[v]`, in order."""

    # 32 bytes a frame: uint8 [frames, 32]
    hashes: NDArray[np.uint8]
    # microseconds within the video: int64 [frames]
    times: NDArray[np.int64]
    # positions of frames: int64 [videos]
    begins: NDArray[np.int64]
    ends: NDArray[np.int64]

    def __len__(self) -> int:
        """How many videos there are, with those that have no frames."""
        return len(self.begins)


def frame_table(videos: int, hashes: Iterable[tuple[int, ClipHashes]]) -> FrameTable:
    """The frames of so many videos that show something; `hashes` come with the video's position.

    A video of which none come has no frames. With 80 frames a video, a million take 3.2 GB.
    """
    bits, times = bytearray(), array("q")
    begins, ends = (np.zeros(videos, np.int64) for _ in range(2))
    for place, own in hashes:
        showing = np.frombuffer(own.qualities, np.uint8) >= LEAST_QUALITY
        begins[place] = len(times)
        bits += np.frombuffer(own.hashes, np.uint8).reshape(-1, HASH_BYTES)[showing].tobytes()
        times.extend(np.array(own.times, np.int64)[showing].tolist())
        ends[place] = len(times)
    return FrameTable(
        hashes=np.frombuffer(bits, np.uint8).reshape(-1, HASH_BYTES),
        times=np.frombuffer(times, np.int64),
        begins=begins,
        ends=ends,
    )
