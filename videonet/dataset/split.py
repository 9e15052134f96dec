"""Which videos of a data set are trained on: OUT/split.parquet, which grows with the data set.

What stood on a side stays there: see `videonet.selection.sides`.
"""

import logging
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from videonet.dataset.own_store import own_store
from videonet.dataset.split_videos import SplitVideos, likenesses, split_videos
from videonet.errors import UsageError
from videonet.schemas.manifest import Manifest
from videonet.schemas.split import Side, SplitHeader, SplitVideo, Unit, Why
from videonet.schemas.table import arrow_schema
from videonet.selection.sides import (
    NEW,
    SIDES,
    WHYS,
    clusters_of,
    held_out_share,
    sides_of_videos,
)
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.places import absolute
from videonet.storage.split_file import SPLIT_FILE, VERSION, Split, read_split, write_split
from videonet.storage.store import Store
from videonet.text import as_shown, number

_LOG = logging.getLogger(__name__)

# What a split is where nothing else is asked for.
TRAIN, BY = 0.95, Unit.VIDEO

# Videos that are named one by one.
SHOWN = 10


class Dropped(NamedTuple):
    """Videos that are dropped from now on, for one reason."""

    # keys, in order
    videos: tuple[str, ...]
    # where they stood before; None: they are new
    stood: Side | None
    # MET: a near-duplicate is held out; CHANNEL: their channel stands on the other side
    why: Why


@dataclass(frozen=True)
class SplitDone:
    """What a split came to."""

    header: SplitHeader
    # kept videos by side
    sides: dict[Side, int]
    # kept videos that had no side before
    new: int
    # clusters of several kept videos, and the videos in them
    clusters: int
    in_clusters: int
    # kept videos without a channel, where channels are split; None: they are not
    without_channel: int | None
    # videos that are dropped from now on
    dropped: tuple[Dropped, ...]
    # whether the file has changed
    changed: bool


def split(
    out: Path | str,
    train: float | None = None,
    by: Unit | None = None,
    store: Path | str | None = None,
    *,
    say: Callable[[str], object] = _LOG.info,
) -> SplitDone:
    """Say of each kept video of OUT whether it is trained on, in OUT/split.parquet.

    `train` is the share that is; None: as before, or TRAIN. `by`: likewise, or BY. `store` is the
    one that OUT was made from; None: the one that OUT names, if it is there. `say` is told what
    takes long. Raises UsageError where there is no finished data set, or a split of other settings,
    and for files that are damaged.
    """
    output = DatasetDir(absolute(out))
    known = own_store(output, store)
    with output.files.exclusive():
        manifest = _manifest(output)
        before = read_split(output.files)
        header = _header(output, before, train, by)
        videos = split_videos(output, manifest)
        alike = likenesses(output, manifest, videos, _writable(known, given=store), say)
        table, dropped = _table(videos, alike, before, header)
        changed = write_split(output.files, header, table)
        return _done(header, videos, table, before, dropped, changed=changed)


def strip_split(
    output: DatasetDir, gone: Collection[str], say: Callable[[str], object] = _LOG.info
) -> None:
    """Take videos out of the split of a data set, if it has one. The others stay where they are.

    One that cannot be read names videos at most, and shows none: `say` is told, and it stays.
    """
    try:
        before = read_split(output.files)
    except UsageError as error:
        say(str(error))
        return
    if before is None:
        return
    keys = before.table["video_key"]
    left = before.table.filter(pc.invert(pc.is_in(keys, value_set=pa.array(gone, pa.string()))))
    if len(left) == len(before.table):
        return
    # A cluster is called by a video that is in it.
    named = _first_of_each(left["cluster"])
    names = left["video_key"].combine_chunks().take(pa.array(named))
    place = left.schema.get_field_index("cluster")
    write_split(output.files, before.header, left.set_column(place, "cluster", names))


