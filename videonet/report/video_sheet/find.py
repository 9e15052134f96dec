"""Finds a video among the verdicts of a data set, by its video_id or its video_key."""

from __future__ import annotations

from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.dataset as ds

from videonet.errors import UsageError
from videonet.schemas.verdict import Verdict
from videonet.shards.layout import shard_of
from videonet.storage.dataset_dir import DatasetDir


def find_verdicts(output: DatasetDir, asked: str) -> list[Verdict]:
    """All verdicts on the video that is called `asked`; at least one.

    Raises UsageError if there is no such video, or several, or if no verdict can be read.
    """
    lookup = output.lookup()
    shards = lookup.shards if lookup else 0
    files = sorted(output.verdict_folder.glob(f"verdicts-*-of-{shards:05d}.parquet"))
    if not files:
        raise UsageError(
            f"{output.root} has no verdicts yet; wait until its run has written some, "
            "or give the --out of another."
        )
    try:
        found = _with_key(files, asked, shards) or _with_id(files, asked, shards)
    except (OSError, pa.ArrowException, msgspec.MsgspecError) as error:
        raise UsageError(f"The verdicts of {output.root} cannot be read: {error}.") from error
    if found:
        return found
    unfinished = ""
    if len(files) < shards:
        unfinished = f" so far (the verdicts of {len(files)} of {shards} shards are there)"
    raise UsageError(
        f"{output.root} has no video {asked!r}{unfinished}. Give a video_id or video_key of "
        f"{output.verdict_folder}, such as {', '.join(_nearest(files, asked))}."
    )


def _with_key(files: list[Path], video_key: str, shards: int) -> list[Verdict]:
    """The verdicts on a video; they are all in the file of its shard."""
    index = shard_of(video_key, shards)
    theirs = [file for file in files if file.name.startswith(f"verdicts-{index:05d}-")]
    if not theirs:
        return []
    rows = ds.dataset(theirs).to_table(filter=ds.field("video_key") == video_key)
    return [Verdict.from_row(row) for row in rows.to_pylist()]


def _with_id(files: list[Path], video_id: str, shards: int) -> list[Verdict]:
    """The verdicts on the only video with this id of its source; none if there is none."""
    same = ds.field("video_id") == video_id
    keys = ds.dataset(files).to_table(columns=["video_key"], filter=same)
    found = sorted(set(keys["video_key"].to_pylist()))
    if len(found) > 1:
        raise UsageError(
            f"{len(found)} videos have the id {video_id!r}; give the video_key of one: "
            f"{', '.join(found)}."
        )
    return _with_key(files, found[0], shards) if found else []


def _nearest(files: list[Path], asked: str) -> list[str]:
    """The three ids that are most like `asked`."""
    with duckdb.connect() as database:
        database.register("verdicts", ds.dataset(files))
        rows = database.execute(
            "SELECT DISTINCT video_id, jaro_winkler_similarity(video_id, ?) AS likeness "
            "FROM verdicts ORDER BY likeness DESC, video_id LIMIT 3",
            [asked],
        ).fetchall()
    return [video_id for video_id, _ in rows]
