"""`videonet explain`: what other rules on frames would keep, before anything is made with them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from videonet.cli.options import Out, of_this_machine, place, with_options
from videonet.cli.terminal import Console
from videonet.errors import UsageError
from videonet.schemas.option import options_from
from videonet.schemas.selection import FrameRules

if TYPE_CHECKING:
    # slow, and not needed for --help
    from videonet.report.frame_rules import Explained, RuleCounts

# Classes that are printed, those that lose most first.
_CLASSES_SHOWN = 20


@with_options(FrameRules)
def explain(
    out: Out,
    store: Annotated[
        Any,
        typer.Option(
            parser=place, metavar="PLACE", help="The run's store; default: where the run had it."
        ),
    ] = None,
    to: Annotated[
        Any,
        typer.Option(
            parser=of_this_machine,
            metavar="FILE",
            help="Write all classes as a table, .csv or .parquet.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    **values: Any,
) -> None:
    """Say how many videos of each class other rules would keep. Neither OUT nor the store changes.

    The rules stand in the place of those that OUT was made with. A data set by them is made in
    seconds by videonet curate --source store with the same rules and another --out.

    Example: videonet explain out --min-frames 5
    """
    import msgspec

    from videonet.report.frame_rules import explained
    from videonet.schemas.shown import shown_json

    if to is not None and to.suffix.lower() not in (".csv", ".parquet"):
        raise UsageError(f"--to {to} is no table; give a file that ends with .csv or .parquet.")
    seen = explained(out, store, options_from(FrameRules, values))
    if to is not None:
        _write(seen, to)
    if as_json:
        typer.echo(shown_json(msgspec.json.encode(seen)).decode())
        return
    _show(Console(highlight=False), seen, to)


def _show(console: Console, seen: Explained, to: Path | None) -> None:
    """Print a table of the classes that lose most, and a line of all."""
    from rich.markup import escape
    from rich.table import Table

    title = "Kept by other rules" + ("" if seen.state == "finished" else f" ({seen.state})")
    # In words, so that a narrow terminal breaks them well.
    heads = ["kept", *(option.replace("-", " ").strip() for option in seen.options)]
    several = len(seen.options) > 1
    heads += ["all together"] if several else []
    heads += ["lost"]
    heads += ["unknown"] if seen.all.unknown else []
    heads += ["may come"] if seen.all.open else []
    table = Table("class", title=title)
    for head in heads:
        table.add_column(head, justify="right")

    def cells(row: RuleCounts) -> list[str]:
        numbers = [row.kept, *row.alone.values()]
        numbers += [row.together] if several else []
        numbers += [row.lost]
        numbers += [row.unknown] if seen.all.unknown else []
        numbers += [row.open] if seen.all.open else []
        return [f"{number:,}" for number in numbers]

    rows = sorted(
        (row for row in seen.classes if row.kept or row.open),
        key=lambda row: (-row.lost, -row.kept, row.name, row.target_id),
    )
    for row in rows[:_CLASSES_SHOWN]:
        table.add_row(escape(row.name), *cells(row))
    if len(rows) > _CLASSES_SHOWN:
        where = f"in {to}" if to is not None else "with --json, or --to FILE.csv"
        table.add_row(f"[dim]{len(rows) - _CLASSES_SHOWN:,} more {where}[/dim]")
    table.add_section()
    table.add_row("all", *cells(seen.all), style="bold")
    console.print(table)
    if seen.all.unknown:
        console.print(
            "Unknown: what their frames show is not known, since they were not scanned, or were "
            "scanned anew since.",
            soft_wrap=True,
        )
    if seen.all.open:
        console.print(
            "May come: too weak a match by the rules of the data set, and not by these; their "
            "length decides, which was not measured.",
            soft_wrap=True,
        )


def _write(seen: Explained, file: Path) -> None:
    """Write all classes as a table, with a column for each number."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet as pq

    rows = [
        {
            "target_id": row.target_id,
            "name": row.name,
            "kept": row.kept,
            **{option.split()[0].lstrip("-"): number for option, number in row.alone.items()},
            "together": row.together,
            "lost": row.lost,
            "unknown": row.unknown,
            "open": row.open,
        }
        for row in seen.classes
    ]
    table = pa.Table.from_pylist(rows)
    try:
        if file.suffix.lower() == ".csv":
            pyarrow.csv.write_csv(table, file)
        else:
            pq.write_table(table, file)
    except OSError as error:
        raise UsageError(
            f"{file} cannot be written ({error.strerror or error}); give another --to."
        ) from error
