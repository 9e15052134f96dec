"""What is different between two data sets: their videos, settings, targets, withdrawals, splits.

Both are compared as their lock files say, which have every kept video with its labels, content and
spans. So a lock file alone can be compared, too; what was withdrawn, on which side of a split a
video stands, and why a video is not kept, only a data set says. Captions, and verdicts on videos
that are not kept in either, are not compared.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import msgspec
import pyarrow as pa

from videonet.dataset.lock_file import Lock, read_lock
from videonet.errors import UsageError
from videonet.files import drafted, is_folder
from videonet.schemas.record import Record
from videonet.storage.database import open_database
from videonet.storage.dataset_dir import LOCK_FILE, DatasetDir
from videonet.storage.inputs import local_input
from videonet.storage.places import absolute, is_remote
from videonet.storage.split_file import read_split

# What can be different of a video, in the order in which it is said.
KINDS = (
    *("added", "gone", "relabelled", "other bytes", "cut otherwise", "other licence"),
    "described otherwise",
)

# Of a data set that was not split.
_NO_SPLIT = pa.table({"video_key": pa.array([], pa.string()), "side": pa.array([], pa.string())})

_MEMORY = "500MB"
_ROWS_AT_ONCE = 5_000


class Change(NamedTuple):
    """Something with a name that has another value in B than in A. None: it has none there."""

    name: str
    a: Any
    b: Any


class VideoChange(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A video that is not the same in both."""

    video_key: str
    video_id: str
    url: str
    # of KINDS
    changes: tuple[str, ...]
    # ids of its targets in A and in B, where they differ or it is in one alone
    targets: tuple[tuple[str, ...] | None, tuple[str, ...] | None] | None = None
    # hex, of the whole file, in A and in B
    sha256: tuple[str, str] | None = None
    # how many clips it has in A and in B, where they begin or end otherwise
    clips: tuple[int, int] | None = None
    licence: tuple[str | None, str | None] | None = None
    # of an added or a gone one: why it is not kept in the other data set, as its verdict says
    reason: str | None = None


@dataclass(frozen=True)
class TargetChanges:
    """Target ids, each in alphabetical order."""

    added: tuple[str, ...]
    gone: tuple[str, ...]
    # in both, with another name, other wordings or other classes of the classifier
    changed: tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """What is different. Videos are read while the database is open: see `open_difference`."""

    # of the two lock files
    sha256: tuple[str, str]
    # kept videos in A and in B
    sizes: tuple[int, int]
    # videos that are exactly the same in both; and others by kind, where a video may be of several
    same: int
    counts: Mapping[str, int]
    # by name, in alphabetical order
    settings: tuple[Change, ...]
    versions: tuple[Change, ...]
    targets: TargetChanges
    # videos that B alone, or A alone, says are withdrawn; None: one is a lock file, which says none
    withdrawn: tuple[int, int] | None
    # videos that are on another side of the split, or on a side in one data set alone; None: one is
    # a lock file, which says none
    other_side: int | None
    # shard files of A and of B, and those that are the same to the byte
    shards: tuple[int, int]
    same_shards: int
    _db: duckdb.DuckDBPyConnection

    @property
    def is_equal(self) -> bool:
        """Whether nothing is different, to the byte of shards."""
        return not (
            sum(self.counts.values())
            or self.settings
            or self.versions
            or self.targets != TargetChanges((), (), ())
            or any(self.withdrawn or ())
            or self.other_side
            or self.shards != (self.same_shards, self.same_shards)
        )

    def videos(self, kind: str | None = None, most: int | None = None) -> Iterator[VideoChange]:
        """Videos that are not the same, by video_key; of one kind, or the first ones alone."""
        rows = self._db.execute(
            "select * from changes where $kind is null or list_contains(kinds, $kind) "
            "order by video_key limit $most",
            {"kind": kind, "most": most if most is not None else 2**62},
        )
        while batch := rows.fetchmany(_ROWS_AT_ONCE):
            yield from map(_change, batch)


@contextmanager
def open_difference(a: Path | str, b: Path | str) -> Iterator[Difference]:
    """What is different in the data set or lock file `b` from `a`, as long as the context is open.

    Raises UsageError where one of them is neither, is not finished, or is damaged.
    """
    with ExitStack() as opened:
        sides = tuple(_opened(each, opened) for each in (a, b))
        place = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="videonet-diff-")))
        # DuckDB asks where a link leads, and whether that may be read.
        folders = [side.lock.file.absolute().parent for side in sides]
        folders += [side.verdicts for side in sides if side.verdicts is not None]
        db = opened.enter_context(
            open_database(place / "spilled", memory=_MEMORY, threads=2, folders=folders)
        )
        for name, side in zip("ab", sides, strict=True):
            # Paths in which "*" and "[" are not taken for a pattern.
            (place / f"{name}.parquet").symlink_to(side.lock.file.absolute())
            if side.verdicts is not None:
                (place / f"verdicts_{name}").symlink_to(side.verdicts.absolute())
            with _damaged(side):
                _load(db, place, name, side)
        db.execute(_CHANGES)
        yield _difference(db, *sides)


