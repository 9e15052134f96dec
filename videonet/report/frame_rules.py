"""What other rules on frames would keep of a data set, before anything is made with them.

Each rule alone follows from the verdicts. Where a frame counts by its probability and something
else is asked of the frames that count, each frame must be known: these come from the scans in the
store, which are read once, all packed ones of a shard together.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from videonet.curation.verdict import matching_frames, weakness
from videonet.dataset.verdict_db import VerdictDB
from videonet.errors import UsageError
from videonet.execution.resume import check_rules
from videonet.report.facts import opened, store_of
from videonet.report.inputs import ReportInput
from videonet.schemas.option import declared
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.scan import Scan
from videonet.schemas.selection import FrameRules
from videonet.schemas.target import Target
from videonet.schemas.video_record import VideoRecord
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.shard_file import between, span
from videonet.storage.store import Store, store_at_hand
from videonet.text import target_names

# Pairs that are taken from the verdicts at a time.
_AT_ONCE = 10_000


class RuleCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What rules keep of the pairs of a class, or of all."""

    target_id: str
    name: str
    # pairs that are kept now
    kept: int
    # of them, those that each rule alone keeps, by its option as it is typed
    alone: dict[str, int]
    # likewise all rules together, and how many they lose; of the rest, `unknown`, nobody knows
    together: int
    lost: int
    unknown: int
    # pairs that are too weak a match by the rules of the data set, and not by these: whether they
    # would be kept, their length and their clips decide
    open: int


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """What rules would keep of a data set."""

    rules: FrameRules
    # as in a report: "finished", or how much is known
    state: str
    # in the order of the class list, by names that tell them apart
    classes: tuple[RuleCounts, ...]
    all: RuleCounts

    @property
    def options(self) -> tuple[str, ...]:
        """The rules as they are typed."""
        return tuple(self.all.alone)


def explained(out: Path | str, store: Path | str | None, rules: FrameRules) -> Explained:
    """What `rules` would keep of OUT, in the place of its own; nothing is written.

    `store` is where the store of the run is; None: where the run had it. Raises UsageError where
    there is nothing to say, or the store is needed and not there.
    """
    each = _one_by_one(rules)
    if not each:
        raise UsageError(
            "No rule is given to be explained; give at least one of --min-frames, "
            "--min-probability and --first-match-before."
        )
    place = store_of(out, store)
    at_hand = Store(store) if store is not None else store_at_hand(place)
    with opened(DatasetDir(out), at_hand) as given:
        if given.selects_neighbours:
            raise UsageError(
                f"{DatasetDir(out).address} has neighbours of images, and rules on frames that "
                "show a class do not go with these; another --per-target takes more or fewer."
            )
        check_rules(rules, given.settings.frames)
        counted = _counted(given.db, rules)
        if rules.min_probability and len(each) > 1:
            if at_hand is None:
                raise UsageError(
                    f"The scans of {DatasetDir(out).address} lie in its store "
                    f"{place or '(nothing says where)'}, which is not here, and what these rules "
                    "keep together does not follow from the verdicts; name it with --store."
                )
            _look_at_frames(given, at_hand, rules, counted)
        classes = tuple(
            _counts(target.target_id, name, counted[target.target_id], list(each))
            for target, name in zip(given.targets, target_names(given.targets), strict=True)
        )
        state = given.state
    whole = _Counted()
    for own in counted.values():
        whole.add(own)
    return Explained(
        rules=rules,
        state=state,
        classes=classes,
        all=_counts("", "all", whole, list(each)),
    )


def _one_by_one(rules: FrameRules) -> dict[str, FrameRules]:
    """The rules that are given, each alone, by its option as it is typed."""
    found = {}
    for option in declared(FrameRules):
        value = getattr(rules, option.name)
        if value != option.default:
            alone = msgspec.convert({option.name: value}, FrameRules)
            found[f"--{option.typed} {value:g}"] = alone
    return found


@dataclass
class _Counted:
    """Pairs of a class."""

    kept: int = 0
    alone: tuple[int, ...] = (0, 0, 0)
    together: int = 0
    unknown: int = 0
    open: int = 0

    def add(self, other: "_Counted") -> None:
        """Count those of another class as well."""
        self.kept += other.kept
        self.alone = tuple(a + b for a, b in zip(self.alone, other.alone, strict=True))
        self.together += other.together
        self.unknown += other.unknown
        self.open += other.open


