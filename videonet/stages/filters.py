"""What candidates go through until each has its verdicts: all steps together, or each apart.

Where neighbours of images are looked for, there is one step over the whole list among them: all
candidates are compared, of each target the nearest are taken, and these are cut.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import PCollection, TaggedOutput

from videonet.curation.apply_steps import apply_steps
from videonet.curation.context import RunContext, run_context
from videonet.curation.listed import Listed
from videonet.curation.nearest import Compared, compared, digest_of, in_order, placed
from videonet.curation.steps import (
    COMPARE,
    REST,
    STEPS,
    Step,
    compare_with_set,
    cut,
    download,
    download_rest,
    measure,
    scan,
)
from videonet.schemas.fetch import Cut
from videonet.schemas.run import Plan
from videonet.schemas.verdict import Verdict
from videonet.schemas.video_record import MOST_BYTES
from videonet.stages.by_host import by_host
from videonet.stages.threaded import COUNTS, MAIN, VERDICTS, Stage, ThreadedDoFn


class DownloadFilterAndCut(Stage):
    """All steps, each candidate without a stop: Listed -> Verdict.

    A video that waits for the network leaves the processor to others, and the other way round; and
    its room is free again soon.
    """

    def expand(self, candidates: Any) -> Any:
        spread = by_host(candidates, self.plan, "SpreadCandidates")
        threads, machine = threads_of(self.plan), machine_of(self.plan)
        _, verdicts = apply_step(spread, self.plan, "AllSteps", STEPS, threads, machine)
        return verdicts


class Download(Stage):
    """What verdicts need first of the files: Listed -> (Listed, Verdict)."""

    def expand(self, candidates: Any) -> Any:
        spread = by_host(candidates, self.plan, "SpreadDownloads")
        return apply_step(spread, self.plan, "FetchFirst", [download], self.plan.downloads)


class Top1Filter(Stage):
    """Those whose first frames show the class, by top-1: Listed -> (Listed, Verdict)."""

    def expand(self, candidates: Any) -> Any:
        spread = self.reshuffle(candidates, "SpreadScans")
        # So many decode, and as many again wait for a GPU.
        return apply_step(
            spread, self.plan, "Scan", [scan], 2 * self.plan.workers, machine_of(self.plan)
        )


class DownloadRest(Stage):
    """All of the files of those that show the class: Listed -> (Listed, Verdict)."""

    def expand(self, candidates: Any) -> Any:
        spread = by_host(candidates, self.plan, "SpreadRests")
        return apply_step(spread, self.plan, "FetchRest", [download_rest], self.plan.downloads)


class LengthFilter(Stage):
    """Those that are long enough: Listed -> (Listed, Verdict)."""

    def expand(self, candidates: Any) -> Any:
        return apply_step(candidates, self.plan, "Measure", [measure], self.plan.workers)


class CutClips(Stage):
    """The clips of those that are left, which wait in the store: Listed -> Verdict."""

    def expand(self, candidates: Any) -> Any:
        _, verdicts = apply_step(
            candidates, self.plan, "Cut", [cut, compare_with_set], self.plan.workers
        )
        return verdicts


class Compare(Stage):
    """Candidates with the target that each is nearest to: Listed -> (Compared, Verdict).

    What is downloaded to compare is deleted again, unless all files are kept: until all candidates
    are compared, nobody knows which of them are wanted.
    """

    def expand(self, candidates: Any) -> Any:
        plan = self.plan
        spread = by_host(candidates, plan, "SpreadCandidates")
        threads, machine = threads_of(plan), machine_of(plan)
        return apply_step(spread, plan, "CompareSteps", COMPARE, threads, machine, then=compared)


class TakeNearest(Stage):
    """Each candidate's place among those nearest to its target: Compared -> (Listed, digests)."""

    def expand(self, found: Any) -> Any:
        taken = (
            found
            | "OfTarget" >> beam.Map(lambda each: (each.target, each))
            | "OneTarget" >> beam.GroupByKey()
            | "Take" >> beam.ParDo(_Take(self.plan)).with_outputs(COUNTS, main=MAIN)
        )
        return taken[MAIN], taken[COUNTS]


