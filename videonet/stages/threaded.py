"""What the stages have in common: a plan, threads, and outputs with names."""

import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import PCollection, TaggedOutput
from apache_beam.transforms.window import GlobalWindows

from videonet.curation.context import RunContext, run_context
from videonet.schemas.run import Lookup, Plan
from videonet.storage.claims import Postponed

# Outputs of a stage.
MAIN = "main"
VERDICTS = "verdicts"
COUNTS = "counts"


class Stage(beam.PTransform):
    """A stage of the run that `plan` describes.

    What goes in and comes out stands in each stage's docstring; Beam reads the annotations of
    `expand` as type hints, and knows none for more than one collection.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan

    def reshuffle(self, elements: PCollection, name: str) -> PCollection:
        """Let other machines take up `elements`. In one process that would only be a barrier."""
        return elements if self.plan.local else elements | name >> beam.Reshuffle()


class ThreadedDoFn(beam.DoFn):
    """Runs a function on many elements at once, in this process, with a bounded number ahead.

    What is finished goes on while the rest is being worked on, so that stages that follow each
    other without a shuffle overlap: the next one scans what this one has downloaded so far.
    """

    def __init__(
        self,
        plan: Plan,
        work: Callable[[RunContext, Any], Iterable[Any]],
        threads: int,
        is_late: Callable[[RunContext, Any], bool] = lambda *_: False,
        wait: Callable[[RunContext, Any], Iterable[Any]] | None = None,
    ) -> None:
        """Elements that are `is_late` are worked on after the others, one after the other.

        Those that `work` postpones are worked on by `wait`, after all others.
        """
        self._plan, self._work, self._threads = plan, work, threads
        self._is_late, self._wait = is_late, wait or work
        # the same in all copies of this stage
        self._name = uuid.uuid4().hex

    def setup(self) -> None:
        self._running: set[Future[Iterable[Any]]] = set()
        self._late: list[Any] = []
        self._postponed: list[Any] = []

    def process(self, element: Any) -> Iterator[Any]:
        context = run_context(self._plan)
        if self._is_late(context, element):
            self._late.append(element)
            return
        # Two for each thread: one that it works on, one that it finds when it is done.
        while len(self._running) >= 2 * self._threads:
            yield from self._finished()
        self._begin(self._work, context, element)

    def finish_bundle(self) -> Iterator[Any]:
        late, self._late = self._late, []
        while self._running or late or self._postponed:
            if not self._running:
                work, due = (self._work, [late.pop(0)]) if late else (self._wait, self._postponed)
                if due is self._postponed:
                    self._postponed = []
                context = run_context(self._plan)
                for element in due:
                    self._begin(work, context, element)
            for result in self._finished():
                if isinstance(result, TaggedOutput):
                    windowed = GlobalWindows.windowed_value(result.value)
                    yield TaggedOutput(result.tag, windowed)
                else:
                    yield GlobalWindows.windowed_value(result)
        say_counts(self._plan)

    def teardown(self) -> None:
        wait([each for each in self._running if not each.cancel()])

    def _begin(
        self,
        work: Callable[[RunContext, Any], Iterable[Any]],
        context: RunContext,
        element: Any,
    ) -> None:
        # A runner may work on several bundles of a stage at once, each with a copy of this.
        pool = context.threads(self._name, self._threads)
        self._running.add(pool.submit(self._done, work, context, element))

    def _done(
        self,
        work: Callable[[RunContext, Any], Iterable[Any]],
        context: RunContext,
        element: Any,
    ) -> Iterable[Any]:
        try:
            with context.complaining():
                return work(context, element)
        except Postponed:
            self._postponed.append(element)
            return ()

    def _finished(self) -> Iterator[Any]:
        done, self._running = wait(self._running, return_when=FIRST_COMPLETED)
        for future in done:
            yield from future.result()


def say_counts(plan: Plan) -> None:
    """Let the store have what this process has counted, before others hear that its work is done.

    So all is there when the run is finished, of which nobody tells this process.
    """
    if not plan.local:
        run_context(plan).progress.say()


def complete_list(plan: Plan) -> Lookup:
    """What looking for titles brought; by now it must be there."""
    context = run_context(plan)
    with context.complaining():
        found = context.lookup
    if found is None:
        raise FileNotFoundError(f"the candidate list in {plan.out} is gone")
    return found