def write_difference(difference: Difference, file: Path) -> None:
    """Write all that is different as one JSON object, video by video. Raises OSError.

    It names the lock files by their digests, and no path of this machine.
    """
    said = {
        "equal": difference.is_equal,
        "lock_sha256": difference.sha256,
        "kept_videos": difference.sizes,
        "same_videos": difference.same,
        "counts": difference.counts,
        "settings": {each.name: (each.a, each.b) for each in difference.settings},
        "versions": {each.name: (each.a, each.b) for each in difference.versions},
        "targets": asdict(difference.targets),
        "withdrawn": difference.withdrawn,
        "other_side": difference.other_side,
        "shard_files": {"a": difference.shards[0], "b": difference.shards[1]}
        | {"same": difference.same_shards},
    }
    with drafted(file) as draft, draft.open("wb") as written:
        written.write(msgspec.json.encode(said)[:-1] + b',"videos":[')
        for number, video in enumerate(difference.videos()):
            written.write((b",\n" if number else b"\n") + msgspec.json.encode(video))
        written.write(b"\n]}\n")


class _Side(NamedTuple):
    """One of the two."""

    # as the user wrote it
    given: str
    lock: Lock
    # folder of its tables of verdicts; None: it has none
    verdicts: Path | None
    # keys of the videos that were taken out; None: it does not say
    withdrawn: frozenset[str] | None
    # columns video_key and side; None: it does not say
    split: pa.Table | None


def _opened(given: Path | str, opened: ExitStack) -> _Side:
    is_local = not is_remote(given)
    if str(given).endswith(".parquet") and not (is_local and is_folder(Path(given))):
        return _Side(str(given), read_lock(local_input(given)), None, None, None)
    if is_local and not is_folder(Path(given)):
        raise UsageError(
            f"There is no folder {given}; give the OUT of a finished run, or its {LOCK_FILE}."
        )
    output = DatasetDir(absolute(given))
    if output.manifest() is None:
        raise UsageError(
            f"{given} holds no finished data set (manifest.json is missing or damaged); give the "
            "OUT of a finished run, or a lock file."
        )
    if output.files.size(LOCK_FILE) is None:
        raise UsageError(
            f"{given} has no {LOCK_FILE}, by which data sets are compared; the command that made "
            "the data set writes it."
        )
    lock = read_lock(opened.enter_context(output.files.local(LOCK_FILE)))
    withdrawn = frozenset(each.video_key for each in output.withdrawals())
    tables = None
    if output.files.has_below("verdicts"):
        tables = opened.enter_context(output.files.local_folder("verdicts"))
    split = read_split(output.files)
    sides = _NO_SPLIT if split is None else split.table.select(_NO_SPLIT.column_names)
    return _Side(str(given), lock, tables, withdrawn, sides)


@contextmanager
def _damaged(side: _Side) -> Iterator[None]:
    """Say of which data set a table cannot be read."""
    try:
        yield
    except duckdb.Error as error:
        raise UsageError(
            f"The tables of {side.given} cannot be read ({str(error).splitlines()[0]}); "
            "`videonet verify` says what is damaged, and the command that made the data set writes "
            "them again."
        ) from error


def _load(db: duckdb.DuckDBPyConnection, place: Path, name: str, side: _Side) -> None:
    """Make the table of the videos of one side, and that of why others are not kept there."""
    db.execute(_VIDEOS.format(name=name), [str(place / f"{name}.parquet")])
    twice = db.execute(
        f"select video_key from videos_{name} group by all having count(*) > 1 limit 1"  # noqa: S608
    ).fetchone()
    if twice is not None:
        raise UsageError(
            f"{side.lock.file} is damaged: it has {twice[0]} twice; the command that made the data "
            "set writes it again."
        )
    # An empty folder has no columns to read.
    if side.verdicts is not None and any(side.verdicts.glob("*.parquet")):
        pattern = str(place / f"verdicts_{name}" / "*.parquet")
        db.execute(_REASONS.format(name=name), [pattern])
    else:
        db.execute(f"create table reasons_{name} (video_key varchar, reason varchar)")


