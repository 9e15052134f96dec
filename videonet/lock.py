"""The lock file of a data set: every kept video with its address and content, and all settings.

Rows are in the order of their shards, and of video_key within a shard: so it is written and read
shard by shard, however large the data set is.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from schemas import (
    LockedVideo,
    LockHeader,
    Manifest,
    Match,
    Outcome,
    Span,
    Target,
    arrow_schema,
)
from videonet.errors import UsageError
from videonet.files import drafted, sha256_of
from videonet.manifest import formats_of
from videonet.output import Output
from videonet.shards import FORMATS, shard_of, shard_path

NAME = "videos.lock.parquet"

VERSION = 1

# In front of each field of the header among the file's metadata.
_PREFIX = "videonet."

_ROWS_AT_ONCE = 5_000


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
        shards = self.header.settings.get("shards")
        if not isinstance(shards, int) or shards < 1:
            raise _damaged(self.file, "it does not say how many shards there are")
        return shards

    def rows(self) -> Iterator[LockedVideo]:
        """The videos, in order. Raises UsageError for a file that was damaged or changed."""
        shards, targets = self.shards, {each.target_id for each in self.header.targets}
        last = (-1, "")
        try:
            with pq.ParquetFile(self.file, page_checksum_verification=True) as table:
                for batch in table.iter_batches(_ROWS_AT_ONCE):
                    for video in map(LockedVideo.from_row, batch.to_pylist()):
                        place = (shard_of(video.video_key, shards), video.video_key)
                        if place <= last:
                            raise _damaged(self.file, f"{video.video_key} is not in its place")
                        if not {match.target_id for match in video.matches} <= targets:
                            raise _damaged(self.file, f"{video.video_key} has an unknown target")
                        last = place
                        yield video
        except (pa.ArrowException, msgspec.MsgspecError, OSError) as error:
            raise _damaged(self.file, error) from error


def write_lock(output: Output, manifest: Manifest) -> None:
    """Write OUT/videos.lock.parquet from the verdicts and shards that `manifest` accounts for.

    Equal data sets have equal lock files. Raises UsageError for a shard that cannot be read.
    """
    schema, header = arrow_schema(LockedVideo), _header(output, manifest)
    with (
        drafted(output.root / NAME) as draft,
        pq.ParquetWriter(draft, schema, compression="zstd", write_page_checksum=True) as table,
    ):
        videos = _videos(output, manifest, header.targets)
        while rows := [each.to_row() for each in itertools.islice(videos, _ROWS_AT_ONCE)]:
            table.write_table(pa.Table.from_pylist(rows, schema))
        table.add_key_value_metadata(
            {f"{_PREFIX}{name}": _json(getattr(header, name)) for name in header.__struct_fields__}
        )


def read_lock(path: Path) -> Lock:
    """A lock file and what it says of its data set. Raises UsageError if it is none."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder; give the file {NAME} of a data set.")
    try:
        sha256 = sha256_of(path)
        with pq.ParquetFile(path) as table:
            metadata, names = table.metadata.metadata or {}, table.schema_arrow.names
            videos = table.metadata.num_rows
    except pa.ArrowException as error:
        raise UsageError(
            f"{path} is no lock file, or was cut short: it is not Parquet "
            f"({_one_line(error)}); give the file {NAME} of a data set."
        ) from error
    except OSError as error:
        why = error.strerror or _one_line(error)
        raise UsageError(
            f"The lock file {path} cannot be read ({why}); give the file {NAME} of a data set."
        ) from error
    return Lock(path, sha256, _header_in(path, metadata, names), videos)


def problems_of_lock(output: Output, manifest: Manifest) -> Iterator[str]:
    """What is wrong with the lock file of a data set whose shards and verdicts are sound."""
    try:
        lock = read_lock(output.root / NAME)
        due = _header(output, manifest)
        if lock.header != due:
            names = [
                name
                for name in due.__struct_fields__
                if getattr(due, name) != getattr(lock.header, name)
            ]
            yield f"{NAME} is of another data set: its {' and '.join(names)} differ."
            return
        videos = _videos(output, manifest, due.targets)
        for locked, kept in itertools.zip_longest(lock.rows(), videos):
            if locked != kept:
                first = kept or locked
                assert first is not None, "not both have ended"
                yield f"{NAME} and the verdicts differ, first on {first.video_key}."
                return
    except UsageError as error:
        yield str(error)


def _header(output: Output, manifest: Manifest) -> LockHeader:
    return LockHeader(
        version=VERSION,
        dataset=manifest.dataset,
        # What is made from a lock file has the same one again.
        settings={name: value for name, value in manifest.settings.items() if name != "lock"},
        versions=manifest.versions,
        classifier=manifest.classifier,
        targets=output.targets(),
        labels=output.labels(),
        shards=manifest.shards,
    )


