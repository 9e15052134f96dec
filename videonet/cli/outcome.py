"""What a finished run says of itself: a table by class, where things lie, and an exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from videonet.cli.terminal import Console
from videonet.schemas.captions import CaptionCounts
from videonet.schemas.manifest import Counts, Manifest
from videonet.schemas.reason import Reason
from videonet.schemas.run import Lookup, Plan
from videonet.schemas.target import Target
from videonet.text import number, number_of, target_names

if TYPE_CHECKING:
    # slow, and not needed for --help
    from videonet.execution.finished import Before
    from videonet.schemas.progress import ClosedHost

# A thousand classes fill many screens; the rest stands in the manifest.
CLASSES_SHOWN = 30

MOST_FAILED = 3

_SEE_VERDICTS = " The error texts are in the verdicts."


def show_outcome(
    console: Console,
    plan: Plan,
    manifest: Manifest,
    targets: Sequence[Target],
    lookup: Lookup | None,
    closed: Sequence[ClosedHost],
    before: Before | None = None,
) -> None:
    """Print what was found, kept, rejected and failed, and where it lies.

    `closed` are the hosts that the run has stopped asking. After a run that only tried again what
    had failed in the one `before`, print what became of that and no more.
    """
    totals = manifest.totals
    if before is not None:
        if before.to_try_again:
            _show_tried_again(console, before, totals.verdicts)
    elif totals.titles:
        ids = [target.target_id for target in targets]
        names = dict(zip(ids, map(escape, target_names(targets)), strict=True))
        _show_tables(console, plan, manifest, names, lookup)
    if totals.captions is not None:
        console.print(_captions(totals.captions), soft_wrap=True, highlight=False)
    for name, place in (
        ("shards", "clips/"),
        ("verdicts", "verdicts/"),
        ("manifest", "manifest.json"),
    ):
        console.print(f"  {name:9} {plan.out}/{place}", soft_wrap=True, highlight=False)
    if not totals.clips:
        console.print(_why_no_clip(plan, manifest, lookup), style="red", soft_wrap=True)
    elif _most_failed(totals.verdicts):
        failed = sum(totals.verdicts.failed.values())
        console.print(
            f"Most failed: {failed:,} of {totals.verdicts.pairs:,}, "
            f"{_commonest(totals.verdicts.failed)}{_SEE_VERDICTS}",
            style="red",
            soft_wrap=True,
        )
    show_closed(console, closed)
    if not closed and _refused(manifest, lookup):
        console.print(
            "A site refused some of what was asked; run the same command again in an hour or so.",
            style="red",
        )


def show_closed(console: Console, closed: Sequence[ClosedHost]) -> None:
    """Print which hosts are no longer asked, and when to come back."""
    for each in closed:
        why = "kept refusing" if each.refusals > 1 else "asked for a long wait"
        console.print(
            f"{each.host} {why} ({number(each.refusals, 'refusal')} in a row), so it was no "
            f"longer asked; run the same command again after {each.until:%Y-%m-%d %H:%M} UTC.",
            style="red",
            soft_wrap=True,
            markup=False,
        )


def show_nothing_to_do(console: Console, out: str, manifest: Manifest) -> None:
    """Print that a finished run has nothing to do: nothing that it was given has changed."""
    totals = manifest.totals
    console.print(
        f"{out} is finished, and nothing has changed since: {number(totals.clips, 'clip')} of "
        f"{number(totals.kept_videos - totals.kept_without_clip, 'video')}.",
        soft_wrap=True,
        markup=False,
        highlight=False,
    )


def _captions(counts: CaptionCounts) -> str:
    """How many videos have captions, and how many of them could not be had."""
    failed = sum(counts.failed.values())
    videos = counts.with_captions + counts.none + failed
    said = (
        f"Captions of {number_of(counts.with_captions, videos, 'kept video')}"
        f" ({counts.automatic:,} automatic); {counts.none:,} have none"
    )
    if not failed:
        return f"{said}."
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in counts.failed.items())
    return f"{said}, and those of {failed:,} could not be had ({reasons})."


def _show_tried_again(console: Console, before: Before, now: Counts) -> None:
    """Print what became of the failures that were tried again."""
    earlier = before.manifest.totals.verdicts
    kept, rejected = now.kept - earlier.kept, sum(now.rejected.values())
    rejected -= sum(earlier.rejected.values())
    failed = sum(now.failed.values())
    tried = number_of(before.to_try_again, sum(earlier.failed.values()), "failure")
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in now.failed.items())
    console.print(
        f"Tried {tried} again: {kept:,} kept and {rejected:,} rejected by now; "
        f"{number(failed, 'failure')} left" + (f" ({reasons})." if failed else "."),
        soft_wrap=True,
        highlight=False,
    )


def _show_tables(
    console: Console,
    plan: Plan,
    manifest: Manifest,
    names: Mapping[str, str],
    lookup: Lookup | None,
) -> None:
    """Print what was found, by class, and which searches fell short."""
    totals = manifest.totals
    table = Table("class", title="Candidates by class")
    near = plan.settings.selects_neighbours
    for name in ("nearest" if near else "found", "kept"):
        table.add_column(name, justify="right")
    table.add_column("rejected")
    table.add_column("failed")
    by_pairs = sorted(manifest.targets.items(), key=lambda each: (-each[1].pairs, each[0]))
    with_pairs = [each for each in by_pairs if each[1].pairs]
    for target, counts in with_pairs[:CLASSES_SHOWN]:
        table.add_row(names[target], *_cells(counts))
    left_out = len(with_pairs) - CLASSES_SHOWN
    if left_out > 0:
        table.add_row(f"[dim]{left_out:,} more in manifest.json[/dim]")
    if empty := len(by_pairs) - len(with_pairs):
        table.add_row(f"[dim]{empty:,} without a candidate[/dim]")
    table.add_section()
    table.add_row("all", *_cells(totals.verdicts), style="bold")
    console.print(table)
    without = totals.kept_without_clip
    formats = plan.settings.formats
    # Neighbours need no titles.
    looked_at = "" if near else f"{number(totals.titles, 'title')} looked at; "
    console.print(
        f"{looked_at}{number(totals.candidates, 'video')} "
        f"found, {totals.kept_videos:,} kept"
        + (f" ({without:,} too short for a clip)" if without else "")
        + f"; {number(totals.clips, 'clip')} of "
        f"{number(totals.kept_videos - without, 'video')} in "
        f"{number(len(manifest.shards) // len(formats), 'shard')}, as {' and '.join(formats)}.",
        soft_wrap=True,
    )
    quota = plan.settings.per_class
    short = sum(counts.pairs < quota for counts in manifest.targets.values())
    if near:
        quota = plan.settings.per_target
        full = sum(counts.kept == quota for counts in manifest.targets.values())
        console.print(
            f"{number(full, 'target')} of {len(by_pairs) - 1:,} {'has' if full == 1 else 'have'} "
            f"the {quota:,} videos that were asked for."
        )
    elif short:
        console.print(
            f"The quota of {quota:,} videos was not filled for {short:,} of "
            f"{number(len(by_pairs), 'class', 'classes')}."
        )
    if lookup is not None and lookup.crowded_out:
        console.print(crowded(lookup.crowded_out), soft_wrap=True)
    if lookup is not None and lookup.searches:
        _show_searches(console, lookup, names, plan.settings.per_class)


def crowded(pairs: int) -> str:
    """What is said of pairs that were left out of the candidate list."""
    return (
        f"{number(pairs, 'pair')} of video and class {'was' if pairs == 1 else 'were'} left out: "
        "their titles name more classes than the some 40 that one video can be a candidate for."
    )


def exit_code(manifest: Manifest, lookup: Lookup | None, closed: Sequence[ClosedHost]) -> int:
    """0; or 3 without a clip, if more than half of the candidates failed, or a site refused."""
    totals = manifest.totals
    failed = not totals.clips or _most_failed(totals.verdicts)
    return MOST_FAILED if failed or closed or _refused(manifest, lookup) else 0


def _why_no_clip(plan: Plan, manifest: Manifest, lookup: Lookup | None) -> str:
    """The commonest cause of a data set without a clip, and what to do about it."""
    totals = manifest.totals
    if not totals.candidates:
        why = why_no_candidate(plan.settings.source, totals.titles, lookup)
        return f"There is no clip, since {why}"
    if totals.kept_videos:
        kept = number(totals.kept_videos, "kept video")
        return f"There is no clip: {kept} too short for one. Give a source with longer videos."
    verdicts = totals.verdicts
    return (
        f"There is no clip: of {number(verdicts.pairs, 'candidate')} none was kept, "
        f"{_commonest({**verdicts.rejected, **verdicts.failed})}"
        f"{_SEE_VERDICTS if verdicts.failed else ''}"
    )


def why_no_candidate(source: str, titles: int, lookup: Lookup | None) -> str:
    """Why no title names a class: part of a sentence, and what to do."""
    names = [name for each in lookup.searches for name in each.names] if lookup else []
    failed = Counter(name.failed for name in names if name.failed and not name.results)
    if failed and not titles:
        reason = Reason(failed.most_common(1)[0][0])
        return f"no search was answered ({reason}: {reason.explanation}). {reason.advice}"
    if source == "store":
        return (
            "no video that the store knows has a title that names a class. The store has what "
            "earlier class lists found: give the first source again, such as --source youtube or "
            "--source catalogue:FILE."
        )
    if not titles:
        return "the source has no titles. Look at what --source names."
    return "no title names a class: see `videonet targets` for the names looked for."


def _commonest(reasons: Mapping[str, int]) -> str:
    """The commonest reason, what it means and what to do."""
    name, count = max(reasons.items(), key=lambda each: each[1])
    reason = Reason(name)
    return f"the commonest reason is {reason} ({count:,}): {reason.explanation}. {reason.advice}"


def _refused(manifest: Manifest, lookup: Lookup | None) -> bool:
    """Whether something is left that was not asked for, or in vain: also by a run before this."""
    return was_refused(lookup) or Reason.RATE_LIMITED in manifest.totals.verdicts.failed


def was_refused(lookup: Lookup | None) -> bool:
    """Whether a site refused a search."""
    names = [name for each in lookup.searches for name in each.names] if lookup else []
    return any(name.failed == Reason.RATE_LIMITED for name in names)


def _show_searches(console: Console, lookup: Lookup, names: Mapping[str, str], quota: int) -> None:
    """Which classes fell short of the quota, name by name; the fullest last."""
    short = [each for each in lookup.searches if each.end != "full"]
    if not short:
        return
    table = Table("class", title=f"Searches that found fewer than {quota:,} videos")
    for name in ("name", "queries", "results", "new", "ended"):
        table.add_column(name, justify="right" if name in ("queries", "results", "new") else "left")
    # What neighbours are looked for among was searched for by other classes.
    short.sort(key=lambda each: lookup.matched.get(each.target_id, 0))
    for each in short[:CLASSES_SHOWN]:
        table.add_section()
        for index, brought in enumerate(each.names):
            table.add_row(
                "" if index else names.get(each.target_id, escape(each.target_id)),
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
