"""What a data set was made from, and what it was before videos were taken out of it."""

from collections.abc import Collection

import msgspec

from videonet.errors import UsageError
from videonet.schemas.lineage import FormerManifest, How, Parent
from videonet.schemas.record import from_json
from videonet.storage.dataset_dir import LOCK_FILE, DatasetDir
from videonet.storage.dataset_files import MISSING

# In the order of time. It is not published: a training or an export beside OUT is found by it.
_FORMER = "_state/former_manifests.json"

_MOST_BYTES = 256_000_000


def parent_of(output: DatasetDir, how: How) -> Parent:
    """The finished data set in OUT as the parent of one that is made from it now.

    Raises OSError if its manifest cannot be read.
    """
    return Parent(
        how=how, manifest_sha256=output.files.sha256("manifest.json"), lock_sha256=_lock(output)
    )


def note_taken_out(output: DatasetDir, keys: Collection[str]) -> None:
    """Note that these kept videos are about to be taken out of the finished data set in OUT.

    A killed call does so again: then they are added to those that it has noted.
    """
    if not keys:
        return
    former = former_manifests(output)
    sha256 = output.files.sha256("manifest.json")
    before: tuple[str, ...] = ()
    if former and former[-1].manifest_sha256 == sha256:
        *rest, last = former
        former, before = tuple(rest), last.taken_out
    now = FormerManifest(
        manifest_sha256=sha256,
        lock_sha256=_lock(output),
        taken_out=tuple(sorted({*before, *keys})),
    )
    output.files.write(_FORMER, msgspec.json.encode((*former, now)))


def former_manifests(output: DatasetDir) -> tuple[FormerManifest, ...]:
    """What OUT was before each withdrawal, the earliest first. Raises UsageError."""
    try:
        data = output.files.read(_FORMER, _MOST_BYTES)
        return from_json(data, tuple[FormerManifest, ...])
    except MISSING:
        return ()
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(
            f"{output.place_of(_FORMER)} is damaged ({error}); it says what the data set was "
            "before videos were taken out. Restore it, or delete it."
        ) from error


def _lock(output: DatasetDir) -> str | None:
    return output.files.sha256(LOCK_FILE) if output.files.size(LOCK_FILE) is not None else None
