"""The verdicts of a data set as a database: what counts them asks it in SQL.

A large data set has thousands of tables of verdicts. So what is counted is read from them once,
into a table without long texts, and all is done in bounded memory.
"""

import bisect
import os
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from videonet.errors import UsageError
from videonet.schemas.table import arrow_schema
from videonet.schemas.target import Target
from videonet.schemas.verdict import Verdict
from videonet.storage.database import open_database
from videonet.storage.dataset_dir import LOCK_FILE, DatasetDir

# More is put on disk. Of more threads, each would have so little that it is slow.
MEMORY = "500MB"
THREADS = 8

# Values of `step`: how far a pair came.
CANDIDATE, DOWNLOADED, MATCHING, LONG_ENOUGH, KEPT = range(5)

# Position of a file in `VerdictDB.files`, and of a row in it.
Place = tuple[int, int]

# What can be counted of a pair of video and class, by the name of the column in `pairs`. Videos,
# channels and contents are only told apart, so their hashes will do.
COLUMNS: Mapping[str, str] = {
    # where the verdict is, for `verdicts_at`
    "file": "file_index::int",
    "row": "file_row_number::int",
    # 64 random bits, always the same of one pair: the smallest are a fair sample
    "chance": "md5_number_lower(video_key || ' ' || target_id)",
    # as in the verdict
    **{
        name: name
        for name in (
            *("matched_names", "clips", "fps", "codec"),
            *("frames_matched", "first_match", "best_probability", "seen", "seen_probability"),
        )
    },
    # how far the pair came, CANDIDATE to KEPT; a step is reached only after those before. What is
    # kept has passed all steps, also in a rebuilt data set, in which nothing is scanned. A length
    # that was rejected as too short is too short, however its fraction is rounded.
    "step": f"""case
        when outcome = 'kept' then {KEPT}
        when sha256 is null and frames_scanned is null then {CANDIDATE}
        when coalesce(frames_matched, 0) = 0 then {DOWNLOADED}
        when reason in ('weak_match', 'not_selected') then {DOWNLOADED}
        when reason is not distinct from 'too_short' then {MATCHING}
        when coalesce(duration, -1) < getvariable('min_seconds') then {MATCHING}
        else {LONG_ENOUGH}
    end::tinyint""",
    # measured length, else the declared one
    "seconds": "coalesce(duration, declared_duration)",
    # the short side of a frame, pixels
    "side": "least(width, height)",
    "is_portrait": "height > width",
    # whether the title has a letter that is not a Latin one
    "has_other_script": r"regexp_matches(title, '[^\p{Latin}\P{L}]')",
    # "" for local files
    "host": r"lower(regexp_extract(url, '^https?://(?:[^/?#]*@)?(\[[^\]]*\]|[^/:?#]+)', 1))",
    "licence": "nullif(trim(licence), '')",
    "channel": "if(channel is null, null, hash(channel))",
    # as `video` of the one that stays
    "duplicate_of": "if(duplicate_of is null, null, hash(duplicate_of))",
    # of the labels that a video that stays has from duplicates, the classes
    "inherited": "list_transform(inherited, lambda each: each.target_id)",
    "content": "if(sha256 is null, null, hash(sha256))",
    # of a kept video: whether no frame of its clips could be compared with an evaluation set
    "is_not_compared": "outcome = 'kept' and error is not null",
}


@dataclass(frozen=True)
class VerdictDB:
    """The verdicts of one data set, opened for counting.

    The database has

    - a table `targets`: `target`, the position of a class in the list from 0, its `target_id` and
      its `name`
    - a table `pairs`: of each verdict on one of these classes, `video` (a hash of its key),
      `target`, `outcome`, `reason`, and those of `COLUMNS` that were asked for
    - views `candidates` and `kept`: the first pair of each video, and its first kept one
    """

    connection: duckdb.DuckDBPyConnection
    # of verdicts
    files: tuple[str, ...]
    # the classes, in the order of the list
    targets: tuple[Target, ...]
    # the lock file of the data set, by a path without patterns; None: there is none
    lock: Path | None

    def rows(self, query: str, parameters: object = None) -> list[Any]:
        """All rows that a query gives."""
        return self.connection.execute(query, parameters).fetchall()

    def verdicts_at(self, places: Collection[Place]) -> dict[Place, Verdict]:
        """The whole verdicts at a few places of `pairs`: no other files are read."""
        if not places:
            return {}
        files = sorted({file for file, _ in places})
        answer = self.connection.execute(
            "select *, file_index, file_row_number "
            "from read_parquet($paths, union_by_name = true) semi join ("
            "select unnest($files::bigint[]) as file_index, unnest($rows::bigint[]) as "
            "file_row_number) using (file_index, file_row_number)",
            {
                "paths": [self.files[file] for file in files],
                "files": [bisect.bisect_left(files, file) for file, _ in places],
                "rows": [row for _, row in places],
            },
        )
        names = arrow_schema(Verdict).names
        columns = [column[0] for column in answer.description or ()]
        found = {}
        for values in answer.fetchall():
            row = dict(zip(columns, values, strict=True))
            place = files[row["file_index"]], row["file_row_number"]
            # Tables of earlier versions lack the last columns.
            found[place] = Verdict.from_row({name: row[name] for name in names if name in row})
        return found


