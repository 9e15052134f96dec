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
    TimeRemainingColumn,
)

from schemas import Outcome
from videonet import progress

_REFRESH = 0.5  # seconds, on a terminal
_LOG_EVERY = 30.0  # seconds, elsewhere


@contextmanager
def progress_line(console: Console) -> Iterator[None]:
    """Show the progress of the run that goes on inside."""
    counts = progress.begin()
    stop = threading.Event()
    show = _kept_up if console.is_terminal else _logged
    thread = threading.Thread(target=show, args=(console, counts, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _kept_up(console: Console, counts: progress.Progress, stop: threading.Event) -> None:
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[outcomes]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    begin = time.monotonic()
    with bar:
        task: TaskID = bar.add_task("looking at titles", total=None, outcomes="")
        while not stop.wait(_REFRESH):
            bar.update(
                task,
                description=_phase(counts),
                total=counts.pairs or None,
                completed=counts.done,
                outcomes=_outcomes(counts, begin),
            )


def _logged(console: Console, counts: progress.Progress, stop: threading.Event) -> None:
    """A line now and then, and one whenever another kind of work begins."""
    begin = logged = time.monotonic()
    phase = ""
    while not stop.wait(_REFRESH):
        now = time.monotonic()
        if _phase(counts) == phase and now - logged < _LOG_EVERY:
            continue
        phase, logged = _phase(counts), now
        line = phase
        if counts.pairs:
            line += f": {counts.done:,} of {counts.pairs:,}, {_outcomes(counts, begin)}"
        elif counts.searched:
            line += f": {_outcomes(counts, begin)}"
        left = _seconds_left(counts, begin)
        if left is not None:
            line += f", about {left / 60:.0f} min left"
        console.print(line, highlight=False, soft_wrap=True)


def _phase(counts: progress.Progress) -> str:
    if not counts.pairs:
        return "looking at titles"
    if counts.done < counts.pairs:
        return "looking at videos"
    return "writing shards"


def _outcomes(counts: progress.Progress, begin: float) -> str:
    if not counts.pairs:
        return f"{counts.searched:,} classes searched" if counts.searched else ""
    kept, rejected, failed = (counts.outcomes[outcome] for outcome in Outcome)
    rate = counts.done / max(time.monotonic() - begin, 1e-9)
    return f"{kept:,} kept, {rejected:,} rejected, {failed:,} failed, {rate:.1f}/s"


def _seconds_left(counts: progress.Progress, begin: float) -> float | None:
    if not counts.done or counts.done >= counts.pairs:
        return None
    return (time.monotonic() - begin) / counts.done * (counts.pairs - counts.done)
