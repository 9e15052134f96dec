"""Decoding in processes that are shut in: the functions of `decode` and `clips`, for a run.

A video that makes its process crash, or take more than it may, is undecodable. It is tried twice.
"""

import atexit
import functools
import itertools
import mmap
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from videonet.cage.cage import NONSENSE, Cage, LimitError
from videonet.schemas.clip import Clip
from videonet.schemas.decode_limits import DecodeLimits
from videonet.schemas.reason import Reason
from videonet.schemas.scan import Probe
from videonet.video.believed import believed_clip, believed_probe, believed_report
from videonet.video.clips import DATASET, ClipOrigin, ClipSettings, CutReport
from videonet.video.container import VideoError
from videonet.video.decode import FirstFrames
from videonet.video.messages import (
    Answer,
    CutClip,
    CutDone,
    CutTask,
    Failed,
    File,
    Fill,
    Filled,
    FirstFramesRead,
    FirstFramesTask,
    Heard,
    Measured,
    Probed,
    Question,
    ReadFirstFramesTask,
    SoundTask,
    decoded,
    encoded,
)
from videonet.video.part_reader import Span
from videonet.video.recordings import Recording, are_possible
from videonet.video.sound import CHANNELS, LONGEST, RATE, samples_of

T = TypeVar("T")

# The tasks; tests plant others.
TASKS = "videonet.video.tasks"

# What may be wrong with a video.
_OF_A_VIDEO = frozenset({Reason.NOT_A_VIDEO, Reason.UNDECODABLE})


class Part(Protocol):
    """A file of which bytes may be missing."""

    @property
    def path(self) -> Path:
        """Where it is."""

    @property
    def size(self) -> int:
        """Bytes, with those that are missing."""

    @property
    def spans(self) -> Sequence[Span]:
        """Begin and end of what is there, ascending, with gaps between them."""

    def bring(self, begin: int, end: int) -> Sequence[Span] | None:
        """Get these bytes; what is there then, or None: they cannot be had."""


