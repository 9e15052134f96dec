"""Results side by side: which there are, which are better than others, and what the paper got."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from videonet.errors import UsageError
from videonet.evaluation import paper
from videonet.evaluation.facts import Facts
from videonet.evaluation.result import Result, Value, read

# Of a training, and of what was evaluated without one.
_FOLDER = "evaluations"

# Measures of which less is better.
_LESS_IS_BETTER = ("difference", "drop")


@dataclass(frozen=True)
class Column:
    """One model: what its results are of."""

    # as the user named the folder; unlike those of others
    name: str
    facts: Facts
    # videos of the data set that it was trained on; None: unknown
    videos: int | None


@dataclass(frozen=True)
class Cell:
    """A number of one model."""

    value: Value
    # whether it is better than all others of its row, by intervals that do not meet
    is_best: bool
    # whether its protocol is the paper's: else it is drawn hollow
    is_paper: bool


@dataclass(frozen=True)
class Mark:
    """A number of the paper."""

    label: str
    value: float
    # whether its architecture is that of a column; others are grey
    is_alike: bool


@dataclass(frozen=True)
class Row:
    """One number of one evaluation."""

    evaluation: str
    metric: str
    # of the protocol that all cells have in common; with settings that are not its own, it says so
    protocol: str
    # one a column; None: there is no such result
    cells: tuple[Cell | None, ...]
    marks: tuple[Mark, ...]
    less_is_better: bool


@dataclass(frozen=True)
class Comparison:
    """All that is shown."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    # results that are not shown, with the reason, a sentence each
    left_out: tuple[str, ...]
    # what protocols assume, by name
    footnotes: dict[str, tuple[str, ...]]
    # what must be known beside the paper's numbers, a sentence each
    of_paper: tuple[str, ...]
    # settings that are not those of the protocols, a sentence for each evaluation
    changes: tuple[str, ...]
    # models whose method reproduces no publication, a sentence each
    after: tuple[str, ...] = ()


def compare(folders: Sequence[Path], *, with_paper: bool) -> Comparison:
    """The results in the folders of trainings, or of results. Raises UsageError."""
    columns, results, left_out = [], [], []
    for folder, name in zip(folders, _names(folders), strict=True):
        whole = []
        for result in _results(folder):
            if result.data.partial:
                left_out.append(f"{name} on {result.evaluation}: it is on a part of the data.")
            else:
                whole.append(result)
        if not whole:
            raise UsageError(
                f"{folder} has no results on whole data sets; `videonet evaluate` writes them."
            )
        newest = max(whole, key=lambda each: each.created)
        others = {each.model.sha256 for each in whole} - {newest.model.sha256}
        if others:
            left_out += [
                f"{name} on {each.evaluation}: it is of another checkpoint than the newest result."
                for each in whole
                if each.model.sha256 in others
            ]
            whole = [each for each in whole if each.model.sha256 not in others]
        columns.append(Column(name, newest.model, newest.trained_on.videos))
        results.append({(each.evaluation, each.protocol.name): each for each in whole})
    rows = _rows(columns, results, with_paper=with_paper)
    notes = {
        each.protocol.name: (each.protocol.mark, *each.protocol.assumptions, *each.protocol.notes)
        for found in results
        for each in found.values()
    }
    # A sentence that is said of several evaluations is said once.
    evaluations = dict.fromkeys(row.evaluation for row in rows if with_paper)
    of_paper = dict.fromkeys(note for each in evaluations for note in paper.notes(each))
    changes = dict.fromkeys(
        _changes(each) for found in results for each in found.values() if each.changed
    )
    return Comparison(
        tuple(columns),
        tuple(rows),
        tuple(left_out),
        notes,
        tuple(of_paper),
        tuple(changes),
        tuple(_after(each) for each in columns if each.facts.after),
    )


def is_better(one: Value, other: Value, *, less: bool) -> bool:
    """Whether one number is better than another, so that their intervals do not meet."""
    if one.value is None or other.value is None:
        return False
    if None in (one.low, one.high, other.low, other.high):
        return False
    assert one.low is not None
    assert one.high is not None
    assert other.low is not None
    assert other.high is not None
    return one.high < other.low if less else one.low > other.high


