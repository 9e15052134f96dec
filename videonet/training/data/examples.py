"""Which frames an example shows: those of one window of a clip, or of several shots of a video."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from videonet.training import config
from videonet.training.data.clip_index import ClipIndex
from videonet.training.data.moments import rows_of
from videonet.training.data.reading import Frame, Reader
from videonet.training.data.sampling import EXAMPLES, generator_of
from videonet.training.data.temporal_sampling import (
    Interval,
    shots_of,
    timestamps,
    window,
    window_within_shot,
    windows_apart,
)


@dataclass(frozen=True)
class Shots:
    """The windows of a video that a method wants: shots, as far as a data set has any.

    NOTE: an assumption: clips are cut at fixed lengths, and nobody marks where shots begin. So a
    shot is a window of a clip, which crosses no cut where `views.within_shot` says so.
    """

    number: int
    # whether each is of another clip, where a video has enough of them; if not, all are of one clip
    of_clips: bool
    # seconds from the end of one to the begin of the next one, at least, where a clip has several
    apart: float


class Drawn(NamedTuple):
    """The frames of an example, found and not yet read."""

    frames: list[Frame]
    # whether a window crosses a cut that was to keep to a shot
    crossing: bool
    # windows that the frames are of
    shots: int


class OneWindow:
    """Frames of one window of the clip of a row. What is drawn depends on seed and example."""

    def __init__(self, views: config.Views, seed: int) -> None:
        self._views, self._seed = views, seed

    def rows(self, row: int, example: int) -> list[int]:  # noqa: ARG002
        """The clips that an example shows, as rows of the data set."""
        return [row]

    def drawn(self, reader: Reader, row: int, example: int) -> Drawn:
        """The frames of an example. Raises UsageError."""
        generator = generator_of(self._seed, EXAMPLES, example)
        crossing = False

        def draw(span: Interval, cuts: Sequence[int]) -> Sequence[int]:
            nonlocal crossing
            seen, crossing = _window(self._views, span, cuts, generator)
            return _moments(self._views, seen, generator)

        frames = reader.frames(row, draw)
        return Drawn(frames, crossing, 1)


class SeveralShots:
    """Frames of several windows of the video of a row, one window after the other, in their order.

    What is drawn depends on seed and example. Where a video has not so many windows, those that it
    has are shown again in their places; where it has room for none, the whole of a clip is one.
    """

    def __init__(self, views: config.Views, shots: Shots, dataset: ClipIndex, seed: int) -> None:
        self._views, self._shots, self._seed = views, shots, seed
        self._by_video, self._begins, self._ends = rows_of(
            dataset, np.arange(len(dataset.held_out))
        )
        self._videos = dataset.videos

    def rows(self, row: int, example: int) -> list[int]:
        """The clips that an example shows, as rows of the data set, in the order of the video."""
        return self._chosen(row, generator_of(self._seed, EXAMPLES, example))

    def drawn(self, reader: Reader, row: int, example: int) -> Drawn:
        """The frames of an example. Raises UsageError."""
        generator = generator_of(self._seed, EXAMPLES, example)
        rows = self._chosen(row, generator)
        clips = [reader.span(each) for each in rows]
        if len(rows) == self._shots.number:
            found = [
                (each, *_window(self._views, span, cuts, generator))
                for each, (span, cuts) in zip(rows, clips, strict=True)
            ]
        else:
            found = self._windows(rows, clips, generator)
        frames = []
        for place in range(self._shots.number):
            each, seen, _ = found[place % len(found)]
            moments = _moments(self._views, seen, generator)
            frames += reader.frames(each, lambda *_, moments=moments: moments)  # type: ignore[misc]
        return Drawn(frames, any(crossing for *_, crossing in found), len(found))

    def _chosen(self, row: int, generator: np.random.Generator) -> list[int]:
        if not self._shots.of_clips:
            return [row]
        video = self._videos[row]
        own = self._by_video[self._begins[video] : self._ends[video]]
        if len(own) > self._shots.number:
            own = own[np.sort(generator.choice(len(own), self._shots.number, replace=False))]
        return [int(each) for each in own]

    def _windows(
        self,
        rows: Sequence[int],
        clips: Sequence[tuple[Interval, Sequence[int]]],
        generator: np.random.Generator,
    ) -> list[tuple[int, Interval, bool]]:
        """Windows of clips that are fewer: each with its row, and whether it crosses a cut."""
        within = self._views.within_shot
        pieces = [
            (row, piece)
            for row, (span, cuts) in zip(rows, clips, strict=True)
            for piece in (shots_of(span, cuts) if within else (span,))
        ]
        placed = windows_apart(
            [piece for _, piece in pieces],
            generator,
            self._shots.number,
            self._views.window_seconds,
            self._shots.apart,
        )
        found = [
            (row, each, False)
            for (row, _), of_piece in zip(pieces, placed, strict=True)
            for each in of_piece
        ]
        if found:
            return found
        span, cuts = clips[0]
        return [(rows[0], *_window(self._views, span, cuts, generator))]


def _window(
    views: config.Views, span: Interval, cuts: Sequence[int], generator: np.random.Generator
) -> tuple[Interval, bool]:
    """A window of a clip, and whether it crosses a cut that it was to keep from."""
    if views.within_shot:
        return window_within_shot(span, cuts, generator, views.window_seconds)
    return window(span, generator, views.window_seconds), False


def _moments(
    views: config.Views, seen: Interval, generator: np.random.Generator
) -> tuple[int, ...]:
    """When a window is shown: microseconds, one a view."""
    return timestamps(views.sampling, seen, generator, len(views.recipes), views.delta_seconds)