class Decoder:
    """Decodes in processes that are shut in. Any number of threads may use it at once.

    Where a video is a `Part`, bytes that are missing are asked of it. All functions raise
    VideoError as those do that they are named after, with the limits where a video broke them, and
    InterruptionError where the machine or somebody ended the process.
    """

    def __init__(
        self, limits: DecodeLimits, look: Callable[[], None] = lambda: None, tasks: str = TASKS
    ) -> None:
        """`look` is called now and then while a video is decoded; it raises to give that up."""
        self._cage = Cage(tasks, limits, look=look)

    @property
    def limits(self) -> DecodeLimits:
        """What one step may take."""
        return self._cage.limits

    def close(self) -> None:
        """End all processes."""
        self._cage.close()

    def probe(self, source: Path | Part) -> Probe:
        """See `videonet.video.decode.probe`."""

        def attempt() -> Probe:
            with _opened(source) as (file, descriptor):
                answer = self._answer("probe", file, [descriptor], source, Probed)
                return believed_probe(answer.probe)

        return self.twice(attempt)

    def first_frames(
        self, source: Path | Part, count: int, resize: int, crop: tuple[int, int]
    ) -> FirstFrames:
        """See `videonet.video.decode.first_frames`."""

        def attempt() -> FirstFrames:
            with _opened(source) as (file, descriptor), _shared(count, crop) as frames:
                task = FirstFramesTask(file, count, resize, crop)
                files = [descriptor, frames.descriptor]
                answer = self._answer("first_frames", task, files, source, FirstFramesRead)
                if not 0 < answer.frames <= answer.frames + answer.lost <= count:
                    raise LimitError("its decoder counts frames that cannot be")
                probe = believed_probe(answer.probe)
                return FirstFrames(frames.images[: answer.frames], probe, answer.lost)

        return self.twice(attempt)

    def read_first_frames(
        self, part: Part, count: int, foresee: Callable[[int], None] = lambda _: None
    ) -> None:
        """See `videonet.video.decode.read_first_frames`."""

        def attempt() -> None:
            with _opened(part) as (file, descriptor):
                task = ReadFirstFramesTask(file, count)
                list(self._answers("read_first_frames", task, [descriptor], part, Failed, foresee))

        self.twice(attempt)

    def recordings_in(self, source: Path) -> list[Recording]:
        """See `videonet.video.decode.recordings_in`."""

        def attempt() -> list[Recording]:
            with _opened(source) as (file, descriptor):
                answer = self._answer("recordings_in", file, [descriptor], source, Measured)
                if not are_possible(answer.recordings):
                    raise LimitError("its decoder measures what cannot be")
                return list(answer.recordings)

        return self.twice(attempt)

    def cut_clips(
        self,
        source: Path,
        length: Fraction,
        origin: ClipOrigin,
        settings: ClipSettings,
        recordings: Sequence[Recording] | None,
        report: CutReport,
    ) -> Iterator[Clip]:
        """See `videonet.video.clips.cut_clips`. Raises LimitError; ask `twice`."""
        with _opened(source) as (file, descriptor):
            known = None if recordings is None else tuple(recordings)
            task = CutTask(file, length, origin, settings, known)
            number, is_done = 0, False
            for answer in self._answers("cut_clips", task, [descriptor], source, CutClip | CutDone):
                if isinstance(answer, CutDone):
                    told = believed_report(answer.report, number)
                    for name in ("frames", "lost", "left_out", "first_durations"):
                        setattr(report, name, getattr(told, name))
                    is_done = True
                    continue
                if number == settings.max_clips:
                    raise LimitError("its decoder makes clips without end")
                yield believed_clip(answer.clip, origin, number, settings)
                number += 1
            if not is_done:
                raise LimitError(NONSENSE)

    def sound_between(self, source: Path, begin: int, end: int) -> NDArray[np.int16] | None:
        """See `videonet.video.sound.sound_between`; of at most LONGEST seconds."""
        samples = samples_of(begin, end)
        assert 0 <= samples <= LONGEST * RATE, "no clip is so long"

        def attempt() -> NDArray[np.int16] | None:
            with _opened(source) as (file, descriptor):
                task = SoundTask(file, begin, end)
                heard = self._answer("sound_between", task, [descriptor], source, Heard).samples
            if heard is None:
                return None
            if len(heard) != samples * CHANNELS * 2:
                raise LimitError(NONSENSE)
            return np.frombuffer(heard, np.int16).reshape(samples, CHANNELS)

        return self.twice(attempt)

    def twice(self, attempt: Callable[[], T]) -> T:
        """What `attempt` returns; where it raises LimitError, it is called once again.

        Raises VideoError if it does so again.
        """
        try:
            return attempt()
        except LimitError:
            pass
        try:
            return attempt()
        except LimitError as error:
            raise VideoError(Reason.UNDECODABLE, str(error), self.limits) from error

    def _answer(
        self,
        name: str,
        task: msgspec.Struct,
        files: Sequence[int],
        source: Path | Part,
        kind: Any,
    ) -> Any:
        """The one answer of a task. Raises as `_answers`."""
        found = list(itertools.islice(self._answers(name, task, files, source, kind), 2))
        if len(found) != 1:
            raise LimitError(NONSENSE)
        return found[0]

    def _answers(
        self,
        name: str,
        task: msgspec.Struct,
        files: Sequence[int],
        source: Path | Part,
        kind: Any,
        foresee: Callable[[int], None] = lambda _: None,
    ) -> Iterator[Any]:
        """What a task answers, each of this kind. Raises VideoError where it says so."""

        def answer(data: bytes) -> bytes:
            question = _understood(data, Question)
            if isinstance(source, Path):
                raise LimitError("its decoder asks for bytes that it has")
            if not isinstance(question, Fill):
                foresee(max(0, min(question.end, source.size)))
                return b""
            if not 0 <= question.begin < question.end <= source.size:
                raise LimitError("its decoder asks for bytes that cannot be")
            spans = source.bring(question.begin, question.end)
            return encoded(Filled(None if spans is None else tuple(spans)))

        for said in self._cage.run(name, encoded(task), files, answer):
            found = _understood(said, Answer)
            if isinstance(found, Failed):
                if found.reason not in _OF_A_VIDEO:
                    raise LimitError(NONSENSE)
                raise VideoError(found.reason, found.message)
            if not isinstance(found, kind):
                raise LimitError("its decoder answers what was not asked")
            yield found