class CutNearest(Stage):
    """The rest of the steps for those that are taken, and verdicts for all: Listed -> Verdict."""

    def expand(self, candidates: Any) -> Any:
        spread = by_host(candidates, self.plan, "SpreadNearest")
        _, verdicts = apply_step(spread, self.plan, "RestOfSteps", REST, threads_of(self.plan))
        return verdicts


def apply_step(
    candidates: PCollection,
    plan: Plan,
    name: str,
    steps: Sequence[Step],
    threads: int,
    machine: Mapping[str, str] | None = None,
    then: Callable[[RunContext, Listed], Any] | None = None,
) -> tuple[PCollection, PCollection]:
    """The candidates that steps leave open, and the verdicts that they bring.

    With the verdicts on a kept video comes what cutting it brought. `machine` are Beam's hints of
    what the steps need, and nothing else: a stage would hand them down to all that it is made of.
    Where the next stage waits for all candidates, `then` says what it gets of each that is open.
    """
    work = beam.ParDo(
        ThreadedDoFn(
            plan,
            partial(_outputs, steps=steps, then=then, patient=False),
            threads,
            _was_left,
            partial(_outputs, steps=steps, then=then, patient=True),
        )
    )
    work.label = name
    if machine:
        work = work.with_resource_hints(**machine)
    outputs = candidates | work.with_outputs(VERDICTS, main=MAIN)
    verdicts = outputs[VERDICTS] | "Count" >> beam.Map(_counted)
    return outputs[MAIN], verdicts


def threads_of(plan: Plan) -> int:
    """Candidates that are taken through several steps at once."""
    # So many wait for the network or for the processor, and as many again have what they waited
    # for, and wait for the other.
    return 2 * (plan.downloads + plan.workers)


def machine_of(plan: Plan) -> dict[str, str]:
    """What a scan needs of its machine, as Beam's hints."""
    hints = {}
    if plan.accelerator is not None:
        hints["accelerator"] = plan.accelerator
    if plan.scan_memory is not None:
        hints["min_ram"] = f"{plan.scan_memory}B"
    return hints


def _outputs(
    context: RunContext,
    listed: Listed,
    steps: Sequence[Step],
    then: Callable[[RunContext, Listed], Any] | None,
    *,
    patient: bool,
) -> list[Any]:
    """What steps leave behind, as Beam takes it: verdicts have an output of their own."""
    result = apply_steps(context, listed, steps, patient=patient, lay_down=then is not None)
    account: list[Verdict | Cut] = [*result.verdicts]
    if result.cut is not None and len(result.cut.to_json()) <= MOST_BYTES:
        account.append(result.cut)
    going_on: list[Any] = [] if result.pending is None else [result.pending]
    if then is not None:
        going_on = [then(context, each) for each in going_on]
    return [*(TaggedOutput(VERDICTS, each) for each in account), *going_on]


def _was_left(context: RunContext, listed: Listed) -> bool:
    """Whether a process was killed while it worked on a candidate: others go first."""
    return context.in_hand.was_left(listed.candidate.video_key)


def _counted(each: Verdict | Cut) -> Verdict | Cut:
    if isinstance(each, Verdict):
        Metrics.counter("videonet", each.outcome).inc()
    return each


class _Take(beam.DoFn):
    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def process(self, element: tuple[int, Iterable[Compared]]) -> Iterator[Any]:
        target, found = element
        context = run_context(self._plan)
        ordered = in_order(found)
        yield TaggedOutput(COUNTS, (target, digest_of(ordered)))
        target_id = list(context.targets)[target]
        yield from placed(ordered, target_id, self._plan.settings.per_target)
