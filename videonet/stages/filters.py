"""What candidates go through until each has its verdicts."""

from collections.abc import Callable, Iterable
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import PCollection, TaggedOutput

from videonet.curation import steps
from videonet.curation.context import RunContext
from videonet.curation.steps import StepResult
from videonet.schemas.candidate import Candidate
from videonet.schemas.run import Plan
from videonet.schemas.verdict import Verdict
from videonet.stages.threaded import MAIN, VERDICTS, Stage, ThreadedDoFn


class Download(Stage):
    """What verdicts need first of the files: Candidate -> (Candidate, Verdict)."""

    def expand(self, candidates: Any) -> Any:
        plan = self.plan
        # In one process each thread takes its video all the way: so many wait for the network or
        # work, and as many again have what they waited for, and wait for the other.
        threads = 2 * (plan.downloads + plan.workers) if plan.local else plan.downloads
        return apply_step(candidates, plan, _download, threads)


class Top1Filter(Stage):
    """Those whose first frames show the class, by top-1: Candidate -> (Candidate, Verdict)."""

    def expand(self, candidates: Any) -> Any:
        spread = self.reshuffle(candidates, "SpreadScans")
        return apply_step(spread, self.plan, _scan, self.plan.workers)


class DownloadRest(Stage):
    """All of the files of those that show the class: Candidate -> (Candidate, Verdict)."""

    def expand(self, candidates: Any) -> Any:
        spread = self.reshuffle(candidates, "SpreadRests")
        return apply_step(spread, self.plan, _download_rest, self.plan.downloads)


class LengthFilter(Stage):
    """Those that are long enough: Candidate -> (Candidate, Verdict)."""

    def expand(self, candidates: Any) -> Any:
        return apply_step(candidates, self.plan, _measure, self.plan.workers)


def apply_step(
    candidates: PCollection,
    plan: Plan,
    step: Callable[[RunContext, Candidate], Iterable[Any]],
    threads: int,
) -> tuple[PCollection, PCollection]:
    """What a step leaves open, and the verdicts it brings."""
    outputs = candidates | beam.ParDo(ThreadedDoFn(plan, step, threads)).with_outputs(
        VERDICTS, main=MAIN
    )
    verdicts = outputs[VERDICTS] | "Count" >> beam.Map(_counted)
    return outputs[MAIN], verdicts


def _download(context: RunContext, candidate: Candidate) -> list[Any]:
    return as_outputs(context, steps.download(context, candidate))


def _scan(context: RunContext, candidate: Candidate) -> list[Any]:
    return as_outputs(context, steps.scan(context, candidate))


def _download_rest(context: RunContext, candidate: Candidate) -> list[Any]:
    return as_outputs(context, steps.download_rest(context, candidate))


def _measure(context: RunContext, candidate: Candidate) -> list[Any]:
    return as_outputs(context, steps.measure(context, candidate))


def as_outputs(context: RunContext, result: StepResult) -> list[Any]:
    """What a step leaves behind, as Beam takes it: verdicts have an output of their own."""
    # Here, not in a stage of its own: what is done may wait long until it is handed on.
    context.progress.decided(result.verdicts)
    rest = [] if result.rest is None else [result.rest]
    return [*(TaggedOutput(VERDICTS, verdict) for verdict in result.verdicts), *rest]


def _counted(verdict: Verdict) -> Verdict:
    Metrics.counter("videonet", verdict.outcome).inc()
    return verdict
