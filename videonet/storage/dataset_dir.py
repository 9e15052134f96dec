"""OUT, a folder or an address: what lies where in it, and how its tables are written and read.

OUT/targets.json                    the targets, resolved
OUT/labels.json                     what the classifier's outputs stand for
OUT/lookup.json                     how many titles were looked at, and matched
OUT/candidates/*.parquet            the candidate list
OUT/verdicts/*.parquet              one row a pair of candidate and target
OUT/captions/*.parquet              one row a kept video, where somebody asked for them
OUT/clips/parquet, clips/tfrecord   the shards
OUT/manifest.json                   what the data set is, to the byte
OUT/README.md                       the same for people: the data card
OUT/videos.lock.parquet             what is needed to make the data set again elsewhere
OUT/split.parquet                   which videos are trained on, where somebody asked for that
OUT/report/                         a page to look at, where somebody asked for one
OUT/run.json                        when and on what machine it was made
OUT/withdrawn.json                  videos that were taken out, if any were
OUT/_state/                         what a run needs to go on after an interruption
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from videonet.errors import UsageError
from videonet.files import TooLongError
from videonet.schemas.candidate import Candidate
from videonet.schemas.clip import Clip
from videonet.schemas.label import Label
from videonet.schemas.manifest import Manifest, Shard
from videonet.schemas.neighbours import Centres
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
from videonet.schemas.shard_form import ShardForm
from videonet.schemas.shown import shown_json
from videonet.schemas.target import Target
from videonet.schemas.verdict import Verdict
from videonet.schemas.withdrawal import Withdrawal
from videonet.shards.label_ids import with_label_ids
from videonet.shards.writer import FORMATS, write_shard
from videonet.storage.bucket_files import BucketFiles
from videonet.storage.dataset_files import MISSING, DatasetFiles, FolderFiles
from videonet.storage.dataset_tables import (
    CAPTIONS,
    read_table,
    table_path,
    tables_of,
    unreadable_table,
    write_table,
)
from videonet.storage.fence import DatasetFence
from videonet.storage.file_notes import is_as_noted, noted, noted_now
from videonet.storage.places import is_remote, open_place
from videonet.storage.scratch import Scratch, scratch_at
from videonet.storage.shard_states import ShardStates

R = TypeVar("R", bound=Record)
T = TypeVar("T")

# The manifest of the published data set, of 20,000 shards, would have 7 MB.
_MOST_BYTES = 256_000_000

# As a run is given one: names in the store are made of it, and run.json may be a stranger's.
_RUN_ID = re.compile(r"[0-9a-f]{32}")

# The lock file: see `videonet.dataset.lock_file`.
LOCK_FILE = "videos.lock.parquet"

# What to do about a list of candidates that cannot be read.
_LIST_AGAIN = "delete lookup.json there, and the same command lists the candidates again"


class DatasetDir:
    """Reads and writes what lies in one OUT. Every file appears whole or not at all."""

    def __init__(
        self, out: Path | str, scratch: Scratch | None = None, *, of: Plan | None = None
    ) -> None:
        """`out` is a folder, or an address such as gs://bucket/out.

        `scratch` is where copies of files come and go, if OUT is no folder. With the plan that it
        is opened for, only that run may write: not once a later command has taken OUT up. Raises
        UsageError for an address that cannot be used.
        """
        self.files: DatasetFiles = (
            BucketFiles(open_place(out), scratch or scratch_at())
            if is_remote(out)
            else FolderFiles(Path(out))
        )
        # as users write it
        self.address = self.files.address
        self.fence = DatasetFence(self.files, of)
        self.files.check = self.fence.check
        self.shard_states = ShardStates(self.files)

    @property
    def in_hand(self) -> Path:
        """Folder of the notes which videos this machine is working on."""
        return self.files.on_this_machine("_state/in_hand")

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders of this machine that a run must be able to write to."""
        return self.files.folders

    def place_of(self, path: str) -> str:
        """A path below OUT as people are shown it."""
        return f"{self.address}/{path}"

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
        self.files.delete("lookup.json")

    def manifest(self) -> Manifest | None:
        """The manifest of a finished run."""
        return self._read("manifest.json", Manifest)

    def write_manifest(self, manifest: Manifest) -> None:
        """Finish the run."""
        self._write("manifest.json", _readable(msgspec.Raw(manifest.to_json())))

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

    def centres(self) -> Centres:
        """The clusters of images that videos are compared with. Raises UsageError."""
        return self._required("neighbours.json", Centres)

    def write_centres(self, centres: Centres) -> None:
        """Keep what videos are compared with."""
        self._write("neighbours.json", centres.to_json())

    def titles(self) -> tuple[Target, ...]:
        """Where neighbours are looked for: whose titles are looked for; none: all are taken."""
        return self._required("titles.json", tuple[Target, ...])

    def write_titles(self, titles: tuple[Target, ...]) -> None:
        """Keep whose titles are looked for."""
        self._write("titles.json", _readable(titles))

    def withdrawals(self) -> tuple[Withdrawal, ...]:
        """The videos that were taken out, in the order of their keys. Raises UsageError."""
        try:
            data = self._content("withdrawn.json")
        except MISSING:
            return ()
        try:
            return from_json(data, tuple[Withdrawal, ...])
        except msgspec.DecodeError as error:
            raise UsageError(
                f"{self.place_of('withdrawn.json')} is damaged ({error}): it names videos that may "
                "not come back. Restore it, or delete it and withdraw those videos again."
            ) from error

    def write_withdrawals(self, withdrawals: Iterable[Withdrawal]) -> None:
        """Say which videos this data set may not have."""
        ordered = sorted(withdrawals, key=lambda each: each.video_key)
        self._write("withdrawn.json", _readable(ordered))

    def shard_state(self, index: int) -> ShardState | None:
        """What a finished shard was made of; None also for what names other files than its own."""
        return self.shard_states.get(index)

    def write_shard_state(self, index: int, state: ShardState) -> None:
        """Say that a shard is finished."""
        self.shard_states.write(index, state)

    def write_run_facts(self, facts: dict[str, object]) -> None:
        """Keep what depends on the clock and the machine."""
        self._write("run.json", _readable(facts))

    def plan(self) -> Plan | None:
        """The run that is at work here, or was the last one; None: none was yet."""
        try:
            facts = from_json(self._content("run.json"), dict)
            plan = msgspec.convert(facts["plan"], type=Plan)
        except (*MISSING, msgspec.MsgspecError, KeyError, TypeError):
            return None
        return plan if _RUN_ID.fullmatch(plan.run_id) else None

    def invocation(self) -> Invocation | None:
        """When and with which command the last run was begun; None: not known."""
        try:
            facts = from_json(self._content("run.json"), dict)
            said = {name: facts[name] for name in ("begun", "command")}
            return msgspec.convert(said, type=Invocation)
        except (*MISSING, msgspec.MsgspecError, KeyError, TypeError):
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
        return all(self.files.size(each.path) == each.bytes for each in files)

    def is_whole(self, state: ShardState) -> bool:
        """Whether all files of a shard are as they were written."""
        return all(self._are_as_written(state))

    def has_any(self, state: ShardState) -> bool:
        """Whether at least one file of a shard, which all hold the same clips, is as written."""
        return any(self._are_as_written(state))

    def _are_as_written(self, state: ShardState) -> Iterator[bool]:
        states = self.files.states([file.path for file in state.files])
        for file in state.files:
            note = _note_of(file, state.notes)
            yield is_as_noted(self.files, file.path, note, states.get(file.path))

    def altered_shards(self, shards: int, files: Iterable[Shard]) -> list[str]:
        """Of the files that a run wrote for its shards, those that are not so, by paths below OUT.

        So are files of which OUT says something else than the run.
        """
        said = {file.path: file for file in files}
        states = self.files.states(said)
        as_said = set()
        for state in self.shard_states.all(shards):
            for file in state.files if state else ():
                note = _note_of(file, state.notes if state else {})
                if said.get(file.path) == file and is_as_noted(
                    self.files, file.path, note, states.get(file.path)
                ):
                    as_said.add(file.path)
        return sorted(said.keys() - as_said)

    def notes(self, files: Iterable[Shard]) -> dict[str, FileNote]:
        """Notes of files that were written just now. Raises OSError."""
        return noted(self.files, {file.path: file.sha256 for file in files})

    def altered(
        self, manifest: Manifest, shards: int, notes: Mapping[str, FileNote]
    ) -> Iterator[str]:
        """Those files of a finished run that are not as they were written, by paths below OUT.

        The data card is for people: it may be changed.
        """
        due = {**notes, **{file.path: _note_of(file, notes) for file in manifest.shards}}
        paths = sorted(self._written(manifest, shards))
        states = self.files.states([*paths, "README.md"])
        for path in paths:
            note, state = due.get(path), states.get(path)
            is_there = state is not None
            if not (is_there if note is None else is_as_noted(self.files, path, note, state)):
                yield path
        if "README.md" not in states:
            yield "README.md"

    def notes_of_all(
        self, manifest: Manifest, shards: int, before: Mapping[str, FileNote]
    ) -> dict[str, FileNote]:
        """Notes of all files of a finished run as they are now. Raises OSError."""
        return noted_now(self.files, sorted(self._written(manifest, shards)), before)

    def _written(self, manifest: Manifest, shards: int) -> Iterator[str]:
        for kind in tables_of(manifest.settings):
            yield from (table_path(kind, index, shards) for index in range(shards))
        yield from ("targets.json", "labels.json", "lookup.json", LOCK_FILE)
        yield from (file.path for file in manifest.shards)

    def complain(self, sentence: str) -> None:
        """Keep the sentence that a run stops with, for the process that began it."""
        self._write("_state/complaint.txt", sentence.encode())

    def complaint(self) -> str | None:
        """The sentence that the run stopped with; it is forgotten now."""
        try:
            text = self.files.read("_state/complaint.txt", _MOST_BYTES).decode()
        except MISSING:
            return None
        self.files.delete("_state/complaint.txt")
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
        self.files.delete("manifest.json")

    def delete_descriptions(self) -> None:
        """Delete the lock file and the data card, which name videos as the manifest counts them."""
        for name in (LOCK_FILE, "README.md"):
            self.files.delete(name)

    def write_page(self, name: str, html: str) -> str:
        """Write a page to look at; where it is. Raises UsageError if that is not possible."""
        path = f"report/{name}"
        try:
            self.files.write(path, html.encode())
        except OSError as error:
            raise UsageError(
                f"{self.place_of(path)} cannot be written ({error.strerror}); see that "
                f"{self.address} is a folder of yours and that its disk has room."
            ) from error
        return self.place_of(path)

    def has_report(self) -> bool:
        """Whether there is a page to look at."""
        return self.files.has_below("report")

    def delete_report(self) -> bool:
        """Delete the page to look at; whether there was one."""
        return self.files.delete_below("report")

    def clear_listing(self, shards: int | None) -> None:
        """Delete what was written of a candidate list that was never completed.

        With it goes what belongs to a list of another number of shards than `shards`, or to any
        if that is not known: a folder is opened as a whole, and must not mix two lists.
        """
        folders = ("verdicts", CAPTIONS, "clips")
        others = [path for each in folders for path in self.files.list(each) if "-of-" in path]
        if shards is None:
            self.shard_states.clear()
        else:
            others = [path for path in others if f"-of-{shards:05d}." not in path]
        listed = [path for path in self.files.list("candidates") if "-of-" in path]
        for path in (*listed, *others):
            self.files.delete(path)

    # Tables, a file a shard.

    def candidates(self, index: int, shards: int) -> Iterator[Candidate]:
        """The candidates whose clips would go to a shard, in the order of their keys.

        Raises UsageError for a table that is damaged, or not there.
        """
        return read_table(
            self.files, table_path("candidates", index, shards), Candidate, _LIST_AGAIN
        )

    def local_files(self, shards: int) -> Iterator[str]:
        """The paths of all candidates that are local files, in the order of the list.

        Raises UsageError like `candidates`.
        """
        for index in range(shards):
            path = table_path("candidates", index, shards)
            try:
                with self.files.local(path) as file:
                    rows = pq.read_table(file, columns=["root", "url"]).to_pylist()
            except (OSError, pa.ArrowException) as error:
                raise unreadable_table(self.files, path, error, _LIST_AGAIN) from error
            yield from (f"{row['root']}/{row['url']}" for row in rows if row["root"] is not None)

    def write_candidates(self, index: int, shards: int, rows: Iterable[Candidate]) -> None:
        """Write one file of the candidate list."""
        ordered = sorted(rows, key=lambda each: each.video_key)
        write_table(self.files, table_path("candidates", index, shards), ordered, Candidate)

    def verdicts(self, index: int, shards: int) -> Iterator[Verdict]:
        """The verdicts on the candidates of a shard. Raises UsageError like `candidates`."""
        advice = "the command that made the data set writes it again"
        return read_table(self.files, table_path("verdicts", index, shards), Verdict, advice)

    def write_verdicts(self, index: int, shards: int, rows: Iterable[Verdict]) -> None:
        """Write the verdicts on the candidates of a shard, in the order given."""
        write_table(self.files, table_path("verdicts", index, shards), list(rows), Verdict)

    # Shards.

    def write_shard(
        self,
        index: int,
        shards: int,
        formats: Iterable[str],
        clips: Iterable[Clip],
        form: ShardForm,
        *,
        folder: str = "",
    ) -> tuple[Shard, ...]:
        """Write a shard in each of these formats, in its place below `folder`.

        See `videonet.shards.writer.write_shard`. Ids of labels are those of the class list in OUT.
        """
        if form.label_ids:
            clips = with_label_ids(clips, self.targets())
        with self.files.below(folder) as place:
            return tuple(write_shard(place, index, shards, formats, clips, form, self.files.check))

    def clips_in(self, path: str) -> Iterator[Clip]:
        """The clips of a file of a shard, in order. Raises UsageError if it is damaged."""
        with self.files.local(path) as file:
            yield from FORMATS[path.rpartition(".")[2]].read(file)

    def _read(self, name: str, kind: type[R]) -> R | None:
        try:
            return kind.from_json(self._content(name))
        except (*MISSING, msgspec.DecodeError):
            return None

    def _content(self, name: str) -> bytes:
        """What a file holds. Raises OSError, and `msgspec.DecodeError` for one that is too long."""
        try:
            return self.files.read(name, _MOST_BYTES)
        except TooLongError as error:
            raise msgspec.DecodeError(str(error.strerror)) from error

    def _required(self, name: str, kind: type[T]) -> T:
        """What a file of every run holds. Raises UsageError."""
        try:
            return from_json(self._content(name), kind)
        except (OSError, msgspec.DecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise UsageError(
                f"{self.place_of(name)} cannot be read ({why}); the command that made the data set "
                "writes it again."
            ) from error

    def _write(self, name: str, data: bytes) -> None:
        self.files.write(name, shown_json(data) if name.endswith(".json") else data)


def _note_of(file: Shard, notes: Mapping[str, FileNote]) -> FileNote:
    """The note of a shard's file; one of another content is of an earlier file there."""
    note = notes.get(file.path)
    if note is None or note.sha256 != file.sha256:
        return FileNote(sha256=file.sha256, state=None)
    return note


def _readable(value: object) -> bytes:
    data = msgspec.json.encode(value, order="deterministic")
    return msgspec.json.format(data, indent=2) + b"\n"
