"""The paper's own numbers, which stand beside results: `paper.toml`."""

import functools
import tomllib
from importlib import resources
from typing import Any

import msgspec

# Whose rows are drawn as marks. VIVI's is not among them: what is trained here under its name is
# after its introduction alone, and no reproduction.
MARKED = ("VITO", "supervised", "MoCLR")

# What is said beside them.
KNOWN_IN_PART = (
    "The paper's numbers: the table is named where it is known, and for most it is not. For how "
    "many epochs a model was trained was at hand for none."
)


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    """What the file says of a model, besides its numbers."""

    model: str
    architecture: str | None = None
    data: str | None = None
    epochs: int | None = None


class _Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A metric of a model: all values that the paper prints of it, in percent."""

    values: tuple[float, ...]
    table: str | None = None
    note: str | None = None


class PaperNumber(msgspec.Struct, frozen=True, kw_only=True):
    """A number that the paper prints of a model. None: it is not known."""

    evaluation: str
    metric: str
    model: str
    # as timm names it
    architecture: str | None
    # that the model was trained on, and for how many epochs of it
    data: str | None
    epochs: int | None
    # of the paper
    table: str | None
    # shares, 0 to 1, as results have them: several where the paper contradicts itself
    values: tuple[float, ...]
    # what must be known beside it
    note: str | None

    def named(self, *, with_architecture: bool) -> str:
        """The model, with what else is known of the number: "VITO (resnet50, Table 1)"."""
        architecture = self.architecture if with_architecture else None
        epochs = None if self.epochs is None else f"{self.epochs:,} epochs"
        table = None if self.table is None else f"Table {self.table}"
        more = ", ".join(each for each in (architecture, epochs, table) if each is not None)
        return f"{self.model} ({more})" if more else self.model


@functools.cache
def numbers() -> tuple[PaperNumber, ...]:
    """All of them, in the order of the file."""
    text = resources.files(__package__).joinpath("paper.toml").read_text(encoding="utf-8")
    return tuple(_number(row, name, metric, said) for row, name, metric, said in _said(text))


def of(evaluation: str) -> list[PaperNumber]:
    """Those of one evaluation."""
    return [each for each in numbers() if each.evaluation == evaluation]


def notes(evaluation: str) -> list[str]:
    """What must be known beside the numbers of an evaluation, a sentence each."""
    found = of(evaluation)
    if not found:
        return []
    shown = evaluation.replace("_", "-")
    noted = [f"{each.model} on {shown}, {each.metric}: {each.note}." for each in found if each.note]
    return [KNOWN_IN_PART, *noted]


def in_one_line(evaluation: str) -> str:
    """What the paper got, such as "VITO top1 5.4; supervised top1 2.2"; empty: nothing is known."""
    found: dict[str, list[str]] = {}
    for each in of(evaluation):
        name = each.named(with_architecture=each.architecture != "resnet50")
        values = [" or ".join(f"{100 * value:.1f}" for value in each.values)] if each.values else []
        note = [f"({each.note})"] if each.note else []
        found.setdefault(name, []).append(" ".join([each.metric, *values, *note]))
    return "; ".join(f"{name} {', '.join(values)}" for name, values in found.items())


def _said(text: str) -> list[tuple[_Row, str, str, Any]]:
    """Each number with its row, its evaluation and its metric."""
    return [
        (msgspec.convert(row, _Row), name, metric, said)
        for row in tomllib.loads(text)["row"]
        for name, metrics in row.items()
        if isinstance(metrics, dict)
        for metric, said in metrics.items()
    ]


def _number(row: _Row, evaluation: str, metric: str, said: Any) -> PaperNumber:
    entry = msgspec.convert(said if isinstance(said, dict) else {"values": [said]}, _Entry)
    return PaperNumber(
        evaluation=evaluation,
        metric=metric,
        model=row.model,
        architecture=row.architecture,
        data=row.data,
        epochs=row.epochs,
        table=entry.table,
        values=tuple(value / 100 for value in entry.values),
        note=entry.note,
    )
