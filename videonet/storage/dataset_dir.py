"""The folder OUT: what lies where in it, and how its tables are written and read.

OUT/targets.json                    the targets, resolved
OUT/labels.json                     what the classifier's outputs stand for
OUT/lookup.json                     how many titles were looked at, and matched
OUT/candidates/*.parquet            the candidate list
OUT/verdicts/*.parquet              one row a pair of candidate and target
OUT/clips/parquet, clips/tfrecord   the shards
OUT/manifest.json                   what the data set is, to the byte
OUT/README.md                       the same for people: the data card
OUT/videos.lock.parquet             what is needed to make the data set again elsewhere
OUT/report/                         a page to look at, where somebody asked for one
OUT/run.json                        when and on what machine it was made
OUT/withdrawn.json                  videos that were taken out, if any were
OUT/_state/                         what a run needs to go on after an interruption
"""

import errno
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from videonet.errors import UsageError
from videonet.files import drafted, read_bounded
from videonet.schemas.candidate import Candidate
from videonet.schemas.label import Label
from videonet.schemas.manifest import Manifest, Shard
from videonet.schemas.progress import StageCost
from videonet.schemas.record import Record, from_json
from videonet.schemas.run import (
    FileNote,
    Finished,
    Given,
    Invocation,
    Lookup,
    Plan,
    RunState,
    ShardState,
)
from videonet.schemas.shown import shown_json
from videonet.schemas.table import arrow_schema, from_batch, to_batch
from videonet.schemas.target import Target
from videonet.schemas.verdict import Verdict
from videonet.schemas.withdrawal import Withdrawal
from videonet.shards.layout import shard_path
from videonet.shards.page_headers import rows_at_once
from videonet.shards.writer import FORMATS
from videonet.storage.file_notes import is_as_noted, noted, noted_now

R = TypeVar("R", bound=Record)
T = TypeVar("T")

_ROWS_AT_ONCE = 1_000

# A shard has some 250 candidates, and a row for each of their classes.
_MOST_ROWS = 1_000_000

# The manifest of the published data set, of 20,000 shards, would have 7 MB.
_MOST_BYTES = 256_000_000

# As a run is given one: names in the store are made of it, and run.json may be a stranger's.
_RUN_ID = re.compile(r"[0-9a-f]{32}")

# The lock file: see `videonet.dataset.lock_file`.
LOCK_FILE = "videos.lock.parquet"

# What to do about a list of candidates that cannot be read.
_LIST_AGAIN = "delete lookup.json there, and the same command lists the candidates again"

# How a read ends where a file, or its folder, is not there.
_NOTHING = (FileNotFoundError, NotADirectoryError)


