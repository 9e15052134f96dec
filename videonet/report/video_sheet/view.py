"""What is shown of one video, and the sentences that say what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image

from videonet.schemas.reason import Reason
from videonet.schemas.scan import Scan
from videonet.schemas.target import Target
from videonet.schemas.verdict import Verdict
from videonet.text import number

if TYPE_CHECKING:
    from videonet.training.data.preview import Views  # needs PyTorch


@dataclass(frozen=True)
class ClassVerdict:
    """What became of the video for one class."""

    target: Target
    verdict: Verdict


@dataclass(frozen=True)
class FrameView:
    """One frame of a clip."""

    # within the video, microseconds
    time: int
    # the JPEG as the shard has it
    jpeg: bytes


@dataclass(frozen=True)
class ClipView:
    """A few evenly spread frames of a clip."""

    # 0-based
    number: int
    # within the video, microseconds
    begin: int
    end: int
    # frames that the clip has in all
    stored: int
    # of a frame, pixels
    width: int
    height: int
    labels: tuple[str, ...]
    frames: tuple[FrameView, ...]
    # what the trainer would see of the clip; empty without --training-views
    windows: tuple[Views, ...]


@dataclass(frozen=True)
class VideoView:
    """All that is shown of a video."""

    # in the order of the class list; at least one
    verdicts: tuple[ClassVerdict, ...]
    # some of its clips, evenly spread
    clips: tuple[ClipView, ...]
    # what the classifier saw in the first frames; None: the notes say why
    scan: Scan | None
    # RGB, by index among the first frames
    thumbnails: dict[int, Image.Image]
    # of the classifier's outputs
    label_names: tuple[str, ...]
    # one sentence for each thing that could not be shown, and for what damage took
    notes: tuple[str, ...]
    # where neighbours were taken, the indices of the frames that were compared; of the scan, the
    # places among these are the frames. None: what else was seen
    compared: tuple[int, ...] | None = None

    @property
    def verdict(self) -> Verdict:
        """The first verdict: all verdicts say the same of the video itself."""
        return self.verdicts[0].verdict


def sentence(
    of: ClassVerdict, label_names: Sequence[str], compared: Sequence[int] | None = None
) -> str:
    """What was seen of the video with respect to one class. Frames are counted from 0.

    `label_names`: of the classifier's outputs. `compared`: see `VideoView`.
    """
    verdict, target = of.verdict, of.target
    if compared is not None:
        return _how_near(verdict, target, label_names, compared)
    parts = []
    if verdict.reason is Reason.TOO_SHORT:
        length, how = verdict.duration, "long"
        if length is None:
            length, how = verdict.video.duration, "long, says its source"
        parts.append(f"{length:.2f} s {how}" if length is not None else "too short")
    if verdict.frames_scanned and verdict.frames_matched:
        parts.append(
            f"{verdict.frames_matched} of the first {verdict.frames_scanned} frames confirm it, "
            f"best frame {verdict.best_match} (probability {verdict.best_probability:.2f})"
        )
    elif verdict.frames_scanned:
        parts.append(f"none of the first {verdict.frames_scanned} frames confirms it")
    else:
        parts.append("the classifier has seen nothing of it")
    if verdict.seen is not None and verdict.seen not in target.outputs:
        parts.append(
            f"the classifier saw {label_name(label_names, verdict.seen)} in {verdict.seen_frames} "
            f"of them (probability {verdict.seen_probability:.2f} at most)"
        )
    return "; ".join(parts)


def _how_near(
    verdict: Verdict, target: Target, label_names: Sequence[str], compared: Sequence[int]
) -> str:
    """How near a video is to a class of images."""
    if not verdict.frames_scanned:
        return "it was not compared"
    if verdict.best_match is None:
        return f"of the {number(verdict.frames_scanned, 'frame')} compared, none is nearest to it"
    frame = compared[min(verdict.best_match, len(compared) - 1)]
    said = (
        f"of the {number(verdict.frames_scanned, 'frame')} compared, {verdict.frames_matched} "
        f"nearest to it, frame {frame} most (cosine {verdict.best_probability:.2f})"
    )
    if verdict.seen is not None and verdict.seen not in target.outputs:
        said += (
            f"; {verdict.seen_frames} nearest to {label_name(label_names, verdict.seen)} "
            f"(cosine {verdict.seen_probability:.2f} at most)"
        )
    return said


def label_name(label_names: Sequence[str], output: int) -> str:
    """The name of a classifier output, also of one for which there is no label."""
    return label_names[output] if output < len(label_names) else f"output {output}"
