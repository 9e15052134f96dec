"""How many pairs are left after each step, in all and class by class."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from videonet.dataset.verdict_db import DOWNLOADED, INHERITED, KEPT, LONG_ENOUGH, MATCHING
from videonet.report.inputs import ReportInput
from videonet.report.page.content import ClassRow, Funnel
from videonet.schemas.neighbours import NOT_COMPARED
from videonet.schemas.reason import Outcome
from videonet.schemas.target import Target


def class_rows(given: ReportInput) -> tuple[ClassRow, ...]:
    """One row a class, in the order of the class list."""
    counted: defaultdict[int, _Counted] = defaultdict(_Counted)
    groups = given.db.rows(
        "select target, outcome, reason, step, count(*), "
        "count(*) filter (outcome = 'kept' and clips > 0), sum(clips) filter (outcome = 'kept') "
        "from pairs group by all"
    )
    for target, outcome, reason, step, pairs, with_clip, clips in groups:
        own = counted[target]
        own.steps[step] += pairs
        own.reasons[outcome][reason or ""] += pairs
        own.with_clip += with_clip
        own.clips += clips or 0
    if given.settings.looks_for_duplicates:
        for target, labels, with_clip, clips in given.db.rows(INHERITED):
            own = counted[target]
            own.inherited, own.inherited_with_clip = labels, with_clip
            own.clips += clips
    rows = []
    for position, target in enumerate(given.targets):
        own = counted[position]
        # Neighbours are listed for no target of their own.
        titles = {} if given.selects_neighbours else given.lookup.matched
        funnel = own.funnel(titles.get(target.target_id, 0))
        rows.append(
            ClassRow(
                target_id=target.target_id,
                name=target.name,
                funnel=funnel,
                quota=_quota(given, target, funnel),
                rejected=ordered(own.reasons[Outcome.REJECTED]),
                failed=ordered(own.reasons[Outcome.FAILED]),
            )
        )
    return tuple(rows)


def _quota(given: ReportInput, target: Target, funnel: Funnel) -> int:
    settings = given.settings
    if given.is_rebuilt or target == NOT_COMPARED:
        return funnel.candidates
    return settings.per_target if settings.selects_neighbours else settings.per_class


def whole_funnel(rows: Sequence[ClassRow], titles: int | None) -> Funnel:
    """The funnel of all classes, which began with so many titles; None: with none at all."""
    sums = {
        name: sum(getattr(row.funnel, name) for row in rows)
        for name in Funnel.__struct_fields__
        if name != "titles"
    }
    return Funnel(titles=titles, **sums)


def ordered(counts: Counter[str]) -> dict[str, int]:
    """Counts by name, the largest first, equal ones by name."""
    return dict(sorted(counts.items(), key=lambda each: (-each[1], each[0])))


@dataclass
class _Counted:
    """What was counted of one class."""

    # pairs by the furthest step that they reached
    steps: Counter[int] = field(default_factory=Counter)
    reasons: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    with_clip: int = 0
    clips: int = 0
    # labels from duplicates
    inherited: int = 0
    inherited_with_clip: int = 0

    def funnel(self, matched: int) -> Funnel:
        candidates = self.steps.total()
        return Funnel(
            titles=None,
            matched=max(matched, candidates),
            candidates=candidates,
            downloaded=self._reached(DOWNLOADED),
            matching=self._reached(MATCHING),
            long_enough=self._reached(LONG_ENOUGH),
            kept=self._reached(KEPT),
            with_clip=self.with_clip,
            clips=self.clips,
            inherited=self.inherited,
            inherited_with_clip=self.inherited_with_clip,
        )

    def _reached(self, step: int) -> int:
        return sum(pairs for reached, pairs in self.steps.items() if reached >= step)
