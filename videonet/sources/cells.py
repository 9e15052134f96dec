"""What a cell of a table says: text or seconds, however they are written."""

import math
from datetime import time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from yt_dlp.utils import parse_duration

from videonet.text import encodable

# Above it, not every whole number is one that 64 bits of floating point can hold.
_EXACT = 1 << 53


def text_of(value: Any) -> str | None:
    """A cell as text without space around it; None: it is empty, or is no text.

    Bytes are UTF-8, of which what cannot be read becomes a mark. A whole number is written without
    a point, for tables make 7.0 of a 7 where a cell above it is empty.
    """
    if isinstance(value, str):
        text = value
    elif value is None or isinstance(value, bool):
        return None
    elif isinstance(value, bytes):
        text = value.decode("utf-8", "replace")
    elif isinstance(value, float):
        text = _number(value)
    elif isinstance(value, int | Decimal | UUID):
        text = str(value)
    else:
        return None
    return encodable(text.strip()) or None


def seconds_of(value: Any) -> float | None:
    """Seconds, from a number or a text such as "83", "1:23" or "PT1M23S"; None: unknown.

    Nothing lasts 0 s or less: the value stands for an unknown length.
    """
    if isinstance(value, timedelta):
        seconds: float | None = value.total_seconds()
    elif isinstance(value, time):
        seconds = timedelta(
            hours=value.hour,
            minutes=value.minute,
            seconds=value.second,
            microseconds=value.microsecond,
        ).total_seconds()
    else:
        text = text_of(value)
        seconds = None if text is None or len(text) > _LONGEST_DURATION else parse_duration(text)
    return float(seconds) if seconds is not None and 0 < seconds < math.inf else None


# A length of time in words has fewer characters.
_LONGEST_DURATION = 100


def _number(value: float) -> str:
    if math.isnan(value):
        return ""
    return str(int(value)) if value.is_integer() and abs(value) < _EXACT else str(value)
