"""Neighbours of images in place of classes: compare all candidates, take the nearest, cut those.

    compare   download what the first frames need, and embed a few of them, or recall that
    take      one step over the whole list: of each target, the nearest
    the rest  download, measure and cut what was taken; all others have their verdicts

What is downloaded to compare is deleted again, unless all files are kept: until all candidates are
compared, nobody knows which of them are wanted.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from videonet.curation.context import run_context
from videonet.curation.nearest import Compared, compared, digest_of, in_order, placed
from videonet.curation.steps import COMPARE, REST
from videonet.schemas.run import Plan
from videonet.stages.by_host import by_host
from videonet.stages.filters import apply_step, machine_of, threads_of
from videonet.stages.threaded import COUNTS, MAIN, Stage


class Compare(Stage):
    """Candidates with the target that each is nearest to: Listed -> (Compared, Verdict)."""

    def expand(self, candidates: Any) -> Any:
        plan = self.plan
        spread = by_host(candidates, plan, "SpreadCandidates")
        going_on, verdicts = apply_step(
            spread,
            plan,
            "CompareSteps",
            COMPARE,
            threads_of(plan),
            machine_of(plan),
            then=compared,
        )
        return going_on, verdicts


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
