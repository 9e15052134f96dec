"""The ten kinds of objects: what a class has in common, and in what its members differ.

A kind is a silhouette and a pattern. A member has proportions, a number of points, a fineness and
a direction of its own, and two colours that say nothing of its kind.
"""

import colorsys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# A number, and a yes or no, for each point.
Plane = NDArray[Any]
Mask = NDArray[np.bool_]
Draws = np.random.Generator
Part = Callable[[Plane, Plane, Draws], Mask]

# Height and width of a drawn object, pixels, and times larger in which it is drawn.
SIDE = 96
_SMOOTH = 2

# Half of the side, where the outermost point of a silhouette is 1: leaves a clear margin.
_REACH = 1.1

# Least difference in lightness of an object's two colours, of 1.
_CONTRAST = 0.5


def draw_object(kind: str, random: Draws) -> Image.Image:
    """A member of a kind, RGBA of SIDE x SIDE pixels, transparent around it."""
    silhouette, pattern = KINDS[kind]
    side = SIDE * _SMOOTH
    line = _REACH * (2 * (np.arange(side) + 0.5) / side - 1)
    x, y = np.meshgrid(line, line)
    stretch = random.uniform(0.75, 1)
    inside = silhouette(x, y / stretch, random)
    level = pattern(*_turned(x, y, random.uniform(0, 2 * np.pi)), random)
    dark, light = _colours(random)
    colours = np.where(level[..., None], light, dark)
    pixels = np.dstack((colours, inside)) * 255
    return Image.fromarray(pixels.round().astype(np.uint8), "RGBA").reduce(_SMOOTH)


def _turned(x: Plane, y: Plane, angle: float) -> tuple[Plane, Plane]:
    return np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y


def _colours(random: Draws) -> NDArray[np.float64]:
    """Two colours, RGB of 1: the darker first, hues unrelated.

    Pale ones: with saturations up to 0.9, colours were enough to tell most videos apart, and for
    200 steps nothing else was learnt.
    """
    low = random.uniform(0.05, 0.35)
    high = random.uniform(low + _CONTRAST, 0.95)
    drawn = [
        colorsys.hls_to_rgb(random.uniform(), lightness, random.uniform(0, 0.25))
        for lightness in (low, high)
    ]
    return np.array(drawn)


# Silhouettes: whether points are within, in coordinates where the outermost are at 1.


def _within(x: Plane, y: Plane, radius: Callable[[Plane], Plane]) -> Mask:
    return np.hypot(x, y) <= radius(np.arctan2(y, x))


def _polygon(corners: int) -> Part:
    def silhouette(x: Plane, y: Plane, _: Draws) -> Mask:
        part = 2 * np.pi / corners
        return _within(x, y, lambda angle: np.cos(part / 2) / np.cos(angle % part - part / 2))

    return silhouette


def _disc(x: Plane, y: Plane, _: Draws) -> Mask:
    return np.hypot(x, y) <= 1


def _star(x: Plane, y: Plane, random: Draws) -> Mask:
    points, depth = random.integers(4, 8), random.uniform(0.3, 0.6)
    return _within(x, y, lambda angle: 1 - depth * (1 - _saw(angle * points / np.pi)))


def _flower(x: Plane, y: Plane, random: Draws) -> Mask:
    petals, depth = random.integers(3, 7), random.uniform(0.12, 0.3)
    return _within(x, y, lambda angle: 1 - depth + depth * np.cos(petals * angle))


def _gear(x: Plane, y: Plane, random: Draws) -> Mask:
    teeth, depth = random.integers(6, 12), random.uniform(0.15, 0.35)
    return _within(x, y, lambda angle: 1 - depth * (np.sin(teeth * angle) > 0))


def _cross(x: Plane, y: Plane, random: Draws) -> Mask:
    across, down = random.uniform(0.2, 0.45, 2)
    bars = (np.abs(x) <= across) | (np.abs(y) <= down)
    cross: Mask = bars & (np.maximum(np.abs(x), np.abs(y)) <= 0.95)
    return cross


def _ring(x: Plane, y: Plane, random: Draws) -> Mask:
    away = np.hypot(x, y)
    return (away <= 1) & (away >= random.uniform(0.3, 0.55))


