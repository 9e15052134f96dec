"""Whether files are as they were written, without reading all of them each time.

A note keeps a file's digest together with what changes whenever its content does: among that is the
time of the last change of its inode, which no program can set back, or the name that a bucket gives
to each state of an object. Only a file that differs from its note is read. What a failing disk does
to bytes, no time tells: `videonet verify` reads all.
"""

import time
from collections.abc import Iterable, Mapping

from videonet.schemas.run import FileNote
from videonet.storage.dataset_files import DatasetFiles, State


def noted(files: DatasetFiles, digests: Mapping[str, str]) -> dict[str, FileNote]:
    """Notes of files that have these contents, hex sha256 by path. Raises OSError."""
    states = files.states(digests)
    return {
        path: FileNote(sha256=sha256, state=_known(states, path))
        for path, sha256 in digests.items()
    }


def noted_now(
    files: DatasetFiles, paths: Iterable[str], before: Mapping[str, FileNote]
) -> dict[str, FileNote]:
    """Notes of files as they are now; those that are as `before` are not read. Raises OSError.

    A file that was written just now may change again without another time: it will be read.
    """
    paths = list(paths)
    states = files.states(paths)
    notes = {}
    for path in paths:
        state, note = _known(states, path), before.get(path)
        is_same = note is not None and note.state == state
        sha256 = note.sha256 if note is not None and is_same else files.sha256(path)
        is_settled = files.is_settled(state, time.time_ns())
        if is_settled and not is_same:
            is_settled = files.states([path]).get(path) == state
        notes[path] = FileNote(sha256=sha256, state=state if is_settled else None)
    return notes


def is_as_noted(files: DatasetFiles, path: str, note: FileNote, state: State | None) -> bool:
    """Whether a file has the content that was noted; it is read where its `state` is another.

    `state`: None where it is not there.
    """
    try:
        return state is not None and (state == note.state or files.sha256(path) == note.sha256)
    except OSError:
        return False


def _known(states: Mapping[str, State], path: str) -> State:
    if path not in states:
        raise FileNotFoundError(f"{path} is gone")
    return states[path]
