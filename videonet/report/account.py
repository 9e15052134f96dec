"""A data set opened for counting: its verdicts as tables of a database, and what stands beside.

All is counted in SQL, in bounded memory and in few passes: a large data set has thousands of files
of verdicts, so what is counted is read from them once, into a table without texts.
"""

import bisect
import os
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import msgspec

from videonet.errors import UsageError
from videonet.schemas.label import Label
from videonet.schemas.manifest import Manifest
from videonet.schemas.run import Lookup, Plan
from videonet.schemas.target import Target
from videonet.schemas.verdict import Verdict
from videonet.storage.dataset_dir import DatasetDir

# More is put on disk. Of more threads, each would have so little that it is slow.
MEMORY = "500MB"
THREADS = 8

# Values of `step`: how far a pair came.
CANDIDATE, DOWNLOADED, MATCHING, LONG_ENOUGH, KEPT = range(5)


# Position of a file in `Account.files`, and of a row in it.
Place = tuple[int, int]


@dataclass(frozen=True)
class Account:
    """What is known of a data set.

    `db` has a view `verdicts`, all columns of all rows (each use of it reads all files again), and
    a table `pairs` with what is counted of them:

    - `file`, `row`: where the verdict is, for `verdicts_at`
    - `chance`: 64 random bits, always the same of one pair: the smallest are a fair sample
    - `target`: position in `targets`, from 0; verdicts on other targets are left out
    - `step`: how far the pair came, CANDIDATE to KEPT; a step is reached only after those before
    - `seconds`: measured length, else the declared one
    - `side`: the short side, pixels
    - `outcome`, `reason`, `matched_names`, `clips`, `fps`, `codec`, `first_match`,
      `best_probability`, `seen`, `seen_probability`: as in the verdict
    """

    output: DatasetDir
    db: duckdb.DuckDBPyConnection
    # of verdicts
    files: tuple[str, ...]
    targets: tuple[Target, ...]
    # what the classifier's outputs stand for; empty where nobody wrote that down
    labels: tuple[Label, ...]
    lookup: Lookup
    # None while a run goes on
    manifest: Manifest | None
    # by name, as in a manifest
    settings: Mapping[str, object]
    # as in `Facts`
    state: str
    sampled: bool

    def verdicts_at(self, places: Collection[Place]) -> dict[Place, Verdict]:
        """The whole verdicts at a few places of `pairs`: no other files are read."""
        if not places:
            return {}
        files = sorted({file for file, _ in places})
        answer = self.db.execute(
            "select *, file_index, file_row_number from read_parquet($paths) semi join ("
            "select unnest($files::bigint[]) as file_index, unnest($rows::bigint[]) as "
            "file_row_number) using (file_index, file_row_number)",
            {
                "paths": [self.files[file] for file in files],
                "files": [bisect.bisect_left(files, file) for file, _ in places],
                "rows": [row for _, row in places],
            },
        )
        names = Verdict.__struct_fields__
        columns = [column[0] for column in answer.description or ()]
        found = {}
        for values in answer.fetchall():
            row = dict(zip(columns, values, strict=True))
            place = files[row["file_index"]], row["file_row_number"]
            found[place] = Verdict.from_row({name: row[name] for name in names})
        return found

    @property
    def per_class(self) -> int:
        """Most candidates that a class could have."""
        return int(str(self.settings["per_class"]))

    @property
    def min_seconds(self) -> float:
        """Shortest length of a kept video, seconds."""
        return float(str(self.settings["min_seconds"]))


def settings_of(plan: Plan) -> dict[str, object]:
    """The settings of a run that has no manifest yet, by name, without paths of this machine."""
    settings: dict[str, object] = plan.settings.to_row()
    del settings["files_root"], settings["classifier"]
    kind, _, place = plan.settings.source.partition(":")
    if Path(place).is_absolute():
        settings["source"] = kind
    return settings


@contextmanager
def open_account(
    output: DatasetDir,
    settings: Mapping[str, object],
    *,
    verdicts: Path | None = None,
    state: str = "finished",
    sampled: bool = False,
) -> Iterator[Account]:
    """The account of a data set, or of the `verdicts` in another folder, of the same schema.

    `settings` are named as in a manifest. Raises UsageError if anything cannot be read.
    """
    lookup = output.lookup()
    if lookup is None:
        raise UsageError(f"{output.root} has no list of candidates yet; wait until it is complete.")
    try:
        targets = output.targets()
        labels = output.labels()
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(
            f"The classes or labels of {output.root} cannot be read ({error}); was it made by "
            "an older version? Run the same curation again."
        ) from error
    with tempfile.TemporaryDirectory(prefix="videonet-report-") as folder:
        # A path in which "*" and "[" are not taken for a pattern.
        link = Path(folder) / "verdicts"
        link.symlink_to((verdicts or output.verdict_folder).absolute(), target_is_directory=True)
        with duckdb.connect(
            ":memory:",
            config={
                "memory_limit": MEMORY,
                "threads": min(THREADS, os.cpu_count() or 1),
                "temp_directory": f"{folder}/spilled",
            },
        ) as db:
            account = Account(
                output=output,
                db=db,
                files=_files(db, f"{link}/*.parquet"),
                targets=targets,
                labels=labels,
                lookup=lookup,
                manifest=output.manifest(),
                settings=settings,
                state=state,
                sampled=sampled,
            )
            try:
                _read(account)
            except duckdb.Error as error:
                raise UsageError(
                    f"The verdicts of {output.root} cannot be read "
                    f"({str(error).splitlines()[0]}); `videonet verify` says what is damaged, and "
                    "running the same curation again writes them anew."
                ) from error
            yield account


def _files(db: duckdb.DuckDBPyConnection, pattern: str) -> tuple[str, ...]:
    found = db.execute("select file from glob(?) order by file", [pattern]).fetchall()
    return tuple(file for (file,) in found)


def _read(account: Account) -> None:
    """Make the view `verdicts`, and the table `pairs` in one pass over the files."""
    db = account.db
    db.execute("set variable files = $files::varchar[]", {"files": account.files})
    db.execute("create view verdicts as select * from read_parquet(getvariable('files'))")
    db.execute(
        "create table positions as select unnest($ids::varchar[]) as target_id, "
        "generate_subscripts($ids::varchar[], 1)::int - 1 as target",
        {"ids": [each.target_id for each in account.targets]},
    )
    db.execute(_PAIRS, {"min_seconds": account.min_seconds})


# What is kept has passed all steps, also in a rebuilt data set, in which nothing is scanned. A
# length that was rejected as too short is too short, however its fraction is rounded.
_PAIRS = f"""
create table pairs as
select
    file_index::int as file,
    file_row_number::int as row,
    md5_number_lower(video_key || ' ' || target_id) as chance,
    target,
    outcome,
    reason,
    case
        when outcome = 'kept' then {KEPT}
        when sha256 is null and frames_scanned is null then {CANDIDATE}
        when coalesce(frames_matched, 0) = 0 then {DOWNLOADED}
        when reason is not distinct from 'too_short' then {MATCHING}
        when coalesce(duration, -1) < $min_seconds then {MATCHING}
        else {LONG_ENOUGH}
    end::tinyint as step,
    matched_names,
    clips,
    coalesce(duration, declared_duration) as seconds,
    least(width, height) as side,
    fps,
    codec,
    first_match,
    best_probability,
    seen,
    seen_probability
from read_parquet(getvariable('files')) join positions using (target_id)
"""  # noqa: S608  # constants of this file
