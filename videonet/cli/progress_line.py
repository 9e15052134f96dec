"""How far a run is: one line that is kept up on a terminal, plain lines now and then elsewhere."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
)

from videonet.cli.status import shown_rate
from videonet.curation import run_progress
from videonet.curation.progress import Progress as Counts
from videonet.schemas.progress import ProcessProgress
from videonet.text import duration

_REFRESH = 0.5  # seconds, on a terminal
_LOG_EVERY = 30.0  # seconds, elsewhere


@contextmanager
def progress_line(console: Console, counts: Counts) -> Iterator[None]:
    """Show what is counted of the run that goes on inside, in this process."""
    stop = threading.Event()
    show = _kept_up if console.is_terminal else _logged
    thread = threading.Thread(target=show, args=(console, counts, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _kept_up(console: Console, counts: Counts, stop: threading.Event) -> None:
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[outcomes]}"),
        console=console,
        transient=True,
    )
    with bar:
        task: TaskID = bar.add_task(run_progress.Phase.TITLES, total=None, outcomes="")
        while not stop.wait(_REFRESH):
            if counts.is_active:
                now = counts.now()
                bar.update(
                    task,
                    description=_phase(now),
                    total=now.pairs or None,
                    completed=run_progress.done_in(now),
                    outcomes=_outcomes(now),
                )


def _logged(console: Console, counts: Counts, stop: threading.Event) -> None:
    """A line now and then, and one whenever another kind of work begins."""
    logged = time.monotonic()
    phase = None
    while not stop.wait(_REFRESH):
        if not counts.is_active:
            continue
        now, moment = counts.now(), time.monotonic()
        if _phase(now) is phase and moment - logged < _LOG_EVERY:
            continue
        phase, logged = _phase(now), moment
        line = str(phase)
        done = run_progress.done_in(now)
        if now.pairs:
            line += f": {done:,} of {now.pairs:,}, {_outcomes(now)}"
        elif now.searched:
            line += f": {_outcomes(now)}"
        console.print(line, highlight=False, soft_wrap=True)


def _phase(counts: ProcessProgress) -> run_progress.Phase:
    return run_progress.phase_of(counts.pairs or None, run_progress.done_in(counts))


def _outcomes(counts: ProcessProgress) -> str:
    """What came of the pairs so far, how fast, and how long the rest will take."""
    if not counts.pairs:
        return f"{counts.searched:,} classes searched" if counts.searched else ""
    rejected, failed = sum(counts.rejected.values()), sum(counts.failed.values())
    said = f"{counts.kept:,} kept, {rejected:,} rejected, {failed:,} failed"
    rate = run_progress.rate_of([counts])
    if rate is not None:
        said += f", {shown_rate(rate)}"
    left = run_progress.seconds_left(run_progress.done_in(counts), counts.pairs, rate)
    return said if left is None else f"{said}, about {duration(left)} left"
