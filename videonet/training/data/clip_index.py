"""The data set that is trained on: which clips there are, of which videos, and where they lie.

Read are OUT/manifest.json and the footers of OUT/clips/parquet, which name the clip of each row
group: no frame is touched before it is used.
"""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from videonet.errors import UsageError
from videonet.schemas.manifest import Manifest, Shard
from videonet.schemas.record import from_json
from videonet.schemas.shard_form import OLDEST_FORM
from videonet.schemas.split import Side
from videonet.schemas.training_note import TrainedOn
from videonet.selection.sides import is_held_out
from videonet.shards.parquet import SCHEMA, SCHEMAS, example_id, schema_of
from videonet.storage.split_file import SPLIT_FILE, Split, split_in
from videonet.training.data.shard_files import ShardFiles, shard_files

# The manifest that is understood here, as `videonet.dataset.manifest` writes it.
MANIFEST_VERSION = 1

# Below OUT.
_FOLDER = "clips/parquet/"

# Footers that are read at a time: most of it is waiting for a disk or a network.
_AT_A_TIME = 8

# One video has nothing that it could be held against.
_FEWEST_VIDEOS = 2


@dataclass(frozen=True, eq=False)
class ClipIndex:
    """Every clip of a data set: row i of all arrays of n rows, in the order of the shards."""

    out: ShardFiles
    # as its manifest calls it
    name: str
    # of manifest.json: what the data set is, to the byte
    manifest_sha256: str
    # the Parquet shards, whose paths are relative to `out`
    shards: tuple[Shard, ...]
    # string [n]: what `videonet.schemas.clip.Clip.example_id` is
    example_ids: pa.Array
    # int64 [n]: number of the video, 0 to videos - 1, in the order of the video_keys
    videos: NDArray[np.int64]
    # int64 [n]: position of its file among `shards`, and its row group there
    shard: NDArray[np.int64]
    row_group: NDArray[np.int64]
    # bool [videos]: whether a video is never trained on
    held_out: NDArray[np.bool_]
    # hex, of the split that says so; None: data.held_out does
    split_sha256: str | None
    # how many classes the data set was made for
    targets: int
    # whether its clips say where they are cut
    motion: bool

    def training_rows(self) -> NDArray[np.int64]:
        """The rows of the clips that are trained on, ascending."""
        return np.flatnonzero(~self.held_out[self.videos])

    def trained_on(self) -> TrainedOn:
        """What a training notes of it."""
        return TrainedOn(
            dataset=self.name,
            manifest_sha256=self.manifest_sha256,
            videos=len(self.held_out),
            held_out=int(self.held_out.sum()),
            clips=len(self.videos),
            trained_clips=len(self.training_rows()),
        )

    def require_cuts(self) -> None:
        """Raise UsageError for a data set whose clips do not say where they are cut."""
        if not self.motion:
            raise UsageError(
                f"{self.out} does not say where its clips are cut: an earlier version made it. "
                "Leave views.within_shot off, or curate into a new OUT over the same store."
            )

    def file(self, row: int) -> str:
        """The shard that a row lies in."""
        return f"{self.out}/{self.shards[int(self.shard[row])].path}"


