"""The store that a data set was made from, for commands that are given the data set alone."""

from pathlib import Path

from videonet.errors import UsageError
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store, store_at_hand


def own_store(output: DatasetDir, given: Path | str | None) -> Store | None:
    """The store that OUT was made from. Raises UsageError if there is none where it is said to be.

    Without being told, it may have been moved, or be on another machine.
    """
    if given is not None:
        store = Store(given)
        if not store.is_there():
            raise UsageError(
                f"--store {given} holds no store; give the --store of the run that made "
                f"{output.address}, or leave it out."
            )
        return store
    plan = output.plan()
    try:
        named = store_at_hand(plan.store) if plan else None
        return named if named and named.is_there() else None
    except PermissionError:  # of a folder above it
        return None
