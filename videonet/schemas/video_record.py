"""All that a store knows of one video: a record of few sections, each the result of one step.

A record is JSON, under 4 kB, with a checksum: what was cut short or altered is none. Sections are
numbered in the order in which they were written. So two states of a record are merged section by
section, and which of them is met first makes no difference.

    {"checksum": "…", "record": {"video_key": "…", "sections": {"fetch": [3, {…}], …}}}
"""

import hashlib
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec.structs import replace

from videonet.schemas.exclusion import Likeness
from videonet.schemas.fetch import Cut, Fetch, Length
from videonet.schemas.record import Record, from_json
from videonet.schemas.scan import Scan
from videonet.schemas.shown import shown_json
from videonet.schemas.video_info import Details

R = TypeVar("R", bound=Record)

# An encoded record has at most so many bytes.
MOST_BYTES = 4_000

# Characters of a checksum, hex: 64 bits.
_CHECKSUM = 16

# How a scan stores its probabilities: as whole numbers of so many parts of one.
_PARTS = 10_000


class Section(NamedTuple):
    """One part of a record, as it is stored."""

    # of the write that made it, among all writes of its record
    number: int
    # JSON of its content; or of a text: the sha256 of the object beside the record that holds it
    data: bytes


@dataclass(frozen=True)
class VideoRecord:
    """What is known of a video. Sections: fetch, page, length, scan/KEY, cut/KEY and like/KEY."""

    video_key: str
    sections: Mapping[str, Section] = field(default_factory=dict)

    @property
    def fetch(self) -> Fetch | None:
        """What is here of the video, and what went wrong."""
        fetch, page = self._content("fetch", Fetch), self._content("page", _Page)
        return fetch if fetch is None or page is None else replace(fetch, page=page.said)

    @property
    def length(self) -> Length | None:
        """How long the video is."""
        return self._content("length", Length)

    def scan(self, scan_key: str) -> Scan | None:
        """What the classifier and settings of `scan_key` saw in the video."""
        return self._content(f"scan/{scan_key}", Scan)

    @property
    def seen(self) -> frozenset[str]:
        """The contents whose frames were looked at, whatever by."""
        names = (name for name in self.sections if name.startswith("scan/"))
        scans = (self._content(name, Scan) for name in names)
        return frozenset(scan.sha256 for scan in scans if scan is not None and scan.top1)

    def cut(self, cut_key: str) -> Cut | None:
        """What cutting the video with the settings of `cut_key` brought."""
        return self._content(f"cut/{cut_key}", Cut)

    def likeness(self, likeness_key: str) -> Likeness | None:
        """What comparing its clips with the evaluation set of `likeness_key` has found."""
        return self._content(f"like/{likeness_key}", Likeness)

    @property
    def beside(self) -> dict[str, str]:
        """By section that lies in an object of its own, the sha256 of that."""
        named = ((name, section.data) for name, section in self.sections.items())
        return {name: from_json(data, str) for name, data in named if data.startswith(b'"')}

    def encode(self) -> bytes:
        """The record as it is stored. See `fitted` for its size."""
        sections = {
            name: (section.number, msgspec.Raw(section.data))
            for name, section in sorted(self.sections.items())
        }
        record = msgspec.json.encode({"video_key": self.video_key, "sections": sections})
        # As the bytes lie there, with escapes for characters that act.
        record = shown_json(record)
        return b'{"checksum":"%s","record":%s}' % (_checksum(record).encode(), record)

    @classmethod
    def decode(cls, data: bytes) -> "VideoRecord | None":
        """The record in `data`; None: it was cut short, altered, or written by another version."""
        try:
            stored = from_json(data, _Stored)
            if stored.checksum != _checksum(bytes(stored.record)):
                return None
            record = from_json(stored.record, _Sections)
        except msgspec.DecodeError:
            return None
        sections = {
            name: Section(number, bytes(raw)) for name, (number, raw) in record.sections.items()
        }
        return cls(record.video_key, sections)

    def __reduce__(self) -> tuple[object, ...]:
        """For records that travel between processes: no larger than where they are stored."""
        return VideoRecord.decode, (self.encode(),)

    def _content(self, name: str, kind: type[R]) -> R | None:
        section = self.sections.get(name)
        return None if section is None else _unpacked(section.data, kind, self.video_key)


def sections_of(
    *,
    fetch: Fetch | None = None,
    length: Length | None = None,
    scans: Mapping[str, Scan] | None = None,
    cuts: Mapping[str, Cut] | None = None,
    likenesses: Mapping[str, Likeness] | None = None,
) -> dict[str, bytes]:
    """What sections hold, by name, for `updated`. All of which there may be several have keys."""
    contents: dict[str, Record | None] = {"fetch": fetch, "length": length}
    if fetch is not None and fetch.page is not None:
        contents["fetch"] = replace(fetch, page=None)
        contents["page"] = _Page(video_key=fetch.video_key, said=fetch.page)
    contents |= {f"scan/{key}": scan for key, scan in (scans or {}).items()}
    contents |= {f"cut/{key}": cut for key, cut in (cuts or {}).items()}
    contents |= {f"like/{key}": found for key, found in (likenesses or {}).items()}
    return {name: _packed(each) for name, each in contents.items() if each is not None}