# Of each class: labels that kept videos have from duplicates, those of videos with a clip, and the
# clips of these. Verdicts of earlier versions have no such column: so this is asked only where
# duplicates were looked for.
INHERITED = """
select target, count(*), count(*) filter (clips > 0), coalesce(sum(clips), 0)::bigint
from (select unnest(inherited) as target_id, clips from kept) join targets using (target_id)
group by target
"""


@contextmanager
def open_verdicts(
    output: DatasetDir,
    columns: Collection[str],
    *,
    min_seconds: float = 0.0,
    folder: Path | None = None,
) -> Iterator[VerdictDB]:
    """The verdicts of a data set with these of `COLUMNS`, as long as the context is open.

    `min_seconds` is the length, seconds, that `step` takes for long enough. `folder` has the tables
    of verdicts; None: that of `output`. Raises UsageError if they cannot be read.
    """
    targets, files = output.targets(), output.files
    with (
        tempfile.TemporaryDirectory(prefix="videonet-verdicts-") as place,
        files.local_folder("verdicts") if folder is None else nullcontext(folder) as tables,
        _lock_file(output) as lock_file,
    ):
        # Paths in which "*" and "[" are not taken for a pattern.
        link, lock = Path(place) / "verdicts", Path(place) / "lock"
        link.symlink_to(tables.absolute(), target_is_directory=True)
        if lock_file is not None:
            lock.symlink_to(lock_file.parent.absolute(), target_is_directory=True)
        with open_database(
            Path(place) / "spilled",
            memory=MEMORY,
            threads=min(THREADS, os.cpu_count() or 1),
            folders=[link, lock],
        ) as db:
            try:
                found = _read(db, f"{link}/*.parquet", targets, columns, min_seconds)
            except duckdb.Error as error:
                raise UsageError(
                    f"The verdicts of {output.address} cannot be read "
                    f"({str(error).splitlines()[0]}); `videonet verify` says what is damaged, and "
                    "running the same curation again writes them again."
                ) from error
            yield VerdictDB(db, found, targets, lock / lock_file.name if lock_file else None)


@contextmanager
def _lock_file(output: DatasetDir) -> Iterator[Path | None]:
    """The lock file of a data set, if there is one."""
    if output.files.size(LOCK_FILE) is None:
        yield None
        return
    with output.files.local(LOCK_FILE) as file:
        yield file


def _read(
    db: duckdb.DuckDBPyConnection,
    pattern: str,
    targets: Collection[Target],
    columns: Collection[str],
    min_seconds: float,
) -> tuple[str, ...]:
    """Make the tables and views of a `VerdictDB`, in one pass over the files; the files."""
    found = db.execute("select file from glob(?) order by file", [pattern]).fetchall()
    files = tuple(file for (file,) in found)
    db.execute("set variable files = $files::varchar[]", {"files": files})
    db.execute("set variable min_seconds = $least::double", {"least": min_seconds})
    # Given as lists: to take an Arrow table, DuckDB imports pandas, which takes longer than all.
    db.execute(
        _TARGETS,
        {"ids": [each.target_id for each in targets], "names": [each.name for each in targets]},
    )
    chosen = ", ".join(f"{COLUMNS[name]} as {name}" for name in columns)
    for statement in (_CLASS_IDS, _PAIRS.format(chosen=chosen), _CANDIDATES, _KEPT):
        db.execute(statement)
    return files


_TARGETS = """
create table targets as
select
    generate_subscripts($ids::varchar[], 1)::int - 1 as target,
    unnest($ids::varchar[]) as target_id,
    unnest($names::varchar[]) as name
"""

# A class is found by its id without a join, after which the rows would stand in any order.
_CLASS_IDS = "create type class_id as enum (select target_id from targets order by target)"

_PAIRS = """
create table pairs as
select * from (
    select
        hash(video_key) as video,
        enum_code(try_cast(target_id as class_id))::int as target,
        outcome,
        reason,
        {chosen}
    from read_parquet(getvariable('files'))
)
where target is not null
"""

# The pairs of a video stand together, so it is counted once by looking back one row. Counting
# distinct keys instead would hold all of them in memory.
_CANDIDATES = """
create view candidates as
select * from (select *, lag(video) over () as before from pairs)
where video is distinct from before
"""
_KEPT = """
create view kept as
select * from (select *, lag(video) over () as before from pairs where outcome = 'kept')
where video is distinct from before
"""
