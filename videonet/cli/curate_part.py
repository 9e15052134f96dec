"""`videonet curate --part`: what is typed, and what the list and a part say of themselves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from videonet.cli.outcome import MOST_FAILED, show_closed, was_refused, why_no_candidate
from videonet.cli.terminal import Console
from videonet.errors import UsageError
from videonet.schemas.run import Lookup, Part
from videonet.schemas.settings import CurateOptions, JobOptions, RunOptions
from videonet.text import number

if TYPE_CHECKING:
    # slow, and not needed for --help
    from videonet.fetch.credentials import Credentials
    from videonet.schemas.progress import ClosedHost, ProcessProgress
    from videonet.storage.dataset_dir import DatasetDir

LIST: Literal["list"] = "list"

_TYPED = re.compile(r"([0-9]{1,7})/([0-9]{1,7})")

# For `prepare`: all of the list, where only what a command was given is to be compared.
_ALL = Part(index=1, of=1)


def part_from(
    typed: str | None, beam_options: Sequence[str] | None, job: JobOptions
) -> Part | Literal["list"] | None:
    """What `--part` says; None: nothing. Raises UsageError."""
    if typed is None:
        return None
    if beam_options or job.runner not in (None, "local"):
        raise UsageError(
            "--part is for runs without an engine; leave out --runner, and what follows --."
        )
    if typed == LIST:
        return LIST
    said = _TYPED.fullmatch(typed)
    index, of = map(int, said.groups()) if said else (0, 0)
    if not 1 <= index <= of:
        raise UsageError(
            f"--part {typed} is no part; write I/N with I from 1 to N, such as 1/8 for the first "
            "of eight, or list."
        )
    return Part(index=index, of=of)


def list_that_is_there(
    output: DatasetDir, options: CurateOptions, run: RunOptions, credentials: Credentials
) -> Lookup | None:
    """The complete list of an unfinished run that was given the same; parts may be at work on it.

    An empty one is deleted: what was not found may be there by now. Raises UsageError if something
    else was given.
    """
    found = output.lookup()
    if found is None or output.manifest() is not None:
        return None
    if not found.candidates:
        output.delete_lookup()
        return None
    from videonet.execution.prepare import prepare

    prepare(options, run, credentials, part=_ALL)
    return found


def show_list(
    console: Console, options: CurateOptions, found: Lookup, closed: Sequence[ClosedHost]
) -> int:
    """Print what was found, and what comes next; the exit code."""
    if found.candidates:
        console.print(
            f"{number(found.candidates, 'video')} of {number(found.titles, 'title')} listed. "
            "Next: the same command with --part I/N for each of N parts, side by side, and when "
            "all are done without --part.",
            soft_wrap=True,
            highlight=False,
        )
    else:
        why = why_no_candidate(options.source, found.titles, found)
        console.print(f"No video is listed, since {why}", style="red", soft_wrap=True)
    show_closed(console, closed)
    if was_refused(found) and not closed:
        console.print(
            "A site refused some of the searches; the run after this one asks again.", style="red"
        )
    return 0 if found.candidates else MOST_FAILED


def show_part(console: Console, part: Part, done: ProcessProgress) -> None:
    """Print what became of a part, and what comes next."""
    failed = ", ".join(f"{count:,} {reason}" for reason, count in done.failed.items())
    console.print(
        f"Part {part} is done: of {number(done.pairs, 'pair')} of video and class, "
        f"{done.kept:,} kept, {sum(done.rejected.values()):,} rejected, "
        f"{sum(done.failed.values()):,} failed" + (f" ({failed})." if failed else "."),
        soft_wrap=True,
        highlight=False,
    )
    show_closed(console, done.closed)
    console.print("When all parts are done: the same command without --part.", highlight=False)
