"""The forms of an export that show videos: a file for each shard and side of the data set."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from videonet.export import huggingface, mp4, webdataset
from videonet.export.sample import Sample
from videonet.schemas.export import ExportForm
from videonet.storage.dataset_files import DatasetFiles


class Form(Protocol):
    """What the module of a form offers."""

    def path_of(self, side: str, index: int, shards: int) -> str:
        """Where the file of a shard lies below DIR."""

    def open_writer(
        self, files: DatasetFiles, path: str, *, motion: bool
    ) -> AbstractContextManager[Callable[[Sample], None]]:
        """A function that appends a clip to a new file; it appears when the context ends well.

        `motion`: whether the clips of the data set have the columns of motion.
        """

    def strip(self, files: DatasetFiles, path: str, gone: Collection[str]) -> None:
        """Write a file again without the clips of the videos with these stems.

        See `videonet.export.names.stem_of`. Raises UsageError for a file that is damaged.
        """

    def clips_in(self, files: DatasetFiles, path: str) -> Counter[str]:
        """How many clips of each video there are in a file, by stems. Raises UsageError.

        What the file itself lists is looked at as well.
        """


FORMS: Mapping[ExportForm, Form] = {
    ExportForm.WEBDATASET: webdataset,
    ExportForm.MP4: mp4,
    ExportForm.HUGGINGFACE: huggingface,
}
