"""What a finished run says of itself: a table by class, where things lie, and an exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from videonet.schemas.manifest import Counts, Manifest
from videonet.schemas.reason import Reason
from videonet.schemas.run import Lookup, Plan
from videonet.text import number

if TYPE_CHECKING:
    from videonet.fetch.rate_limit import ClosedHost  # slow, and not needed for --help

# A thousand classes fill many screens; the rest stands in the manifest.
CLASSES_SHOWN = 30

MOST_FAILED = 3


def show_outcome(
    console: Console,
    plan: Plan,
    manifest: Manifest,
    lookup: Lookup | None,
    closed: Sequence[ClosedHost],
) -> None:
    """Print what was found, kept, rejected and failed, and where it lies.

    `closed` are the hosts that the run has stopped asking.
    """
    totals = manifest.totals
    table = Table("class", title="Candidates by class")
    for name in ("found", "kept"):
        table.add_column(name, justify="right")
    table.add_column("rejected")
    table.add_column("failed")
    by_pairs = sorted(manifest.targets.items(), key=lambda each: (-each[1].pairs, each[0]))
    for target, counts in by_pairs[:CLASSES_SHOWN]:
        table.add_row(target, *_cells(counts))
    left_out = len(by_pairs) - CLASSES_SHOWN
    if left_out > 0:
        table.add_row(f"[dim]{left_out:,} more in manifest.json[/dim]")
    table.add_section()
    table.add_row("all", *_cells(totals.verdicts), style="bold")
    console.print(table)
    without = totals.kept_without_clip
    formats = plan.settings.formats
    console.print(
        f"{number(totals.titles, 'title')} looked at; {number(totals.candidates, 'video')} "
        f"found, {totals.kept_videos:,} kept"
        + (f" ({without:,} too short for a clip)" if without else "")
        + f"; {number(totals.clips, 'clip')} in "
        f"{number(len(manifest.shards) // len(formats), 'shard')}, as {' and '.join(formats)}.",
        soft_wrap=True,
    )
    quota = plan.settings.per_class
    short = sum(counts.pairs < quota for counts in manifest.targets.values())
    if short:
        console.print(
            f"The quota of {quota:,} videos was not filled for {short:,} of "
            f"{number(len(by_pairs), 'class', 'classes')}."
        )
    if lookup is not None and lookup.searches:
        _show_searches(console, lookup, quota)
    if not totals.candidates:
        console.print("No title names a class: see `videonet targets` for the names looked for.")
    for name, place in (
        ("shards", "clips/"),
        ("verdicts", "verdicts/"),
        ("manifest", "manifest.json"),
    ):
        console.print(f"  {name:9} {plan.out}/{place}", soft_wrap=True, highlight=False)
    if _most_failed(totals.verdicts):
        ((name, count),) = Counter(totals.verdicts.failed).most_common(1)
        reason = Reason(name)
        console.print(
            f"Most failed: {sum(totals.verdicts.failed.values()):,} of "
            f"{totals.verdicts.pairs:,}, the commonest reason is {reason} ({count:,}): "
            f"{reason.explanation}. {reason.advice} The error texts are in the verdicts.",
            style="red",
        )
    for each in closed:
        why = "kept refusing" if each.refusals > 1 else "asked for a long wait"
        console.print(
            f"{each.host} {why} ({number(each.refusals, 'refusal')} in a row), so it was no "
            f"longer asked; run the same command again after {each.until:%Y-%m-%d %H:%M} UTC.",
            style="red",
            soft_wrap=True,
            markup=False,
        )
    if not closed and _refused(manifest, lookup):
        console.print(
            "A site refused some of what was asked; run the same command again in an hour or so.",
            style="red",
        )


def exit_code(manifest: Manifest, lookup: Lookup | None, closed: Sequence[ClosedHost]) -> int:
    """0; or 3 when more than half of the candidates failed, or a site refused to the end."""
    failed = closed or _refused(manifest, lookup) or _most_failed(manifest.totals.verdicts)
    return MOST_FAILED if failed else 0


def _refused(manifest: Manifest, lookup: Lookup | None) -> bool:
    """Whether something is left that was not asked for, or in vain: also by a run before this."""
    names = [name for each in lookup.searches for name in each.names] if lookup else []
    in_search = any(name.failed == Reason.RATE_LIMITED for name in names)
    return in_search or Reason.RATE_LIMITED in manifest.totals.verdicts.failed


def _show_searches(console: Console, lookup: Lookup, quota: int) -> None:
    """Which classes fell short of the quota, name by name; the fullest last."""
    short = [each for each in lookup.searches if each.end != "full"]
    if not short:
        return
    table = Table("class", title=f"Searches that found fewer than {quota:,} videos")
    for name in ("name", "queries", "results", "new", "ended"):
        table.add_column(name, justify="right" if name in ("queries", "results", "new") else "left")
    short.sort(key=lambda each: lookup.matched[each.target_id])
    for each in short[:CLASSES_SHOWN]:
        table.add_section()
        for index, brought in enumerate(each.names):
            table.add_row(
                "" if index else each.target_id,
                brought.name,
                f"{brought.queries:,}",
                f"{brought.results:,}",
                f"{brought.new:,}",
                brought.failed or ("" if index else each.end),
            )
    console.print(table)
    if len(short) > CLASSES_SHOWN:
        console.print(f"{len(short) - CLASSES_SHOWN:,} more in lookup.json.")


def _most_failed(counts: Counts) -> bool:
    return sum(counts.failed.values()) * 2 > counts.pairs


def _cells(counts: Counts) -> tuple[str, str, str, str]:
    return (
        f"{counts.pairs:,}",
        f"{counts.kept:,}",
        _reasons(counts.rejected),
        _reasons(counts.failed),
    )


def _reasons(counts: Mapping[str, int]) -> str:
    return "\n".join(f"{number:,} {reason}" for reason, number in counts.items())
