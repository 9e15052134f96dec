"""Clips that wait in a store until the run that they were cut for is finished."""

import shutil
from contextlib import suppress
from pathlib import Path

from videonet.storage.store import Store

# Characters of a digest that name a folder.
_FOLDED = 2


def hand_on_clips(store: Store, run_id: str, before: str | None) -> None:
    """Let a run have the clips that wait for the run `before` over the same OUT.

    It also gets what earlier versions left, which did not say which run it waits for.
    """
    if not store.is_folder:
        # They do not go from name to name there: they are cut again.
        if before is not None:
            forget_clips(store, before)
        return
    for cut_key in _folders(store.root / "clips"):
        of_before = [] if before is None else _folders(cut_key / before)
        for each in (*of_before, *_folders(cut_key)):
            if len(each.name) == _FOLDED:
                (cut_key / run_id).mkdir(exist_ok=True)
                # Where both have some of these, those of the run itself stay.
                with suppress(OSError):
                    each.rename(cut_key / run_id / each.name)


def forget_clips(store: Store, run_id: str) -> None:
    """Delete the clips that wait for a run: it has put them into its shards."""
    if not store.is_folder:
        for name in list(store.list("clips")):
            if name.split("/")[2] == run_id:
                store.delete(name)
        return
    for cut_key in _folders(store.root / "clips"):
        shutil.rmtree(cut_key / run_id, ignore_errors=True)
        with suppress(OSError):
            cut_key.rmdir()


def _folders(place: Path) -> list[Path]:
    """The folders in a folder; none, if that is not there."""
    try:
        return [each for each in place.iterdir() if each.is_dir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
