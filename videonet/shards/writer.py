"""One pass over clips, one file for each chosen format."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Protocol

from videonet.files import draft_of, sha256_of, sync
from videonet.schemas.clip import Clip
from videonet.schemas.manifest import Shard
from videonet.schemas.shard_form import OLDEST_FORM, ShardForm
from videonet.shards import parquet, tfrecord
from videonet.shards.layout import shard_path


class Format(Protocol):
    """What a file format offers."""

    def open_writer(
        self, path: Path, form: ShardForm = OLDEST_FORM
    ) -> AbstractContextManager[Callable[[Clip], None]]:
        """A function that appends a clip to the new file `path`."""

    def read(self, path: Path) -> Iterator[Clip]:
        """The clips of a file, in order. Raises `UsageError` if the file is damaged."""


# By name, which is also the name of the folder and of the files' extension.
FORMATS: dict[str, Format] = {"parquet": parquet, "tfrecord": tfrecord}

# How clips wait for their shard: frame by frame, so that no frame is decoded again.
WAITING = FORMATS["tfrecord"]


def write_shard(
    out: Path,
    index: int,
    shards: int,
    formats: Iterable[str],
    clips: Iterable[Clip],
    form: ShardForm = OLDEST_FORM,
    check: Callable[[], None] | None = None,
) -> list[Shard]:
    """Write shard `index` of `shards` below `out` in each of these formats.

    The clips are taken once and held one at a time; no clips give valid, empty files. A file
    appears under its own name only when all are complete and on disk, and replaces an earlier
    one; until then its name is hidden, so that readers of the folder do not see it. `check` comes
    before each file appears, and raises what keeps the earlier one.
    """
    paths = {name: shard_path(name, index, shards) for name in formats}
    drafts = {name: draft_of(out / path) for name, path in paths.items()}
    try:
        rows = _write(drafts, clips, form)
        written = [_shard(drafts[name], path, rows) for name, path in paths.items()]
        for name, path in paths.items():
            if check is not None:
                check()
            drafts[name].replace(out / path)
            sync((out / path).parent)
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)
    return written


def _write(drafts: dict[str, Path], clips: Iterable[Clip], form: ShardForm) -> int:
    """Write all clips to each file; how many there were."""
    rows = 0
    with ExitStack() as files:
        writers = []
        for name, draft in drafts.items():
            draft.parent.mkdir(parents=True, exist_ok=True)
            writers.append(files.enter_context(FORMATS[name].open_writer(draft, form)))
        for clip in clips:
            for write in writers:
                write(clip)
            rows += 1
    return rows


def _shard(draft: Path, path: str, rows: int) -> Shard:
    """The record of a complete file, once its bytes are on disk."""
    sync(draft)
    return Shard(path=path, rows=rows, bytes=draft.stat().st_size, sha256=sha256_of(draft))
