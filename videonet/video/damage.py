"""Decodes past damage: frames that are whole, and an account of those that are lost.

Lost is a frame that the decoder cannot make or marks as corrupt, and every one after it up to the
next keyframe: those are made of it.
"""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple, cast

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from videonet.schemas.reason import Reason
from videonet.video.container import MP4, VideoError, is_shown, packets, text_of

# Packets back that the packet of a frame is looked for.
_MEMORY = 64


class Lost(NamedTuple):
    """A frame that cannot be shown."""

    # when it was to be shown; None: not known
    ticks: int | None
    # number of its packet, where packets are numbered
    packet: int | None


class _PacketNumber(NamedTuple):
    """The number of a packet, as an object of its own.

    PyAV finds what was given to a packet by the identity of the object, for all decoders of the
    process: an int, which two of them can have in common, is forgotten by both at once.
    """

    value: int


def packet_number(frame: VideoFrame) -> int | None:
    """The number of the packet that a frame was in; None: packets were not numbered."""
    number = cast("_PacketNumber | None", frame.opaque)
    return None if number is None else number.value


class WholeFrames:
    """The frames of a stream that can be shown, in presentation order.

    With `most`, so many frames are taken, of which some may be lost. With `numbered`,
    `packet_number` of a frame counts the packets that are shown and have a time. Iterating raises
    VideoError where reading breaks off, or where the file ends before its index does.
    """

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        most: int | None = None,
        *,
        numbered: bool = False,
    ) -> None:
        self.lost: list[Lost] = []
        self._container, self._stream = container, stream
        self._most = most
        self._numbered = numbered
        if numbered:
            stream.codec_context.copy_opaque = True
        self._timed = -1
        self._error: str | None = None
        self._sent: deque[tuple[int | None, int | None, int]] = deque(maxlen=_MEMORY)
        self._packets = 0
        # number of the packet that was damaged last, if no keyframe has come since
        self._broken: int | None = None

    def __iter__(self) -> Iterator[VideoFrame]:
        """Each of the frames; to be asked for once."""
        whole = 0
        for packet in packets(self._container, self._stream):
            for frame in self._decoded(packet):
                if self._is_lost(frame):
                    ticks = frame.dts if frame.pts is None else frame.pts
                    self.lost.append(Lost(ticks, packet_number(frame)))
                else:
                    yield frame
                    whole += 1
                if whole + len(self.lost) == self._most:
                    return
            # Some are lost before a frame comes of them.
            if whole + len(self.lost) == self._most:
                return
        if self._is_cut_off():
            raise VideoError(Reason.UNDECODABLE, "the file ends before its last frame")

    def first(self, frames: Iterator[VideoFrame]) -> VideoFrame:
        """The first of `frames`, which this has begun to give. Raises VideoError if none comes."""
        frame = next(frames, None)
        if frame is None:
            raise VideoError(Reason.UNDECODABLE, self._error or "no frame could be decoded")
        return frame

    @property
    def reached(self) -> int | None:
        """The end of the last frame that was there, whole or lost, in ticks."""
        ends = [ticks + duration for ticks, _, duration in self._sent if ticks is not None]
        return max(ends, default=None)

    def _decoded(self, packet: "Packet[VideoStream]") -> list[VideoFrame]:
        ticks = packet.dts if packet.pts is None else packet.pts
        if packet.size:
            self._packets += 1
            self._sent.append((ticks, packet.dts, packet.duration or 0))
            if self._numbered:
                self._timed += ticks is not None and not packet.is_discard
                packet.opaque = _PacketNumber(self._timed)
        try:
            return packet.decode()
        except av.FFmpegError as error:
            self._error = self._error or text_of(error)
            self._broken = self._packets - 1
            if is_shown(packet):
                self.lost.append(Lost(ticks, self._timed if self._numbered else None))
            return []

    def _is_lost(self, frame: VideoFrame) -> bool:
        if frame.is_corrupt:
            number = self._number(frame)
            self._broken = self._packets - 1 if number is None else number
            return True
        if self._broken is None:
            return False
        number = self._number(frame)
        if number is not None and number < self._broken:
            # It was waiting for its turn when the damage came.
            return False
        if frame.key_frame:
            self._broken = None
        return self._broken is not None

    def _number(self, frame: VideoFrame) -> int | None:
        """The number of the packet that a frame was in, if that was a short while ago."""
        for back, (ticks, _, _) in enumerate(reversed(self._sent)):
            if ticks == frame.pts:
                return self._packets - 1 - back
        return None

    def _is_cut_off(self) -> bool:
        """Whether the index names packets after the last one that could be read."""
        if self._container.format.name != MP4 or not self._sent:
            return False
        index, last = self._stream.index_entries, self._sent[-1][1]
        for number in range(len(index) - 1, -1, -1):
            if index[number].size:
                return last is not None and index[number].timestamp > last
        return False