def _crescent(x: Plane, y: Plane, random: Draws) -> Mask:
    bite = np.hypot(x - random.uniform(0.5, 0.8), y) >= random.uniform(0.6, 0.8)
    return (np.hypot(x, y) <= 1) & bite


# Patterns: which of its two colours a point has.


def _stripes(x: Plane, _: Plane, random: Draws) -> Mask:
    return _wave(x * random.uniform(1.2, 2.4), random)


def _checks(x: Plane, y: Plane, random: Draws) -> Mask:
    fine = random.uniform(0.8, 1.5)
    return np.sin(2 * np.pi * fine * x) * np.sin(2 * np.pi * fine * y) > 0


def _dots(x: Plane, y: Plane, random: Draws) -> Mask:
    fine, radius = random.uniform(1.2, 2), random.uniform(0.28, 0.4)
    across, down = (each * fine % 1 - 0.5 for each in (x, y))
    return _either(np.hypot(across, down) < radius, random)


def _rings(x: Plane, y: Plane, random: Draws) -> Mask:
    return _wave(np.hypot(x, y) * random.uniform(1.2, 2.4), random)


def _zigzags(x: Plane, y: Plane, random: Draws) -> Mask:
    fine, depth = random.uniform(1, 1.6), random.uniform(0.25, 0.4)
    return _wave(x * random.uniform(1.1, 1.8) + 2 * depth * _saw(y * fine), random)


def _spokes(x: Plane, y: Plane, random: Draws) -> Mask:
    return _wave(np.arctan2(y, x) / (2 * np.pi) * random.integers(3, 9), random)


def _swirls(x: Plane, y: Plane, random: Draws) -> Mask:
    arms, twist = random.integers(1, 4), random.uniform(1, 2.2) * random.choice((-1, 1))
    return _wave(np.arctan2(y, x) / (2 * np.pi) * arms + twist * np.hypot(x, y), random)


def _blotches(x: Plane, y: Plane, random: Draws) -> Mask:
    level = np.zeros_like(x)
    for _ in range(12):
        fine, angle, phase = random.uniform(0.8, 2), *random.uniform(0, 2 * np.pi, 2)
        level += np.sin(2 * np.pi * fine * (np.cos(angle) * x + np.sin(angle) * y) + phase)
    return level > random.uniform(-1.2, 1.2)


def _net(x: Plane, y: Plane, random: Draws) -> Mask:
    fine, width = random.uniform(1, 1.8), random.uniform(0.2, 0.35)
    across, down = (each * fine % 1 for each in (x, y))
    return _either((across < width) | (down < width), random)


def _bricks(x: Plane, y: Plane, random: Draws) -> Mask:
    fine, joint = random.uniform(1.3, 2.2), random.uniform(0.2, 0.32)
    row = np.floor(y * fine)
    shifted = x * fine / 2 + row % 2 / 2
    return _either((shifted % 1 < joint / 2) | (y * fine % 1 < joint), random)


def _saw(phase: Plane) -> Plane:
    """From 1 to 0 and back, for each 2 of `phase`."""
    saw: Plane = np.abs(phase % 2 - 1)
    return saw


def _either(mask: Mask, random: Draws) -> Mask:
    """The mask or, as often, all that is not in it."""
    return mask if random.uniform() < 0.5 else ~mask


def _wave(phase: Plane, random: Draws) -> Mask:
    """Two colours in turns, one turn for each 1 of `phase`."""
    share = random.uniform(0.3, 0.7)
    return (phase + random.uniform()) % 1 < share


# Each name of a class, with the silhouette and the pattern of all its members.
KINDS: dict[str, tuple[Part, Part]] = {
    "striped disc": (_disc, _stripes),
    "checked triangle": (_polygon(3), _checks),
    "dotted square": (_polygon(4), _dots),
    "ringed star": (_star, _rings),
    "zigzag flower": (_flower, _zigzags),
    "spoked gear": (_gear, _spokes),
    "swirled hexagon": (_polygon(6), _swirls),
    "blotched cross": (_cross, _blotches),
    "netted ring": (_ring, _net),
    "bricked crescent": (_crescent, _bricks),
}
