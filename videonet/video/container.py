"""Opens a file with PyAV and reads the packets of its best video stream; names what is wrong."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import BinaryIO, NamedTuple

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream

from videonet.schemas.decode_limits import DecodeLimits
from videonet.schemas.reason import Reason

# Times in a row that reading may fail before the rest of a file is given up.
_PATIENCE = 8

# What people publish videos in, by FFmpeg's names of its demuxers: web, phones, cameras, discs,
# broadcasts, what encoders write without a container, and GIF for those that move. No format stands
# here that reads other files or addresses than the one it is in (playlists, SDP, concat), that is
# made of pictures or subtitles, that draws text (tty), or that is a device.
FORMATS = (
    *("asf", "avi", "dv", "flv", "gif", "h264", "hevc", "ivf", "live_flv", "m4v", "matroska,webm"),
    *("mov,mp4,m4a,3gp,3g2,mj2", "mpeg", "mpegts", "mpegvideo", "mxf", "nut", "obu", "ogg", "rm"),
    *("wtv", "yuv4mpegpipe"),
)

# The container whose index names every packet, also those that are cut off.
MP4 = "mov,mp4,m4a,3gp,3g2,mj2"
MATROSKA = "matroska,webm"


class VideoError(Exception):
    """A file that cannot be used as a video: `reason` says which way, the message how."""

    def __init__(self, reason: Reason, message: str, limits: DecodeLimits | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        # those that it broke, or under which its decoder crashed: with others it may do
        self.limits = limits


class OpenFile(NamedTuple):
    """A file that is open already, to be read from its beginning; one reader at a time."""

    descriptor: int


# Where a video is read from. A file object must be seekable, and stays open.
Source = Path | OpenFile | BinaryIO


@contextmanager
def opened(source: str | Source) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The container and its best video stream, one decoding thread: callers run in parallel.

    What a file is, its content says, not its name. Raises VideoError, and OSError for a path that
    cannot be read.
    """
    if isinstance(source, str | Path):
        descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with opened(OpenFile(descriptor)) as found:
                yield found
        finally:
            os.close(descriptor)
        return
    # A file may name others; none but this one is ever opened.
    options = {"format_whitelist": ",".join(FORMATS), "protocol_whitelist": "fd"}
    file: str | SimpleNamespace
    if isinstance(source, OpenFile):
        os.lseek(source.descriptor, 0, os.SEEK_SET)
        file, options["fd"] = "fd:", str(source.descriptor)
    else:
        # Of the name of a file, FFmpeg would take its ending for a hint.
        file = SimpleNamespace(read=source.read, seek=source.seek, tell=source.tell)
    try:
        container = av.open(file, mode="r", metadata_errors="ignore", options=options)
    except (av.FFmpegError, ValueError, OSError) as error:
        if _is_ours(error):
            raise
        # So FFmpeg says that a format is not on the list.
        is_other = getattr(error, "errno", None) == errno.EINVAL
        text = "its format is none of those that are read" if is_other else text_of(error)
        raise VideoError(Reason.NOT_A_VIDEO, f"no media file: {text}") from error
    with container:
        stream = container.streams.best("video")
        if not isinstance(stream, VideoStream) or stream.disposition & Disposition.attached_pic:
            kinds = ", ".join(sorted({each.type for each in container.streams})) or "none"
            raise VideoError(Reason.NOT_A_VIDEO, f"no video stream; streams: {kinds}")
        if stream.codec_context is None:
            raise VideoError(Reason.UNDECODABLE, "no decoder for the video stream")
        stream.thread_type = "NONE"
        # AV1's decoder goes by this number alone. With more threads it would be behind by several
        # frames, and with it what is said of damage, on each machine by another number.
        stream.codec_context.thread_count = 1
        yield container, stream


def packets(container: InputContainer, stream: VideoStream) -> Iterator["Packet[VideoStream]"]:
    """The packets of a stream, and at the end an empty one; damage on the way is read past.

    Raises VideoError where reading on is of no use.
    """
    failures = 0
    while True:
        try:
            for packet in container.demux(stream):
                failures = 0
                yield packet
        except (av.FFmpegError, OSError) as error:
            if _is_ours(error):
                raise
            failures += 1
            if failures > _PATIENCE:
                raise VideoError(Reason.UNDECODABLE, text_of(error)) from error
        except IndexError:
            # After the stream's last packet, the empty one, PyAV looks for streams that came while
            # it read, in a list of those that it began with.
            return
        else:
            return


def is_shown(packet: "Packet[VideoStream]") -> bool:
    """Whether a packet holds a frame that is meant to be shown; an edit list may discard it."""
    return packet.size > 0 and not packet.is_discard


@contextmanager
def undecodable() -> Iterator[None]:
    """Turns what FFmpeg says of a stream into a VideoError."""
    try:
        yield
    except (av.FFmpegError, OSError) as error:
        if _is_ours(error):
            raise
        raise VideoError(Reason.UNDECODABLE, text_of(error)) from error


def text_of(error: Exception) -> str:
    """What an error says, without the number and the function that FFmpeg puts beside it."""
    return getattr(error, "strerror", None) or str(error)


def _is_ours(error: Exception) -> bool:
    """Whether a file object or the machine failed; not where a broken video made FFmpeg seek."""
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return True
    if isinstance(error, av.FFmpegError) or not isinstance(error, OSError):
        return False
    return error.errno != errno.EINVAL