def split_problems(output: DatasetDir, manifest: Manifest) -> Iterator[str]:
    """What is wrong with the split of a data set whose verdicts are sound: a sentence each."""
    try:
        found = read_split(output.files)
    except UsageError as error:
        yield str(error)
        return
    if found is None:
        return
    keys = found.table["video_key"].combine_chunks()
    videos = split_videos(output, manifest).kept
    kept = videos["video_key"].combine_chunks()
    unknown = kept.filter(pc.is_null(found.sides(kept)))
    if len(unknown):
        yield (
            f"{SPLIT_FILE} does not say where {len(unknown):,} of {len(kept):,} kept videos stand, "
            f"such as {unknown[0]}; run `videonet split` again."
        )
    withdrawn = pa.array([each.video_key for each in output.withdrawals()], pa.string())
    for key in keys.filter(pc.is_in(keys, value_set=withdrawn)).to_pylist():
        yield f"{key} was withdrawn and is in {SPLIT_FILE}; withdraw it again."
    by_side = {
        side: found.table["cluster"].filter(pc.equal(found.table["side"], side.value))
        for side in (Side.TRAIN, Side.VAL)
    }
    both = by_side[Side.TRAIN].filter(
        pc.is_in(by_side[Side.TRAIN], value_set=by_side[Side.VAL].combine_chunks())
    )
    if len(both):
        yield (
            f"{SPLIT_FILE} has near-duplicates on both sides, such as those of {both[0]}; restore "
            "it, or delete it and run `videonet split` again, which may then choose other sides."
        )
    if found.header.by is Unit.CHANNEL:
        yield from _channels_on_both_sides(found, videos)


def _channels_on_both_sides(found: Split, videos: pa.Table) -> Iterator[str]:
    """Whether kept videos of one channel stand on both sides: a sentence, if so."""
    sides, channels = found.sides(videos["video_key"].combine_chunks()), videos["channel"]
    train, val = (
        pc.unique(channels.filter(pc.equal(sides, side.value))).drop_null()
        for side in (Side.TRAIN, Side.VAL)
    )
    both = train.filter(pc.and_(pc.is_in(train, value_set=val), pc.not_equal(train, "")))
    if len(both):
        yield (
            f"{SPLIT_FILE} has {number(len(both), 'channel')} on both sides, such as "
            f"{as_shown(both[0].as_py())}: a channel became known, or is another one now; run "
            "`videonet split` again, which drops the videos that stand on the wrong side."
        )


def _manifest(output: DatasetDir) -> Manifest:
    manifest = output.manifest()
    if manifest is None:
        raise UsageError(
            f"{output.address} holds no finished data set (manifest.json is missing or damaged); "
            "finish it with the command that began it, and split it then."
        )
    return manifest


def _header(
    output: DatasetDir, before: Split | None, train: float | None, by: Unit | None
) -> SplitHeader:
    """What is asked for. Raises UsageError where that is no share, or not what was split before."""
    if before is None:
        asked = SplitHeader(
            version=VERSION, by=BY if by is None else by, train=TRAIN if train is None else train
        )
        if not 0 < asked.train < 1:
            raise UsageError(
                f"--train is {asked.train:g}; give a share between 0 and 1, such as {TRAIN}."
            )
        return asked
    said = before.header
    if (train not in (None, said.train)) or (by not in (None, said.by)):
        raise UsageError(
            f"{output.place_of(SPLIT_FILE)} was made with --train {said.train:g} --by {said.by}, "
            "and what stands on a side stays there; leave these options out, or delete that file "
            "to split anew."
        )
    return said


def _writable(store: Store | None, *, given: Path | str | None) -> Store | None:
    """A store that what is made is kept in; what was not named is left alone if it is not ours."""
    if store is None:
        return None
    try:
        store.prepare()
    except UsageError:
        if given is not None:
            raise
        return None
    return store


def _table(
    videos: SplitVideos, alike: NDArray[np.int64], before: Split | None, header: SplitHeader
) -> tuple[pa.Table, tuple[Dropped, ...]]:
    """The rows of the split, and the videos that are dropped and were not before."""
    kept = videos.kept["video_key"].combine_chunks()
    earlier = before.table if before else arrow_schema(SplitVideo).empty_table()
    keys = pc.unique(pa.chunked_array([kept, *earlier["video_key"].chunks], pa.string()))
    keys = keys.take(pc.sort_indices(keys))
    of_kept, of_earlier = (
        _places(each, keys) for each in (kept, earlier["video_key"].combine_chunks())
    )

    stood, why = (np.full(len(keys), NEW, np.int8) for _ in range(2))
    stood[of_earlier] = _positions(earlier["side"], SIDES)
    why[of_earlier] = _positions(earlier["why"], WHYS)
    channels: list[str | None] = [None] * len(keys)
    if header.by is Unit.CHANNEL:
        for place, channel in zip(of_kept, videos.kept["channel"].to_pylist(), strict=True):
            channels[place] = channel or None

    pairs = [
        of_kept[alike],
        _joined(of_kept, videos.kept["sha256"]),
        _joined(of_earlier, earlier["cluster"]),
        _named_pairs(videos.duplicates, keys),
    ]
    clusters = clusters_of(len(keys), np.concatenate(pairs))
    names = keys.to_pylist()
    side, new_why = sides_of_videos(names, channels, stood, clusters, held_out_share(header.train))
    said = new_why != NEW
    why[said] = new_why[said]
    table = pa.table(
        {
            "video_key": keys,
            "side": pa.array([each.value for each in SIDES]).take(pa.array(side)),
            "cluster": keys.take(pa.array(clusters)),
            "why": pa.array([each.value for each in WHYS]).take(pa.array(why)),
        }
    )
    return table, tuple(_dropped(keys, stood, side, new_why))


