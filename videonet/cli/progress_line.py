"""How far a run is: one line that is kept up on a terminal, plain lines now and then elsewhere."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rich.live import Live
from rich.text import Text

from videonet.cli.status import shown_rate
from videonet.cli.terminal import Console
from videonet.curation import run_progress
from videonet.curation.progress import Progress
from videonet.curation.run_counts import RunCounts
from videonet.schemas.progress import ProcessProgress
from videonet.text import duration, number

_REFRESH = 0.5  # seconds, on a terminal
_LOG_EVERY = 30.0  # seconds, elsewhere

# Seconds without a word of any worker, after which that is said, and again after as long.
# Machines of a cluster take minutes to start.
_SILENCE = 600.0

# Of this process, or of all those that the run has elsewhere.
Counts = Progress | RunCounts


@contextmanager
def progress_line(console: Console, counts: Counts) -> Iterator[None]:
    """Show what is counted of the run that goes on inside."""
    stop = threading.Event()

    def show() -> None:
        # What shows a run does not end it: where nothing can be said, the run itself will tell.
        with suppress(OSError):
            (_kept_up if console.is_terminal else _logged)(console, counts, stop)

    threads = [threading.Thread(target=show, daemon=True)]
    if isinstance(counts, RunCounts):
        listen = threading.Thread(target=_listen, args=(console, counts, stop), daemon=True)
        threads.append(listen)
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _listen(console: Console, counts: RunCounts, stop: threading.Event) -> None:
    """Say that no worker says anything, now and then as long as that is so."""
    said = 0.0
    while not stop.wait(_REFRESH) and not counts.called_off:
        silent = counts.silent
        if silent < said:
            said = 0.0
        if silent - said >= _SILENCE:
            said = silent
            with suppress(OSError):
                console.print(
                    f"No worker has said anything for {duration(silent)}: can workers start, and "
                    "do they see the store? Their runner's logs say more.",
                    highlight=False,
                    soft_wrap=True,
                )


def _kept_up(console: Console, counts: Counts, stop: threading.Event) -> None:
    with Live(console=console, transient=True, auto_refresh=False) as live:
        while not stop.wait(_REFRESH) and not counts.called_off:
            if counts.is_active:
                line = line_of(counts.now(), console.width)
                live.update(cut_to_fit(line), refresh=True)


def cut_to_fit(line: str) -> Text:
    """A line as a terminal shows it: what it has no room for is cut at the end."""
    return Text(line, no_wrap=True, overflow="ellipsis")


def _logged(console: Console, counts: Counts, stop: threading.Event) -> None:
    """A line now and then, and one whenever another kind of work begins."""
    logged = time.monotonic()
    phase = None
    while not stop.wait(_REFRESH) and not counts.called_off:
        if not counts.is_active:
            continue
        now, moment = counts.now(), time.monotonic()
        if _phase(now) is phase and moment - logged < _LOG_EVERY:
            continue
        phase, logged = _phase(now), moment
        console.print(line_of(now), highlight=False, soft_wrap=True)


def line_of(counts: ProcessProgress, width: int | None = None) -> str:
    """Done of how many, how fast, and how long the rest will take; then what is done, and more.

    Where `width` columns are too few for the first three, they are all that is said, in short.
    """
    phase, done = _phase(counts), run_progress.done_in(counts)
    if not counts.pairs:
        searched = f": {number(counts.searched, 'class', 'classes')} searched"
        return phase + (searched if counts.searched else "")
    said, short = [f"{done:,} of {counts.pairs:,}"], [f"{done}/{counts.pairs}"]
    rate = run_progress.rate_of([counts])
    if rate is not None:
        said.append(shown_rate(rate))
        short.append(shown_rate(rate))
    left = run_progress.seconds_left(done, counts.pairs, rate)
    if left is not None:
        said.append(f"about {duration(left)} left")
        short.append(duration(left))
    first = ", ".join(said)
    # What is cut ends with a mark of its own.
    if width is not None and len(first) >= width:
        return " ".join(short)
    rejected, failed = sum(counts.rejected.values()), sum(counts.failed.values())
    outcomes = f"{counts.kept:,} kept, {rejected:,} rejected, {failed:,} failed"
    return f"{first}: {phase}; {outcomes}"


def _phase(counts: ProcessProgress) -> run_progress.Phase:
    return run_progress.phase_of(counts.pairs or None, run_progress.done_in(counts))
