"""One video: an object that moves, turns and is partly hidden, before what a camera sweeps over.

What stays the same through a video is its object alone. The camera follows it through a world that
all videos share, fast enough that after a second it sees another part; the light changes colour;
and things of the world pass in front of it.
"""

import functools
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from benchmarks.moving_objects.kinds import SIDE, Draws, draw_object

# Height and width of a frame, pixels.
FRAME = 96

# Height and width of the world, pixels.
WORLD = 1536

_WORLD_SEED = 0

# Shapes that lie about in the world. An earlier set had 2,500 of them, and smaller objects: little
# was learnt from it in 200 steps. With so many, untrained features still find little.
_THINGS = 300


class Wave:
    """A value that swings between two others: two sines of unrelated periods."""

    def __init__(
        self, random: Draws, low: float, high: float, seconds: tuple[float, float]
    ) -> None:
        self._middle, self._swing = (low + high) / 2, (high - low) / 2
        self._rates = 2 * np.pi / random.uniform(*seconds, 2)
        self._phases = random.uniform(0, 2 * np.pi, 2)

    def at(self, time: float) -> float:
        """The value at `time`, seconds."""
        sines = np.sin(self._rates * time + self._phases)
        return self._middle + self._swing * float(sines.sum()) / 2


class Scene:
    """One video's object, and how everything moves."""

    def __init__(self, kind: str, random: Draws) -> None:
        self._object = draw_object(kind, random)
        # Pixels from the middle; share of the frame; radians, and radians a second; what it narrows
        # to when it turns away.
        self._place = [Wave(random, -12, 12, (2, 6)) for _ in range(2)]
        self._size = Wave(random, 0.75, 1, (3, 8))
        self._turn = random.uniform(0, 2 * np.pi), random.uniform(0.3, 1.5) * random.choice((-1, 1))
        self._narrow = Wave(random, 0.7, 1, (3, 8))
        self._hider = _Hider(random)
        # The camera in the world, pixels, its zoom and its tilt. It passes over a frame's width in
        # a quarter of a second.
        reach = WORLD / 2 - FRAME
        self._camera = [Wave(random, -reach, reach, (5, 9)) for _ in range(2)]
        self._zoom = Wave(random, 0.6, 1.3, (3, 8))
        self._tilt = Wave(random, -1.5, 1.5, (4, 9))
        # Red, green and blue, logarithms. Slower than this, the light itself would tell the windows
        # of one video from those of others.
        self._light = [Wave(random, -0.5, 0.3, (0.7, 2)) for _ in range(3)]

    def frame(self, time: float) -> Image.Image:
        """What is seen `time` seconds after the start, RGB, FRAME x FRAME."""
        at = [each.at(time) + WORLD / 2 for each in self._camera]
        zoom = self._zoom.at(time)
        picture = _seen(world(), at, self._tilt.at(time), zoom, zoom)
        scale = SIDE / FRAME / self._size.at(time)
        angle = self._turn[0] + self._turn[1] * time
        place = [each.at(time) for each in self._place]
        _put(picture, self._object, place, angle, scale, scale / self._narrow.at(time))
        self._hider.put(picture, time)
        gains = [np.exp(each.at(time)) for each in self._light]
        levels = np.arange(256)
        table = np.concatenate([np.minimum(levels * gain, 255) for gain in gains])
        return picture.point(table.astype(int).tolist())


