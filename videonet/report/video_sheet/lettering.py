"""Text in pictures: whatever a title holds, something legible is drawn, and it fits.

Pillow brings one font, of few letters. What it lacks is taken from a font of the system, if there
is one that has it, or else written without accents; what is left becomes a box, one for each run
of such letters.
"""

import bisect
import functools
import itertools
import unicodedata
from collections.abc import Iterator

from PIL import ImageDraw, ImageFont

from videonet.text import one_line

# On Linux and on macOS; where several are found, the first that has a letter draws it.
_SYSTEM_FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "Arial Unicode.ttf",
)

# No font has a glyph for this one: it looks as whatever is missing does.
_MISSING = "\U0010ffff"


def write(
    draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, size: int, colour: str
) -> float:
    """Draw `text` with its baseline beginning at `place`, pixels; returns where it ends."""
    x, y = place
    for font, letters in _runs(text, size):
        draw.text((x, y), letters, fill=colour, font=font, anchor="ls")
        x += font.getlength(letters)
    return x


def width_of(text: str, size: int) -> float:
    """How wide `text` is when drawn, pixels."""
    return sum(font.getlength(letters) for font, letters in _runs(text, size))


def fitted(text: str, size: int, width: float) -> str:
    """`text` in one line, its end replaced by an ellipsis if it is wider than `width` pixels."""
    text = one_line(text)
    if width_of(text, size) <= width:
        return text
    return f"{text[: _fitting(text, size, width - width_of('…', size))].rstrip()}…"


def wrapped(text: str, size: int, width: float, lines: int) -> list[str]:
    """`text` in at most so many lines of `width` pixels, broken between words where possible."""
    rest = one_line(text)
    found: list[str] = []
    while len(found) < lines - 1 and width_of(rest, size) > width:
        room = max(1, _fitting(rest, size, width))
        cut = rest.rfind(" ", 0, room + 1)
        cut = cut if cut > 0 else room
        found.append(rest[:cut])
        rest = rest[cut:].lstrip()
    return [*found, fitted(rest, size, width)]


def _fitting(text: str, size: int, width: float) -> int:
    """How many of the first letters of `text` go into `width` pixels."""
    counts = range(1, len(text) + 1)
    return bisect.bisect_right(counts, width, key=lambda count: width_of(text[:count], size))


def _runs(text: str, size: int) -> Iterator[tuple[ImageFont.FreeTypeFont, str]]:
    """`text` in pieces, each with the font that has all of its letters."""
    glyphs = [_glyph(each) for each in text]
    kept = [
        glyph
        for before, glyph in zip([None, *glyphs], glyphs, strict=False)
        if glyph != (0, _MISSING) or before != glyph
    ]
    for number, run in itertools.groupby(kept, key=lambda glyph: glyph[0]):
        yield _font(number, size), "".join(letters for _, letters in run)


@functools.cache
def _glyph(character: str) -> tuple[int, str]:
    """Number of the font that draws a character, and what it draws for it."""
    if character == " ":
        return 0, character
    for number in range(1 + len(_system_fonts())):
        if _has(number, character):
            return number, character
    plain = [each for each in unicodedata.normalize("NFKD", character) if each.isalnum()]
    if plain and all(_has(0, each) for each in plain):
        return 0, "".join(plain)
    return 0, _MISSING


@functools.cache
def _has(number: int, character: str) -> bool:
    font = _font(number, 16)
    mask, missing = font.getmask(character), font.getmask(_MISSING)
    return (mask.size, bytes(mask)) != (missing.size, bytes(missing))


@functools.cache
def _font(number: int, size: int) -> ImageFont.FreeTypeFont:
    """Pillow's own font, number 0, or one of the system's."""
    if number:
        return ImageFont.truetype(_system_fonts()[number - 1], size)
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont), "Pillow is built with FreeType"
    return font


@functools.cache
def _system_fonts() -> tuple[str, ...]:
    """Files of the fonts that are here."""
    found = []
    for name in _SYSTEM_FONTS:
        try:
            found.append(str(ImageFont.truetype(name, 16).path))
        except OSError:
            continue
    return tuple(found)
