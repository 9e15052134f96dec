"""Texts as records and terminals can hold them; numbers and names as people read them."""

import re
from collections import Counter
from collections.abc import Sequence

from rich.filesize import decimal

from videonet.schemas.label import Label
from videonet.schemas.shown import printable
from videonet.schemas.target import Target

# The longest error text in a record, characters.
ERROR_LENGTH = 300

# What a terminal takes for a change of colour.
_COLOUR = re.compile("\x1b\\[[^m]+m")


def shortened(text: str) -> str:
    """An error text as records keep it: one line of at most ERROR_LENGTH characters.

    The text may not hold secrets. For texts that may, see `videonet.fetch.redaction.Redaction`.
    """
    line = printable(uncoloured(text))
    return line if len(line) <= ERROR_LENGTH else line[: ERROR_LENGTH - 1] + "…"


def uncoloured(text: str) -> str:
    """`text` in one line, without the colours that a program set for a terminal."""
    return " ".join(_COLOUR.sub("", text).split())


def encodable(text: str) -> str:
    """`text` with "?" for each half of a character. A title cut short in JSON can end with one."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def as_shown(text: str) -> str:
    """`text` from a stranger's file as a terminal may show it: one line without control codes."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def number(count: int, one: str, many: str = "") -> str:
    """A number with its noun in the singular or plural, such as "1,200 clips"."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def number_of(part: int, whole: int, one: str, many: str = "") -> str:
    """A part of things, such as "998 of 1,000 classes"; where it is all of them, "8 classes"."""
    everything = number(whole, one, many)
    return everything if part == whole else f"{part:,} of {everything}"


def share(part: int, whole: int) -> str:
    """A share in percent that is 0 or 100 only where it is so exactly, such as "0.3 %"."""
    percent = 100 * part / whole
    if part in (0, whole):
        return f"{percent:.0f} %"
    if percent < 0.1:
        return "less than 0.1 %"
    if percent > 99.9:
        return "more than 99.9 %"
    return f"{percent:.1f} %" if percent < 10 or percent > 99 else f"{percent:.0f} %"


def part_of(part: int, whole: int) -> str:
    """A part with its share, such as "1,200 (12 %)"; "unknown" where there is no whole."""
    return f"{part:,} ({share(part, whole)})" if whole else "unknown"


def too_short(videos: int) -> str:
    """Said of kept videos without a clip: "9 more kept videos are too short for a clip"."""
    return f"{number(videos, 'more kept video is', 'more kept videos are')} too short for a clip"


# Codecs whose own names are not what people call them. Older verdicts have the name of a decoder.
_CODECS = {
    "av1": "AV1",
    "libdav1d": "AV1",
    "h263": "H.263",
    "h264": "H.264",
    "hevc": "H.265",
    "vp8": "VP8",
    "vp9": "VP9",
    "mpeg1video": "MPEG-1",
    "mpeg2video": "MPEG-2",
    "mpeg4": "MPEG-4",
    "mjpeg": "Motion JPEG",
    "theora": "Theora",
}


def codec_name(codec: str) -> str:
    """What people call a codec, such as "AV1" for "av1"."""
    return _CODECS.get(codec, codec)


def file_size(bytes: int) -> str:
    """Bytes in the unit that people would take, such as "1.2 GB"."""
    return decimal(bytes)


def duration(seconds: float) -> str:
    """How long work takes, in the units that one would say it in: "45 s", "3 h 20 min"."""
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    if seconds < 99.5:
        return f"{seconds:.2g} s"
    if minutes < 100:
        return f"{minutes} min"
    if hours < 48:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{hours // 24} d {hours % 24} h"


def playing_time(seconds: float) -> str:
    """How long videos are, in one unit: "12.5 s", "5.2 minutes", "3,204.0 hours"."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 7200:
        return f"{seconds / 60:.1f} minutes"
    return f"{seconds / 3600:,.1f} hours"


def label_names(labels: Sequence[Label]) -> list[str]:
    """The first name of each output; where two have the same, with what tells them apart."""
    names = [label.name.partition(",")[0].strip() for label in labels]
    marks = [label.wnid or f"output {index}" for index, label in enumerate(labels)]
    return _told_apart(names, marks)


def target_names(targets: Sequence[Target]) -> list[str]:
    """The name of each class; where two have the same, with their ids."""
    return _told_apart([each.name for each in targets], [each.target_id for each in targets])


def _told_apart(names: Sequence[str], marks: Sequence[str]) -> list[str]:
    occurrences = Counter(names)
    return [
        f"{name} ({mark})" if occurrences[name] > 1 else name
        for name, mark in zip(names, marks, strict=True)
    ]
