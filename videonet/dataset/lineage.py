"""From which data sets a data set was made: how one is named as the parent of another."""

from videonet.schemas.lineage import How, Parent
from videonet.storage.dataset_dir import LOCK_FILE, DatasetDir


def parent_of(output: DatasetDir, how: How) -> Parent:
    """The finished data set in OUT as the parent of one that is made from it now.

    Raises OSError if its manifest cannot be read.
    """
    has_lock = output.files.size(LOCK_FILE) is not None
    return Parent(
        how=how,
        manifest_sha256=output.files.sha256("manifest.json"),
        lock_sha256=output.files.sha256(LOCK_FILE) if has_lock else None,
    )
