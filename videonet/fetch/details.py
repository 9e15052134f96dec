"""What else a source or a page says of a video, in few plain forms, and never too much of it.

All of it is a stranger's. What cannot be read is as good as not said: no video is lost for it.
"""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, TypeVar

import msgspec
from yt_dlp.utils import unified_strdate

from videonet.schemas.video_info import Details
from videonet.text import encodable

D = TypeVar("D", bound=Details)

# What is kept, characters: of a description, of a tag, of all tags together (YouTube's own limit),
# and of shorter texts.
DESCRIPTION = 1_000
_TAG, _TAGS, _SHORT = 100, 500, 100

# Bytes of the JSON of a record that travels between stages, above which a description is cut short.
MOST_BYTES = 3_900

# A date, or an age, in words has fewer characters.
_LONGEST = 100


def details_of(said: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `Details` that `said` has, by their names, as files and pages write them.

    >>> details_of({"upload_date": "2024-05-01", "tags": "swan, lake", "age_limit": "18"})
    {'upload_date': '20240501', 'tags': ('swan', 'lake'), 'age_limit': 18}
    """
    found = {name: read(said[name]) for name, read in _READERS.items() if name in said}
    return {name: value for name, value in found.items() if value not in (None, ())}


def details_of_page(info: Mapping[str, Any]) -> dict[str, Any]:
    """Likewise of what yt-dlp found on a page, or of one result of a search."""
    captions = [info[name] for name in ("subtitles", "automatic_captions") if name in info]
    return details_of(
        {
            **{name: info.get(name) for name in ("upload_date", "language", "description")},
            **{name: info.get(name) for name in ("tags", "age_limit")},
            "category": info.get("categories"),
            "has_captions": any(captions) if captions else None,
        }
    )


def fitted(said: D, other_bytes: int) -> D:
    """The same with as much of its description as fits into a record of 4 kB.

    `other_bytes` are those of the record without it. Only long descriptions of which a character
    takes three bytes or more are cut shorter than DESCRIPTION.
    """
    if said.description is None:
        return said
    left = max(0, MOST_BYTES - other_bytes)
    text = said.description
    while text and len(msgspec.json.encode(text)) > left:
        text = text[: min(len(text) - 1, len(text) * left // len(msgspec.json.encode(text)))]
    if text == said.description:
        return said
    return msgspec.structs.replace(said, description=text or None)


def _text(value: Any, most: int) -> str | None:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return None
    return encodable(value.strip()[:most].strip()) or None


def _short(value: Any) -> str | None:
    if isinstance(value, list | tuple):
        value = next(iter(value), None)
    return _text(value, _SHORT)


def _description(value: Any) -> str | None:
    return _text(value, DESCRIPTION)


def _date(value: Any) -> str | None:
    if isinstance(value, datetime | date):
        return value.strftime("%Y%m%d")
    text = _text(str(value) if isinstance(value, int) else value, _LONGEST)
    try:
        found = unified_strdate(text) if text else None
    except (ValueError, OverflowError):
        return None
    return found if found and len(found) == len("YYYYMMDD") and found.isdecimal() else None


def _tags(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value[: 2 * _TAGS].replace("|", ",").split(",")
    if not isinstance(value, Iterable) or isinstance(value, Mapping | bytes):
        return ()
    kept: list[str] = []
    left = _TAGS
    for each in value:
        tag = _text(each, _TAG)
        if tag is None or tag in kept:
            continue
        left -= len(tag)
        if left < 0:
            break
        kept.append(tag)
    return tuple(kept)


def _age(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    try:
        age = float(value)
    except (TypeError, ValueError):
        return None
    return int(age) if 0 <= age < _LONGEST else None


def _yes_or_no(value: Any) -> bool | None:
    """Also of a table of captions by their languages: whether there are any."""
    if isinstance(value, str):
        return _WORDS.get(value.strip().casefold())
    if isinstance(value, float) and math.isnan(value):
        return None
    return bool(value) if isinstance(value, bool | int | float | list | Mapping) else None


_WORDS = dict.fromkeys(("true", "yes", "1"), True) | dict.fromkeys(("false", "no", "0"), False)


def _moment(value: Any) -> str | None:
    """A time in seconds since 1970, or as ISO 8601, as the latter in UTC."""
    if isinstance(value, str) and value.isdecimal() and len(value) < len("YYYYMMDDHHMM"):
        value = int(value)
    try:
        if isinstance(value, bool) or value is None:
            return None
        if isinstance(value, int | float):
            moment = datetime.fromtimestamp(value, UTC)
        elif isinstance(value, datetime):
            moment = value
        else:
            moment = datetime.fromisoformat(str(value)[:_LONGEST].strip())
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return None


_READERS = {
    "upload_date": _date,
    "language": _short,
    "description": _description,
    "tags": _tags,
    "category": _short,
    "age_limit": _age,
    "has_captions": _yes_or_no,
    "asked": _moment,
}
