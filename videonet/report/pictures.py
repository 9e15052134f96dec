"""Contact sheets: a few kept and rejected videos of as many classes as possible, and what was seen.

The pictures are those that the store keeps of each classified video, see
`videonet.video.thumbnails`.
"""

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from PIL import Image

from videonet.report.damage import DamageRecords
from videonet.report.inputs import ReportInput
from videonet.report.page.content import Picture
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.verdict import Verdict
from videonet.storage.store import Store
from videonet.text import label_names, target_names
from videonet.video.thumbnails import frames_of, spread

# Most pictures of kept videos, and of rejected ones: together some 3 MB of the page.
MOST = 300

_NO_STORE = (
    "There are no pictures: they are in the store of the run, which is not here. Name it with "
    "--store."
)
_REBUILT = "A rebuilt data set has no pictures: its videos were not classified again."

# Lower than the strip's own, which these are cut from: they are looked at in passing.
_QUALITY = 75


@dataclass(frozen=True)
class Pictures:
    """What can be shown of a data set, in the order of the class list."""

    kept: tuple[Picture, ...]
    # pairs without any frame that confirms their class
    rejected: tuple[Picture, ...]
    # why there are fewer than there could be; "" if there is nothing to say
    note: str


@dataclass(frozen=True)
class Drawn:
    """Some of many pairs."""

    verdicts: tuple[Verdict, ...]
    # how many there are to draw from
    of: int


def pictures(given: ReportInput, store: Store | None, limit: int = MOST) -> Pictures:
    """Pictures of at most `limit` kept and `limit` rejected pairs: always the same ones.

    `store` is that of the run; None: it is not here.
    """
    if given.is_rebuilt:
        return Pictures((), (), _REBUILT)
    if store is None:
        return Pictures((), (), _NO_STORE)
    kept, rejected = drawn_kept(given, limit), drawn_rejected(given, limit)
    names = _Names(
        asked={
            target.target_id: name
            for target, name in zip(given.targets, target_names(given.targets), strict=True)
        },
        seen=label_names(given.labels),
        compared=given.settings.frames if given.selects_neighbours else None,
    )
    damage = DamageRecords(given.output, store)
    of_kept = _pictures(kept.verdicts, store, names, damage)
    of_rejected = _pictures(rejected.verdicts, store, names, damage)
    missing = len(kept.verdicts) + len(rejected.verdicts) - len(of_kept) - len(of_rejected)
    return Pictures(
        of_kept, of_rejected, _note(kept, rejected, missing, near=names.compared is not None)
    )


def drawn_kept(given: ReportInput, limit: int) -> Drawn:
    """At most `limit` kept pairs, spread over the classes."""
    return _drawn(given, Outcome.KEPT, None, limit)


def drawn_rejected(given: ReportInput, limit: int) -> Drawn:
    """At most `limit` pairs that show something else, spread over the classes."""
    near = given.selects_neighbours
    return _drawn(
        given, Outcome.REJECTED, Reason.NOT_SELECTED if near else Reason.NO_TOP1_MATCH, limit
    )


# One pair of each class by chance, or the nearest one, then another of each, until there are
# enough.
_DRAWN = """
with turns as (
    select
        file, row, target, chance,
        row_number() over (
            partition by target order by if($near, -best_probability, 0), chance
        ) as turn
    from pairs
    where outcome = $outcome and reason is not distinct from $reason
)
select file, row, (select count(*) from turns) as of
from turns
qualify row_number() over (order by turn, chance) <= $limit
order by target, turn
"""


def _drawn(given: ReportInput, outcome: Outcome, reason: Reason | None, limit: int) -> Drawn:
    wanted = {
        "outcome": outcome.value,
        "reason": reason and reason.value,
        "limit": limit,
        "near": given.selects_neighbours,
    }
    rows = given.db.rows(_DRAWN, wanted)
    verdicts = given.db.verdicts_at([(file, row) for file, row, _ in rows])
    ordered = tuple(verdicts[file, row] for file, row, _ in rows)
    return Drawn(ordered, rows[0][2] if rows else 0)


@dataclass(frozen=True)
class _Names:
    # of the classes, by id
    asked: Mapping[str, str]
    # of the classifier's outputs
    seen: Sequence[str]
    # where neighbours were taken: of how many first frames some were compared; None: nowhere
    compared: int | None


def _pictures(
    verdicts: Iterable[Verdict], store: Store, names: _Names, damage: DamageRecords
) -> tuple[Picture, ...]:
    shown = (_picture(each, store.thumbnail(each.video_key), names, damage) for each in verdicts)
    return tuple(picture for picture in shown if picture is not None)


def _picture(
    verdict: Verdict, strip: bytes | None, names: _Names, damage: DamageRecords
) -> Picture | None:
    """What is shown of a verdict; None: there is no picture of its video."""
    frames = frames_of(strip) if strip else {}
    seen, best = verdict.seen, verdict.best_match
    if not frames or seen is None:
        return None
    # Rejected videos have no frame to point at: the one in the middle shows them as well as any.
    wanted = sorted(frames)[len(frames) // 2] if best is None else best
    if names.compared is not None and best is not None:
        wanted = best = _frame_of(best, min(names.compared, max(frames) + 1))
    frame = min(frames, key=lambda index: (abs(index - wanted), index))
    probability = verdict.seen_probability if best is None else verdict.best_probability
    return Picture(
        video_id=verdict.video.video_id,
        video_key=verdict.video_key,
        title=verdict.video.title,
        url=verdict.video.url,
        target_id=verdict.target_id,
        asked=names.asked[verdict.target_id],
        seen=names.seen[seen] if seen < len(names.seen) else f"output {seen}",
        seen_frames=verdict.seen_frames or 0,
        frames=verdict.frames_scanned or 0,
        outcome=verdict.outcome.value,
        reason=verdict.reason.value if verdict.reason else None,
        frame=frame,
        is_match=frame == best,
        probability=probability or 0.0,
        first_match=verdict.first_match,
        matching=verdict.frames_matched or 0,
        damage=damage.of(verdict),
        jpeg=as_jpeg(frames[frame]),
    )


def _frame_of(place: int, count: int) -> int:
    """The index, among `count` first frames, of one that was compared."""
    compared = spread(count)
    # A store may have a picture of fewer frames.
    return compared[min(place, len(compared) - 1)]


def as_jpeg(image: Image.Image) -> str:
    """A picture for the page: base64."""
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG", quality=_QUALITY, optimize=True)
    return base64.b64encode(jpeg.getvalue()).decode()


def _note(kept: Drawn, rejected: Drawn, missing: int, *, near: bool) -> str:
    """What is said of pictures that are not shown: without the path of the store, which is local.

    The page is published with the data set.
    """
    sentences = []
    others = "that were not selected" if near else "that show something else"
    parts = [
        f"{len(drawn.verdicts):,} of {drawn.of:,} {what}"
        for drawn, what in ((kept, "kept"), (rejected, others))
        if len(drawn.verdicts) < drawn.of
    ]
    if parts:
        drawn_how = "The nearest of all targets" if near else "Drawn by chance from all classes"
        sentences.append(f"{drawn_how}: {' and '.join(parts)}.")
    if missing:
        pictures_are = "picture is" if missing == 1 else "pictures are"
        sentences.append(f"{missing:,} {pictures_are} missing in the store.")
    return " ".join(sentences)
