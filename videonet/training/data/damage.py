"""Damaged clips that a training has met: others stand in their place, up to `data.most_damaged`."""

from collections.abc import Collection, Iterable

from torch import distributed

from videonet.errors import UsageError
from videonet.text import number
from videonet.training.data.clip_index import ClipIndex


class Damage:
    """The damaged clips that all ranks have met since the training began, each counted once.

    `known` are those of the checkpoint that it goes on from, as rows of the data set. Where no clip
    may be damaged, the loader has stopped at the first one, and ranks need not tell each other.
    """

    def __init__(self, dataset: ClipIndex, most: int, known: Iterable[int] = ()) -> None:
        self._dataset, self._most = dataset, most
        self._rows = set(known)

    @property
    def rows(self) -> list[int]:
        """Rows of the data set, ascending."""
        return sorted(self._rows)

    def note(self, rows: Iterable[int]) -> None:
        """A batch of this rank has met these. Where it trains alone, raises UsageError."""
        self._rows.update(rows)
        if not distributed.is_initialized():
            self._check()

    def share(self) -> None:
        """Let all ranks know what each of them has met; each must ask."""
        if self._most and distributed.is_initialized():
            told: list[list[int]] = [[] for _ in range(distributed.get_world_size())]
            distributed.all_gather_object(told, self.rows)
            self._rows.update(*told)

    def check(self) -> None:
        """Raise UsageError where all ranks together have met too many; each must ask."""
        self.share()
        self._check()

    def _check(self) -> None:
        if said := too_many(self._dataset, self._rows, self._most):
            raise UsageError(said)

    def sentence(self) -> str | None:
        """What is said of them at the end of a training; None: there were none."""
        if not self._rows:
            return None
        return (
            f"{number(len(self._rows), 'damaged clip')} had another one in place; "
            f"`videonet verify {self._dataset.out}` finds all that are."
        )


def too_many(dataset: ClipIndex, rows: Collection[int], most: int) -> str | None:
    """A sentence where these rows are more damaged clips than may be; None: they are not."""
    if len(rows) <= most:
        return None
    first = dataset.example_ids[min(rows)]
    return (
        f"{number(len(rows), 'damaged clip')} of {dataset.out}, {first} among them, and "
        f"data.most_damaged is {most:,}; `videonet verify {dataset.out}` finds all that are. With "
        "a higher data.most_damaged the same command goes on."
    )
