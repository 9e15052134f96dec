"""Draws videos: a subject that drifts over a landscape, encoded like the videos of the wild."""

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from random import Random

from PIL import Image, ImageDraw

from demo.encoding import Encoding, encode
from demo.subjects import PALE, SUBJECTS, Colour, Colours, Sheet, hsl

SCENERY = "scenery"
"""The kind of a video that shows no subject at all."""

KINDS = (*SUBJECTS, SCENERY)

PHASES = 8
"""Drawings of a subject's movement; every frame shows one of them."""

SMOOTH = 2
"""Times larger in which everything is drawn, so that edges come out smooth."""


def draw_video(
    path: Path,
    kind: str | tuple[str, ...],
    seconds: float,
    *,
    size: tuple[int, int] = (320, 240),
    fps: int | Fraction = Fraction(25, 2),
    seed: int | str = 0,
    encoding: Encoding | None = None,
) -> None:
    """Writes a video of `kind`; its suffix names the container.

    Several kinds are shown one after the other, each for an equal part of the time. `size` is
    width and height as shown, even numbers of pixels. Equal arguments draw equal frames.
    """
    kinds = (kind,) if isinstance(kind, str) else kind
    count = round(seconds * fps)
    scenes = [Scene(each, size, seed) for each in kinds]

    def frames() -> Iterator[Image.Image]:
        for index in range(count):
            yield scenes[index * len(scenes) // count].frame(float(index / fps))

    encode(path, frames(), size, fps, encoding or Encoding())


class Scene:
    """One landscape, the subject before it, and how both move.

    The subject never leaves the middle of the picture, so that a centre crop shows it whole.
    """

    def __init__(self, kind: str, size: tuple[int, int], seed: int | str) -> None:
        if kind not in KINDS:
            raise ValueError(f"no such kind: {kind!r}; there are {', '.join(KINDS)}")
        self._kind = kind
        self._size = size
        self._random = random = Random(f"{kind} {seed}")
        self._landscape = _landscape(size, random)
        self._colours = Colours.draw(random)
        self._mirrored = random.random() < 0.5
        self._share = random.uniform(0.5, 0.72)  # of the short side
        self._tilt = random.uniform(2, 9)  # degrees
        self._turns = [random.uniform(0, 2 * math.pi) for _ in range(4)]
        self._periods = [random.uniform(4, 9) for _ in range(4)]  # seconds
        self._flap = random.uniform(0.7, 1.3)  # seconds

    def frame(self, time: float) -> Image.Image:
        """What is seen `time` seconds after the start, as RGB of the scene's size."""
        width, height = self._size
        across, down, tilt, scale = (
            math.sin(2 * math.pi * time / period + turn)
            for period, turn in zip(self._periods, self._turns, strict=True)
        )
        pan = round((self._landscape.width - width) * (0.5 + across / 2))
        picture = self._landscape.crop((pan, 0, pan + width, height))
        if self._kind == SCENERY:
            return picture
        short = min(width, height)
        side = round(short * self._share * (1 + 0.06 * scale))
        phase = int(time / self._flap * PHASES) % PHASES
        sprite = self._sprites[phase].rotate(self._tilt * tilt, Image.Resampling.BILINEAR)
        sprite = sprite.resize((side, side), Image.Resampling.BILINEAR)
        room = (0.86 * short - side) / 2
        left = round(width / 2 + across * room - side / 2)
        top = round(height / 2 + down * room - side / 2)
        picture.paste(sprite, (left, top), sprite)
        return picture

    @cached_property
    def _sprites(self) -> list[Image.Image]:
        side = round(min(self._size) * self._share * 1.06)
        return [self._sprite(side, phase / PHASES) for phase in range(PHASES)]

    def _sprite(self, side: int, phase: float) -> Image.Image:
        sheet = Sheet(side * SMOOTH)
        SUBJECTS[self._kind](sheet, self._colours, phase)
        image = sheet.image.reduce(SMOOTH)
        return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if self._mirrored else image


def _landscape(size: tuple[int, int], random: Random) -> Image.Image:
    """Sky, sun, clouds, and hills, sea or town, half as wide again as `size`, for panning.

    Every landscape occurs with every subject, so that it says nothing about the subject.
    """
    width, height = size[0] * 3 // 2 * SMOOTH, size[1] * SMOOTH
    hue, light = random.randrange(360), random.choice((26, 62, 74))
    picture = _sky(width, height, hsl(hue, 45, light), hsl(hue + random.randrange(-60, 60), 60, 84))
    pen = ImageDraw.Draw(picture)
    _dot(pen, (random.random() * width, random.uniform(0.1, 0.4) * height), 0.07 * height, PALE)
    for _ in range(random.randrange(5)):
        _cloud(pen, random, width, height)
    ground = random.choice((_hills, _sea, _town))
    ground(pen, random, width, height, random.randrange(360))
    return picture.reduce(SMOOTH)


def _sky(width: int, height: int, top: Colour, bottom: Colour) -> Image.Image:
    column = Image.new("RGB", (1, 2))
    column.putdata([top, bottom])
    return column.resize((width, height), Image.Resampling.BILINEAR)


def _dot(
    pen: ImageDraw.ImageDraw, centre: tuple[float, float], radius: float, colour: Colour
) -> None:
    x, y = centre
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _cloud(pen: ImageDraw.ImageDraw, random: Random, width: int, height: int) -> None:
    x, y = random.random() * width, random.uniform(0.05, 0.5) * height
    radius = random.uniform(0.03, 0.06) * height
    for puff in range(4):
        bulge = 1.4 if puff in (1, 2) else 1
        _dot(pen, (x + 1.3 * puff * radius, y), bulge * radius, (245, 245, 248))


def _hills(pen: ImageDraw.ImageDraw, random: Random, width: int, height: int, hue: int) -> None:
    for layer in range(3):
        colour = hsl(hue + 12 * layer, 35, 62 - 16 * layer)
        base, swing = (0.58 + 0.14 * layer) * height, random.uniform(0.02, 0.08) * height
        bends, turn = random.uniform(1, 3), random.uniform(0, 6)
        ridge = [
            (x, base + swing * math.sin(2 * math.pi * bends * x / width + turn))
            for x in range(0, width + 8, 8)
        ]
        pen.polygon([*ridge, (width, height), (0, height)], fill=colour)


def _sea(pen: ImageDraw.ImageDraw, random: Random, width: int, height: int, hue: int) -> None:
    hue = 170 + hue % 90
    horizon = random.uniform(0.5, 0.7) * height
    pen.rectangle((0, horizon, width, height), fill=hsl(hue, 45, 42))
    for _ in range(40):
        x, y = random.random() * width, random.uniform(horizon, height)
        pen.line((x, y, x + 0.08 * height, y), fill=hsl(hue, 50, 58), width=SMOOTH)


def _town(pen: ImageDraw.ImageDraw, random: Random, width: int, height: int, hue: int) -> None:
    left = 0
    while left < width:
        right, top = left + random.uniform(0.08, 0.2) * height, random.uniform(0.55, 0.85) * height
        pen.rectangle((left, top, right, height), fill=hsl(hue, 25, random.randrange(30, 50)))
        for y in range(int(top) + 8, height, 16):
            for x in range(int(left) + 6, int(right) - 6, 14):
                if random.random() < 0.4:
                    pen.rectangle((x, y, x + 5, y + 7), fill=(250, 226, 150))
        left = int(right) + 2