def _dropped(
    keys: pa.Array, stood: NDArray[np.int8], side: NDArray[np.int8], why: NDArray[np.int8]
) -> Iterator[Dropped]:
    """The videos that are dropped and were not before, by where they stood and why they are."""
    dropped = SIDES.index(Side.DROPPED)
    moved = np.flatnonzero((side == dropped) & (stood != dropped))
    kinds = np.stack([stood[moved], why[moved]], axis=1)
    for kind in np.unique(kinds, axis=0):
        own = moved[(kinds == kind).all(axis=1)]
        before, reason = kind.tolist()
        yield Dropped(
            tuple(keys.take(pa.array(own)).to_pylist()),
            None if before == NEW else SIDES[before],
            WHYS[reason],
        )


def _done(
    header: SplitHeader,
    videos: SplitVideos,
    table: pa.Table,
    before: Split | None,
    dropped: tuple[Dropped, ...],
    *,
    changed: bool,
) -> SplitDone:
    kept = videos.kept["video_key"].combine_chunks()
    rows = table.take(pc.index_in(kept, value_set=table["video_key"].combine_chunks()))
    sides = {each["values"]: each["counts"] for each in pc.value_counts(rows["side"]).to_pylist()}
    sizes = pc.value_counts(rows["cluster"]).field("counts")
    together = sizes.filter(pc.greater(sizes, 1))
    channels = videos.kept["channel"]
    without = pc.sum(pc.equal(pc.fill_null(channels, ""), "")).as_py() or 0
    return SplitDone(
        header=header,
        sides={side: sides.get(side.value, 0) for side in Side},
        new=len(kept) if before is None else before.sides(kept).null_count,
        clusters=len(together),
        in_clusters=pc.sum(together).as_py() or 0,
        without_channel=without if header.by is Unit.CHANNEL else None,
        dropped=dropped,
        changed=changed,
    )


def _places(some: pa.Array, keys: pa.Array) -> NDArray[np.int64]:
    """Where each of some keys, all of which are there, is among all."""
    found: NDArray[np.int64] = pc.index_in(some, value_set=keys).to_numpy().astype(np.int64)
    return found


def _positions(
    values: pa.ChunkedArray, known: tuple[Side, ...] | tuple[Why, ...]
) -> NDArray[np.int8]:
    """Each value as its position among the known ones."""
    of = pa.array([each.value for each in known])
    found: NDArray[np.int8] = pc.index_in(values, value_set=of).to_numpy().astype(np.int8)
    return found


def _first_of_each(values: pa.ChunkedArray) -> NDArray[np.int64]:
    """Of each row, the first one that has the same value."""
    codes = values.combine_chunks().dictionary_encode().indices.to_numpy()
    _, firsts, inverse = np.unique(codes, return_index=True, return_inverse=True)
    first: NDArray[np.int64] = firsts[inverse].astype(np.int64)
    return first


def _joined(places: NDArray[np.int64], values: pa.ChunkedArray) -> NDArray[np.int64]:
    """Pairs that join the videos at these places which have the same value: int64 [n, 2]."""
    if not len(places):
        return np.empty((0, 2), np.int64)
    return np.stack([places, places[_first_of_each(values)]], axis=1)


def _named_pairs(duplicates: pa.Table, keys: pa.Array) -> NDArray[np.int64]:
    """The places of both videos of each pair, where both have one: int64 [n, 2]."""
    one, other = (pc.index_in(column, value_set=keys) for column in duplicates.columns)
    both = pc.and_(pc.is_valid(one), pc.is_valid(other))
    pairs = [each.filter(both).to_numpy().astype(np.int64) for each in (one, other)]
    return np.stack(pairs, axis=1)
