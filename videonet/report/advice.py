"""What to look at first: classes that are too thin, names to drop, failures to chase."""

import itertools
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from videonet.report.inputs import ReportInput
from videonet.report.names import CountedName
from videonet.report.page.content import Advice, ClassRow, Failure
from videonet.schemas.neighbours import NOT_COMPARED
from videonet.schemas.reason import Reason
from videonet.text import number, share, target_names

# Of each kind; the tables have the rest.
MOST = 5

# Fewer judged videos say nothing about a name.
ENOUGH = 5

_FEW = "Further names that titles use, or another source, may bring more."
_NEARER = "More images of it, or another source, may bring more."


class ThinClasses(NamedTuple):
    """The classes that are too thin."""

    # how many there are
    classes: int
    # about the thinnest of them, first
    advice: tuple[Advice, ...]


def thin_classes(
    given: ReportInput, rows: Sequence[ClassRow], commonest: dict[int, str]
) -> ThinClasses:
    """Classes with at most half as many kept videos as the class in the middle, or without a clip.

    Of a rebuilt data set, those that lost half of their videos or more, or all clips.
    `commonest`: what is seen most often in the videos that do not show their class, by position.
    """
    names = target_names(given.targets)
    if given.is_rebuilt:
        return _thin_again(names, rows)
    classes = [place for place, each in enumerate(given.targets) if each != NOT_COMPARED]
    if not classes:
        return ThinClasses(0, ())
    more = _NEARER if given.selects_neighbours else _FEW
    own = [rows[position] for position in classes]
    enough = statistics.median(map(_usable, own)) / 2
    usual = _Usual(
        found=statistics.median(_found(row) for row in own),
        kept=sum(row.funnel.kept for row in own) / max(1, sum(_found(row) for row in own)),
        more=more,
    )
    thinnest = sorted(
        (position for position in classes if _usable(rows[position]) <= enough),
        # Of several, the one that cost most in vain.
        key=lambda position: (_usable(rows[position]), -rows[position].funnel.candidates),
    )
    # One sentence for all classes without a candidate: there is nothing else to say of them.
    unnamed = [names[position] for position in thinnest if not rows[position].funnel.matched]
    named = (position for position in thinnest if rows[position].funnel.matched)
    brings = "no video is nearest to" if given.selects_neighbours else "no title names"
    first = [_unnamed(unnamed, brings, more)] if unnamed else []
    others = (
        Advice(
            about=names[position],
            text=f"{names[position]}: {_why_thin(rows[position], usual, commonest.get(position))}",
        )
        for position in named
    )
    return ThinClasses(len(thinnest), tuple(itertools.islice(itertools.chain(first, others), MOST)))


def names_to_drop(
    given: ReportInput, names: Sequence[CountedName], kept: int
) -> tuple[Advice, ...]:
    """Names that bring mostly something else, those first without which most would be saved.

    A name is judged by the candidates that no other name brought. Failures do not count: they are
    not the fault of a name. `kept` are all kept pairs.
    """
    judged = sum(each.row.kept + each.row.no_match for each in names)
    if not judged:
        return ()
    usual = sum(each.row.kept for each in names) / judged
    bad = [each for each in names if _is_bad(each, min(0.1, usual / 2))]
    bad.sort(key=lambda each: 10 * each.row.only_kept - each.only_no_match)
    called = target_names(given.targets)
    return tuple(_dropped(given, each, called[each.target], kept) for each in bad[:MOST])


def top_failures(failed: Sequence[Failure], candidates: int) -> tuple[Advice, ...]:
    """The commonest reasons why candidates could not be looked at.

    The reasons that neither a person nor a later run can change come last.
    """
    ordered = sorted(failed, key=lambda each: (Reason(each.reason).is_hopeless, -each.pairs))
    return tuple(
        Advice(
            about=each.reason,
            text=f"{each.reason}: {each.pairs:,} of {number(candidates, 'candidate')} "
            f"({share(each.pairs, candidates)}). {each.advice}",
        )
        for each in ordered[:MOST]
    )


class _Usual(NamedTuple):
    """How classes fare in general."""

    # candidates of the class in the middle
    found: float
    # part of all candidates that is kept
    kept: float
    # what may bring more candidates, a sentence
    more: str


class _Loss(NamedTuple):
    """Candidates of a class that were not kept, of one kind."""

    pairs: int
    text: str
    remedy: str


def _unnamed(names: Sequence[str], brings: str, more: str) -> Advice:
    """What to do about classes without a candidate."""
    others = f" and {number(len(names) - 1, 'other class', 'other classes')}" if names[1:] else ""
    it = "them" if others else "it"
    return Advice(about=names[0], text=f"{names[0]}{others}: {brings} {it}. {more}")


