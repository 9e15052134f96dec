"""Videos that have fewer shots than a method wants, and so are left out of a part of its loss."""

from collections.abc import Iterable

from torch import distributed

from videonet.text import number
from videonet.training.data.clip_index import ClipIndex
from videonet.training.data.examples import Shots


class LeftOut:
    """Those that all ranks have met since the training began, each counted once."""

    def __init__(self, dataset: ClipIndex, wanted: Shots | None) -> None:
        self._dataset, self._wanted = dataset, wanted
        self._videos = set[int]()
        # not told to other ranks yet
        self._new = set[int]()

    @property
    def videos(self) -> list[int]:
        """Numbers of videos within the data set, ascending."""
        return sorted(self._videos)

    def note(self, videos: Iterable[int]) -> None:
        """A batch of this rank has met these."""
        self._new |= set(videos) - self._videos
        self._videos |= self._new

    def share(self) -> None:
        """Let all ranks know what each of them has met; each must ask."""
        if self._wanted is not None and distributed.is_initialized():
            told: list[set[int]] = [set() for _ in range(distributed.get_world_size())]
            distributed.all_gather_object(told, self._new)
            self._videos.update(*told)
        self._new.clear()

    def sentence(self) -> str | None:
        """What is said of them at the end of a training; None: there were none."""
        if not self._videos or self._wanted is None:
            return None
        trained_on = int((~self._dataset.held_out).sum())
        return (
            f"{len(self._videos):,} of {number(trained_on, 'video')} had no "
            f"{self._wanted.number} shots, which in one clip lie {self._wanted.apart:g} s apart, "
            "and were left out of the loss between shots."
        )