class DatasetDir:
    """Reads and writes what lies in one folder OUT. Every file appears whole or not at all."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def clips(self) -> Path:
        """Folder of the shards."""
        return self.root / "clips"

    @property
    def verdict_folder(self) -> Path:
        """Folder of the verdict tables."""
        return self.root / "verdicts"

    @property
    def in_hand(self) -> Path:
        """Folder of the notes which videos are being worked on."""
        return self.root / "_state" / "in_hand"

    # Single records.

    def run_state(self) -> RunState | None:
        """The run that this folder belongs to."""
        return self._read("_state/run.json", RunState)

    def write_run_state(self, state: RunState) -> None:
        """Say which run this folder belongs to from now on."""
        self._write("_state/run.json", state.to_json())

    def lookup(self) -> Lookup | None:
        """What looking for titles brought; None: the candidate list is not complete."""
        return self._read("lookup.json", Lookup)

    def write_lookup(self, lookup: Lookup) -> None:
        """Say that the candidate list is complete."""
        self._write("lookup.json", _readable(lookup))

    def delete_lookup(self) -> None:
        """Say that the candidate list is to be made again."""
        (self.root / "lookup.json").unlink(missing_ok=True)

    def manifest(self) -> Manifest | None:
        """The manifest of a finished run."""
        return self._read("manifest.json", Manifest)

    def write_manifest(self, manifest: Manifest) -> None:
        """Finish the run."""
        self._write("manifest.json", _indented(manifest.to_json()))

    def targets(self) -> tuple[Target, ...]:
        """The run's targets, in order. Raises UsageError."""
        return self._required("targets.json", tuple[Target, ...])

    def write_targets(self, targets: tuple[Target, ...]) -> None:
        """Keep the run's targets."""
        self._write("targets.json", _readable(targets))

    def given(self) -> Given | None:
        """What the run was given that made the candidate list; None: not known."""
        return self._read("_state/given.json", Given)

    def write_given(self, given: Given) -> None:
        """Keep what a run is given that will make a candidate list."""
        self._write("_state/given.json", given.to_json())

    def finished(self) -> Finished | None:
        """What the last finished run came to, and from what; None: not known."""
        return self._read("_state/finished.json", Finished)

    def write_finished(self, finished: Finished) -> None:
        """Keep what the run came to that is now finished."""
        self._write("_state/finished.json", finished.to_json())

    def labels(self) -> tuple[Label, ...]:
        """What the classifier's outputs stand for. Raises UsageError."""
        return self._required("labels.json", tuple[Label, ...])

    def write_labels(self, labels: Sequence[Label]) -> None:
        """Keep what the classifier's outputs stand for."""
        self._write("labels.json", msgspec.json.encode(labels, order="deterministic"))

    def withdrawals(self) -> tuple[Withdrawal, ...]:
        """The videos that were taken out, in the order of their keys. Raises UsageError."""
        try:
            data = self._content("withdrawn.json")
        except _NOTHING:
            return ()
        try:
            return from_json(data, tuple[Withdrawal, ...])
        except msgspec.DecodeError as error:
            raise UsageError(
                f"{self.root}/withdrawn.json is damaged ({error}): it names videos that may not "
                "come back. Restore it, or delete it and withdraw those videos again."
            ) from error

    def write_withdrawals(self, withdrawals: Iterable[Withdrawal]) -> None:
        """Say which videos this data set may not have."""
        ordered = sorted(withdrawals, key=lambda each: each.video_key)
        self._write("withdrawn.json", _readable(ordered))

    def shard_state(self, index: int) -> ShardState | None:
        """What a finished shard was made of; None also for what names other files than its own."""
        state = self._read(f"_state/shards/{index:05d}.json", ShardState)
        return state if state and _are_of_shard(index, state.files) else None

    def write_shard_state(self, index: int, state: ShardState) -> None:
        """Say that a shard is finished."""
        self._write(f"_state/shards/{index:05d}.json", state.to_json())

    def write_run_facts(self, facts: dict[str, object]) -> None:
        """Keep what depends on the clock and the machine."""
        self._write("run.json", _readable(facts))

    def plan(self) -> Plan | None:
        """The run that is at work here, or was the last one; None: none was yet."""
        try:
            facts = from_json(self._content("run.json"), dict)
            plan = msgspec.convert(facts["plan"], type=Plan)
        except (*_NOTHING, msgspec.MsgspecError, KeyError, TypeError):
            return None
        return plan if _RUN_ID.fullmatch(plan.run_id) else None

    def invocation(self) -> Invocation | None:
        """When and with which command the last run was begun; None: not known."""
        try:
            facts = from_json(self._content("run.json"), dict)
            said = {name: facts[name] for name in ("begun", "command")}
            return msgspec.convert(said, type=Invocation)
        except (*_NOTHING, msgspec.MsgspecError, KeyError, TypeError):
            return None

    def stages(self) -> dict[str, StageCost]:
        """What the stages took by the end of the last run; empty while one goes on."""
        try:
            facts = from_json(self._content("run.json"), dict)
            return msgspec.convert(facts.get("stages", {}), type=dict[str, StageCost])
        except (OSError, msgspec.MsgspecError, AttributeError):
            return {}

    def are_there(self, files: Iterable[Shard]) -> bool:
        """Whether all these files are there, with their sizes."""
        return all(map(self._is_there, files))

    def is_whole(self, state: ShardState) -> bool:
        """Whether all files of a shard are as they were written."""
        return all(self._is_as_written(state, file) for file in state.files)

    def has_any(self, state: ShardState) -> bool:
        """Whether at least one file of a shard, which all hold the same clips, is as written."""
        return any(self._is_as_written(state, file) for file in state.files)

    def _is_as_written(self, state: ShardState, file: Shard) -> bool:
        return is_as_noted(self.root / file.path, _note_of(file, state.notes))

    def notes(self, files: Iterable[Shard]) -> dict[str, FileNote]:
        """Notes of files that were written just now. Raises OSError."""
        return {file.path: noted(self.root / file.path, file.sha256) for file in files}

    def altered(
        self, manifest: Manifest, shards: int, notes: Mapping[str, FileNote]
    ) -> Iterator[str]:
        """Those files of a finished run that are not as they were written, by paths below OUT.

        The data card is for people: it may be changed.
        """
        due = {**notes, **{file.path: _note_of(file, notes) for file in manifest.shards}}
        for path in sorted(self._written(manifest, shards)):
            file, note = self.root / path, due.get(path)
            if not (file.is_file() if note is None else is_as_noted(file, note)):
                yield path
        if not (self.root / "README.md").is_file():
            yield "README.md"

    def notes_of_all(
        self, manifest: Manifest, shards: int, before: Mapping[str, FileNote]
    ) -> dict[str, FileNote]:
        """Notes of all files of a finished run as they are now. Raises OSError."""
        paths = sorted(self._written(manifest, shards))
        return {path: noted_now(self.root / path, before.get(path)) for path in paths}

    def _written(self, manifest: Manifest, shards: int) -> Iterator[str]:
        for kind in ("candidates", "verdicts"):
            for index in range(shards):
                yield self._table(kind, index, shards).relative_to(self.root).as_posix()
        yield from ("targets.json", "labels.json", "lookup.json", LOCK_FILE)
        yield from (file.path for file in manifest.shards)

    def _is_there(self, file: Shard) -> bool:
        path = self.root / file.path
        return path.is_file() and path.stat().st_size == file.bytes

    def complain(self, sentence: str) -> None:
        """Keep the sentence that a run stops with, for the process that began it."""
        self._write("_state/complaint.txt", sentence.encode())

    def complaint(self) -> str | None:
        """The sentence that the run stopped with; it is forgotten now."""
        try:
            text = (self.root / "_state/complaint.txt").read_text()
        except _NOTHING:
            return None
        (self.root / "_state/complaint.txt").unlink()
        return text

    def begin_anew(self, *, same_list: bool = False) -> None:
        """Forget that a run was finished; what it made stays and is taken up again.

        With `same_list`, the candidate list counts as complete. What describes the data set goes
        with its manifest, which is the last to go: a killed call is made again as long as that is
        there. A page that somebody asked for stays: it shows what the data set was.
        """
        if not same_list:
            self.delete_lookup()
        self.delete_descriptions()
        (self.root / "manifest.json").unlink(missing_ok=True)

    def delete_descriptions(self) -> None:
        """Delete the lock file and the data card, which name videos as the manifest counts them."""
        for name in (LOCK_FILE, "README.md"):
            (self.root / name).unlink(missing_ok=True)

    def has_report(self) -> bool:
        """Whether there is a page to look at."""
        return (self.root / "report").is_dir()

    def delete_report(self) -> bool:
        """Delete the page to look at; whether there was one."""
        report = self.root / "report"
        if not report.is_dir():
            return False
        shutil.rmtree(report)
        return True

    def has_finished_shards(self) -> bool:
        """Whether a run has made anything here that depends on its settings."""
        return any((self.root / "_state/shards").glob("*.json"))

    def clear_listing(self, shards: int | None) -> None:
        """Delete what was written of a candidate list that was never completed.

        With it goes what belongs to a list of another number of shards than `shards`, or to any
        if that is not known: a folder is opened as a whole, and must not mix two lists.
        """
        others = [*self.verdict_folder.glob("*-of-*"), *self.clips.glob("*/*-of-*")]
        if shards is None:
            others += (self.root / "_state/shards").glob("*.json")
        else:
            others = [file for file in others if f"-of-{shards:05d}." not in file.name]
        for file in (*(self.root / "candidates").glob("*-of-*"), *others):
            file.unlink(missing_ok=True)

    # Tables, a file a shard.

    def candidates(self, index: int, shards: int) -> Iterator[Candidate]:
        """The candidates whose clips would go to a shard, in the order of their keys.

        Raises UsageError for a table that is damaged, or not there.
        """
        return _rows(self._table("candidates", index, shards), Candidate, _LIST_AGAIN)

    def local_files(self, shards: int) -> Iterator[str]:
        """The paths of all candidates that are local files, in the order of the list.

        Raises UsageError like `candidates`.
        """
        for index in range(shards):
            file = self._table("candidates", index, shards)
            try:
                for row in pq.read_table(file, columns=["root", "url"]).to_pylist():
                    if row["root"] is not None:
                        yield f"{row['root']}/{row['url']}"
            except (OSError, pa.ArrowException) as error:
                raise _unreadable(file, error, _LIST_AGAIN) from error

    def write_candidates(self, index: int, shards: int, rows: Iterable[Candidate]) -> None:
        """Write one file of the candidate list."""
        ordered = sorted(rows, key=lambda each: each.video_key)
        self._write_table(self._table("candidates", index, shards), ordered, Candidate)

    def verdicts(self, index: int, shards: int) -> Iterator[Verdict]:
        """The verdicts on the candidates of a shard. Raises UsageError like `candidates`."""
        advice = "the command that made the data set writes it again"
        return _rows(self._table("verdicts", index, shards), Verdict, advice)

    def write_verdicts(self, index: int, shards: int, rows: Iterable[Verdict]) -> None:
        """Write the verdicts on the candidates of a shard, in the order given."""
        self._write_table(self._table("verdicts", index, shards), list(rows), Verdict)

    def _table(self, kind: str, index: int, shards: int) -> Path:
        return self.root / kind / f"{kind}-{index:05d}-of-{shards:05d}.parquet"

    def _read(self, name: str, kind: type[R]) -> R | None:
        try:
            return kind.from_json(self._content(name))
        except (*_NOTHING, msgspec.DecodeError):
            return None

    def _content(self, name: str) -> bytes:
        """What a file holds. Raises OSError, and `msgspec.DecodeError` for one that is too long."""
        try:
            return read_bounded(self.root / name, _MOST_BYTES)
        except OSError as error:
            if error.errno != errno.EFBIG:
                raise
            raise msgspec.DecodeError(str(error.strerror)) from error

    def _required(self, name: str, kind: type[T]) -> T:
        """What a file of every run holds. Raises UsageError."""
        try:
            return from_json(self._content(name), kind)
        except (OSError, msgspec.DecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise UsageError(
                f"{self.root / name} cannot be read ({why}); the command that made the data set "
                "writes it again."
            ) from error

    def _write(self, name: str, data: bytes) -> None:
        with drafted(self.root / name) as draft:
            draft.write_bytes(shown_json(data) if name.endswith(".json") else data)

    def _write_table(self, file: Path, rows: list[R], kind: type[R]) -> None:
        schema = arrow_schema(kind)
        with drafted(file) as draft, pq.ParquetWriter(draft, schema, compression="zstd") as table:
            for start in range(0, len(rows), _ROWS_AT_ONCE):
                table.write_batch(to_batch(kind, rows[start : start + _ROWS_AT_ONCE]))


def _note_of(file: Shard, notes: Mapping[str, FileNote]) -> FileNote:
    """The note of a shard's file; one of another content is of an earlier file there."""
    note = notes.get(file.path)
    if note is None or note.sha256 != file.sha256:
        return FileNote(sha256=file.sha256, state=None)
    return note


def _rows(file: Path, kind: type[R], advice: str) -> Iterator[R]:
    try:
        with pq.ParquetFile(file) as table:
            if table.metadata.num_rows > _MOST_ROWS:
                raise ValueError(f"it has more than {_MOST_ROWS:,} rows")
            rows = rows_at_once(file, table.metadata, _ROWS_AT_ONCE)
            for batch in table.iter_batches(rows):
                yield from from_batch(kind, batch)
    except (OSError, pa.ArrowException, msgspec.MsgspecError, ValueError) as error:
        raise _unreadable(file, error, advice) from error


def _unreadable(file: Path, error: Exception, advice: str) -> UsageError:
    why = next(iter(str(error).splitlines()), type(error).__name__)
    return UsageError(f"{file} cannot be read ({why}); {advice}.")


def _are_of_shard(index: int, files: Sequence[Shard]) -> bool:
    """Whether these are paths of shard `index`, of whatever number of shards, and there are any.

    `_state` may be a stranger's, and what it names is overwritten and deleted.
    """
    numbers = [re.search(r"-of-([0-9]{5,9})\.", file.path) for file in files]
    return bool(files) and all(
        number is not None
        and file.path in [shard_path(name, index, int(number[1])) for name in FORMATS]
        for file, number in zip(files, numbers, strict=True)
    )


def _readable(value: object) -> bytes:
    return _indented(msgspec.json.encode(value, order="deterministic"))


def _indented(data: bytes) -> bytes:
    return msgspec.json.format(data, indent=2) + b"\n"
