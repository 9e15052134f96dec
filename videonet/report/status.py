"""How far a run is, asked from anywhere: from a few small files in OUT and in its store."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from videonet.curation import run_progress
from videonet.curation.run_progress import Phase
from videonet.curation.signs_of_life import is_dead, is_gone, seconds_since, silence_of
from videonet.errors import UsageError
from videonet.report.job_seen import JobSeen, job_seen
from videonet.schemas.job import JobState
from videonet.schemas.manifest import Counts
from videonet.schemas.progress import HostCount, ProcessProgress, StageCost
from videonet.schemas.run import Lookup, Plan
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store


class End(StrEnum):
    """How a run has ended that is not finished."""

    STOPPED = "stopped"  # by a signal or an error, with its counts in order
    KILLED = "killed"
    PARTS = "parts"  # commands for parts of it are over, and none has come for the rest


@dataclass(frozen=True)
class HostOfLate:
    """How one host has answered in the last hour."""

    # videos
    fetched: int
    failed: int
    # share of these that were fetched, 0 to 1
    success: float


@dataclass(frozen=True)
class Floor:
    """What the pace of a host alone makes of a run, however many machines there are."""

    host: str
    # candidates of it that have no verdict yet, at least
    candidates: int
    # requests a second of the whole run
    pace: float
    # for these, at one request each; many take more
    seconds: float


@dataclass(frozen=True)
class Status:
    """What is known of the run of a folder OUT."""

    phase: Phase
    # targets of the run, and those that a site was searched for
    targets: int
    searched: int
    # pairs of candidate and target, and those that have a verdict; 0 until they are listed
    pairs: int
    done: int
    kept: int
    # by reason
    rejected: dict[str, int]
    failed: dict[str, int]
    # pairs a second of late, and seconds until all have a verdict; None: not known
    rate: float | None
    seconds_left: float | None
    # from when the run was last begun until now, or until its end; None: not known
    seconds: float | None
    # those at work, and when any last showed a sign of life, seconds ago; None: never
    processes: int
    silent: float | None
    # by name of the stage, over all attempts at the run
    stages: dict[str, StageCost]
    # how an interrupted run has ended; None: it is not interrupted, or not known
    end: End | None
    # by host, of the last hour
    hosts: dict[str, HostOfLate]
    # who does the work; None: not known
    job: JobSeen | None = None
    # of the host that takes longest; None: there is none with many candidates left
    floor: Floor | None = None


def status_of(
    out: Path | str, store: Path | str | None = None, now: datetime | None = None
) -> Status:
    """How far the run over `out` is at this moment, or at `now`.

    `store` is where its store lies by now, if not where it was for the run. Raises UsageError
    where there is no run, or where its store is not to be found.
    """
    output, now = DatasetDir(out), now or datetime.now(UTC)
    plan, state, manifest = output.plan(), output.run_state(), output.manifest()
    if plan is None and state is None and manifest is None:
        raise UsageError(
            f"{out} holds no data set, and none is being made there (run.json is missing); give "
            "the --out of a curation."
        )
    if plan is not None and state is not None and state.run_id != plan.run_id:
        # What was begun is the run before; the next one is prepared.
        plan = None
    if plan is not None and manifest is None:
        _require_store(plan, store)
    processes, stages, hosts = _told(plan, store, now)
    lookup = output.lookup()
    counts = manifest.totals.verdicts if manifest else _summed(processes)
    pairs = counts.pairs if manifest else lookup.pairs if lookup else None
    # On a cluster, what a lost worker had done is done, and counted, again.
    done = counts.pairs if pairs is None else min(counts.pairs, pairs)
    silences = [silence_of(each, now) for each in processes]
    begun = max((seconds_since(each.begun, now) for each in processes), default=None)
    silent = min(silences, default=None)
    at_work = [
        each for each, ago in zip(processes, silences, strict=True) if not is_gone(each, ago)
    ]
    end = _end_of(processes) if processes and not at_work and manifest is None else None
    job = job_seen(
        output,
        finished=manifest is not None,
        at_work=bool(at_work),
        over=end in (End.STOPPED, End.KILLED),
    )
    # Between two of its workers, a cluster's job has none.
    is_running = bool(at_work) or (job is not None and job.state is JobState.RUNNING)
    if manifest is not None:
        phase = Phase.FINISHED
    elif not processes:
        phase = Phase.NOT_BEGUN
    elif not is_running:
        phase = Phase.INTERRUPTED
    else:
        phase = run_progress.phase_of(pairs, done)
    goes_on = phase not in (Phase.FINISHED, Phase.INTERRUPTED)
    rate = run_progress.rate_of(at_work) if phase is Phase.VIDEOS else None
    return Status(
        phase=phase,
        targets=_targets(output),
        searched=sum(each.searched for each in processes),
        pairs=pairs or 0,
        done=done,
        kept=counts.kept,
        rejected=counts.rejected,
        failed=counts.failed,
        rate=rate,
        seconds_left=run_progress.seconds_left(done, pairs or 0, rate),
        seconds=begun if goes_on or begun is None or silent is None else begun - silent,
        processes=len(at_work) if goes_on else 0,
        silent=silent,
        stages=stages,
        end=end if phase is Phase.INTERRUPTED else None,
        hosts=hosts,
        job=job,
        floor=_floor(plan, lookup, done) if manifest is None else None,
    )


def _floor(plan: Plan | None, lookup: Lookup | None, done: int) -> Floor | None:
    """What is left of the largest host, where all that is done was of that one."""
    if plan is None or lookup is None or not lookup.hosts:
        return None
    host = max(lookup.hosts, key=lambda each: (lookup.hosts[each], each))
    # Done are pairs: at least as many as candidates.
    left = lookup.hosts[host] - done
    pace = plan.requests_per_second
    return Floor(host, left, pace, round(left / pace, 1)) if left > 0 else None


def _of_late(spans: Sequence[HostCount]) -> HostOfLate:
    fetched, failed = sum(each.fetched for each in spans), sum(each.failed for each in spans)
    return HostOfLate(fetched, failed, success=round(fetched / (fetched + failed), 4))


def _require_store(plan: Plan, store: Path | str | None) -> None:
    """Raise UsageError where no store lies at `store`, or where the run had its own."""
    kept = Store(store or plan.store)
    if kept.is_there() or next(kept.list(f"progress/{plan.run_id}"), None) is not None:
        return
    # The run itself has made its store ready before it was begun, and nothing came into it yet.
    if store is None and kept.is_ready():
        return
    raise UsageError(
        f"The run keeps its counts in its store, and {store or plan.store} is none; say where that "
        "store lies with --store."
    )


def _told(
    plan: Plan | None, store: Path | str | None, now: datetime
) -> tuple[list[ProcessProgress], dict[str, StageCost], dict[str, HostOfLate]]:
    """What the processes of a run have told its store, what its stages took, and of its hosts."""
    if plan is None:
        return [], {}, {}
    kept = Store(store or plan.store)
    hosts = run_progress.hosts_of(kept, plan.run_id, now.timestamp())
    return (
        run_progress.processes_of(kept, plan.run_id),
        run_progress.costs_of(kept, plan.run_id),
        {host: _of_late(spans) for host, spans in hosts.items()},
    )


def _summed(processes: Iterable[ProcessProgress]) -> Counts:
    """What all processes have decided."""
    kept = 0
    rejected: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for each in processes:
        kept += each.kept
        rejected.update(each.rejected)
        failed.update(each.failed)
    return Counts(
        pairs=kept + rejected.total() + failed.total(),
        kept=kept,
        rejected=dict(sorted(rejected.items())),
        failed=dict(sorted(failed.items())),
    )


def _end_of(processes: Sequence[ProcessProgress]) -> End | None:
    if any(each.part for each in processes):
        return End.PARTS
    if all(each.ended for each in processes):
        return End.STOPPED
    return End.KILLED if all(each.ended or is_dead(each) for each in processes) else None


def _targets(output: DatasetDir) -> int:
    try:
        return len(output.targets())
    except UsageError:
        return 0
