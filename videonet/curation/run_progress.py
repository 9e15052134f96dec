"""How far a run is and what it costs: what its processes, which count for themselves, come to.

STORE/progress/<run>/<host>-<pid>-<id>.json   what a process has done since the run was last begun
STORE/progress/<run>/earlier.json             stages before, and how hosts answered of late

So every reader of the store can see how far a run is, on any runner. Nothing that a data set is
made of depends on these counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from videonet.curation.host_counts import HOUR, summed
from videonet.schemas.progress import ClosedHost, HostCount, ProcessProgress, StageCost

if TYPE_CHECKING:
    from videonet.storage.store import Store  # slow, and not needed for --help

# In the order in which a candidate goes through them.
STAGES = ("search", "download", "scan", "measure", "cut", "captions", "write")

_EARLIER = "earlier"


class Phase(StrEnum):
    """What a run is at."""

    NOT_BEGUN = "not begun"
    TITLES = "looking at titles"
    VIDEOS = "looking at videos"
    SHARDS = "writing shards"
    INTERRUPTED = "interrupted"
    FINISHED = "finished"


def phase_of(pairs: int | None, done: int) -> Phase:
    """What a run is at that has `done` some of its `pairs`; None: they are not listed yet."""
    if pairs is None:
        return Phase.TITLES
    return Phase.VIDEOS if done < pairs else Phase.SHARDS


def done_in(progress: ProcessProgress) -> int:
    """Pairs that have a verdict."""
    return progress.kept + sum(progress.rejected.values()) + sum(progress.failed.values())


def rate_of(processes: Iterable[ProcessProgress]) -> float | None:
    """Pairs a second that processes have lately decided together; None: none."""
    rates = [
        each.recent_pairs / each.recent_seconds
        for each in processes
        if each.recent_pairs and each.recent_seconds
    ]
    return sum(rates) if rates else None


def seconds_left(done: int, pairs: int, rate: float | None) -> float | None:
    """How long the rest of `pairs` will take at a `rate` of pairs a second; None: not known."""
    return (pairs - done) / rate if rate and done < pairs else None


def processes_of(store: Store, run_id: str) -> list[ProcessProgress]:
    """What each process has done since a run was last begun.

    Of several that were to look at the same part of the candidate list, the one that was begun
    last: it has looked again at all that an earlier one had done.
    """
    told = [each for each in store.progress(run_id) if each.process != _EARLIER]
    last: dict[str, str] = {}
    for each in told:
        last[each.part] = max(each.begun, last.get(each.part, ""))
    return [each for each in told if not each.part or each.begun == last[each.part]]


def costs_of(store: Store, run_id: str) -> dict[str, StageCost]:
    """What each stage took, over all processes, attempts at a run, and runs before it over OUT."""
    return costs_of_processes(store.progress(run_id))


def costs_of_processes(processes: Iterable[ProcessProgress]) -> dict[str, StageCost]:
    """What each stage took, over these processes, in the order of the stages."""
    return _added(each.stages for each in processes)


def hosts_of(store: Store, run_id: str, now: float) -> dict[str, tuple[HostCount, ...]]:
    """How hosts have answered in the hour before `now`, also to attempts and runs before it.

    `now`: seconds since 1970-01-01 UTC.
    """
    return summed(store.progress(run_id), now - HOUR)


def closed_hosts_of(store: Store, run_id: str) -> list[ClosedHost]:
    """The hosts that any process of a run no longer asks, in alphabetical order.

    Of what several say of a host, the latest moment to come back counts.
    """
    closed: dict[str, ClosedHost] = {}
    for process in store.progress(run_id):
        for each in process.closed:
            if each.host not in closed or closed[each.host].until < each.until:
                closed[each.host] = each
    return [closed[host] for host in sorted(closed)]


def restart_counts(store: Store, run_id: str, before: str | None = None) -> None:
    """Keep only what earlier attempts at a run cost, and how hosts answered them of late.

    Every pair is counted again.

    Likewise of `before`, the id of the run before over the same OUT.
    """
    records = list(store.progress(run_id))
    if before is not None:
        records += store.progress(before)
    if not records:
        return
    updated = max(each.updated for each in records)
    earlier = ProcessProgress(
        process=_EARLIER,
        begun=min(each.begun for each in records),
        updated=updated,
        searched=0,
        pairs=0,
        kept=0,
        rejected={},
        failed={},
        recent_pairs=0,
        recent_seconds=0.0,
        stages=costs_of_processes(records),
        hosts=summed(records, datetime.fromisoformat(updated).timestamp() - HOUR),
    )
    store.write(store.progress_name(run_id, _EARLIER), earlier.to_json())
    store.forget_progress(run_id, but=store.progress_name(run_id, _EARLIER))
    if before is not None:
        store.forget_progress(before)


def _added(costs: Iterable[Mapping[str, StageCost]]) -> dict[str, StageCost]:
    """The sums, in the order of the stages."""
    by_stage: dict[str, list[StageCost]] = {name: [] for name in STAGES}
    for each in costs:
        for name, cost in each.items():
            by_stage.setdefault(name, []).append(cost)
    return {
        name: StageCost(
            seconds=round(sum(each.seconds for each in parts), 3),
            items=sum(each.items for each in parts),
            bytes=sum(each.bytes for each in parts),
        )
        for name, parts in by_stage.items()
        if parts
    }
