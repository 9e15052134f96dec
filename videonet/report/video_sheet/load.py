"""Gathers all that is known of one video from its data set and from the store of the run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from videonet.errors import UsageError
from videonet.report.damage import DamageRecords, is_of, scan_key_of
from videonet.report.video_sheet.clips import load_clips
from videonet.report.video_sheet.find import find_verdicts
from videonet.report.video_sheet.view import ClassVerdict, VideoView
from videonet.schemas.reason import Reason
from videonet.schemas.scan import Scan
from videonet.schemas.target import Target
from videonet.schemas.verdict import Verdict
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store, store_at_hand
from videonet.text import label_names
from videonet.video import thumbnails


def load_view(
    out: Path | str, asked: str, store: Path | str | None, training_views: bool
) -> VideoView:
    """Gather what there is of the video that is called `asked`: its video_id or video_key.

    `store` is the run's own if None. Raises UsageError if there is no such video or store, or
    several videos.
    """
    if isinstance(store, Path) and not store.is_dir():
        raise UsageError(f"The store {store} is no folder; give the --store of a run.")
    output = DatasetDir(out)
    targets = _targets(output)
    named = store or _store_of(output)
    at_hand = store_at_hand(named)
    verdicts = find_verdicts(output, asked, at_hand)
    clips, notes = load_clips(output, verdicts, training_views)
    notes = [*_other_name(verdicts[0], asked), *notes]
    evidence = _evidence(output, verdicts[0], at_hand, named)
    notes.extend(evidence.notes)
    compared = _compared(output, verdicts[0], evidence.thumbnails)
    shown = evidence.thumbnails
    if compared is not None:
        shown = {place: shown[each] for place, each in enumerate(compared) if each in shown}
    return VideoView(
        verdicts=tuple(
            ClassVerdict(target, verdict)
            for target in targets
            for verdict in verdicts
            if verdict.target_id == target.target_id
        ),
        clips=clips,
        scan=evidence.scan,
        thumbnails=shown,
        label_names=tuple(label_names(output.labels())),
        notes=tuple(notes),
        compared=compared,
    )


def _compared(
    output: DatasetDir, verdict: Verdict, shown: Mapping[int, Image.Image]
) -> tuple[int, ...] | None:
    """The indices of the frames that were compared with images; None: no neighbours were taken.

    `shown` has the last of a video that has fewer frames than are looked at.
    """
    made, plan = output.manifest(), output.plan()
    settings = made.settings if made else plan and plan.settings
    if not settings or not settings.selects_neighbours:
        return None
    count = min(settings.frames, max(shown) + 1) if shown else settings.frames
    return tuple(thumbnails.spread(count)[: verdict.frames_scanned or None])


def _store_of(output: DatasetDir) -> str | None:
    """The store that the run had, wherever that is by now."""
    plan = output.plan()
    return None if plan is None else plan.store


def _other_name(verdict: Verdict, asked: str) -> list[str]:
    """Under which id the video stands here, if not under the one that was asked for."""
    video_id = verdict.video.video_id
    if asked in (video_id, verdict.video_key) or video_id.startswith(f"{asked}."):
        return []
    return [f"{asked} is here as {video_id}: both rows name the same video."]


def _targets(output: DatasetDir) -> tuple[Target, ...]:
    try:
        return output.targets()
    except UsageError as error:
        raise UsageError(
            f"{output.address} holds no data set (targets.json cannot be read); "
            "give the --out of a run."
        ) from error


@dataclass(frozen=True)
class _Evidence:
    """What the store has of the first frames of a video."""

    scan: Scan | None = None
    # RGB, by index among the first frames
    thumbnails: dict[int, Image.Image] = field(default_factory=dict)
    # what damage took, and why there is no scan
    notes: tuple[str, ...] = ()


def _evidence(
    output: DatasetDir, verdict: Verdict, store: Store | None, named: Path | str | None
) -> _Evidence:
    """The scan that the verdict rests on, from the store, which is `named` so."""
    if verdict.reason is Reason.WITHDRAWN:
        return _Evidence(notes=("It was withdrawn, so no picture of it is shown.",))
    if store is None:
        where = f" ({named})" if named else ""
        missing = (
            f"The store of the run{where} is not here, so the line of the first frames is "
            "missing; --store DIR names it."
        )
        return _Evidence(notes=(missing,))
    damage = DamageRecords(output, store).of(verdict)
    notes = (damage,) if damage else ()
    scan_key = scan_key_of(output)
    scan = store.scan(verdict.video_key, scan_key) if scan_key else None
    if scan is None or not scan.top1:
        unknown = f"The store {store.location} knows nothing of its first frames."
        return _Evidence(notes=(*notes, unknown) if verdict.frames_scanned else notes)
    if not is_of(verdict, scan, store):
        seen = f"The store {store.location} has seen other content of it since."
        return _Evidence(notes=(*notes, seen))
    strip = store.thumbnail(verdict.video_key)
    return _Evidence(scan, thumbnails.frames_of(strip) if strip else {}, notes)
