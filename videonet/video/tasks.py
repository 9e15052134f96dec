"""What a process that decodes does: it is shut in, and has no other file than the video."""

import importlib
import mmap
import pkgutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import BinaryIO, cast

import av
import numpy as np
from av.video.frame import VideoFrame

from videonet.cage.server import Ask
from videonet.video import clips, decode, sound
from videonet.video.container import OpenFile, Source, VideoError
from videonet.video.messages import (
    CutClip,
    CutDone,
    CutTask,
    Failed,
    File,
    Fill,
    Filled,
    FirstFramesRead,
    FirstFramesTask,
    Foreseen,
    Heard,
    Measured,
    Probed,
    ReadFirstFramesTask,
    SoundTask,
    decoded,
    encoded,
)
from videonet.video.part_reader import PartReader, Span


def probe(arguments: bytes, files: Sequence[int], ask: Ask) -> Iterator[bytes]:
    """`videonet.video.decode.probe` of a `File`."""
    try:
        yield encoded(Probed(decode.probe(_source(decoded(arguments, File), files[0], ask))))
    except VideoError as error:
        yield _failed(error)


def first_frames(arguments: bytes, files: Sequence[int], ask: Ask) -> Iterator[bytes]:
    """`videonet.video.decode.first_frames`: the frames go into the second file."""
    task = decoded(arguments, FirstFramesTask)
    shape = (task.count, *task.crop, 3)
    memory = mmap.mmap(files[1], int(np.prod(shape)))
    into = np.frombuffer(memory, np.uint8).reshape(shape)
    try:
        source = _source(task.file, files[0], ask)
        found = decode.first_frames(source, task.count, task.resize, task.crop, into)
        yield encoded(FirstFramesRead(len(found.images), found.probe, found.lost))
    except VideoError as error:
        yield _failed(error)


def read_first_frames(arguments: bytes, files: Sequence[int], ask: Ask) -> Iterator[bytes]:
    """`videonet.video.decode.read_first_frames`: its parent brings the bytes."""
    task = decoded(arguments, ReadFirstFramesTask)

    def foresee(end: int) -> None:
        ask(encoded(Foreseen(end)))

    try:
        decode.read_first_frames(_source(task.file, files[0], ask), task.count, foresee)
    except VideoError as error:
        yield _failed(error)


def recordings_in(arguments: bytes, files: Sequence[int], ask: Ask) -> Iterator[bytes]:
    """`videonet.video.decode.recordings_in` of a `File`."""
    try:
        found = decode.recordings_in(_source(decoded(arguments, File), files[0], ask))
        yield encoded(Measured(tuple(found)))
    except VideoError as error:
        yield _failed(error)


def cut_clips(arguments: bytes, files: Sequence[int], ask: Ask) -> Iterator[bytes]:
    """`videonet.video.clips.cut_clips`."""
    task = decoded(arguments, CutTask)
    report = clips.CutReport()
    source = _source(task.file, files[0], ask)
    failure = None
    try:
        for clip in clips.cut_clips(
            source, task.length, task.origin, task.settings, task.recordings, report
        ):
            yield encoded(CutClip(clip))
    except VideoError as error:
        failure = error
    yield encoded(CutDone(report))
    if failure is not None:
        yield _failed(failure)


def sound_between(arguments: bytes, files: Sequence[int], ask: Ask) -> Iterator[bytes]:
    """`videonet.video.sound.sound_between`."""
    task = decoded(arguments, SoundTask)
    try:
        found = sound.sound_between(_source(task.file, files[0], ask), task.begin, task.end)
        yield encoded(Heard(None if found is None else found.tobytes()))
    except VideoError as error:
        yield _failed(error)


def is_shut_in(arguments: bytes, files: Sequence[int], ask: Ask) -> Iterator[bytes]:  # noqa: ARG001
    """Whether this process is refused what a decoder has no business with."""
    try:
        Path("/").open("rb").close()
    except PermissionError:
        yield b"yes"
    except OSError:
        yield b"no"


def _failed(error: VideoError) -> bytes:
    return encoded(Failed(error.reason, str(error)))


def _source(file: File, descriptor: int, ask: Ask) -> Source:
    """What to read: the file itself, or a reader that asks for what is missing of it."""
    if file.spans is None:
        return OpenFile(descriptor)

    def bring(begin: int, end: int) -> Sequence[Span] | None:
        spans: Sequence[Span] | None = decoded(ask(encoded(Fill(begin, end))), Filled).spans
        return spans

    return cast("BinaryIO", PartReader(descriptor, file.size, file.spans, bring))


def _load_all(package: ModuleType) -> None:
    """Load all modules of a package, whichever a video may need: for sound, subtitles, data."""
    for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        # A module that serves its own program alone is none that a video needs.
        if not each.name.endswith("__main__"):
            importlib.import_module(each.name)


def warm_up() -> None:
    """Do all of this once, with a video of our own: a process that is shut in can load no code."""
    _load_all(av)
    with tempfile.TemporaryFile() as drawn:
        with av.open(drawn, "w", format="matroska") as container:
            stream = container.add_stream("mpeg4", rate=25)
            stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
            for _ in range(75):
                container.mux(stream.encode(VideoFrame(16, 16, "yuv420p")))
            container.mux(stream.encode())
        drawn.flush()
        size, source = drawn.tell(), OpenFile(drawn.fileno())
        decode.first_frames(source, 3, 16, (16, 16))
        everything = File(size, ((0, size),))
        decode.read_first_frames(_source(everything, drawn.fileno(), lambda _: b""), 3)
        length = decode.video_length(source)
        origin, settings = clips.ClipOrigin("", "", "", ""), clips.ClipSettings(1, motion=True)
        for clip in clips.cut_clips(source, length, origin, settings, None, clips.CutReport()):
            encoded(CutClip(clip))
