"""`videonet diff`: what is different between two data sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from videonet.cli.options import of_this_machine, place
from videonet.cli.terminal import Console
from videonet.errors import UsageError
from videonet.text import as_shown, number

if TYPE_CHECKING:
    from collections.abc import Iterator

    # slow, and not needed for --help
    from videonet.dataset.diff import Difference, VideoChange

# Of each kind.
_SHOWN = 5

# As `diff` ends where there is a difference.
DIFFERENT = 1

_ONE = Annotated[
    Any,
    typer.Argument(parser=place, help="OUT of a finished run, or a lock file (.parquet)."),
]


def diff(
    a: _ONE,
    b: _ONE,
    to: Annotated[
        Any,
        typer.Option(
            "--json",
            parser=of_this_machine,
            metavar="FILE",
            help="Write all that is different as JSON, with every video.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Say what is different in data set B from data set A.

    Videos that were added, are gone, or have other labels, bytes, clips or licences; settings,
    versions, targets, withdrawals, sides of a split, and shard files. Captions, and verdicts on
    videos that are not kept, are not compared. Lock files are, so one of them may stand in the
    place of its data set. Exit codes: 0 nothing is different, 1 something is, 2 wrong input.

    Example: videonet diff out newer --json difference.json
    """
    from videonet.dataset.diff import open_difference, write_difference

    console = Console(soft_wrap=True, highlight=False)
    with open_difference(a, b) as difference:
        for line in _lines(difference):
            console.print(line, markup=False)
        if to is not None:
            try:
                write_difference(difference, to)
            except OSError as error:
                raise UsageError(
                    f"{to} cannot be written ({error.strerror or error}); give another --json."
                ) from error
            console.print(f"  {to}", markup=False)
        code = 0 if difference.is_equal else DIFFERENT
    raise typer.Exit(code)


def _lines(found: Difference) -> Iterator[str]:
    if found.is_equal:
        yield (
            f"Nothing is different: {number(found.sizes[0], 'kept video')} in both. (Captions, and "
            "verdicts on other videos, are not compared.)"
        )
        return
    yield f"A has {number(found.sizes[0], 'kept video')}, B has {found.sizes[1]:,}."
    yield f"{found.same:,} are the same in both."
    for kind, count in found.counts.items():
        if count:
            yield f"{kind}: {number(count, 'video')}"
            shown = list(found.videos(kind, _SHOWN))
            for each in shown:
                yield f"  {as_shown(each.video_id)}  {as_shown(each.url)}{_said(kind, each)}"
            if count > len(shown):
                yield f"  {count - len(shown):,} more; --json FILE has all."
    for name, changes in (("settings", found.settings), ("versions", found.versions)):
        if changes:
            yield f"{name}:"
            for change in changes:
                yield f"  {change.name}: {_value(change.a)} -> {_value(change.b)}"
    for name in ("added", "gone", "changed"):
        targets = getattr(found.targets, name)
        if targets:
            more = f" and {len(targets) - _SHOWN:,} more" if len(targets) > _SHOWN else ""
            yield f"targets {name}: {as_shown(', '.join(targets[:_SHOWN]))}{more}"
    if found.withdrawn is not None and any(found.withdrawn):
        yield f"withdrawn: {found.withdrawn[0]:,} in B alone, {found.withdrawn[1]:,} in A alone"
    if found.other_side:
        yield f"split: {number(found.other_side, 'video')} on another side, or in one split alone"
    if found.shards != (found.same_shards, found.same_shards):
        yield (
            f"shard files: {found.shards[0]:,} in A, {found.shards[1]:,} in B, "
            f"{found.same_shards:,} the same to the byte"
        )


def _said(kind: str, video: VideoChange) -> str:
    """What is different of a video, for the kind under which it is listed."""
    if kind in ("added", "gone"):
        where = "A" if kind == "added" else "B"
        return f"  in {where}: {video.reason}" if video.reason else ""
    pair: Any = {
        "relabelled": video.targets,
        "other bytes": video.sha256 and tuple(f"{each[:12]}..." for each in video.sha256),
        "cut otherwise": video.clips and tuple(number(each, "clip") for each in video.clips),
        "other licence": video.licence,
    }.get(kind)
    return f"  {_value(pair[0])} -> {_value(pair[1])}" if pair else ""


def _value(value: Any) -> str:
    """A value of a setting or a column as a person reads it."""
    if value is None:
        return "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value)) or "none"
    text = as_shown(str(value))
    return text if len(text) <= 80 else f"{text[:77]}..."
