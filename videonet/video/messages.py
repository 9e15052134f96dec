"""What is said between a process that decodes and the one that asked it to."""

import re
from fractions import Fraction
from typing import Any

import msgspec

from videonet.schemas.clip import Clip
from videonet.schemas.reason import Reason
from videonet.schemas.scan import Probe
from videonet.video.clips import ClipOrigin, ClipSettings, CutReport
from videonet.video.part_reader import Span
from videonet.video.recordings import Recording

# A fraction as it is sent. Others that Python reads, such as 1e999999999, take all memory.
_FRACTION = re.compile(r"-?[0-9]{1,60}(/[0-9]{1,60})?")


class File(msgspec.Struct, frozen=True, array_like=True):
    """A file that was handed over, of which bytes may be missing."""

    # bytes
    size: int
    # begin and end of what is there, ascending; None: all of it
    spans: tuple[Span, ...] | None


class FirstFramesTask(msgspec.Struct, frozen=True, array_like=True):
    """See `videonet.video.decode.first_frames`; the frames go into a second file."""

    file: File
    count: int
    resize: int
    crop: tuple[int, int]


class ReadFirstFramesTask(msgspec.Struct, frozen=True, array_like=True):
    """See `videonet.video.decode.read_first_frames`."""

    file: File
    count: int


class CutTask(msgspec.Struct, frozen=True, array_like=True):
    """See `videonet.video.clips.cut_clips`."""

    file: File
    length: Fraction
    origin: ClipOrigin
    settings: ClipSettings
    recordings: tuple[Recording, ...] | None


class SoundTask(msgspec.Struct, frozen=True, array_like=True):
    """See `videonet.video.sound.sound_between`."""

    file: File
    # microseconds
    begin: int
    end: int


class Failed(msgspec.Struct, frozen=True, tag=True):
    """What is wrong with a video."""

    reason: Reason
    message: str


class Probed(msgspec.Struct, frozen=True, tag=True):
    """What a file holds."""

    probe: Probe


class FirstFramesRead(msgspec.Struct, frozen=True, tag=True):
    """How many frames were decoded, what the file holds, and how many frames are lost."""

    frames: int
    probe: Probe
    lost: int


class Measured(msgspec.Struct, frozen=True, tag=True):
    """The recordings of a video."""

    recordings: tuple[Recording, ...]


class CutClip(msgspec.Struct, frozen=True, tag=True):
    """One of its clips."""

    clip: Clip


class CutDone(msgspec.Struct, frozen=True, tag=True):
    """What is to be known of the clips besides them."""

    report: CutReport


class Heard(msgspec.Struct, frozen=True, tag=True):
    """The samples of a stretch, one after the other; None: there are none."""

    samples: bytes | None


Answer = Failed | Probed | FirstFramesRead | Measured | CutClip | CutDone | Heard


class Fill(msgspec.Struct, frozen=True, tag=True):
    """Asks for bytes that are missing; the answer is `Filled`."""

    begin: int
    end: int


class Foreseen(msgspec.Struct, frozen=True, tag=True):
    """Says before which byte reading is likely to end; the answer is empty."""

    end: int


Question = Fill | Foreseen


class Filled(msgspec.Struct, frozen=True, array_like=True):
    """What is there of the file now; None: what was asked for cannot be had."""

    spans: tuple[Span, ...] | None


def encoded(message: object) -> bytes:
    """A message as bytes."""
    return msgspec.msgpack.encode(message, enc_hook=_plain)


def decoded(data: bytes | bytearray, kind: Any) -> Any:
    """The message of this kind in `data`. Raises msgspec.MsgspecError for all else."""
    return msgspec.msgpack.decode(data, type=kind, dec_hook=_fraction)


def _plain(value: object) -> object:
    if isinstance(value, Fraction):
        return str(value)
    raise NotImplementedError(type(value))


def _fraction(kind: type, value: object) -> Fraction:
    if kind is not Fraction:
        raise NotImplementedError(kind)
    if not isinstance(value, str) or not _FRACTION.fullmatch(value):
        raise ValueError("no fraction")
    return Fraction(value)
