"""The sound of a stretch of a video, sample by sample, in the time of its frames."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from videonet.schemas.reason import Reason
from videonet.video.container import (
    MATROSKA,
    MP4,
    Source,
    VideoError,
    opened,
    packets,
    text_of,
    undecodable,
)

# Samples a second, in two channels of 16 bits: what players and trainers expect of AAC in mp4.
RATE = 48_000
CHANNELS = 2

# The longest stretch, seconds: clips have 10.24, and what their first frame is shown before them.
# So the samples of one have 6 MB at most.
LONGEST = 30

# A decoder begins so much earlier, seconds: what came before has a part in the first samples.
_BEFORE = Fraction(1)

# Stamps that differ from a steady clock by less are rounded, seconds, and leave no gap.
_STEADY = Fraction(1, 50)

_SEEKABLE = frozenset({MP4, MATROSKA})


def samples_of(begin: int, end: int) -> int:
    """How many samples a stretch has; its begin and end are microseconds."""
    return round(Fraction(end - begin, 1_000_000) * RATE)


def sound_between(source: Source, begin: int, end: int) -> NDArray[np.int16] | None:
    """The best audio stream from `begin` to `end`, microseconds on the container's clock.

    int16 [samples, CHANNELS], RATE samples a second; silence where nothing is said of a moment.
    None: there is no sound at all. What damage has taken is silent. Raises VideoError where it has
    taken all.
    """
    start = Fraction(begin, 1_000_000)
    found = np.zeros((samples_of(begin, end), CHANNELS), np.int16)
    heard, lost = False, _Lost()
    with opened(source) as (container, _):
        stream = container.streams.best("audio")
        if not isinstance(stream, AudioStream) or stream.codec_context is None:
            return None
        stream.codec_context.thread_count = 1
        if container.format.name in _SEEKABLE and stream.time_base and start > _BEFORE:
            with undecodable():
                container.seek(int((start - _BEFORE) / stream.time_base), stream=stream)
        due: int | None = None
        for frame in _resampled(container, stream, Fraction(end, 1_000_000), lost):
            if frame.pts is None or frame.time_base is None:
                continue
            stamped = round((frame.pts * frame.time_base - start) * RATE)
            is_steady = due is not None and abs(stamped - due) < _STEADY * RATE
            at = due if due is not None and is_steady else stamped
            block = frame.to_ndarray().reshape(-1, CHANNELS)
            due = at + len(block)
            first, last = max(at, 0), min(due, len(found))
            if first < last:
                found[first:last] = block[first - at : last - at]
                heard = True
    if lost.error is not None and not heard:
        raise VideoError(Reason.UNDECODABLE, text_of(lost.error)) from lost.error
    return found if heard else None


@dataclass
class _Lost:
    """What damage has taken."""

    # said of the last packet that could not be decoded
    error: Exception | None = None


def _resampled(
    container: InputContainer, stream: AudioStream, end: Fraction, lost: _Lost
) -> Iterator[AudioFrame]:
    """The frames of a stream until the first that begins at `end` or later, seconds."""
    resampler, form = None, None
    with undecodable():
        for packet in packets(container, stream):  # type: ignore[arg-type]
            for frame in _decoded(packet, lost):
                if frame.pts is None or frame.time_base is None:
                    continue
                # A stream may change its form on the way.
                now = (frame.format.name, frame.layout.name, frame.sample_rate)
                if resampler is None or now != form:
                    if resampler is not None:
                        yield from resampler.resample(None)
                    resampler = AudioResampler(format="s16", layout="stereo", rate=RATE)
                    form = now
                yield from resampler.resample(frame)
                if frame.pts * frame.time_base >= end:
                    return
        if resampler is not None:
            yield from resampler.resample(None)


def _decoded(packet: Any, lost: _Lost) -> "list[AudioFrame]":
    """The frames in a packet; none where damage has taken them."""
    try:
        return packet.decode()  # type: ignore[no-any-return]
    except av.FFmpegError as error:
        lost.error = error
        return []
