"""What candidates go through until each has its verdicts."""

from collections.abc import Callable, Iterable
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import PCollection, TaggedOutput

from videonet.curation import steps
from videonet.curation.context import Workbench
from videonet.curation.steps import Decided
from videonet.schemas.candidate import Candidate
from videonet.schemas.run import Plan
from videonet.schemas.verdict import Verdict
from videonet.stages.threaded import MAIN, VERDICTS, InThreads, Stage


class Download(Stage):
    """What verdicts need first of the files: Candidate -> (Candidate, Verdict)."""

    def expand(self, candidates: Any) -> Any:
        plan = self.plan
        # In one process each thread takes its video all the way: so many wait for the network or
        # work, and as many again have what they waited for, and wait for the other.
        threads = 2 * (plan.downloads + plan.workers) if plan.local else plan.downloads
        return decided(candidates, plan, _download, threads)


class Top1Filter(Stage):
    """Those whose first frames show the class, by top-1: Candidate -> (Candidate, Verdict)."""

    def expand(self, candidates: Any) -> Any:
        spread = self.spread(candidates, "SpreadScans")
        return decided(spread, self.plan, _scan, self.plan.workers)


class DownloadRest(Stage):
    """All of the files of those that show the class: Candidate -> (Candidate, Verdict)."""

    def expand(self, candidates: Any) -> Any:
        spread = self.spread(candidates, "SpreadRests")
        return decided(spread, self.plan, _complete, self.plan.downloads)


class LengthFilter(Stage):
    """Those that are long enough: Candidate -> (Candidate, Verdict)."""

    def expand(self, candidates: Any) -> Any:
        return decided(candidates, self.plan, _measure, self.plan.workers)


def decided(
    candidates: PCollection,
    plan: Plan,
    step: Callable[[Workbench, Candidate], Iterable[Any]],
    threads: int,
) -> tuple[PCollection, PCollection]:
    """What a step leaves open, and the verdicts it brings."""
    outputs = candidates | beam.ParDo(InThreads(plan, step, threads)).with_outputs(
        VERDICTS, main=MAIN
    )
    verdicts = outputs[VERDICTS] | "Count" >> beam.Map(_counted)
    return outputs[MAIN], verdicts


def _download(bench: Workbench, candidate: Candidate) -> list[Any]:
    return as_outputs(bench, steps.download(bench, candidate))


def _scan(bench: Workbench, candidate: Candidate) -> list[Any]:
    return as_outputs(bench, steps.scan(bench, candidate))


def _complete(bench: Workbench, candidate: Candidate) -> list[Any]:
    return as_outputs(bench, steps.complete(bench, candidate))


def _measure(bench: Workbench, candidate: Candidate) -> list[Any]:
    return as_outputs(bench, steps.measure(bench, candidate))


def as_outputs(bench: Workbench, decided: Decided) -> list[Any]:
    """What a step leaves behind, as Beam takes it: verdicts have an output of their own."""
    # Here, not in a stage of its own: what is done may wait long until it is handed on.
    bench.progress.decided(decided.verdicts)
    rest = [] if decided.rest is None else [decided.rest]
    return [*(TaggedOutput(VERDICTS, verdict) for verdict in decided.verdicts), *rest]


def _counted(verdict: Verdict) -> Verdict:
    Metrics.counter("videonet", verdict.outcome).inc()
    return verdict
