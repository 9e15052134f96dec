"""A decoded frame becomes a small RGB picture, in one pass of FFmpeg's scaler.

The scaler reads the decoder's planes and writes small ones, so that nothing is made in full size.
"""

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

# Bilinear as Pillow means it: where a picture shrinks, every pixel counts. The other flags make it
# exact, the same on every processor, and, where frames are RGB already, heed every pixel's colour.
_SCALING = (
    Interpolation.BILINEAR
    | Interpolation.ACCURATE_RND
    | Interpolation.BITEXACT
    | Interpolation.FULL_CHR_H_INP
)


def small_rgb(
    frame: VideoFrame,
    height: int,
    width: int,
    turns: int,
    reformatter: VideoReformatter,
    *,
    mirrored: bool = False,
) -> NDArray[np.uint8]:
    """The frame as uint8 RGB [height, width, 3] after so many quarter turns counterclockwise.

    With `mirrored`, the frame is mirrored left-right before the turns. Pixels that are not square
    become square where `height` and `width` are those of the picture as shown.

    Colours are those that the frame says it has: their matrix and range (BT.601 of limited range
    where it says nothing), where colour lies between the pixels. Keep `reformatter` for the next
    frame; no other thread may use it meanwhile. Raises av.FFmpegError for what cannot be converted.
    """
    if frame.interlaced_frame or any(each.bits < 8 for each in frame.format.components):
        frame = _plain(frame)
    size = (height, width) if turns % 2 else (width, height)
    # FFmpeg is faster at planes than at pixels of three bytes.
    small = reformatter.reformat(frame, *size, "gbrp", interpolation=_SCALING, threads=1)
    rgb = np.empty((height, width, 3), np.uint8)
    for channel, plane in zip((1, 2, 0), small.planes, strict=True):
        stored = np.from_dlpack(plane)
        rgb[..., channel] = np.rot90(stored[:, ::-1] if mirrored else stored, turns)
    return rgb


def _plain(frame: VideoFrame) -> VideoFrame:
    """The frame in 8-bit RGB and its own size, not interlaced.

    FFmpeg scales the fields of an interlaced frame apart, so that a small one has combs as well;
    and where colours have fewer than 8 bits, it makes the brightest of them too dark.
    """
    rgb = VideoReformatter().reformat(frame, format="rgb24", interpolation=_SCALING, threads=1)
    return VideoFrame.from_ndarray(rgb.to_ndarray(), format="rgb24")