def _header_in(path: Path, metadata: dict[bytes, bytes], names: Sequence[str]) -> LockHeader:
    fields = {
        key.decode().removeprefix(_PREFIX): msgspec.Raw(value)
        for key, value in metadata.items()
        if key.startswith(_PREFIX.encode())
    }
    if "version" not in fields:
        raise UsageError(
            f"{path} is Parquet, but no lock file: what videonet says of a data set is missing "
            f"from its metadata. Give the file {NAME} as a run wrote it."
        )
    try:
        version = msgspec.json.decode(fields["version"])
        if version != VERSION:
            raise UsageError(
                f"{path} is a lock file of version {version}, and this videonet reads version "
                f"{VERSION}; use the videonet that wrote it."
            )
        header = LockHeader.from_json(msgspec.json.encode(fields))
    except msgspec.MsgspecError as error:
        raise _damaged(path, error) from error
    if names != arrow_schema(LockedVideo).names:
        raise _damaged(path, f"its columns are {', '.join(names)}")
    return header


# What was kept, shard by shard.

_COLUMNS = [
    *("video_key", "video_id", "url", "sha256", "bytes", "duration", "target_id"),
    *("matched_names", "title", "query", "rank", "channel", "licence", "source"),
    "declared_duration",
]


def _videos(output: Output, manifest: Manifest, targets: Sequence[Target]) -> Iterator[LockedVideo]:
    """The kept videos of a data set, in the order of the lock file. Raises UsageError."""
    shards, formats = manifest.settings["shards"], formats_of(manifest)
    assert isinstance(shards, int), "the schema of the manifest's settings"
    positions = {target.target_id: place for place, target in enumerate(targets)}
    for index in range(shards):
        kept = _kept(output, index, shards)
        clips = _clips(output, formats, index, shards) if kept else {}
        for key, rows in itertools.groupby(kept, key=lambda row: row["video_key"]):
            yield _video(list(rows), positions, targets, clips.get(key, []))


def _kept(output: Output, index: int, shards: int) -> list[dict[str, Any]]:
    """The verdicts of a shard that keep a video: by video_key, then in the order of the targets."""
    file = output.verdict_folder / f"verdicts-{index:05d}-of-{shards:05d}.parquet"
    kept = [("outcome", "=", Outcome.KEPT.value)]
    rows: list[dict[str, Any]] = pq.read_table(file, columns=_COLUMNS, filters=kept).to_pylist()
    return rows


def _video(
    rows: Sequence[dict[str, Any]],
    positions: dict[str, int],
    targets: Sequence[Target],
    clips: Sequence[Span],
) -> LockedVideo:
    first = rows[0]
    labels = tuple(positions[row["target_id"]] for row in rows)
    return LockedVideo(
        video_key=first["video_key"],
        video_id=first["video_id"],
        url=first["url"],
        sha256=first["sha256"],
        bytes=first["bytes"],
        duration=first["duration"],
        labels=labels,
        names=tuple(targets[place].name for place in labels),
        matches=tuple(
            Match(
                target_id=row["target_id"],
                names=tuple(row["matched_names"]),
                title=None if row["title"] == first["title"] else row["title"],
                query=row["query"],
                rank=row["rank"],
            )
            for row in rows
        ),
        title=first["title"],
        channel=first["channel"],
        licence=first["licence"],
        source=first["source"],
        declared_duration=first["declared_duration"],
        clips=tuple(clips),
    )


def _clips(
    output: Output, formats: Sequence[str], index: int, shards: int
) -> dict[str, list[Span]]:
    """The clips in a shard, by video_key. Raises UsageError for one that cannot be read."""
    clips: defaultdict[str, list[Span]] = defaultdict(list)
    # The frames, nearly all of its bytes, need not be read of a Parquet file.
    name = "parquet" if "parquet" in formats else formats[0]
    file = output.root / shard_path(name, index, shards)
    for example_id, begin, end in (_columns if name == "parquet" else _whole)(file):
        clips[example_id.rpartition("#")[0]].append(Span(begin=begin, end=end))
    return clips


def _columns(file: Path) -> Iterator[tuple[str, int, int]]:
    """What each clip is called, and its begin and end in microseconds."""
    columns = ["example_id", "clip_start_timestamp", "clip_end_timestamp"]
    try:
        with pq.ParquetFile(file, page_checksum_verification=True) as table:
            for batch in table.iter_batches(_ROWS_AT_ONCE, columns=columns):
                yield from zip(*(batch[name].to_pylist() for name in columns), strict=True)
    except (pa.ArrowException, OSError) as error:
        raise UsageError(
            f"{file} is damaged ({_one_line(error)}). Delete it; the same command writes it again."
        ) from error


def _whole(file: Path) -> Iterator[tuple[str, int, int]]:
    """Likewise, of a format that is read clip by clip."""
    for clip in FORMATS[file.suffix[1:]].read(file):
        yield clip.example_id, clip.clip_start_timestamp, clip.clip_end_timestamp


def _json(value: object) -> bytes:
    return msgspec.json.encode(value, order="deterministic")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _damaged(path: Path, why: object) -> UsageError:
    return UsageError(
        f"The lock file {path} is damaged ({' '.join(str(why).split())}); get it again."
    )