def _rows(
    columns: Sequence[Column],
    results: Sequence[dict[tuple[str, str], Result]],
    *,
    with_paper: bool,
) -> list[Row]:
    keys = dict.fromkeys(key for found in results for key in found)
    rows = []
    for evaluation, protocol in sorted(keys):
        of_all = [found.get((evaluation, protocol)) for found in results]
        of_some = [each for each in of_all if each is not None]
        if len({each.data.fingerprint for each in of_some}) > 1:
            raise UsageError(
                f"The results of {evaluation} are of data sets that differ; evaluate all models on "
                f"the same files."
            )
        if len({str(each.settings) for each in of_some}) > 1:
            raise UsageError(
                f"The results of {evaluation} are of different settings; evaluate all models with "
                f"the same ones."
            )
        shown = f"{protocol}, other settings" if of_some[0].changed else protocol
        rows += [
            _row(evaluation, shown, metric, of_all, columns, with_paper)
            for metric in of_some[0].protocol.main
        ]
    return rows


def _row(
    evaluation: str,
    protocol: str,
    metric: str,
    results: Sequence[Result | None],
    columns: Sequence[Column],
    with_paper: bool,
) -> Row:
    less = any(word in metric for word in _LESS_IS_BETTER)
    values = [None if each is None else each.numbers.get(metric) for each in results]
    cells: list[Cell | None] = []
    for place, (result, value) in enumerate(zip(results, values, strict=True)):
        if result is None or value is None:
            cells.append(None)
            continue
        others = [each for at, each in enumerate(values) if at != place and each is not None]
        is_best = bool(others) and all(is_better(value, each, less=less) for each in others)
        cells.append(Cell(value, is_best, result.protocol.mark == "paper"))
    numbers = [each for each in paper.of(evaluation) if with_paper and each.metric == metric]
    marks = marks_of(numbers, {each.facts.architecture.partition(".")[0] for each in columns})
    return Row(evaluation, metric, protocol, tuple(cells), marks, less)


def marks_of(numbers: Sequence[paper.PaperNumber], alike: set[str]) -> tuple[Mark, ...]:
    """The marks of those that are shown; `alike` are the architectures of the columns.

    Where the paper contradicts itself, each of its values is a mark.
    """
    return tuple(
        Mark(_label(each, alike), value, each.architecture in alike)
        for each in numbers
        if each.model in paper.MARKED
        for value in each.values
    )


def _changes(result: Result) -> str:
    """Which settings a result does not have from its protocol."""
    values = {
        name: " and ".join(map(str, value)) if isinstance(value, list) else value
        for name, value in result.changed.items()
    }
    said = ", ".join(f"{name} = {value}" for name, value in values.items())
    return f"{result.evaluation.replace('_', '-')}, settings that are not the protocol's: {said}."


def _after(column: Column) -> str:
    """That a model is none of a publication, whatever its method is called."""
    return f"{column.name} is {column.facts.after}: no reproduction, so no number of it is beside."


def _label(number: paper.PaperNumber, alike: set[str]) -> str:
    """What a mark is called: with its architecture, where no column has that."""
    name = number.named(with_architecture=number.architecture not in alike)
    return name.replace(number.model, f"{number.model}, paper", 1)


def _names(folders: Sequence[Path]) -> list[str]:
    """A name for each folder: its last part, with those before where two are alike."""
    paths = [_training(each).resolve() for each in folders]
    for parts in range(1, max(len(each.parts) for each in paths) + 1):
        names = ["/".join(each.parts[-parts:]) for each in paths]
        if len(set(names)) == len(names):
            return names
    raise UsageError("The same folder is named twice; name each training once.")


def _training(folder: Path) -> Path:
    return folder.parent if folder.name == _FOLDER and folder.resolve().parent.name else folder


def _results(folder: Path) -> list[Result]:
    """All results in a folder, or in its folder `evaluations`."""
    within = folder / _FOLDER
    place = within if within.is_dir() else folder
    if not place.is_dir():
        raise UsageError(
            f"There is no folder {folder}; name trainings, or folders of results of `videonet "
            f"evaluate`."
        )
    return [read(file) for file in sorted(place.glob("*.json"))]