def _thin_again(names: Sequence[str], rows: Sequence[ClassRow]) -> ThinClasses:
    """The thin classes of a rebuilt data set: how much of what was locked is not here again."""
    lost = [
        (name, row)
        for name, row in zip(names, rows, strict=True)
        if row.funnel.kept < row.funnel.candidates and 2 * _usable(row) <= row.funnel.candidates
    ]
    lost.sort(key=lambda each: (_usable(each[1]), -each[1].funnel.candidates))
    return ThinClasses(len(lost), tuple(itertools.starmap(_lost, lost[:MOST])))


def _lost(name: str, row: ClassRow) -> Advice:
    """What became of the locked videos of a class that are not here again."""
    here, locked = row.funnel.kept, row.funnel.candidates
    are = "is" if here == 1 else "are"
    gone = ", ".join(f"{n:,} {reason}" for reason, n in (row.failed | row.rejected).items())
    text = f"{here:,} of {number(locked, 'locked video')} {are} here again{_clipless(row)}; {gone}."
    return Advice(about=name, text=f"{name}: {text}")


def _usable(row: ClassRow) -> int:
    """Videos of a class that give a clip, also by a label from a duplicate that was dropped.

    Of the others no shard has anything.
    """
    return row.funnel.with_clip + row.funnel.inherited_with_clip


def _clipless(row: ClassRow) -> str:
    """Of how many kept videos of a class there is no clip; "" where there is of all."""
    kept, short = row.funnel.kept, row.funnel.kept - row.funnel.with_clip
    if not short:
        return ""
    if short < kept:
        return f", but {short:,} of them too short for a clip"
    return f", but {'too short' if kept == 1 else 'all too short'} for a clip"


def _found(row: ClassRow) -> int:
    """Candidates of a class, also those without a verdict yet."""
    return min(row.funnel.matched, row.quota)


def _why_thin(row: ClassRow, usual: _Usual, instead: str | None) -> str:
    """What became of the candidates of a class, and what may help."""
    losses = _losses(row, instead)
    candidates = number(row.funnel.candidates, "candidate")
    text = f"{row.funnel.kept:,} kept of {candidates}{_clipless(row)}"
    if row.funnel.inherited:
        text += f", and {number(row.funnel.inherited, 'label')} from duplicates"
    if row.funnel.kept and not _usable(row):
        return f"{text}. {usual.more}"
    # Where as large a part as usual is kept, it is candidates that are wanting.
    if not losses or row.funnel.kept >= usual.kept / 2 * row.funnel.candidates:
        return f"{text}, where the class in the middle has {usual.found:,.10g}. {usual.more}"
    worst = max(losses, key=lambda each: each.pairs)
    return f"{text}; {worst.text}. {worst.remedy}"


def _losses(row: ClassRow, instead: str | None) -> list[_Loss]:
    most_often = "" if instead is None else f", most often \u201c{instead}\u201d"
    losses = []
    for reason, pairs in row.rejected.items():
        # The quota was full: what is missing, others have lost.
        if reason == Reason.NOT_SELECTED:
            continue
        one = pairs == 1
        match Reason(reason):
            case Reason.NO_TOP1_MATCH:
                text = f"{'shows' if one else 'show'} something else{most_often}"
            case Reason.TOO_SHORT:
                text = f"{'is' if one else 'are'} too short"
            case _:
                text = f"{'was' if one else 'were'} rejected ({reason})"
        losses.append(_Loss(pairs, f"{pairs:,} {text}", Reason(reason).advice))
    if row.failed:
        pairs, reason = sum(row.failed.values()), next(iter(row.failed))
        text = f"{pairs:,} could not be looked at, most often {reason}"
        losses.append(_Loss(pairs, text, "The failures below say what to do."))
    return losses


def _is_bad(name: CountedName, least: float) -> bool:
    """Whether less than this part of what the name alone brought was kept."""
    judged = name.row.only_kept + name.only_no_match
    return judged >= ENOUGH and name.row.only_kept < least * judged


def _dropped(given: ReportInput, name: CountedName, called: str, kept: int) -> Advice:
    row, target = name.row, given.targets[name.target]
    of_class = "" if called == row.name else f" (class {called})"
    if row.only_kept:
        was = "was" if row.only_kept == 1 else "were"
        gain = f"{row.only_kept:,} {was} kept ({share(row.only_kept, kept)} of all that is)"
    else:
        gain = "none was kept"
    if row.name == target.name:
        remedy = "It is the class's own name: list the class under one that means only this."
    else:
        remedy = "Leave it out of the class list."
    return Advice(
        about=row.name,
        text=f"\u201c{row.name}\u201d{of_class} alone brought {number(row.only, 'candidate')}: "
        f"{gain}, {name.only_no_match:,} show something else. {remedy}",
    )
