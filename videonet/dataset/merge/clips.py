"""The clips of single videos, out of the shards of several data sets; no frame is decoded."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from videonet.dataset.merge.inputs import Input
from videonet.errors import UsageError
from videonet.schemas.clip import Clip
from videonet.shards.layout import shard_of, shard_path
from videonet.storage.clips_named import clips_named
from videonet.storage.dataset_files import MISSING

# Shards that are read from at the same time.
_MOST_OPEN = 64

# An input and its shard, by their positions.
_Place = tuple[int, int]
# The clips of one video after the other, each with its key.
_Videos = Iterator[tuple[str, list[Clip]]]


class ClipReader:
    """Reads clips of the inputs, of which each file is compared with its digest first."""

    def __init__(self, inputs: Sequence[Input]) -> None:
        self._inputs = inputs
        self._stated = [
            {file.path: file.sha256 for file in each.manifest.shards} for each in inputs
        ]
        # of each shard, the file that is what it was
        self._intact: dict[_Place, str] = {}

    def of(self, wanted: Iterable[tuple[int, str, int]]) -> "ClipsInOrder":
        """The clips of these videos: input, key and number of clips of each, in their order."""
        by_place: dict[_Place, dict[str, int]] = {}
        for source, key, clips in wanted:
            by_place.setdefault(self.place_of(source, key), {})[key] = clips
        return ClipsInOrder(self, by_place)

    def videos(self, place: _Place, clips: Mapping[str, int]) -> _Videos:
        """The videos of a shard with so many clips each, in the order of their keys."""
        output = self._inputs[place[0]].output
        ids = {f"{key}#{number}" for key, due in clips.items() for number in range(due)}
        found = clips_named(output, self._file(place), ids)
        of_videos = groupby(found, key=lambda each: each.example_id.rpartition("#")[0])
        return ((key, list(own)) for key, own in of_videos)

    def place_of(self, source: int, key: str) -> _Place:
        """The shard of an input that a video belongs to."""
        return source, shard_of(key, self._inputs[source].shards)

    def address_of(self, source: int) -> str:
        """Where an input is, as users write it."""
        return self._inputs[source].address

    def _file(self, place: _Place) -> str:
        """The first file of a shard that is what it was. Raises UsageError."""
        if place in self._intact:
            return self._intact[place]
        own = self._inputs[place[0]]
        paths = [shard_path(name, place[1], own.shards) for name in sorted(own.settings.formats)]
        for path in paths:
            try:
                if own.output.files.sha256(path) == self._stated[place[0]].get(path):
                    return self._intact.setdefault(place, path)
            except MISSING:
                pass
        raise UsageError(
            f"{' and '.join(paths)} of {own.address} cannot be read, or was changed; `videonet "
            "verify` says what is wrong, and the command that made the data set mends it. Then the "
            "same command goes on."
        )


class ClipsInOrder:
    """The clips of videos that are asked for in the order of their keys."""

    def __init__(self, reader: ClipReader, wanted: Mapping[_Place, dict[str, int]]) -> None:
        self._reader, self._wanted = reader, wanted
        # The one that was read last is the last.
        self._open: dict[_Place, _Videos] = {}

    def clips(self, source: int, key: str) -> list[Clip]:
        """The clips of the next video of an input. Raises UsageError if some are missing."""
        place = self._reader.place_of(source, key)
        videos = self._open.pop(place, None) or self._reader.videos(place, self._wanted[place])
        self._open[place] = videos
        if len(self._open) > _MOST_OPEN:
            # Opened again, it begins behind what was read.
            del self._open[next(iter(self._open))]
        due = self._wanted[place].pop(key)
        found, own = next(videos, ("", []))
        if found != key or len(own) != due:
            raise UsageError(
                f"{key} has not its {due} clips in shard {place[1]} of "
                f"{self._reader.address_of(source)}; `videonet verify` says what is wrong there."
            )
        return own