class _Hider:
    """A bar or a disc, cut out of the world, that passes in front of the object."""

    def __init__(self, random: Draws) -> None:
        left, top = random.integers(0, WORLD - SIDE, 2).tolist()
        self._sprite = world().crop((left, top, left + SIDE, top + SIDE))
        mask = Image.new("L", (SIDE, SIDE))
        pen = ImageDraw.Draw(mask)
        if random.uniform() < 0.5:
            pen.rectangle((0.35 * SIDE, 0, 0.65 * SIDE, SIDE), fill=255)
        else:
            pen.ellipse((0.2 * SIDE, 0.2 * SIDE, 0.8 * SIDE, 0.8 * SIDE), fill=255)
        self._sprite.putalpha(mask)
        # Pixels from the middle of the frame; where it is not seen, too.
        self._place = [Wave(random, -90, 90, (2, 5)) for _ in range(2)]
        self._angle = Wave(random, -3, 3, (4, 9))
        self._scale = random.uniform(1.6, 2.6)

    def put(self, picture: Image.Image, time: float) -> None:
        """Put it where it is `time` seconds after the start."""
        place = [each.at(time) for each in self._place]
        _put(picture, self._sprite, place, self._angle.at(time), self._scale, self._scale)


@functools.cache
def world() -> Image.Image:
    """What all videos pass through, RGB, WORLD x WORLD: clouds of colour, and things.

    There is one only, so that no surroundings tell one video from another.
    """
    random = np.random.default_rng(_WORLD_SEED)
    layers = np.zeros((WORLD, WORLD, 3))
    for cell in (256, 96, 32, 12):
        coarse = random.uniform(-1, 1, (WORLD // cell, WORLD // cell, 3))
        image = [
            Image.fromarray(coarse[..., channel].astype(np.float32)).resize(
                (WORLD, WORLD), Image.Resampling.BICUBIC
            )
            for channel in range(3)
        ]
        layers += np.dstack([np.asarray(each) for each in image]) * (cell / 256) ** 0.3
    pixels = 128 + 50 * layers
    drawn = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(drawn)
    for _ in range(_THINGS):
        _draw_thing(pen, random)
    return drawn


def _draw_thing(pen: ImageDraw.ImageDraw, random: Draws) -> None:
    """An ellipse, a polygon, a line or a grating, of any colour."""
    x, y = random.uniform(0, WORLD, 2)
    size = random.uniform(6, 40)
    colour = tuple(random.integers(0, 256, 3).tolist())
    match random.integers(4):
        case 0:
            pen.ellipse((x, y, x + size * random.uniform(0.4, 1), y + size), fill=colour)
        case 1:
            pen.polygon(_points(random, 4, x, y, size), fill=colour)
        case 2:
            ends = _points(random, 2, x, y, 2 * size)
            pen.line(ends, fill=colour, width=int(size / 5) + 1)
        case _:
            step = random.uniform(6, 12)
            for number in range(4):
                along = y + number * step
                pen.line((x, along, x + 2 * size, along), fill=colour, width=int(step / 2))


def _points(
    random: Draws, count: int, x: float, y: float, reach: float
) -> list[tuple[float, float]]:
    """Points around (x, y)."""
    drawn = random.uniform(-reach, reach, (count, 2)).tolist()
    return [(x + across, y + down) for across, down in drawn]


def _seen(
    image: Image.Image, centre: Sequence[float], angle: float, across: float, down: float
) -> Image.Image:
    """FRAME x FRAME pixels around a point of an image, turned.

    One pixel of what is seen is `across` pixels wide in the image, and `down` high.
    """
    cos, sin = math.cos(angle), math.sin(angle)
    a, b, d, e = across * cos, across * sin, -down * sin, down * cos
    half = FRAME / 2
    affine = (a, b, centre[0] - (a + b) * half, d, e, centre[1] - (d + e) * half)
    size = FRAME, FRAME
    return image.transform(size, Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR)


def _put(
    picture: Image.Image,
    sprite: Image.Image,
    place: Sequence[float],
    angle: float,
    across: float,
    down: float,
) -> None:
    """Put a sprite `place` pixels beside the middle of a picture."""
    cos, sin = math.cos(angle), math.sin(angle)
    x, y = place
    # What is seen of the sprite from where the middle of the picture lies in it.
    centre = (
        SIDE / 2 - across * (cos * x + sin * y),
        SIDE / 2 - down * (cos * y - sin * x),
    )
    shown = _seen(sprite, centre, angle, across, down)
    picture.paste(shown, mask=shown)
