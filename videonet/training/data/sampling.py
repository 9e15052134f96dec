"""Which clip each example is: an endless stream of passes over the data, the same for each seed.

A pass takes one clip of every video, so that long videos do not dominate, or every clip. An epoch
is a number of examples, whatever the data set: what remains of a pass goes on in the next epoch.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from videonet.errors import UsageError

# What random numbers are for: all come from one seed, and must not be the same.
PASSES, EXAMPLES, HELD_OUT, REPLACEMENTS, LABELLED = range(5)


class Stream:
    """The rows that are seen, in order, without end.

    `rows` are those that may be drawn, int64 [n]; `videos` and `shards`, int64 [n], say which
    video and which file each is of. In a pass the files come in a random order, in blocks of
    `shuffle_shards`, and the examples within a block in a random order: only so many files are
    open at a time. Every pass has other orders, and with "one" other clips, each as probable as
    the others of its video.
    """

    def __init__(
        self,
        rows: NDArray[np.int64],
        videos: NDArray[np.int64],
        shards: NDArray[np.int64],
        *,
        clips_per_video: Literal["one", "all"],
        shuffle_shards: int,
        seed: int,
    ) -> None:
        # The clips of a video follow each other.
        by_video = np.argsort(videos, kind="stable")
        self._rows, self._shards = rows[by_video], shards[by_video]
        _, self._begins, self._counts = np.unique(
            videos[by_video], return_index=True, return_counts=True
        )
        self._draws_one = clips_per_video == "one"
        self._shuffle_shards = shuffle_shards
        self._seed = seed
        # The pass that was looked at last: the next question is mostly about the same.
        self._latest: tuple[int, NDArray[np.int64]] | None = None

    @property
    def length(self) -> int:
        """Examples in a pass."""
        return len(self._counts if self._draws_one else self._rows)

    def at(self, positions: range) -> NDArray[np.int64]:
        """The row of each of these positions, one after the other: int64 [positions]."""
        parts = [np.empty(0, np.int64)]
        position = positions.start
        while position < positions.stop:
            number, within = divmod(position, self.length)
            taken = self._pass(number)[within : within + positions.stop - position]
            parts.append(taken)
            position += len(taken)
        return np.concatenate(parts)

    def _pass(self, number: int) -> NDArray[np.int64]:
        """The rows of a pass, in its order."""
        if self._latest is None or self._latest[0] != number:
            self._latest = number, self._drawn(generator_of(self._seed, PASSES, number))
        return self._latest[1]

    def _drawn(self, generator: np.random.Generator) -> NDArray[np.int64]:
        chosen = np.arange(len(self._rows))
        if self._draws_one:
            chosen = self._begins + generator.integers(self._counts)
        shards = self._shards[chosen]
        files, file = np.unique(shards, return_inverse=True)
        block = (generator.permutation(len(files)) // self._shuffle_shards)[file]
        mixed = generator.permutation(len(chosen))
        order = mixed[np.argsort(block[mixed], kind="stable")]
        return self._rows[chosen[order]]


def positions_of(step: int, batch: int, rank: int, ranks: int) -> range:
    """The positions in the stream that one of `ranks` takes at a step of `batch` examples in all.

    They follow each other, so that a rank opens few files. Raises UsageError where the ranks cannot
    have equally many.
    """
    if batch % ranks:
        raise UsageError(
            f"train.batch={batch} cannot be divided equally among {ranks} ranks; give a multiple "
            f"of {ranks}."
        )
    share = batch // ranks
    begin = step * batch + rank * share
    return range(begin, begin + share)


def generator_of(seed: int, kind: int, number: int) -> np.random.Generator:
    """The random numbers of one pass, example or video, wherever and whenever it is asked for."""
    # Each sample has one: made so it takes 16 us, and by default_rng, which makes the same, 19.
    sequence = np.random.SeedSequence(seed, spawn_key=(kind, number))
    return np.random.Generator(np.random.PCG64(sequence))