def updated(record: VideoRecord, sections: Mapping[str, bytes]) -> VideoRecord:
    """The record with sections written anew: they count as later than all that is there.

    The same record where nothing of it changes.
    """
    number = 1 + max((each.number for each in record.sections.values()), default=0)
    new = {
        name: Section(number, data)
        for name, data in sections.items()
        if name not in record.sections or record.sections[name].data != data
    }
    return VideoRecord(record.video_key, {**record.sections, **new}) if new else record


def merged(one: VideoRecord, other: VideoRecord) -> VideoRecord:
    """Two states of a record as one: of each section, what was written later.

    Where both were written as the same number, by two processes that did not know of each other,
    the greater bytes win: of two fetches that is the one by which the file is here.
    """
    later = dict(one.sections)
    for name, section in other.sections.items():
        later[name] = max(section, later.get(name, section))
    return VideoRecord(one.video_key, later)


def fitted(record: VideoRecord) -> tuple[VideoRecord, dict[str, bytes]]:
    """A record that is not too large; and by sha256, sections that are to lie beside it.

    The oldest scans and cuts are left out: they can be made again. The newest stay, however many
    frames and clips they speak of.
    """
    sections, beside = dict(record.sections), dict[str, bytes]()
    for name in _replaceable(record):
        if len(record.encode()) <= MOST_BYTES:
            break
        del sections[name]
        record = VideoRecord(record.video_key, dict(sections))
    while len(record.encode()) > MOST_BYTES:
        largest = max(sections, key=lambda name: (len(sections[name].data), name))
        number, data = sections[largest]
        digest = hashlib.sha256(data).hexdigest()
        beside[digest] = data
        sections[largest] = Section(number, msgspec.json.encode(digest))
        record = VideoRecord(record.video_key, dict(sections))
    return record, beside


def _replaceable(record: VideoRecord) -> Iterator[str]:
    """Names of sections that others of their kind have come after, oldest first."""
    kinds = ("scan/", "cut/", "like/")
    by_age = sorted(record.sections.items(), key=lambda each: (each[1].number, each[0]))
    newest = {name.partition("/")[0]: name for name, _ in by_age}
    for name, _ in by_age:
        if name.startswith(kinds) and newest[name.partition("/")[0]] != name:
            yield name


class _Page(Record, frozen=True, kw_only=True):
    """What a page says of a video, apart from its fetch: it may be long, and is seldom needed."""

    video_key: str
    said: Details


class _Stored(msgspec.Struct, forbid_unknown_fields=True):
    checksum: str
    record: msgspec.Raw


class _Sections(msgspec.Struct, forbid_unknown_fields=True):
    video_key: str
    sections: dict[str, tuple[int, msgspec.Raw]]


def _checksum(record: bytes) -> str:
    return hashlib.sha256(record).hexdigest()[:_CHECKSUM]


def _packed(content: Record) -> bytes:
    """A section's JSON: without the key of its video, and without what is not known or usual."""
    values = {
        each.name: getattr(content, each.name)
        for each in msgspec.structs.fields(content)
        if each.name != "video_key"
        and getattr(content, each.name) != (None if each.required else each.default)
    }
    if isinstance(content, Scan) and (frames := _frames_of(content)) is not None:
        del values["top1"], values["probability"]
        values["frames"] = frames
    return shown_json(msgspec.json.encode(values))


def _unpacked(data: bytes, kind: type[R], video_key: str) -> R | None:
    """What a section holds; None: it lies beside its record, or is of another version."""
    try:
        values = from_json(data, dict[str, Any])
        if kind is Scan and "frames" in values:
            values |= _with_frames(values.pop("frames"))
        known = {each.name: None for each in msgspec.structs.fields(kind) if each.required}
        return msgspec.convert({**known, **values, "video_key": video_key}, type=kind)
    except (msgspec.MsgspecError, ValueError, struct.error, zlib.error):
        return None


def _frames_of(scan: Scan) -> bytes | None:
    """Classes and probabilities of a scan's frames, packed; None: that would lose something."""
    count = len(scan.top1)
    try:
        parts = [round(each * _PARTS) for each in scan.probability]
        numbers = struct.pack(f"<{count}I{count}H", *scan.top1, *parts)
    except (ValueError, OverflowError, struct.error):
        return None
    if not count or tuple(part / _PARTS for part in parts) != scan.probability:
        return None
    return struct.pack("<I", count) + zlib.compress(numbers, 9)


def _with_frames(text: str) -> dict[str, Any]:
    """The fields of a scan that `_frames_of` has packed."""
    data = msgspec.convert(text, type=bytes)
    (count,) = struct.unpack_from("<I", data)
    size = struct.calcsize(f"<{count}I{count}H")
    numbers = struct.unpack(f"<{count}I{count}H", zlib.decompressobj().decompress(data[4:], size))
    return {
        "top1": numbers[:count],
        "probability": [part / _PARTS for part in numbers[count:]],
    }
