"""The things that the demo's videos show, as flat paper cuts."""

import colorsys
import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from PIL import Image, ImageDraw

Point = tuple[float, float]
Colour = tuple[int, int, int]

DARK: Colour = (44, 40, 52)
PALE: Colour = (250, 244, 230)
GOLD: Colour = (250, 208, 96)


@dataclass(frozen=True)
class Colours:
    """What a subject is painted with: a strong colour, and one that stands out against it."""

    main: Colour
    second: Colour

    @classmethod
    def draw(cls, random: Random) -> "Colours":
        """Any strong hue, with white or with another hue."""
        hue = random.randrange(360)
        second = PALE if random.random() < 0.5 else hsl(hue + random.randrange(90, 270), 75, 72)
        return cls(main=hsl(hue, random.randrange(60, 85), random.randrange(38, 56)), second=second)


def hsl(hue: float, saturation: float, lightness: float) -> Colour:
    """Degrees, percent and percent as red, green and blue of 0 to 255."""
    red, green, blue = colorsys.hls_to_rgb(hue / 360 % 1, lightness / 100, saturation / 100)
    return round(255 * red), round(255 * green), round(255 * blue)


class Sheet:
    """A transparent square that is drawn on in units of its side; (0, 0) is top left."""

    def __init__(self, side: int) -> None:
        self.image = Image.new("RGBA", (side, side))
        self._pen = ImageDraw.Draw(self.image)
        self._side = side

    def polygon(self, colour: Colour, *points: Point) -> None:
        """A filled polygon."""
        self._pen.polygon(self._pixels(*points), fill=colour)

    def line(self, colour: Colour, width: float, *points: Point) -> None:
        """A line through `points`."""
        pixels = max(1, round(width * self._side))
        self._pen.line(self._pixels(*points), fill=colour, width=pixels, joint="curve")

    def box(self, colour: Colour, left_top: Point, right_bottom: Point) -> None:
        """A filled rectangle."""
        self._pen.rectangle(self._pixels(left_top, right_bottom), fill=colour)

    def disc(self, colour: Colour, centre: Point, radius: float, height: float = 0) -> None:
        """A filled circle, or an ellipse of half-height `height`."""
        (x, y), tall = centre, height or radius
        self._pen.ellipse(self._pixels((x - radius, y - tall), (x + radius, y + tall)), fill=colour)

    def dome(self, colour: Colour, left_top: Point, right_bottom: Point) -> None:
        """The upper half of the ellipse that fills a rectangle."""
        self._pen.chord(self._pixels(left_top, right_bottom), 180, 360, fill=colour)

    def _pixels(self, *points: Point) -> list[Point]:
        return [(x * self._side, y * self._side) for x, y in points]


def balloon(sheet: Sheet, colours: Colours, phase: float) -> None:
    """A striped hot-air balloon whose burner flickers."""
    for half, colour in (0.37, colours.main), (0.25, colours.second), (0.12, colours.main):
        sheet.disc(colour, (0.5, 0.36), half, 0.35)
        sheet.polygon(
            colour,
            (0.5 - half * 0.95, 0.47),
            (0.5 + half * 0.95, 0.47),
            (0.5 + half * 0.3, 0.79),
            (0.5 - half * 0.3, 0.79),
        )
    for side in (-1, 1):
        sheet.line(DARK, 0.012, (0.5 + side * 0.1, 0.79), (0.5 + side * 0.065, 0.9))
    if phase % 0.5 < 0.25:
        sheet.polygon(GOLD, (0.46, 0.87), (0.5, 0.8), (0.54, 0.87))
    sheet.box((150, 98, 56), (0.42, 0.88), (0.58, 0.99))
    sheet.box(DARK, (0.42, 0.88), (0.58, 0.9))


def sailboat(sheet: Sheet, colours: Colours, phase: float) -> None:
    """A sailing boat with mainsail, jib and a waving pennant."""
    wave = 0.02 * math.sin(2 * math.pi * phase)
    sheet.line(DARK, 0.022, (0.5, 0.03), (0.5, 0.78))
    sheet.polygon(colours.main, (0.5, 0.03), (0.5, 0.09), (0.36, 0.06 + wave))
    sheet.polygon(PALE, (0.53, 0.08), (0.6 + wave, 0.4), (0.93, 0.7), (0.53, 0.7))
    sheet.polygon(colours.main, (0.53, 0.53), (0.75, 0.53), (0.93, 0.7), (0.53, 0.7))
    sheet.polygon(colours.second, (0.47, 0.14), (0.47, 0.7), (0.12 + wave, 0.7))
    sheet.polygon(colours.main, (0.03, 0.76), (0.97, 0.76), (0.82, 0.95), (0.2, 0.95))
    sheet.line(PALE, 0.02, (0.08, 0.81), (0.92, 0.81))


def butterfly(sheet: Sheet, colours: Colours, phase: float) -> None:
    """A butterfly from above, flapping."""
    spread = 0.6 + 0.4 * math.cos(2 * math.pi * phase)
    for wing in (-spread, spread):
        for colour, points in (
            (DARK, UPPER_WING),
            (colours.main, UPPER_MARK),
            (DARK, LOWER_WING),
            (colours.main, LOWER_MARK),
        ):
            sheet.polygon(colour, *((0.5 + wing * x, y) for x, y in points))
        sheet.disc(colours.second, (0.5 + wing * 0.33, 0.25), 0.055 * spread, 0.055)
        sheet.disc(colours.second, (0.5 + wing * 0.24, 0.65), 0.06 * spread, 0.06)
    for side in (-0.1, 0.1):
        sheet.line(DARK, 0.014, (0.5, 0.28), (0.5 + side, 0.1))
        sheet.disc(DARK, (0.5 + side, 0.1), 0.02)
    sheet.disc(DARK, (0.5, 0.53), 0.04, 0.27)