def open_clip_index(
    out: str | Path,
    held_out: float = 0.0,
    fewest_videos: int = _FEWEST_VIDEOS,
    *,
    split: bool = True,
) -> ClipIndex:
    """The data set in OUT of a finished run, a folder or an address of a bucket.

    Raises UsageError if it is broken, or cannot be read.

    Where OUT has a split, that says which videos are held out, and what it has dropped is not
    among the clips. Without one, or where `split` is not to be read, `held_out` is the share of
    the videos that is kept for questions: a video belongs to them by a hash of its video_key, so
    it stays there when others are added or taken out. Raises UsageError where there are both.

    Looked at are the manifest, the schema of every Parquet shard, its size, its number of rows and
    how they are grouped; checksums are for `videonet verify`, as they need every byte. It takes
    some milliseconds a shard, and 60 bytes of memory a clip for as long as the data set is used:
    for the published 1.18 M videos, 3 M clips in 20,000 shards, about a minute and 0.2 GB.
    """
    files = shard_files(out)
    manifest, sha256, shards = parquet_shards(files)
    with ThreadPoolExecutor(_AT_A_TIME) as threads:
        ids = pa.chunked_array(list(threads.map(lambda shard: _example_ids(files, shard), shards)))
    example_ids = ids.combine_chunks()
    keys, videos = _numbered(example_ids, files)
    shard = np.repeat(np.arange(len(shards)), [shard.rows for shard in shards])
    row_group = np.concatenate([np.arange(shard.rows) for shard in shards])
    found = _split(files, held_out) if split else None
    if found is None:
        held = is_held_out(keys, held_out)
    else:
        sides = _sides(found, keys, files)
        held = sides == Side.VAL.value
        stays = sides != Side.DROPPED.value
        rows = np.flatnonzero(stays[videos])
        example_ids, shard, row_group = example_ids.take(rows), shard[rows], row_group[rows]
        # Those that stay are numbered anew.
        held, videos = held[stays], (np.cumsum(stays) - 1)[videos[rows]]
    dataset = ClipIndex(
        out=files,
        name=manifest.dataset,
        manifest_sha256=sha256,
        shards=tuple(shards),
        example_ids=example_ids,
        videos=videos,
        shard=shard,
        row_group=row_group,
        held_out=held,
        split_sha256=found.sha256 if found else None,
        targets=len(manifest.targets),
        motion=manifest.settings.motion,
    )
    left = int(np.count_nonzero(~dataset.held_out))
    if left < fewest_videos:
        what = f"data.held_out={held_out}" if found is None else SPLIT_FILE
        share = f", of which {what} leaves {left}" if left < len(keys) else ""
        raise UsageError(
            f"{out} has clips of {len(keys)} video{'' if len(keys) == 1 else 's'}{share}; at least "
            f"{fewest_videos} are needed to train on, as each is held against the others."
        )
    return dataset


def parquet_shards(out: ShardFiles) -> tuple[Manifest, str, list[Shard]]:
    """The manifest of OUT, its sha256, and its Parquet shards, which are there in full size.

    That is known at once, before a shard is opened. Raises UsageError.
    """
    if not out.is_there():
        raise UsageError(f"{out} is no folder; give the --out of a finished `videonet curate`.")
    manifest, sha256 = _manifest(out)
    shards = [shard for shard in manifest.shards if shard.path.startswith(_FOLDER)]
    if not shards:
        raise UsageError(
            f"{out} has no Parquet shards, which training reads; run `videonet curate` again with "
            "parquet among its --format."
        )
    if not any(shard.rows for shard in shards):
        raise UsageError(f"{out} holds no clips: there is nothing to train on.")
    for shard in shards:
        _check_size(out, shard)
    return manifest, sha256, shards


def _split(out: ShardFiles, held_out: float) -> Split | None:
    """The split of the data set; None: it has none. Raises UsageError."""
    data = out.read(SPLIT_FILE)
    if data is None:
        return None
    if held_out:
        raise UsageError(
            f"{out} has a split, which says which videos are held out, and data.held_out is "
            f"{held_out}; leave data.held_out out, or move {SPLIT_FILE} away."
        )
    return split_in(data, f"{out}/{SPLIT_FILE}")


def _sides(split: Split, video_keys: list[str], out: ShardFiles) -> NDArray[np.object_]:
    """On which side each of these videos stands: [videos]. Raises UsageError."""
    keys = pa.array(video_keys, pa.string())
    sides = split.sides(keys)
    if sides.null_count:
        unknown = keys.filter(pc.is_null(sides))
        raise UsageError(
            f"{out}/{SPLIT_FILE} does not say where {len(unknown):,} of {len(keys):,} videos "
            f"stand, such as {unknown[0]}; run `videonet split` again."
        )
    found: NDArray[np.object_] = sides.to_numpy(zero_copy_only=False)
    return found


class _Version(msgspec.Struct):
    version: int


