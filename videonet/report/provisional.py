"""What is known before a run has finished: verdicts by the same rules, from what the store has now.

A run writes its verdicts at its end, shard by shard. Until then they follow from the records of
its steps. Nothing is written to OUT or to the store, and the run is not disturbed.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from videonet.curation.context import ReadContext
from videonet.curation.evidence import load_evidence
from videonet.curation.verdict import Evidence, decide, verdict_row
from videonet.errors import UsageError
from videonet.fetch.acquire import worth_fetching
from videonet.schemas.candidate import Candidate
from videonet.schemas.run import Lookup
from videonet.schemas.verdict import Verdict
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store, store_at_hand

# Most candidates that are looked at: their records are small files, a few thousand a second.
MOST = 20_000


@dataclass(frozen=True)
class Provisional:
    """The verdicts that are known by now."""

    # of Parquet files with the schema of OUT/verdicts
    verdicts: Path
    # pairs of candidate and target that were looked at, and those that have a verdict
    pairs: int
    decided: int
    # whether there are candidates that were not looked at
    sampled: bool
    # one sentence: how much is still missing
    state: str


def provisional(
    output: DatasetDir, store: Store | None, folder: Path, most: int = MOST
) -> Provisional:
    """The verdicts that the run over `output` would give now, as tables below `folder`.

    Of more than `most` candidates, the first in the order of their shards are looked at: a shard
    is chosen by a hash, so they are a fair sample. `store` is where the run's store is by now;
    None: where the run says. Raises UsageError where nothing can be known yet.
    """
    known = _knowledge(output, store)
    lookup = _lookup(output)
    candidates = itertools.chain.from_iterable(
        known.candidates(index, lookup.shards) for index in range(lookup.shards)
    )
    pairs = 0
    verdicts: list[Verdict] = []
    for candidate in itertools.islice(candidates, most):
        pairs += len(candidate.matches)
        verdicts += verdicts_so_far(known, candidate)
    tables = DatasetDir(folder)
    tables.write_verdicts(0, 1, verdicts)
    sampled = lookup.candidates > most
    state = f"not finished: {len(verdicts):,} of {pairs:,} pairs have a verdict"
    if sampled:
        state += f", in a sample of {most:,} of {lookup.candidates:,} videos"
    return Provisional(folder / "verdicts", pairs, len(verdicts), sampled, state)


def verdicts_so_far(known: ReadContext, candidate: Candidate) -> Iterator[Verdict]:
    """The verdicts on the pairs of a candidate that need no further step."""
    seen = _as_this_run_sees(known, load_evidence(known, candidate))
    for match in candidate.matches:
        target = known.targets[match.target_id]
        decision = decide(candidate, target, seen, known.verdict_limits)
        if decision is not None:
            classifier = known.plan.settings.classifier.sha256
            rules = known.verdict_limits.selection
            yield verdict_row(candidate, match, target, seen, decision, classifier, rules)


def _as_this_run_sees(known: ReadContext, seen: Evidence) -> Evidence:
    """`seen` without a failure of an earlier run that this one is still to try again."""
    fetched, plan = seen.fetch, known.plan
    if fetched is None or fetched.run_id == plan.run_id or seen.whole:
        return seen
    if not worth_fetching(fetched, plan.run_id, plan.settings, known.allowed_hosts):
        return seen
    untried = msgspec.structs.replace(fetched, reason=None, error=None)
    return replace(seen, fetch=untried)


def _knowledge(output: DatasetDir, store: Store | None) -> ReadContext:
    plan = output.plan()
    if plan is None:
        raise UsageError(
            f"{output.address} has no run.json that says which run is at work there; give the OUT "
            "of videonet curate."
        )
    place = plan.store if store is None else store.location
    known = store_at_hand(place)
    if known is None:
        raise UsageError(
            f"The run has not finished, and its store {place} is not here, from which it "
            "could be told how far it is; name the store with --store."
        )
    # Both folders may have been moved since, or be seen from another machine.
    return ReadContext(msgspec.structs.replace(plan, store=known.location, out=output.address))


def _lookup(output: DatasetDir) -> Lookup:
    lookup = output.lookup()
    if lookup is None:
        raise UsageError(
            f"{output.address} has no complete list of candidates yet; wait until the run has "
            "looked at all titles (videonet status says how far it is)."
        )
    return lookup
