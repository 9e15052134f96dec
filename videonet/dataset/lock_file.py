"""The lock file of a data set: every kept video with its address and content, and all settings.

Rows are in the order of their shards, and of video_key within a shard: so it is written and read
shard by shard, however large the data set is.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from videonet.dataset.locked_videos import locked_videos
from videonet.errors import UsageError
from videonet.fetch.published_address import is_redacted
from videonet.files import sha256_of
from videonet.schemas.lock_file import LockedVideo, LockHeader
from videonet.schemas.manifest import MOST_SHARDS, Manifest, ManifestSettings, ShardCount
from videonet.schemas.record import from_json
from videonet.schemas.table import arrow_schema, from_batch, to_batch
from videonet.schemas.target import Target
from videonet.shards.layout import shard_of, shard_path
from videonet.shards.page_headers import rows_at_once
from videonet.sources.video_key import keys_of
from videonet.storage.dataset_dir import LOCK_FILE, DatasetDir
from videonet.text import as_shown

VERSION = 1

# In front of each field of the header among the file's metadata.
_PREFIX = "videonet."

_ROWS_AT_ONCE = 5_000

_SHA256 = re.compile("[0-9a-f]{64}")
_OF_URL = re.compile("url:[0-9a-f]{64}")


@dataclass(frozen=True)
class Lock:
    """A lock file that was opened. Its rows are read when they are asked for."""

    file: Path
    # of the whole file
    sha256: str
    header: LockHeader
    # rows
    videos: int

    @property
    def shards(self) -> int:
        """How many shards the data set has, each in all its formats."""
        return self.header.settings.shards

    def rows(self) -> Iterator[LockedVideo]:
        """The videos, in order.

        Each video is named after where it is. Raises UsageError for a file that
        was damaged, or says of the data set or of a video what cannot be.
        """
        shards = self.shards
        if why := _wrong_with_header(self.header, shards):
            raise _damaged(self.file, why)
        last = (-1, "")
        try:
            with pq.ParquetFile(
                self.file, page_checksum_verification=True, pre_buffer=False
            ) as table:
                rows = rows_at_once(self.file, table.metadata, _ROWS_AT_ONCE)
                for batch in table.iter_batches(rows):
                    for video in from_batch(LockedVideo, batch):
                        place = (shard_of(video.video_key, shards), video.video_key)
                        if place <= last:
                            raise _damaged(self.file, f"{video.video_key} is not in its place")
                        if why := _wrong_with(video, self.header.targets):
                            raise _damaged(self.file, f"{video.video_key} {why}")
                        last = place
                        yield video
        except (pa.ArrowException, msgspec.MsgspecError, OSError, ValueError) as error:
            raise _damaged(self.file, error) from error


def write_lock(output: DatasetDir, manifest: Manifest) -> None:
    """Write OUT/videos.lock.parquet from the verdicts and shards that `manifest` accounts for.

    Equal data sets have equal lock files. Raises UsageError for a file of OUT that cannot be read.
    """
    header = _header(output, manifest)
    with output.files.draft(LOCK_FILE) as draft:
        videos = locked_videos(output, manifest, header.targets, from_clips=False)
        write_rows(draft, header, videos)


def write_rows(file: Path, header: LockHeader, videos: Iterable[LockedVideo]) -> None:
    """Write a lock file with these videos: in the order of their shards, and then of their keys."""
    schema, rows = arrow_schema(LockedVideo), iter(videos)
    with pq.ParquetWriter(file, schema, compression="zstd", write_page_checksum=True) as table:
        while batch := list(itertools.islice(rows, _ROWS_AT_ONCE)):
            table.write_batch(to_batch(LockedVideo, batch))
        fields = {name: getattr(header, name) for name in header.__struct_fields__}
        # What is made from a lock file has the same one again.
        fields["settings"] = {
            name: value for name, value in header.settings.by_name().items() if name != "lock"
        }
        table.add_key_value_metadata(
            {f"{_PREFIX}{name}": _json(value) for name, value in fields.items()}
        )


def read_lock(path: Path) -> Lock:
    """A lock file and what it says of its data set. Raises UsageError if it is none."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder; give the file {LOCK_FILE} of a data set.")
    try:
        sha256 = sha256_of(path)
        with pq.ParquetFile(path) as table:
            metadata, names = table.metadata.metadata or {}, table.schema_arrow.names
            videos = table.metadata.num_rows
    except pa.ArrowException as error:
        raise UsageError(
            f"{path} is no lock file, or was cut short: it is not Parquet "
            f"({_one_line(error)}); give the file {LOCK_FILE} of a data set."
        ) from error
    except OSError as error:
        why = error.strerror or _one_line(error)
        raise UsageError(
            f"The lock file {path} cannot be read ({why}); give the file {LOCK_FILE} of a data set."
        ) from error
    return Lock(path, sha256, _header_in(path, metadata, names), videos)


def lock_problems(output: DatasetDir, manifest: Manifest) -> Iterator[str]:
    """What is wrong with the lock file of a data set whose shards and verdicts are sound."""
    with output.files.local(LOCK_FILE) as file:
        yield from _problems(file, output, manifest)