def _counts(target_id: str, name: str, counted: _Counted, options: Sequence[str]) -> RuleCounts:
    by_name = dict(zip(_RULES, counted.alone, strict=True))
    return RuleCounts(
        target_id=target_id,
        name=name,
        kept=counted.kept,
        alone={each: by_name[each.split()[0]] for each in options},
        together=counted.together,
        lost=counted.kept - counted.together - counted.unknown,
        unknown=counted.unknown,
        open=counted.open,
    )


# The rules in the order of `_Counted.alone`, as conditions on a verdict.
_RULES = {
    "--min-frames": "frames_matched >= $frames",
    "--min-probability": "best_probability >= $probability",
    "--first-match-before": "first_match < coalesce($before, first_match + 1)",
}
_ALL_RULES = " and ".join(_RULES.values())

# The pairs that a rule may keep: what shows something else, or failed, stays so under any.
_PAIRS = f"""
from read_parquet(getvariable('files'))
where outcome = '{Outcome.KEPT}' or reason = '{Reason.WEAK_MATCH}'
"""  # constants of this project

_COUNT = f"""
select
    target_id,
    outcome = '{Outcome.KEPT}' as is_kept,
    count(*),
    {", ".join(f"count(*) filter ({rule})" for rule in _RULES.values())},
    count(*) filter ({_ALL_RULES}),
    count(*) filter (frames_matched is null)
{_PAIRS}
group by all
"""

_UNDECIDED = f"""
select
    video_key, target_id, outcome = '{Outcome.KEPT}',
    frames_scanned, frames_matched, first_match, best_probability
{_PAIRS} and {_ALL_RULES}
"""


def _values(rules: FrameRules) -> dict[str, Any]:
    return {
        "frames": rules.min_frames,
        "probability": rules.min_probability,
        "before": rules.first_match_before,
    }


def _counted(db: VerdictDB, rules: FrameRules) -> defaultdict[str, _Counted]:
    """Pairs by class, as far as they follow from the verdicts."""
    counted: defaultdict[str, _Counted] = defaultdict(_Counted)
    for target_id, is_kept, pairs, *alone, together, unknown in db.rows(_COUNT, _values(rules)):
        own = counted[target_id]
        if is_kept:
            own.kept, own.alone, own.together, own.unknown = pairs, tuple(alone), together, unknown
        else:
            own.open = together
    return counted


class _Undecided(NamedTuple):
    """A pair of which each frame must be known."""

    target_id: str
    is_kept: bool
    # as in its verdict: frames_scanned, frames_matched, first_match, best_probability
    seen: tuple[int, int, int, float]


def _look_at_frames(
    given: ReportInput, store: Store, rules: FrameRules, counted: defaultdict[str, _Counted]
) -> None:
    """Count anew what the rules keep together, by the scans of the store."""
    targets = {target.target_id: target for target in given.targets}
    for own in counted.values():
        own.together = own.open = 0
    wanted: dict[str, tuple[str, list[_Undecided]]] = {}
    answer = given.db.connection.execute(_UNDECIDED, _values(rules))
    while rows := answer.fetchmany(_AT_ONCE):
        for video_key, target_id, is_kept, *seen in rows:
            pair = _Undecided(target_id, is_kept, tuple(seen))
            wanted.setdefault(store.digest(video_key), (video_key, []))[1].append(pair)
    names = (f"scan/{given.settings.scan_key}",)
    for digest, record in _records(store, wanted):
        scan = store.complete(record, names).scan(given.settings.scan_key)
        for pair in wanted[digest][1]:
            own, target = counted[pair.target_id], targets[pair.target_id]
            if scan is None or not _is_of(scan, target, pair):
                own.unknown += pair.is_kept
            elif weakness(scan, target, rules) is None:
                own.together += pair.is_kept
                own.open += not pair.is_kept


def _is_of(scan: Scan, target: Target, pair: _Undecided) -> bool:
    """Whether a scan is the one that the verdict on a pair speaks of."""
    frames = matching_frames(scan, target)
    if not frames:
        return False
    best = max(scan.probability[i] for i in frames)
    return (len(scan.top1), len(frames), frames[0], best) == pair.seen


def _records(
    store: Store, wanted: dict[str, tuple[str, list[_Undecided]]]
) -> Iterator[tuple[str, VideoRecord]]:
    """What a store knows of these videos, by digest: those of a shard are read together."""
    digests = dict(sorted(wanted.items()))
    records = store.tables.records
    for prefix in sorted(records.pointer().shards):
        for part, loose in records.parts(prefix):
            own = between(digests, *span(part))
            known = records.together(part, [each for each in loose if each.digest in own])
            for digest, (video_key, _) in own.items():
                found = known.get(digest)
                state = store.record_state(video_key, found) if found else store.record(video_key)
                yield digest, state.record