def _manifest(out: ShardFiles) -> tuple[Manifest, str]:
    """The manifest and its sha256. Raises UsageError."""
    data = out.read("manifest.json")
    if data is None:
        raise UsageError(
            f"{out} holds no finished data set (there is no manifest.json); run the same "
            "`videonet curate` again to finish it, or give the --out of a finished one."
        )
    try:
        version = from_json(data, _Version).version
        if version != MANIFEST_VERSION:
            raise UsageError(
                f"{out}/manifest.json is of version {version}, and version {MANIFEST_VERSION} can "
                "be read; train with the videonet that made it, or make the data set again."
            )
        return Manifest.from_json(data), hashlib.sha256(data).hexdigest()
    except msgspec.DecodeError as error:
        raise UsageError(
            f"{out}/manifest.json is no manifest ({error}); run the same `videonet curate` again."
        ) from error


def _check_size(out: ShardFiles, shard: Shard) -> None:
    """A shard is there, with as many bytes as the manifest says. Raises UsageError."""
    size = out.size(shard.path)
    if size is None:
        raise UsageError(f"{out}/{shard.path} is missing; {_AGAIN}.")
    if size != shard.bytes:
        raise _differs(out, shard, f"has {size:,} bytes", f"{shard.bytes:,}")


def _example_ids(out: ShardFiles, shard: Shard) -> pa.Array:
    """The example_id of each row of a shard, by its footer. Raises UsageError."""
    path = f"{out}/{shard.path}"
    try:
        source = out.open(shard.path, shard.sha256).source
        with pq.ParquetFile(source, memory_map=not out.is_remote) as file:
            if not any(map(file.schema_arrow.equals, SCHEMAS)):
                raise UsageError(
                    f"{path} has columns of another version ({_difference(file.schema_arrow)}); "
                    "train with the videonet that made it, or make the data set again."
                )
            footer = file.metadata
            if footer.num_rows != shard.rows:
                raise _differs(out, shard, f"has {footer.num_rows} clips", f"{shard.rows}")
            ids = [example_id(footer, group) for group in range(footer.num_row_groups)]
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"{path} cannot be read ({error}); {_AGAIN}.") from error
    if len(ids) != shard.rows or None in ids:
        raise UsageError(
            f"{path} does not have one clip a row group, named in its footer, as `videonet curate` "
            f"writes it; {_AGAIN}."
        )
    return pa.array(ids, pa.string())


def _numbered(example_ids: pa.Array, out: ShardFiles) -> tuple[list[str], NDArray[np.int64]]:
    """The video_keys, ascending, and the position there of each row's. Raises UsageError."""
    parts = pc.extract_regex(example_ids, r"(?s)^(?P<video_key>.*)#[0-9]+$")
    if parts.null_count:
        strange = example_ids.filter(pc.is_null(parts))[0]
        raise UsageError(
            f"{out} holds a clip named {str(strange)!r}, which says neither video nor number; "
            f"{_AGAIN}."
        )
    coded = pc.struct_field(parts, "video_key").dictionary_encode()
    ascending = pc.sort_indices(coded.dictionary).to_numpy()
    number = np.empty(len(ascending), np.int64)
    number[ascending] = np.arange(len(ascending))
    return coded.dictionary.take(ascending).to_pylist(), number[coded.indices.to_numpy()]


def _difference(schema: pa.Schema) -> str:
    """What the columns differ in, in words."""
    missing = [name for name in schema_of(OLDEST_FORM).names if name not in schema.names]
    unknown = [name for name in schema.names if name not in SCHEMA.names]
    if missing or unknown:
        said = {"missing": missing, "unknown": unknown}
        return "; ".join(f"{what}: {', '.join(names)}" for what, names in said.items() if names)
    changed = [name for name in schema.names if schema.field(name) != SCHEMA.field(name)]
    return f"of another type: {', '.join(changed)}" if changed else "in another order"


def _differs(out: ShardFiles, shard: Shard, found: str, stated: str) -> UsageError:
    return UsageError(
        f"{out}/{shard.path} {found}, and the manifest says {stated}: it was changed; {_AGAIN}."
    )


_AGAIN = "`videonet verify` finds all that is wrong, and the same `videonet curate` makes it again"