UPPER_WING = ((0.02, 0.46), (0.2, 0.16), (0.42, 0.08), (0.49, 0.2), (0.4, 0.48))
UPPER_MARK = ((0.06, 0.43), (0.23, 0.2), (0.4, 0.13), (0.44, 0.21), (0.36, 0.43))
LOWER_WING = ((0.02, 0.48), (0.37, 0.5), (0.4, 0.68), (0.25, 0.88), (0.1, 0.76))
LOWER_MARK = ((0.07, 0.53), (0.32, 0.55), (0.34, 0.67), (0.24, 0.81), (0.13, 0.72))
"""Corners of a butterfly's right wing, from the body outwards."""


def locomotive(sheet: Sheet, colours: Colours, phase: float) -> None:
    """A steam engine with turning wheels and puffs of smoke."""
    for puff in range(3):
        age = (puff + phase) / 3
        sheet.disc((228, 228, 232), (0.77 - 0.45 * age, 0.2 - 0.12 * age), 0.05 + 0.05 * age)
    sheet.polygon(DARK, (0.7, 0.2), (0.84, 0.2), (0.81, 0.28), (0.81, 0.42), (0.73, 0.42))
    sheet.disc(GOLD, (0.57, 0.41), 0.06)
    sheet.box(colours.main, (0.3, 0.4), (0.9, 0.64))
    sheet.disc(DARK, (0.9, 0.52), 0.04, 0.12)
    for x in (0.46, 0.62):
        sheet.box(colours.second, (x, 0.4), (x + 0.03, 0.64))
    sheet.box(colours.main, (0.05, 0.26), (0.34, 0.68))
    sheet.box(DARK, (0.01, 0.22), (0.38, 0.27))
    sheet.box((190, 226, 240), (0.11, 0.33), (0.27, 0.47))
    sheet.box(DARK, (0.05, 0.64), (0.93, 0.71))
    sheet.polygon(DARK, (0.9, 0.64), (0.99, 0.86), (0.84, 0.86))
    for x, radius in (0.2, 0.14), (0.49, 0.11), (0.73, 0.11):
        centre = (x, 0.89 - radius)
        sheet.disc(DARK, centre, radius)
        sheet.disc(colours.second, centre, radius * 0.72)
        for spoke in range(3):
            angle = math.pi * (spoke / 3 + phase / 3)
            dx, dy = radius * 0.8 * math.cos(angle), radius * 0.8 * math.sin(angle)
            sheet.line(DARK, 0.02, (x - dx, centre[1] - dy), (x + dx, centre[1] + dy))


def mushroom(sheet: Sheet, colours: Colours, phase: float) -> None:
    """A toadstool that nods a little."""
    lean = 0.02 * math.sin(2 * math.pi * phase)
    sheet.polygon(PALE, (0.4 + lean, 0.46), (0.6 + lean, 0.46), (0.67, 0.97), (0.33, 0.97))
    sheet.disc(PALE, (0.5, 0.95), 0.18, 0.05)
    sheet.polygon((222, 210, 190), (0.37, 0.6), (0.63, 0.6), (0.66, 0.68), (0.34, 0.68))
    sheet.dome(colours.main, (0.04 + lean, 0.03), (0.96 + lean, 0.97))
    sheet.disc((232, 214, 196), (0.5 + lean, 0.5), 0.46, 0.05)
    for x, y, radius in (
        (0.5, 0.16, 0.08),
        (0.28, 0.27, 0.07),
        (0.73, 0.26, 0.065),
        (0.47, 0.36, 0.055),
        (0.15, 0.4, 0.04),
        (0.67, 0.41, 0.045),
        (0.86, 0.4, 0.035),
    ):
        sheet.disc(PALE, (x + lean, y), radius, radius * 0.8)


def lighthouse(sheet: Sheet, colours: Colours, phase: float) -> None:
    """A striped lighthouse on a rock, its beam sweeping."""
    reach = 0.48 * math.cos(2 * math.pi * phase)
    sheet.polygon(GOLD, (0.5, 0.15), (0.5 + reach, 0.04), (0.5 + reach, 0.26))
    for step in range(5):
        top, bottom = 0.24 + step * 0.13, 0.24 + (step + 1) * 0.13
        wide = [0.09 + 0.09 * (y - 0.24) / 0.65 for y in (top, bottom)]
        sheet.polygon(
            PALE if step % 2 else colours.main,
            (0.5 - wide[0], top),
            (0.5 + wide[0], top),
            (0.5 + wide[1], bottom),
            (0.5 - wide[1], bottom),
        )
    sheet.box(DARK, (0.36, 0.21), (0.64, 0.25))
    sheet.box(GOLD, (0.43, 0.1), (0.57, 0.21))
    sheet.line(DARK, 0.015, (0.5, 0.1), (0.5, 0.21))
    sheet.polygon(colours.main, (0.39, 0.11), (0.5, 0.01), (0.61, 0.11))
    sheet.box(DARK, (0.46, 0.78), (0.54, 0.89))
    sheet.polygon(
        (108, 100, 104),
        (0.12, 0.99),
        (0.22, 0.9),
        (0.36, 0.86),
        (0.64, 0.86),
        (0.8, 0.91),
        (0.9, 0.99),
    )


SUBJECTS: dict[str, Callable[[Sheet, Colours, float], None]] = {
    "balloon": balloon,
    "sailboat": sailboat,
    "butterfly": butterfly,
    "locomotive": locomotive,
    "mushroom": mushroom,
    "lighthouse": lighthouse,
}
"""How each class is drawn, filling a sheet; `phase` of 0 to 1 is once through its movement."""
