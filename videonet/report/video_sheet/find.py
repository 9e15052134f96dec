"""Finds a video among the verdicts of a data set, by its video_id or its video_key."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from videonet.dataset.verdict_db import MEMORY
from videonet.errors import UsageError
from videonet.schemas.verdict import Verdict
from videonet.shards.layout import shard_of
from videonet.storage.database import open_database
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store
from videonet.text import as_shown


def find_verdicts(output: DatasetDir, asked: str, store: Store | None) -> list[Verdict]:
    """All verdicts on the video that is called `asked`; at least one.

    The id of a file may lack its ending. A row that was merged with another one, since both name
    the same video, is known to the store of the run alone. Raises UsageError if there is no such
    video, or several, or if no verdict can be read.
    """
    lookup = output.lookup()
    shards = lookup.shards if lookup else 0
    with output.files.local_folder("verdicts") as folder:
        files = sorted(folder.glob(f"verdicts-*-of-{shards:05d}.parquet"))
        if not files:
            raise UsageError(
                f"{output.address} has no verdicts yet; wait until its run has written some, "
                "or give the --out of another."
            )
        return _found(output, files, asked, shards, store)


def _found(
    output: DatasetDir, files: list[Path], asked: str, shards: int, store: Store | None
) -> list[Verdict]:
    whole, without_ending = ds.field("video_id") == asked, _without_ending(asked)
    try:
        found = (
            _with_key(files, asked, shards)
            or _with_id(files, asked, whole, shards)
            or _with_id(files, asked, without_ending, shards)
        )
        # What a store knows may be much: it is looked through only for an id that is not here.
        if not found and store is not None:
            found = _merged(files, asked, whole, shards, store) or _merged(
                files, asked, without_ending, shards, store
            )
    except (OSError, pa.ArrowException, msgspec.MsgspecError) as error:
        raise UsageError(f"The verdicts of {output.address} cannot be read: {error}.") from error
    if found:
        return found
    unfinished = ""
    if len(files) < shards:
        unfinished = f" so far (the verdicts of {len(files)} of {shards} shards are there)"
    raise UsageError(
        f"{output.address} has no video {asked!r}{unfinished}. Give a video_id or video_key of "
        f"{output.place_of('verdicts')}, such as "
        f"{', '.join(map(as_shown, _nearest(files, asked)))}."
    )


def _with_key(files: list[Path], video_key: str, shards: int) -> list[Verdict]:
    """The verdicts on a video; they are all in the file of its shard."""
    index = shard_of(video_key, shards)
    theirs = [file for file in files if file.name.startswith(f"verdicts-{index:05d}-")]
    if not theirs:
        return []
    rows = ds.dataset(theirs).to_table(filter=ds.field("video_key") == video_key)
    return [Verdict.from_row(row) for row in rows.to_pylist()]


def _without_ending(asked: str) -> pc.Expression:
    """Which ids are `asked` and the ending of a file."""
    return pc.match_substring_regex(ds.field("video_id"), rf"^{re.escape(asked)}\.[A-Za-z0-9]+$")


def _with_id(files: list[Path], asked: str, is_it: pc.Expression, shards: int) -> list[Verdict]:
    """The verdicts on the only video whose id is the one; none if there is none."""
    rows = ds.dataset(files).to_table(columns=["video_key", "video_id"], filter=is_it).to_pylist()
    ids = {row["video_key"]: row["video_id"] for row in rows}
    _require_one(asked, ids)
    return [verdict for key in ids for verdict in _with_key(files, key, shards)]


def _merged(
    files: list[Path], asked: str, is_it: pc.Expression, shards: int, store: Store
) -> list[Verdict]:
    """The verdicts on the only video of this data set that a source called so, too."""
    # A store serves several data sets: not all of its videos are in this one.
    keys = _known_keys(store, is_it)
    here = {key: found for key in keys if (found := _with_key(files, key, shards))}
    _require_one(asked, {key: found[0].video.video_id for key, found in here.items()})
    return [verdict for found in here.values() for verdict in found]


def _known_keys(store: Store, is_it: pc.Expression) -> list[str]:
    """The keys of all videos that a source called so, as its store remembers."""
    keys: set[str] = set()
    for batch in store.found.batches(["video_key", "video_id"]):
        rows = pa.Table.from_batches([batch]).filter(is_it)
        keys.update(rows["video_key"].to_pylist())
    return sorted(keys)


def _require_one(asked: str, ids: dict[str, str]) -> None:
    """Raise UsageError where several videos are called `asked`; `ids` are theirs, by key."""
    if len(ids) < 2:
        return
    named = ", ".join(
        key if video_id == asked else f"{video_id} ({key})" for key, video_id in sorted(ids.items())
    )
    if set(ids.values()) == {asked}:
        raise UsageError(
            f"{len(ids)} videos have the id {asked!r}; give the video_key of one: {named}."
        )
    raise UsageError(f"{asked!r} may be any of {len(ids)} videos; give the id of one: {named}.")


def _nearest(files: list[Path], asked: str) -> list[str]:
    """The three ids that are most like `asked`."""
    with (
        tempfile.TemporaryDirectory(prefix="videonet-names-") as place,
        open_database(Path(place) / "spilled", memory=MEMORY) as database,
    ):
        database.register("verdicts", ds.dataset(files))
        rows = database.execute(
            "SELECT DISTINCT video_id, jaro_winkler_similarity(video_id, ?) AS likeness "
            "FROM verdicts ORDER BY likeness DESC, video_id LIMIT 3",
            [asked],
        ).fetchall()
    return [video_id for video_id, _ in rows]
