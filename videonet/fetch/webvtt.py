"""Captions of a stranger as plain WebVTT: times and text, and nothing that acts.

What is read: WebVTT and SubRip. Positions, colours and voices are left out. Automatic captions show
each line twice, once while it is spoken and once above the next line: here it stands once.
"""

import html
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from videonet.fetch.published_address import published_text
from videonet.schemas.shown import printable
from videonet.text import encodable

# Bytes that are kept of the captions of a video: of someone who speaks for five hours.
MOST_BYTES = 500_000

# Of one cue: characters, and lines.
_MOST_TEXT, _MOST_LINES = 1_000, 20

_TIME = r"(?:(\d{1,3}):)?([0-5]?\d):([0-5]\d)[.,](\d{3})"
_TIMES = re.compile(rf"[ \t]*{_TIME}[ \t]*-->[ \t]*{_TIME}(?!\d)", re.ASCII)

# A tag of WebVTT or SubRip: <c.yellow>, <i>, <v Fred>. No two of them begin with the same "<".
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<[\d:.]+>")

# When a word within a line is spoken: so do sites write what they hear.
_WORD_TIME = re.compile(r"<\d\d:\d\d:\d\d\.\d{3}>", re.ASCII)


class Cue(NamedTuple):
    """What is shown at one time. Milliseconds from the beginning of the video."""

    begin: int
    end: int
    text: str


def cues_in(text: str) -> Iterator[Cue]:
    r"""The cues of WebVTT or SubRip, in their order; none of what is neither.

    >>> list(cues_in("WEBVTT\n\n00:01.000 --> 00:02.500 align:start\n<i>Hello</i>\nthere\n"))
    [Cue(begin=1000, end=2500, text='Hello\nthere')]
    """
    rolls = _WORD_TIME.search(text) is not None
    before: list[str] = []
    for begin, end, written in _blocks(text.removeprefix("\ufeff")):
        shown = [line for line in map(_line, written[:_MOST_LINES]) if line]
        new = shown[_common(before, shown) :] if rolls else shown
        if shown:
            before = shown
        if new and begin < end:
            yield Cue(begin, end, "\n".join(new)[:_MOST_TEXT].rstrip())


class WebVtt(NamedTuple):
    """A file of captions."""

    text: str
    cues: int
    # whether further cues were left out at its end
    shortened: bool


def as_webvtt(cues: Iterable[Cue], most_bytes: int = MOST_BYTES) -> WebVtt:
    """Cues as WebVTT of at most so many bytes of UTF-8."""
    blocks = ["WEBVTT\n"]
    size, cut_off = len(blocks[0]), False
    for cue in cues:
        text = html.escape(cue.text, quote=False)
        block = f"\n{_shown(cue.begin)} --> {_shown(cue.end)}\n{text}\n"
        size += len(block.encode())
        if size > most_bytes:
            cut_off = True
            break
        blocks.append(block)
    return WebVtt("".join(blocks), len(blocks) - 1, cut_off)


def _blocks(text: str) -> Iterator[tuple[int, int, list[str]]]:
    """Begin, end and lines of each cue."""
    is_vtt = text.startswith("WEBVTT")
    begin = end = 0
    lines: list[str] | None = None
    for line in re.split("\r\n|\n|\r", text):
        found = _TIMES.match(line)
        if found is not None:
            if lines is not None:
                yield begin, end, lines
            begin, end = _milliseconds(*found.groups()[:4]), _milliseconds(*found.groups()[4:])
            lines = []
        elif lines is None:
            continue
        elif line and (is_vtt or line.strip()):
            # In WebVTT a line of blanks does not end a cue.
            lines.append(line)
        else:
            yield begin, end, lines
            lines = None
    if lines is not None:
        yield begin, end, lines


def _line(text: str) -> str:
    """A line without tags, entities, secrets and what acts."""
    # Bounded first: a line of megabytes is no line of captions.
    plain = html.unescape(_TAG.sub("", text[: 10 * _MOST_TEXT]))
    return published_text(" ".join(printable(encodable(plain)).split()))


def _common(before: list[str], shown: list[str]) -> int:
    """How many lines at the beginning of `shown` are those at the end of `before`."""
    most = min(len(before), len(shown))
    return next((n for n in range(most, 0, -1) if before[-n:] == shown[:n]), 0)


def _milliseconds(hours: str | None, minutes: str, seconds: str, rest: str) -> int:
    return ((int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(rest)


def _shown(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:03d}"
