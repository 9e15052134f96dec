"""What somebody may have done to a video before it was published: functions of a frame.

Frames are RGB, uint8 [H, W, 3].
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Frame = NDArray[np.uint8]
Act = Callable[[Frame], Frame]

_LETTERS = (200, 0, 0)
WHITE, BLACK, BLUE = (250, 250, 250), (5, 5, 5), (20, 40, 200)


class Alteration(NamedTuple):
    """What is done to the frames of a video, and how it is encoded then."""

    act: Act
    # x264's quality factor
    crf: int = 28


def unaltered(frame: Frame) -> Frame:
    """A frame as it is."""
    return frame


def scaled(by: float) -> Act:
    """Frames of so much of their height and width."""

    def act(frame: Frame) -> Frame:
        height, width = frame.shape[:2]
        size = max(16, round(width * by)), max(16, round(height * by))
        return np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BILINEAR))

    return act


def letterboxed(share: float, axis: int) -> Act:
    """Frames with black bars at both ends of an axis, each of this share of it."""

    def act(frame: Frame) -> Frame:
        bar = round(frame.shape[axis] * share)
        return np.pad(frame, [(bar, bar) if each == axis else (0, 0) for each in range(3)])

    return act


def mirrored(frame: Frame) -> Frame:
    """A frame with left and right changed."""
    return np.ascontiguousarray(frame[:, ::-1])


def with_logo(
    width: float, opaque: float = 1, colour: tuple[int, int, int] = WHITE, corner: str = "top right"
) -> Act:
    """Frames with letters on a plain ground in a corner, of this share of their width.

    They are half as high as wide. `opaque` is 1 where nothing is seen through them.
    """

    def act(frame: Frame) -> Frame:
        image = Image.fromarray(frame)
        drawn = image.copy()
        w, h = image.size
        left = w * 0.03 if "left" in corner else w * (0.97 - width)
        top = h * 0.04 if "top" in corner else h * 0.96 - w * width / 2
        draw: Any = ImageDraw.Draw(drawn)
        draw.rectangle((left, top, left + w * width, top + w * width / 2), fill=colour)
        draw.text((left + 4, top + 4), "LOGO", fill=_LETTERS)
        return np.asarray(Image.blend(image, drawn, opaque))

    return act


def cropped(left: float, top: float, right: float, bottom: float) -> Act:
    """What is left without these shares of width and height."""

    def act(frame: Frame) -> Frame:
        height, width = frame.shape[:2]
        rows = slice(round(height * top), height - round(height * bottom))
        columns = slice(round(width * left), width - round(width * right))
        return np.ascontiguousarray(frame[rows, columns])

    return act


def _all_at_once(frame: Frame) -> Frame:
    return with_logo(0.12)(cropped(0.05, 0.05, 0.05, 0.05)(mirrored(frame)))


# By name.
ALTERATIONS: dict[str, Alteration] = {
    "re-encoded, crf 40": Alteration(unaltered, 40),
    "scaled to a quarter": Alteration(scaled(0.25)),
    "letterboxed by 12 % above and below": Alteration(letterboxed(0.125, 0)),
    "pillarboxed by 40 % at both sides": Alteration(letterboxed(0.4, 1)),
    "mirrored": Alteration(mirrored),
    "logo, white, 12 % of the width": Alteration(with_logo(0.12)),
    "logo, white, 20 %": Alteration(with_logo(0.2)),
    "logo, black, 15 %, bottom left": Alteration(with_logo(0.15, 1, BLACK, "bottom left")),
    "logo, blue, 15 %, bottom right": Alteration(with_logo(0.15, 1, BLUE, "bottom right")),
    "logo, half transparent, 25 %, top left": Alteration(with_logo(0.25, 0.5, WHITE, "top left")),
    "cropped by 10 %, evenly": Alteration(cropped(0.05, 0.05, 0.05, 0.05)),
    "cropped by 10 %, left": Alteration(cropped(0.1, 0, 0, 0)),
    "cropped by 10 %, bottom": Alteration(cropped(0, 0, 0, 0.1)),
    "cropped by 10 %, at a corner": Alteration(cropped(0.1, 0.1, 0, 0)),
    "cropped by 10 %, unevenly": Alteration(cropped(0.07, 0.02, 0.03, 0.08)),
    "cropped by 20 %, evenly": Alteration(cropped(0.1, 0.1, 0.1, 0.1)),
    "mirrored, cropped by 10 %, with a logo": Alteration(_all_at_once),
}
