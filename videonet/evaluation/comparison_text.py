"""A comparison as lines for a terminal, and as Markdown."""

from rich.table import Table
from rich.text import Text

from videonet.evaluation.about import UNCONFIRMED
from videonet.evaluation.comparison import Cell, Column, Comparison, Row

NO_DIFFERENCE = (
    "Bold is what is better than all others of its row, by 95 % intervals that do not meet. Any "
    "other difference is none."
)


def terminal_table(comparison: Comparison) -> Table:
    """The table as a terminal shows it."""
    table = Table(box=None, pad_edge=False, show_edge=False)
    table.add_column("")
    for column in comparison.columns:
        table.add_column(Text(column.name), justify="right", no_wrap=True)
    for what, values in _heads(comparison.columns):
        table.add_row(what, *(Text(each, "dim") for each in values))
    for row in comparison.rows:
        table.add_row(Text(_title(row)), *(_text(each) for each in row.cells))
    return table


def paper_lines(comparison: Comparison) -> list[str]:
    """The paper's numbers, a line for each row that has some, and what must be known of all."""
    lines = [
        f"paper, {row.evaluation.replace('_', '-')}: {row.metric}   {_marks(row)}"
        for row in comparison.rows
        if row.marks
    ]
    return [*lines, *comparison.of_paper, *comparison.changes, *comparison.after]


def markdown(comparison: Comparison) -> str:
    """The same as Markdown, with what must be known beside it."""
    names = ["", *(each.name for each in comparison.columns), "paper"]
    lines = [UNCONFIRMED, "", _line(names), _line(["---"] * len(names))]
    lines += [_line([what, *values, ""]) for what, values in _heads(comparison.columns)]
    for row in comparison.rows:
        cells = [
            f"**{_shown(each)}**" if each is not None and each.is_best else _shown(each)
            for each in row.cells
        ]
        lines.append(_line([_title(row), *cells, _marks(row)]))
    lines += ["", NO_DIFFERENCE, ""]
    said = (*comparison.of_paper, *comparison.changes, *comparison.after)
    lines += [f"- {_plain(each)}" for each in said]
    lines += [f"- Left out: {_plain(each)}" for each in comparison.left_out]
    for name, (mark, *notes) in sorted(comparison.footnotes.items()):
        lines.append(f"- {_plain(name)} ({mark}): {_plain(' '.join(notes))}")
    return "\n".join(lines).rstrip() + "\n"


def _heads(columns: tuple[Column, ...]) -> list[tuple[str, list[str]]]:
    """What stands above the numbers."""
    facts = [each.facts for each in columns]
    return [
        ("architecture", [each.architecture for each in facts]),
        ("images seen", [_count(each.images_seen) for each in facts]),
        ("videos trained on", [_count(each.videos) for each in columns]),
    ]


def _count(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"


def _title(row: Row) -> str:
    less = ", less is better" if row.less_is_better else ""
    return f"{row.evaluation.replace('_', '-')}: {row.metric} ({row.protocol}{less})"


def _text(cell: Cell | None) -> Text:
    return Text(_shown(cell), "bold" if cell is not None and cell.is_best else "")


def _shown(cell: Cell | None) -> str:
    """A number in percent with its interval: "65.5 (63.0 to 68.1)"."""
    if cell is None or cell.value.value is None:
        return "none"
    text = f"{100 * cell.value.value:.1f}"
    if cell.value.low is not None and cell.value.high is not None:
        text += f" ({100 * cell.value.low:.1f} to {100 * cell.value.high:.1f})"
    return text


def _marks(row: Row) -> str:
    return ", ".join(
        f"{each.label.replace(', paper', '')} {100 * each.value:.1f}" for each in row.marks
    )


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(map(_plain, cells))} |"


def _plain(text: str) -> str:
    """A text in Markdown: what is a stranger's ends no cell and is no tag."""
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())
