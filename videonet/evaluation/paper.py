"""The paper's own numbers, which stand beside results: `paper.toml`."""

import functools
import tomllib
from importlib import resources
from typing import NamedTuple

# Whose rows are drawn as marks.
MARKED = ("VITO", "supervised", "MoCLR")


class PaperNumber(NamedTuple):
    """A number that the paper prints of a model."""

    evaluation: str
    metric: str
    model: str
    # as timm names it
    architecture: str
    # that the model was trained on
    data: str
    # a share, 0 to 1, as results have it
    value: float


@functools.cache
def numbers() -> tuple[PaperNumber, ...]:
    """All of them, in the order of the file."""
    text = resources.files(__package__).joinpath("paper.toml").read_text(encoding="utf-8")
    return tuple(
        PaperNumber(name, metric, row["model"], row["architecture"], row["data"], value / 100)
        for row in tomllib.loads(text)["row"]
        for name, metrics in row.items()
        if isinstance(metrics, dict)
        for metric, value in metrics.items()
    )


def of(evaluation: str) -> list[PaperNumber]:
    """Those of one evaluation."""
    return [each for each in numbers() if each.evaluation == evaluation]


def in_one_line(evaluation: str) -> str:
    """What the paper got, such as "VITO top1 5.4; supervised top1 2.2"; empty: nothing is known."""
    found: dict[str, list[str]] = {}
    for each in of(evaluation):
        name = each.model if each.architecture == "resnet50" else f"{each.model} (Swin-S)"
        found.setdefault(name, []).append(f"{each.metric} {100 * each.value:.1f}")
    return "; ".join(f"{name} {', '.join(values)}" for name, values in found.items())