def _difference(db: duckdb.DuckDBPyConnection, a: _Side, b: _Side) -> Difference:
    counts = dict.fromkeys(KINDS, 0)
    counts.update(
        db.execute("select unnest(kinds) as kind, count(*) from changes group by kind").fetchall()
    )
    both = db.execute(
        "select count(*) from videos_a semi join videos_b using (video_key)"
    ).fetchone()
    in_both = db.execute(
        "select count(*) from changes where not list_has_any(kinds, ['added', 'gone'])"
    ).fetchone()
    assert both is not None, "a count is a row"
    assert in_both is not None, "a count is a row"
    first, second = a.lock.header, b.lock.header
    files = [{(each.path, each.sha256) for each in header.shards} for header in (first, second)]
    withdrawn = None
    if a.withdrawn is not None and b.withdrawn is not None:
        withdrawn = len(b.withdrawn - a.withdrawn), len(a.withdrawn - b.withdrawn)
    other_side = None
    if a.split is not None and b.split is not None:
        # What is in both is the same video on the same side.
        both_sides = a.split.join(b.split, _NO_SPLIT.column_names, join_type="left semi").num_rows
        moved = a.split.join(b.split, ["video_key"], join_type="left semi").num_rows - both_sides
        other_side = a.split.num_rows + b.split.num_rows - 2 * both_sides - moved
    return Difference(
        sha256=(a.lock.sha256, b.lock.sha256),
        sizes=(a.lock.videos, b.lock.videos),
        same=both[0] - in_both[0],
        counts=counts,
        settings=changes_of(_all_settings(a.lock), _all_settings(b.lock)),
        versions=changes_of(first.versions, second.versions),
        targets=_target_changes(a.lock, b.lock),
        withdrawn=withdrawn,
        other_side=other_side,
        shards=(len(first.shards), len(second.shards)),
        same_shards=len(files[0] & files[1]),
        _db=db,
    )


def changes_of(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[Change, ...]:
    """What has another value in `b` than in `a`, by name, in alphabetical order."""
    names = sorted(a.keys() | b.keys())
    return tuple(
        Change(name, a.get(name), b.get(name)) for name in names if a.get(name) != b.get(name)
    )


def _all_settings(lock: Lock) -> dict[str, Any]:
    """The settings of a data set, with what its classifier is."""
    classifier = lock.header.classifier.to_row()
    return {
        **lock.header.settings.to_row(),
        **{f"classifier.{name}": value for name, value in classifier.items()},
    }


def _target_changes(a: Lock, b: Lock) -> TargetChanges:
    first, second = ({each.target_id: each for each in lock.header.targets} for lock in (a, b))
    return TargetChanges(
        added=tuple(sorted(second.keys() - first.keys())),
        gone=tuple(sorted(first.keys() - second.keys())),
        changed=tuple(
            sorted(each for each in first.keys() & second.keys() if first[each] != second[each])
        ),
    )


def _change(row: tuple[Any, ...]) -> VideoChange:
    key, video_id, url, kinds, targets_a, targets_b, sha_a, sha_b, clips_a, clips_b, *rest = row
    licence_a, licence_b, reason = rest
    named = kinds[0] in ("added", "gone", "relabelled")
    return msgspec.convert(
        {
            "video_key": key,
            "video_id": video_id,
            "url": url,
            "changes": kinds,
            "targets": (targets_a, targets_b) if named else None,
            "sha256": (sha_a, sha_b) if "other bytes" in kinds else None,
            "clips": (clips_a, clips_b) if "cut otherwise" in kinds else None,
            "licence": (licence_a, licence_b) if "other licence" in kinds else None,
            "reason": reason,
        },
        VideoChange,
    )


# Labels are ids of targets: positions in a list say nothing where the lists differ.
_VIDEOS = """
create table videos_{name} as
select
    video_key, video_id, url, sha256, licence,
    list_sort(list_transform(matches, lambda each: each.target_id)) as targets,
    len(clips) as clips,
    md5(clips::varchar) as spans,
    md5(concat_ws(chr(31), video_id, url, title, coalesce(channel, chr(30)), source,
        coalesce(declared_duration::varchar, chr(30)), coalesce(bytes::varchar, chr(30)),
        coalesce(duration::varchar, chr(30)), matches::varchar)) as described
from read_parquet(?)
"""

_REASONS = """
create table reasons_{name} as
select video_key, min(reason) as reason
from read_parquet(?, union_by_name = true)
where outcome <> 'kept'
group by video_key
"""

# The names of KINDS.
_CHANGES = """
create table changes as
select
    coalesce(b.video_key, a.video_key) as video_key,
    coalesce(b.video_id, a.video_id) as video_id,
    coalesce(b.url, a.url) as url,
    list_filter(
        [
            if(a.video_key is null, 'added', null),
            if(b.video_key is null, 'gone', null),
            if(a.targets <> b.targets, 'relabelled', null),
            if(a.sha256 <> b.sha256, 'other bytes', null),
            if(a.spans <> b.spans, 'cut otherwise', null),
            if(a.video_key = b.video_key and a.licence is distinct from b.licence,
                'other licence', null),
            if(a.described <> b.described and a.targets = b.targets and a.sha256 = b.sha256,
                'described otherwise', null)
        ],
        lambda kind: kind is not null
    ) as kinds,
    a.targets as targets_a, b.targets as targets_b,
    a.sha256 as sha256_a, b.sha256 as sha256_b,
    a.clips as clips_a, b.clips as clips_b,
    a.licence as licence_a, b.licence as licence_b,
    case
        when a.video_key is null then reasons_a.reason
        when b.video_key is null then reasons_b.reason
    end as reason
from videos_a as a
full join videos_b as b on a.video_key = b.video_key
left join reasons_a on reasons_a.video_key = b.video_key and a.video_key is null
left join reasons_b on reasons_b.video_key = a.video_key and b.video_key is null
where len(kinds) > 0
"""
