"""What is believed of a process that decodes: it has read a stranger's bytes, and may be theirs.

A crash is told from its end. A process that was taken over says what its new owner likes; it is
held to what can be, so that a record of one video never breaks what is made of all. All raise
LimitError.
"""

import itertools
import math
import re
from collections.abc import Sequence

import msgspec

from videonet.cage.cage import NONSENSE, LimitError
from videonet.schemas.clip import Clip
from videonet.schemas.scan import Probe
from videonet.video.clips import (
    CLIP_SECONDS,
    LARGEST_JPEG,
    MICROSECONDS,
    ClipOrigin,
    ClipSettings,
    CutReport,
)
from videonet.video.motion import are_parts
from videonet.video.recordings import LATEST

# How FFmpeg names codecs, formats and containers.
_NAME = re.compile(r"[A-Za-z0-9_,.() -]{0,100}")

# No number of these is larger: pixels, streams, frames.
_MOST = 1 << 31

_FIRST_OF_A_JPEG = b"\xff\xd8"


def believed_probe(probe: Probe) -> Probe:
    """What a file holds."""
    names = (probe.codec, probe.pixel_format, probe.container)
    numbers = (probe.width, probe.height, probe.video_streams, probe.audio_streams + 1)
    shares = (probe.pixel_aspect, 1.0 if probe.fps is None else probe.fps)
    if (
        not all(_NAME.fullmatch(name) for name in names)
        or not all(0 < number < _MOST for number in numbers)
        or not all(math.isfinite(share) and share >= 0 for share in shares)
        or probe.rotation not in {0, 90, 180, 270}
    ):
        raise LimitError(NONSENSE)
    return probe


def believed_clip(clip: Clip, origin: ClipOrigin, number: int, settings: ClipSettings) -> Clip:
    """The clip of this number, of the video of `origin`, cut with these settings."""
    most = math.ceil(CLIP_SECONDS * settings.rate)
    expected = msgspec.structs.replace(
        clip,
        example_id=f"{origin.video_key}#{number}",
        example_dataset_name=origin.dataset,
        clip_data_path=origin.url,
        clip_media_id=origin.video_id,
        clip_label_index=origin.labels,
        clip_label_string=origin.names,
        clip_label_text=origin.names,
        clip_label_target_id=None,
        clip_label_wnid=None,
        image_format="jpeg",
        image_channels=3,
        image_colorspace="RGB",
        image_frame_rate=settings.frame_rate,
    )
    sides = sorted((clip.image_height, clip.image_width))
    if (
        clip != expected
        or sides[0] != settings.short_side
        or sides[1] > LARGEST_JPEG
        or not 0 < len(clip.image_encoded) == len(clip.image_timestamp) <= most
        or not all(each.startswith(_FIRST_OF_A_JPEG) for each in clip.image_encoded)
        or not _are_times(clip.image_timestamp)
        or clip.clip_start_timestamp != clip.image_timestamp[0]
        or not clip.image_timestamp[-1] <= clip.clip_end_timestamp < 2 * LATEST * MICROSECONDS
        or not _has_motion(clip, motion=settings.motion)
    ):
        raise LimitError(NONSENSE)
    return clip


def _has_motion(clip: Clip, *, motion: bool) -> bool:
    """Whether a clip has the columns of motion as they can be, or has none and is to have none."""
    measures = clip.clip_motion_repeated, clip.clip_motion_difference, clip.clip_cut_timestamp
    repeated, difference, cuts = measures
    if repeated is None or difference is None or cuts is None:
        return not motion and measures == (None, None, None)
    return (
        motion
        and are_parts(repeated, 1)
        and are_parts(difference, 255)
        and all(earlier < later for earlier, later in itertools.pairwise(cuts))
        and set(cuts) <= set(clip.image_timestamp[1:])
    )


def believed_report(report: CutReport, clips: int) -> CutReport:
    """What is to be known of so many clips."""
    numbers = (report.lost, report.frames - report.lost, report.left_out)
    durations = report.first_durations
    if (
        not all(0 <= number < _MOST for number in numbers)
        or len(durations) != clips
        or not all(0 <= each <= LATEST * MICROSECONDS for each in durations)
    ):
        raise LimitError(NONSENSE)
    return report


def _are_times(times: Sequence[int]) -> bool:
    """Whether these rise, in microseconds."""
    return all(abs(time) <= 2 * LATEST * MICROSECONDS for time in times) and all(
        earlier < later for earlier, later in itertools.pairwise(times)
    )
