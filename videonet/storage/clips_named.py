"""Some clips of a file of a shard, by their names: of a Parquet file, nothing else is read."""

import itertools
from collections.abc import Collection, Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from videonet.errors import UsageError
from videonet.schemas.clip import Clip
from videonet.shards.page_headers import reader_of
from videonet.shards.parquet import check_claims, example_id
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.dataset_files import MISSING


def clips_named(output: DatasetDir, path: str, ids: Collection[str]) -> Iterator[Clip]:
    """The clips of a file of a shard that have these example_ids, in order.

    Of a Parquet file the footer says where they are, and only they are read, also in a bucket. Any
    other one is read up to the last of them. Raises UsageError if what is read is damaged.
    """
    if path.endswith(".parquet"):
        clips = _from_parquet(output, path, ids)
    else:
        clips = (clip for clip in output.clips_in(path) if clip.example_id in ids)
    return itertools.islice(clips, len(ids))


def _from_parquet(output: DatasetDir, path: str, ids: Collection[str]) -> Iterator[Clip]:
    try:
        with (
            output.files.open(path) as source,
            pq.ParquetFile(source, page_checksum_verification=True) as file,
        ):
            read = reader_of(source)
            for group in range(file.num_row_groups):
                named = example_id(file.metadata, group)
                # Where the footer does not say, the row group does.
                if named is None or named in ids:
                    check_claims(read, file.metadata.row_group(group))
                    clips = map(Clip.from_row, file.read_row_group(group).to_pylist())
                    yield from (clip for clip in clips if clip.example_id in ids)
    except MISSING:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UsageError(
            f"{output.place_of(path)} is damaged ({error}). Write it again."
        ) from error
