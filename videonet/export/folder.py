"""The folder of an export: how one is told from others, taken up, and read.

DIR/export.json          what it holds, to the byte; it is written last
DIR/README.md            the same for people
DIR/attribution.csv      whose videos these are, a row a video
DIR/captions/            what is said in them, where the data set has that
DIR/withdrawn.json       videos that were taken out of the export
DIR/_state/              what an interrupted export goes on from

Where the clips lie, the forms say: see `videonet.export.forms`.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path

import msgspec

from videonet.errors import UsageError
from videonet.schemas.export import Export, ExportedShard, ExportFile, ExportRequest
from videonet.schemas.record import from_json
from videonet.schemas.shown import shown_json
from videonet.schemas.withdrawal import Withdrawal
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.dataset_files import MISSING, DatasetFiles
from videonet.storage.places import absolute

VERSION = 1

EXPORT = "export.json"
CARD = "README.md"
ATTRIBUTION = "attribution.csv"
WITHDRAWN = "withdrawn.json"
CAPTIONS = "captions"
_REQUEST = "_state/export.json"

# What a command leaves in a folder, or in a bucket.
_OF_COMMANDS = frozenset({".lock", "_state/probe.json"})

# That of 20,000 shards on two sides has 10 MB.
_MOST_BYTES = 256_000_000

# The side of all videos where there is no split: what Hugging Face calls the one that there is.
ONLY_SIDE = "train"


def files_at(place: Path | str) -> DatasetFiles:
    """The files of a folder or of a bucket's address. Raises UsageError for what cannot be used."""
    return DatasetDir(absolute(place)).files


def is_export(place: Path | str) -> bool:
    """Whether a folder, or an address of a bucket, is one that `videonet export` wrote.

    An export that was interrupted before its end is none yet. Raises UsageError where a bucket
    cannot be reached.
    """
    files = files_at(place)
    return files.size(EXPORT) is not None and files.size("manifest.json") is None


def read_export(files: DatasetFiles) -> Export:
    """What an export holds. Raises UsageError if there is none, or if export.json is damaged."""
    try:
        export = Export.from_json(files.read(EXPORT, _MOST_BYTES))
    except MISSING as error:
        raise UsageError(
            f"{files.address} holds no finished export ({EXPORT} is missing); give the --out of "
            "`videonet export`, and finish it with the same command if it was interrupted."
        ) from error
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(
            f"{files.address}/{EXPORT} is damaged ({error}); export the data set again."
        ) from error
    if any(_leads_out(each.path) for each in (*export.shards, *export.tables)):
        raise UsageError(
            f"{files.address}/{EXPORT} names a file that is not below it; use no such export."
        )
    if export.request.version != VERSION:
        raise UsageError(
            f"{files.address}/{EXPORT} is of version {export.request.version}, and this videonet "
            f"reads version {VERSION}; use the videonet that wrote it."
        )
    return export


def take_up(files: DatasetFiles, request: ExportRequest) -> Export | None:
    """Begin an export, or go on with an interrupted one; the export, if it is finished already.

    To be called while others are kept out. Raises UsageError where something else is there.
    """
    if files.size(EXPORT) is not None:
        found = read_export(files)
        if found.request == request:
            return found
        raise _taken(files, "another export")
    try:
        begun: bytes | None = files.read(_REQUEST, _MOST_BYTES)
    except MISSING:
        begun = None
    if begun is not None:
        if begun != _readable(request):
            raise _taken(files, "an interrupted export of something else, or with other options")
        files.delete_drafts()
        return None
    first = next(paths_in(files), None)
    if first is not None:
        raise _taken(files, f"something else, such as {first}")
    files.write(_REQUEST, _readable(request))
    return None


def paths_in(files: DatasetFiles) -> Iterator[str]:
    """The paths of all files there, but for those by which commands keep each other out."""
    for path in files.list(""):
        if path not in _OF_COMMANDS and not path.startswith(("lease/", "tmp/")):
            yield path


def shard_done(files: DatasetFiles, index: int) -> ExportedShard | None:
    """What was written of a shard of the data set, if all its files are there."""
    try:
        done = ExportedShard.from_json(files.read(_shard_state(index), _MOST_BYTES))
    except (OSError, msgspec.DecodeError):
        return None
    every = itertools.chain(done.shards, done.tables)
    return done if all(files.size(each.path) == each.bytes for each in every) else None


def note_shard(files: DatasetFiles, index: int, done: ExportedShard) -> None:
    """Say that a shard of the data set is written."""
    files.write(_shard_state(index), done.to_json())


def finish(files: DatasetFiles, export: Export) -> None:
    """Say that the export is complete, and forget how far it was."""
    files.write(EXPORT, _readable(export))
    files.delete_below("_state")


def withdrawn_from(files: DatasetFiles) -> tuple[Withdrawal, ...]:
    """The videos that were taken out of an export. Raises UsageError."""
    try:
        return from_json(files.read(WITHDRAWN, _MOST_BYTES), tuple[Withdrawal, ...])
    except MISSING:
        return ()
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(
            f"{files.address}/{WITHDRAWN} is damaged ({error}): it names videos that may not come "
            "back. Restore it, or delete it and withdraw those videos again."
        ) from error


def write_withdrawn(files: DatasetFiles, videos: tuple[Withdrawal, ...]) -> None:
    """Say which videos an export may not have."""
    data = msgspec.json.encode(sorted(videos, key=lambda each: each.video_key))
    files.write(WITHDRAWN, shown_json(msgspec.json.format(data, indent=2) + b"\n"))


def file_of(
    files: DatasetFiles, path: str, *, side: str | None = None, videos: int, clips: int
) -> ExportFile:
    """The record of a file that was written just now."""
    size = files.size(path)
    assert size is not None, "it was written just now"
    return ExportFile(
        path=path, side=side, videos=videos, clips=clips, bytes=size, sha256=files.sha256(path)
    )


def _leads_out(path: str) -> bool:
    """Whether a path in a stranger's record may be that of a file elsewhere."""
    return any(part in ("", ".", "..") for part in path.split("/")) or "\\" in path


def _shard_state(index: int) -> str:
    return f"_state/shards/{index:05d}.json"


def _readable(record: Export | ExportRequest) -> bytes:
    return shown_json(msgspec.json.format(record.to_json(), indent=2) + b"\n")


def _taken(files: DatasetFiles, what: str) -> UsageError:
    return UsageError(
        f"{files.address} holds {what}, which is not overwritten; give a --out that is empty, or "
        "the one of an interrupted export with the same command."
    )
