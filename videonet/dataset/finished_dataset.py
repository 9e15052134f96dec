"""A finished data set as a notebook reads it: clips as records, verdicts as a table."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset

from videonet.errors import UsageError
from videonet.schemas.clip import Clip
from videonet.schemas.manifest import Manifest
from videonet.schemas.table import arrow_schema
from videonet.schemas.target import Target
from videonet.schemas.verdict import Verdict
from videonet.shards.writer import FORMATS
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.places import absolute


class FinishedDataset:
    """The folder OUT of a finished run, to be read only. `open_dataset` makes one."""

    def __init__(self, output: DatasetDir, manifest: Manifest) -> None:
        self._output = output
        # what the data set is, to the byte
        self.manifest = manifest

    def __len__(self) -> int:
        """How many clips there are."""
        return self.manifest.totals.clips

    @property
    def targets(self) -> tuple[Target, ...]:
        """The classes, in order: `Clip.clip_label_index` are positions in this list."""
        return self._output.targets()

    def clips(self) -> Iterator[Clip]:
        """All clips, shard by shard. Raises UsageError for a shard that cannot be read."""
        name = next(name for name in FORMATS if name in self.manifest.settings.formats)
        for shard in self.manifest.shards:
            if shard.path.rpartition(".")[2] == name:
                yield from self._output.clips_in(shard.path)

    def verdicts(self) -> pa.Table:
        """One row a pair of candidate and target, with the columns of `Verdict`."""
        schema = arrow_schema(Verdict)
        with self._output.files.local_folder("verdicts") as folder:
            return pyarrow.dataset.dataset(folder, schema=schema, format="parquet").to_table()


def open_dataset(out: str | Path) -> FinishedDataset:
    """The data set in OUT of a finished run: a folder, or an address such as gs://bucket/out.

    Raises UsageError if there is none.

    >>> dataset = open_dataset("out")
    >>> len(dataset)
    4
    >>> clip = next(dataset.clips())
    >>> clip.clip_label_text, clip.image_format, len(clip.image_encoded)
    (('sailboat',), 'jpeg', 128)
    >>> dataset.verdicts().group_by("outcome").aggregate([([], "count_all")]).to_pylist()
    [{'outcome': 'kept', 'count_all': 4}, {'outcome': 'rejected', 'count_all': 1}]
    """
    output = DatasetDir(absolute(out))
    manifest = output.manifest()
    if manifest is None:
        raise UsageError(
            f"{out} holds no finished data set (manifest.json is missing or damaged); "
            "give the --out of a finished run."
        )
    return FinishedDataset(output, manifest)
