"""What a split of a data set is made from: its kept videos, and which of them show the same.

All of them are in memory at once, and what all their frames look like: see `frame_table`.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from videonet.errors import UsageError
from videonet.schemas.clip_hashes import ClipHashes
from videonet.schemas.manifest import Manifest
from videonet.schemas.reason import Outcome
from videonet.selection.duplicates import pairs_alike
from videonet.selection.frame_table import frame_table
from videonet.selection.stored_hashes import hashes_among, hashes_in, stored_hashes, write_hashes
from videonet.shards.layout import shard_path
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.dataset_tables import table_path, unreadable_table
from videonet.storage.store import Store
from videonet.text import as_shown, number

_COLUMNS = ["video_key", "channel", "sha256", "clips", "outcome"]
_DUPLICATE_OF = "duplicate_of"  # which tables of earlier versions lack

_ADVICE = "the command that made the data set writes them again"

# Shards whose clips are hashed at the same time, at most.
_AT_ONCE = 8


class SplitVideos(NamedTuple):
    """The videos of a data set, as its verdicts have them."""

    # one row a kept video, in the order of their keys: video_key, channel, sha256, clips, and the
    # `shard` that it belongs to
    kept: pa.Table
    # pairs of keys: a video that was found to be the same as another one, and that one
    duplicates: pa.Table


def split_videos(output: DatasetDir, manifest: Manifest) -> SplitVideos:
    """The kept videos of a finished data set.

    Raises UsageError for tables that are damaged, or have not the videos that the manifest counts.
    """
    kept, duplicates, shards = [], [], manifest.settings.shards
    for index in range(shards):
        path = table_path("verdicts", index, shards)
        try:
            with output.files.local(path) as file, pq.ParquetFile(file) as table:
                more = [_DUPLICATE_OF] if _DUPLICATE_OF in table.schema_arrow.names else []
                rows = table.read(columns=[*_COLUMNS, *more])
        except (pa.ArrowException, OSError, ValueError) as error:
            raise unreadable_table(output.files, path, error, _ADVICE) from error
        if more:
            same = rows.select(["video_key", _DUPLICATE_OF])
            duplicates.append(same.filter(pc.is_valid(same[_DUPLICATE_OF])))
        own = rows.filter(pc.field("outcome") == Outcome.KEPT.value).select(_COLUMNS[:-1])
        kept.append(own.append_column("shard", pa.repeat(pa.scalar(index, pa.int32()), len(own))))
    # A video has a row for each class.
    firsts = (
        pa.concat_tables(kept)
        .group_by("video_key", use_threads=False)
        .aggregate([(name, "first") for name in ("channel", "sha256", "clips", "shard")])
        .rename_columns({f"{name}_first": name for name in ("channel", "sha256", "clips", "shard")})
        .sort_by("video_key")
    )
    found = len(firsts), pc.sum(firsts["clips"]).as_py() or 0
    stated = manifest.totals.kept_videos, manifest.totals.clips
    if found != stated:
        raise UsageError(
            f"The verdicts of {output.address} keep {number(found[0], 'video')} with "
            f"{number(found[1], 'clip')}, and its manifest.json states {stated[0]:,} with "
            f"{stated[1]:,}; `videonet verify {output.address}` says more, and {_ADVICE}."
        )
    pairs = pa.table(
        {"video_key": pa.array([], pa.string()), _DUPLICATE_OF: pa.array([], pa.string())}
    )
    return SplitVideos(firsts, pa.concat_tables([pairs, *duplicates], promote_options="default"))


def likenesses(
    output: DatasetDir,
    manifest: Manifest,
    videos: SplitVideos,
    store: Store | None,
    say: Callable[[str], object],
) -> NDArray[np.int64]:
    """The pairs of kept videos whose clips show the same, by their places: int64 [pairs, 2].

    What the store knows of how they look is taken from there, and the rest is made of the clips in
    OUT, and kept in the store if it can be. `say` is told how much that is. Raises UsageError for
    shards that are damaged.
    """
    hashing = _Hashing(output, manifest, videos.kept, store, say)
    table = frame_table(len(videos.kept), hashing.by_place())
    return pairs_alike(table)


class _Hashing:
    """How the clips of all kept videos look."""

    def __init__(
        self,
        output: DatasetDir,
        manifest: Manifest,
        kept: pa.Table,
        store: Store | None,
        say: Callable[[str], object],
    ) -> None:
        self._output, self._manifest, self._store, self._say = output, manifest, store, say
        # by place
        self._clips = kept["clips"].to_numpy()
        self._shards = kept["shard"].to_numpy()
        keys, contents = (kept[name].to_pylist() for name in ("video_key", "sha256"))
        with_clips = np.flatnonzero(self._clips > 0).tolist()
        self._places: dict[str, int] = {keys[place]: place for place in with_clips}
        self._contents: dict[str, str] = {keys[place]: contents[place] for place in with_clips}

    def by_place(self) -> Iterator[tuple[int, ClipHashes]]:
        """The hashes of each video that has clips, with its place; in any order."""
        left = np.zeros(len(self._clips), bool)
        left[list(self._places.values())] = True
        cut_keys = self._cut_keys()
        for hashes in self._stored(cut_keys):
            place = self._places[hashes.video_key]
            # A store may have those of clips that the data set leaves out.
            if len(set(hashes.clips)) == self._clips[place]:
                left[place] = False
                yield place, hashes
        shards = np.unique(self._shards[left]).tolist()
        if not shards:
            return
        self._say(
            f"Looking at the clips of {number(int(left.sum()), 'video')} in "
            f"{number(len(shards), 'shard')}, {self._why()}."
        )
        with ThreadPoolExecutor(min(_AT_ONCE, os.cpu_count() or 1)) as pool:
            for made in pool.map(lambda index: self._made(index, cut_keys[index]), shards):
                for hashes in made:
                    if hashes.video_key in self._places:
                        place = self._places[hashes.video_key]
                        if left[place]:
                            yield place, hashes

    def _why(self) -> str:
        if self._store is None:
            return "as no store is at hand that knows them; --store names one, which remembers them"
        return f"as the store {self._store.location} does not know them"

    def _cut_keys(self) -> list[str]:
        """In which way the clips of each shard were cut; "": that is not known."""
        states = self._output.shard_states.all(self._manifest.settings.shards)
        return [state.cut_key if state else "" for state in states]

    def _stored(self, cut_keys: list[str]) -> Iterator[ClipHashes]:
        """What the store knows."""
        if self._store is None:
            return
        for cut_key in sorted(set(cut_keys) - {""}):
            wanted = {
                key: content
                for key, content in self._contents.items()
                if cut_keys[self._shards[self._places[key]]] == cut_key
            }
            yield from hashes_among(self._store, wanted, cut_key)

    def _made(self, index: int, cut_key: str) -> list[ClipHashes]:
        """The hashes of all videos in a shard, which the store has from here on."""
        settings = self._manifest.settings
        # All formats hold the same frames.
        path = shard_path(min(settings.formats), index, settings.shards)
        try:
            made = [*hashes_in(self._output, path, self._contents, cut_key)]
        except (OSError, ValueError) as error:
            raise UsageError(
                f"{self._output.place_of(path)} cannot be read ({as_shown(str(error))}); `videonet "
                "verify` says what is wrong with it."
            ) from error
        for hashes in made if cut_key else ():
            self._keep(hashes)
        return made

    def _keep(self, hashes: ClipHashes) -> None:
        store = self._store
        if store is None or hashes.video_key not in self._places:
            return
        known = stored_hashes(store, hashes.video_key, hashes.sha256, hashes.cut_key)
        if known is None and not store.is_withdrawn(hashes.video_key):
            write_hashes(store, hashes)
