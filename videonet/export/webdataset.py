"""Tar shards that the library `webdataset` reads: the members of a clip follow each other.

    youtube-dQw4w9WgXcQ-0.json       labels, times and all else that is small
    youtube-dQw4w9WgXcQ-0.000.jpg    the frames, in their order
    youtube-dQw4w9WgXcQ-0.001.jpg

A sample is what the names have in common up to the first dot (webdataset: `base_plus_ext`), so no
name has another dot before it.
"""

import io
import tarfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from videonet.errors import UsageError
from videonet.export.names import stem_in
from videonet.export.sample import Sample, as_json
from videonet.storage.dataset_files import MISSING, DatasetFiles


def path_of(side: str, index: int, shards: int) -> str:
    """See `Form`."""
    return f"{side}/clips-{index:05d}-of-{shards:05d}.tar"


@contextmanager
def open_writer(
    files: DatasetFiles,
    path: str,
    *,
    motion: bool,  # noqa: ARG001  # the columns are written where a clip has them
) -> Iterator[Callable[[Sample], None]]:
    """See `Form`."""
    with files.draft(path) as draft, _writing(draft) as tar:

        def add(sample: Sample) -> None:
            _add(tar, f"{sample.name}.json", as_json(sample.said()))
            for number, jpeg in enumerate(sample.clip.image_encoded):
                _add(tar, f"{sample.name}.{number:03d}.jpg", jpeg)

        yield add


def strip(files: DatasetFiles, path: str, gone: Collection[str]) -> None:
    """See `Form`."""
    with _read(files, path) as old, files.draft(path) as draft, _writing(draft) as new:
        for member in old:
            if stem_in(member.name) not in gone:
                new.addfile(_header(member.name, member.size), old.extractfile(member))


def clips_in(files: DatasetFiles, path: str) -> Counter[str]:
    """See `Form`."""
    found: Counter[str] = Counter()
    with _read(files, path) as tar:
        for member in tar:
            found[stem_in(member.name)] += member.name.endswith(".json")
    return +found


@contextmanager
def _writing(draft: Path) -> Iterator[tarfile.TarFile]:
    with tarfile.open(draft, "w", format=tarfile.USTAR_FORMAT) as tar:
        yield tar


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    tar.addfile(_header(name, len(data)), io.BytesIO(data))


def _header(name: str, size: int) -> tarfile.TarInfo:
    """Of a file of nobody, at no time: equal clips are equal bytes."""
    member = tarfile.TarInfo(name)
    member.size = size
    return member


@contextmanager
def _read(files: DatasetFiles, path: str) -> Iterator[tarfile.TarFile]:
    try:
        with files.local(path) as file, tarfile.open(file, "r:") as tar:
            yield tar
    except (*MISSING, tarfile.TarError, ValueError, EOFError) as error:
        raise UsageError(
            f"{files.address}/{path} is damaged ({error}); export the data set again."
        ) from error