@functools.cache
def shared_decoder() -> Decoder:
    """The decoder of all in this process that is not a part of a run, with the usual limits."""
    decoder = Decoder(DecodeLimits())
    atexit.register(decoder.close)
    return decoder


def video_length(source: str | Path) -> Fraction:
    """Length of the best video stream in seconds: max(pts + duration) - min(pts) over its packets.

    A packet without a duration counts as the median gap between packets. Where the clock starts
    again or jumps, another recording begins, and the length is the sum of theirs. Raises VideoError
    for a file that is no video, or that cannot be read as one.

    >>> video_length("swan.mp4")
    Fraction(11, 1)
    """
    recordings = shared_decoder().recordings_in(Path(source))
    return sum((each.length for each in recordings), Fraction(0))


def iter_clips(file: str | Path, max_clips: int = 4) -> Iterator[Clip]:
    """The clips that a curation would make of a video file, without labels, in order.

    A clip holds up to 10.24 s: JPEG frames at 12.5 ticks a second, their short side 256 pixels.
    Raises VideoError for a file that is no video, or that cannot be decoded.

    >>> for clip in iter_clips("swan.mp4"):
    ...     clip.example_id, clip.image_width, clip.image_height, len(clip.image_encoded)
    ('swan.mp4#0', 455, 256, 128)
    """
    file, decoder = Path(file), shared_decoder()
    origin = ClipOrigin(DATASET, file.name, file.stem, file.name)
    recordings = decoder.recordings_in(file)
    length = sum((each.length for each in recordings), Fraction(0))
    try:
        yield from decoder.cut_clips(
            file, length, origin, ClipSettings(max_clips, motion=True), recordings, CutReport()
        )
    except LimitError as error:
        raise VideoError(Reason.UNDECODABLE, str(error), decoder.limits) from error


@dataclass
class _SharedFrames:
    """Memory for frames that another process fills: uint8 [N, height, width, 3]."""

    descriptor: int
    images: Any


@contextmanager
def _opened(source: Path | Part) -> Iterator[tuple[File, int]]:
    """A file for another process to read. Raises OSError."""
    path = source if isinstance(source, Path) else source.path
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if isinstance(source, Path):
            yield File(os.fstat(descriptor).st_size, None), descriptor
        else:
            yield File(source.size, tuple(source.spans)), descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _shared(count: int, crop: tuple[int, int]) -> Iterator[_SharedFrames]:
    """Memory for frames, which goes when the last view of it does. Raises OSError."""
    shape = (count, *crop, 3)
    size = int(np.prod(shape))
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("frames", os.MFD_CLOEXEC)
    else:
        descriptor, name = tempfile.mkstemp()
        Path(name).unlink()
    try:
        os.truncate(descriptor, size)
        memory = mmap.mmap(descriptor, size)
        yield _SharedFrames(descriptor, np.frombuffer(memory, np.uint8).reshape(shape))
    finally:
        os.close(descriptor)


def _understood(data: bytes | bytearray, kind: Any) -> Any:
    """The message in `data`. Raises LimitError if there is none: somebody else is speaking."""
    try:
        return decoded(data, kind)
    except (msgspec.MsgspecError, ValueError, ZeroDivisionError, RecursionError) as error:
        raise LimitError(NONSENSE) from error