def _problems(file: Path, output: DatasetDir, manifest: Manifest) -> Iterator[str]:
    try:
        lock = read_lock(file)
        due = _header(output, manifest)
        if lock.header != due:
            names = [
                name
                for name in due.__struct_fields__
                if getattr(due, name) != getattr(lock.header, name)
            ]
            yield f"{LOCK_FILE} is of another data set: its {' and '.join(names)} differ."
            return
        videos = locked_videos(output, manifest, due.targets, from_clips=True)
        for locked, kept in itertools.zip_longest(lock.rows(), videos):
            if locked != kept:
                first = kept or locked
                assert first is not None, "not both have ended"
                yield f"{LOCK_FILE} and the verdicts differ, first on {first.video_key}."
                return
    except UsageError as error:
        yield str(error)
    except (pa.ArrowException, msgspec.MsgspecError, OSError) as error:
        yield f"{LOCK_FILE} cannot be compared with what it is of: {_one_line(error)}."


def _header(output: DatasetDir, manifest: Manifest) -> LockHeader:
    targets, labels = output.targets(), output.labels()
    return LockHeader(
        version=VERSION,
        dataset=manifest.dataset,
        settings=msgspec.structs.replace(manifest.settings, lock=None),
        versions=manifest.versions,
        classifier=manifest.classifier,
        targets=targets,
        labels=labels,
        shards=manifest.shards,
    )


def _header_in(path: Path, metadata: dict[bytes, bytes], names: Sequence[str]) -> LockHeader:
    try:
        fields = {
            key.decode().removeprefix(_PREFIX): msgspec.Raw(value)
            for key, value in metadata.items()
            if key.startswith(_PREFIX.encode())
        }
    except ValueError as error:
        raise _damaged(path, error) from error
    if "version" not in fields:
        raise UsageError(
            f"{path} is Parquet, but no lock file: what videonet says of a data set is missing "
            f"from its metadata. Give the file {LOCK_FILE} as a run wrote it."
        )
    try:
        version = from_json(fields["version"], object)
        if version != VERSION:
            raise UsageError(
                f"{path} is a lock file of version {version}, and this videonet reads version "
                f"{VERSION}; use the videonet that wrote it."
            )
        _check_settings(path, fields.get("settings", msgspec.Raw(b"{}")))
        header = LockHeader.from_json(msgspec.json.encode(fields))
    except (msgspec.MsgspecError, ValueError) as error:
        raise _damaged(path, error) from error
    if names != arrow_schema(LockedVideo).names:
        raise _damaged(path, f"its columns are {', '.join(names)}")
    return header


class _Sharded(msgspec.Struct):
    """Settings of which one alone is looked at."""

    shards: ShardCount


def _check_settings(path: Path, settings: msgspec.Raw) -> None:
    """Raise UsageError for settings that no data set has, or that this videonet does not know."""
    try:
        from_json(settings, _Sharded)
    except msgspec.DecodeError as error:
        why = f"it does not say how many shards there are, 1 to {MOST_SHARDS:,}"
        raise _damaged(path, why) from error
    try:
        from_json(settings, ManifestSettings)
    except msgspec.DecodeError as error:
        raise unusable_settings(path, error) from error


def unusable_settings(path: Path, why: object) -> UsageError:
    """The settings in a lock file are none that a run can have."""
    return UsageError(
        f"The settings in the lock file {path} cannot be used ({as_shown(str(why))}); "
        "use the videonet that wrote it."
    )


def _wrong_with_header(header: LockHeader, shards: int) -> str | None:
    """What a file says of its data set that cannot be; None: nothing."""
    if len(header.labels) != header.classifier.outputs:
        return f"{len(header.labels)} labels for {header.classifier.outputs} outputs"
    if len({each.target_id for each in header.targets}) != len(header.targets):
        return "a target is there twice"
    names = header.settings.formats
    paths = {each.path for each in header.shards}
    due = (shard_path(name, index, shards) for name in names for index in range(shards))
    if not len(header.shards) == len(paths) == shards * len(names) or not paths.issuperset(due):
        return f"it does not list the files of its {shards:,} shards"
    return None


def _wrong_with(video: LockedVideo, targets: Sequence[Target]) -> str | None:
    """What a file says of a video that cannot be; None: nothing."""
    if not _SHA256.fullmatch(video.sha256):
        return f"has the sha256 {video.sha256!r}"
    if not _is_its_key(video):
        return f"is not what {video.video.url!r} is called"
    labels = video.labels
    if not labels or list(labels) != sorted(set(labels)):
        return f"has the labels {list(labels)}"
    if labels[0] < 0 or labels[-1] >= len(targets):
        return "has an unknown target"
    own = [targets[place] for place in labels]
    asked = [match.target_id for match in video.matches]
    if asked != [each.target_id for each in own] or list(video.names) != [e.name for e in own]:
        return "is for other targets than its labels say"
    return None


def _is_its_key(video: LockedVideo) -> bool:
    """Whether a video has the name that a run would give it.

    The store keeps it under this name. Were it believed, a file could put one video in the place
    of another, or bring one back that was withdrawn. An address that is redacted may not tell: then
    the key is believed when the whole address is found, see `videonet.execution.whole_addresses`.
    """
    kind, _, content = video.video_key.partition(":")
    if kind == "sha256":
        return content == video.sha256 and "://" not in video.video.url
    if not video.video.url.lower().startswith(("http://", "https://")):
        return False
    is_told = video.video_key in keys_of(video.video.url)
    is_untold = is_redacted(video.video.url) and _OF_URL.fullmatch(video.video_key) is not None
    return bool(video.video.video_id) and (is_told or is_untold)


def _json(value: object) -> bytes:
    return msgspec.json.encode(value, order="deterministic")


def _one_line(error: BaseException) -> str:
    return as_shown(str(error))


def _damaged(path: Path, why: object) -> UsageError:
    return UsageError(f"The lock file {path} is damaged ({as_shown(str(why))}); get it again.")
