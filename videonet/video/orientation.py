"""How a stored picture is to be shown: which way up, mirrored or not, and how wide its pixels are.

As FFmpeg's command line shows it. A matrix that tilts is taken for the nearest of the eight
orientations that need no corners.
"""

import math
import struct
from fractions import Fraction
from typing import NamedTuple, cast

from av.sidedata.sidedata import SideDataContainer, Type
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

# Nine numbers, by rows, in the byte order of the machine.
_MATRIX = struct.Struct("9i")


class Orientation(NamedTuple):
    """What is done to a stored picture, in this order: it is mirrored, then it is turned."""

    # left-right
    mirrored: bool
    # quarter turns counterclockwise, 0 to 3
    turns: int


AS_STORED = Orientation(mirrored=False, turns=0)


def orientation_of(frame: VideoFrame) -> Orientation:
    """What the display matrix of a frame asks for; a frame without one is shown as it is stored."""
    try:
        matrix = bytes(_side_data(frame)[Type.DISPLAYMATRIX])
    except KeyError:
        return AS_STORED
    return AS_STORED if len(matrix) < _MATRIX.size else orientation_from(_MATRIX.unpack(matrix))


def _side_data(frame: VideoFrame) -> SideDataContainer:
    # PyAV's stub names another type.
    return cast("SideDataContainer", frame.side_data)


def orientation_from(matrix: tuple[int, ...]) -> Orientation:
    """The orientation nearest to a 3 x 3 display matrix, by rows.

    A stored point (x, y), y pointing down, is shown at (a x + c y, b x + d y).
    """
    a, b, _, c, d = matrix[:5]
    area = a * d - b * c
    if area == 0:
        # It would show a line. FFmpeg ignores it as well.
        return AS_STORED
    mirrored = area < 0
    if mirrored:
        a, b = -a, -b
    clockwise = math.atan2(b - c, a + d)
    return Orientation(mirrored, round(-clockwise / (math.pi / 2)) % 4)


class PixelAspect:
    """How wide the pixels of a stream are, of their height.

    What the container says holds for all frames; else what the decoder has read by now.
    """

    def __init__(self, stream: VideoStream) -> None:
        self._decoder = stream.codec_context
        self._first = _positive(stream.sample_aspect_ratio)
        self._is_fixed = self._first != _positive(self._decoder.sample_aspect_ratio)

    def now(self) -> Fraction | int:
        """Of the frame that was decoded last; 1 if nothing is said."""
        said = None if self._is_fixed else _positive(self._decoder.sample_aspect_ratio)
        aspect = said or self._first or 1
        return 1 if aspect == 1 else aspect


def shown_size(
    height: int, width: int, aspect: Fraction | int, turns: int
) -> tuple[Fraction | int, Fraction | int]:
    """Height and width at which a picture of this stored size is shown, in pixels of its height."""
    across = width * aspect
    return (across, height) if turns % 2 else (height, across)


def _positive(aspect: Fraction | None) -> Fraction | None:
    return aspect if aspect is not None and aspect > 0 else None
