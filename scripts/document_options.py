"""Writes docs/options.md from the declaration of the options.

    python -m scripts.document_options

A test compares the two.
"""

import typing
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

import msgspec

from videonet.cli.options import default_shown
from videonet.schemas.option import Declared, Form, declared, in_order_of_help
from videonet.schemas.settings import (
    AccessOptions,
    CurateOptions,
    JobOptions,
    PartOptions,
    RebuildOptions,
    RunOptions,
)

FILE = Path(__file__).parent.parent / "docs" / "options.md"

_INTRODUCTION = """\
# Options of `videonet curate`

`--config FILE.toml` may hold each of them, named as here but without the dashes: `per-class = 500`.
What is typed wins. Sizes are bytes, or such as `500KB`, `2GB` and `1GiB`.

An option that *changes the data set* stands in `manifest.json` and in the lock file, or what came
of it: the digest of the class list, the sha256 of the classifier, a source without its path. With
another value, give another `--out`. What changes no byte of the data set stands in `run.json`.
*Never written* is what may hold a secret; only the `format` and `format_sort` that yt-dlp is asked
for are in the manifest, as `video_format`. `videonet rebuild` has the options that are marked so.
"""

# The heading of options that the help lists without one.
_FIRST = "Data set and machine"

_KEPT: dict[type[msgspec.Struct], str] = {
    CurateOptions: "yes",
    RunOptions: "no",
    JobOptions: "no",
    AccessOptions: "never written",
    PartOptions: "no",
}


def page() -> str:
    """The whole of docs/options.md."""
    changes = {each.name: said for group, said in _KEPT.items() for each in declared(group)}
    rebuilt = {
        each.name
        for each in in_order_of_help(RunOptions, RebuildOptions, AccessOptions)
        if each.option.in_rebuild
    }
    panels: dict[str, list[tuple[str, ...]]] = {}
    for each in in_order_of_help(*_KEPT):
        rebuild = "yes" if each.name in rebuilt else ""
        row = (*_cells(each), changes[each.name], rebuild)
        panels.setdefault(each.option.panel or _FIRST, []).append(row)
    return _INTRODUCTION + "".join(_table(heading, rows) for heading, rows in panels.items())


def _cells(option: Declared) -> tuple[str, ...]:
    """Name, values, unit, default and help of an option."""
    is_plain = option.type is not bool and not option.is_measured
    default = default_shown(option) if is_plain else ""
    shown = "must be given" if option.is_required else f"`{default}`" if default else ""
    return f"`--{option.typed}`", _values(option), option.option.unit, shown, option.option.help


def _values(option: Declared) -> str:
    """What may be typed."""
    said, kind = option.option, option.type
    if said.metavar:
        several = typing.get_origin(kind) is tuple and said.form not in (Form.NAMES, Form.WORDS)
        return f"`{said.metavar}`" + (", may be given several times" if several else "")
    if kind is bool:
        return "none: it is a switch"
    if kind == bool | None:
        return f"none: it is a switch, off with `--no-{option.typed}`"
    if typing.get_origin(kind) is typing.Literal:
        return _choice(typing.get_args(kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _choice(each.value for each in kind)
    least = "" if said.minimum is None else f", at least {said.minimum:g}"
    return ("number" if kind is float else "whole number") + least


def _choice(values: typing.Iterable[str]) -> str:
    return " or ".join(f"`{value}`" for value in values)


def _table(heading: str, rows: list[tuple[str, ...]]) -> str:
    head = ("option", "value", "unit", "default", "what it says", "changes the data set", "rebuild")
    return f"\n## {heading}\n\n" + "".join(_lines(head, rows))


def _lines(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    for cells in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    FILE.write_text(page(), "utf-8")
