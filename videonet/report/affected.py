"""Which data sets, exports and trainings below a folder hold a video, or were made of what held it.

Nothing is written, no link is followed, and no clip is read. What cannot be told is said.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset

from videonet.dataset.lineage import former_manifests
from videonet.errors import UsageError
from videonet.export.attribution import videos_among
from videonet.export.folder import EXPORT, files_at, read_export
from videonet.files import is_folder
from videonet.schemas.lineage import Parent
from videonet.schemas.reason import Outcome
from videonet.storage.dataset_dir import LOCK_FILE, DatasetDir
from videonet.text import number
from videonet.training.session import NOTE, read_note

# Folders that are looked into, and how deep they lie. Above that, the rest is said to be unknown.
MOST_FOLDERS = 200_000
MOST_DEPTH = 32

# Of a store: a folder for each two first digits of a digest, and nothing else is in them.
_OF_STORES = ("record", "records", "side", "video", "part")
_DIGITS = re.compile(r"[0-9a-f]{2}")

# Of a data set: no other one is in them.
_OF_DATASETS = frozenset({"_state", "clips", "candidates", "verdicts", "captions", "report"})
# Likewise of a training.
_OF_TRAININGS = frozenset({"checkpoints"})


@dataclass(frozen=True)
class Holder:
    """Something that holds the video, or was made of what held it."""

    # "data set", "export" or "training"
    kind: str
    folder: Path
    # what it has to do with the video, for people
    said: str
    # whether the video is in it now, or was trained on; False: it was made of what held it
    holds: bool = True


@dataclass
class Affected:
    """What was found below a folder."""

    holders: list[Holder] = field(default_factory=list)
    # what cannot be told, one sentence each
    untold: list[str] = field(default_factory=list)
    # data sets, exports and trainings that were looked at
    looked_at: int = 0

    @property
    def holds(self) -> bool:
        """Whether anything holds the video."""
        return any(each.holds for each in self.holders)


@dataclass(frozen=True)
class _Dataset:
    """A data set that was looked at."""

    folder: Path
    parents: tuple[Parent, ...]
    # digests of the manifests and lock files that it has and has had; and of those that it had
    # while it held the video
    known_as: frozenset[str]
    held_as: frozenset[str]
    holds: bool


def affected(video: str, root: Path) -> Affected:
    """What holds the video of this video_key or video_id, below `root`. Raises UsageError."""
    if not is_folder(root):
        raise UsageError(
            f"There is no folder {root}; give the folder that is to be looked through."
        )
    found = Affected()
    datasets: list[_Dataset] = []
    trainings: list[tuple[Path, str]] = []
    exports = 0
    for folder, below, names in _folders(root, found):
        # What has the names alone may be something else: it is looked into as any folder is.
        if "manifest.json" in names and "targets.json" in names:
            with _told(found):
                datasets.append(_dataset(video, folder, found))
                below -= _OF_DATASETS
        elif "lookup.json" in names and "targets.json" in names:
            found.untold.append(f"{folder} is an unfinished data set; finish it, and ask again.")
        elif EXPORT in names:
            with _told(found):
                _look_at_export(video, folder, found)
                exports += 1
                # One of mp4 clips has a folder for each shard.
                below.clear()
        elif NOTE in names or ("config.toml" in names and "checkpoints" in below):
            with _told(found):
                told = _training(folder, found)
                trainings += told
                if told:
                    below -= _OF_TRAININGS
    _descended(datasets, found)
    held = {sha256: each.folder for each in datasets for sha256 in each.held_as}
    known = {sha256 for each in datasets for sha256 in each.known_as}
    for folder, sha256 in trainings:
        if sha256 in held:
            said = f"on {held[sha256]}, which held it then"
            found.holders.append(Holder("training", folder, said))
        elif sha256 not in known:
            found.untold.append(
                f"{folder} was trained on a data set with the manifest {sha256[:12]}..., which no "
                f"data set below {root} has; it is elsewhere, or was changed since by a run."
            )
    found.looked_at = len(datasets) + exports + len(trainings)
    return found


@contextmanager
def _told(found: Affected) -> Iterator[None]:
    """What cannot be read is said, and ends nothing."""
    try:
        yield
    except (UsageError, OSError, pa.ArrowException, msgspec.MsgspecError) as error:
        found.untold.append(" ".join(str(error).split()))


def _folders(root: Path, found: Affected) -> Iterator[tuple[Path, set[str], frozenset[str]]]:
    """All folders, each with the names of the folders and of the files in it.

    A folder that is taken out of the former is not looked into.
    """

    def unreadable(error: OSError) -> None:
        found.untold.append(f"{error.filename} cannot be read ({error.strerror}).")

    walk = os.walk(root, onerror=unreadable)
    for seen, (place, folders, files) in enumerate(walk, start=1):
        if seen > MOST_FOLDERS:
            found.untold.append(
                f"Below {root} are more than {MOST_FOLDERS:,} folders, and the rest was not looked "
                "at; give a --root further down."
            )
            return
        depth = len(Path(place).relative_to(root).parts)
        below = set(folders)
        if folders and all(map(_DIGITS.fullmatch, folders)) and _is_of_store(Path(place)):
            below.clear()
        yield Path(place), below, frozenset(files)
        folders[:] = sorted(below)
        if depth >= MOST_DEPTH and folders:
            found.untold.append(f"{place} lies deep, and what is below it was not looked at.")
            folders.clear()


def _is_of_store(place: Path) -> bool:
    """Whether a folder is STORE/record, STORE/side/thumbnail, or another one of a store's."""
    return any(
        (store / "tmp").is_dir() and sum((store / name).is_dir() for name in _OF_STORES) > 1
        for store in (place.parent, place.parent.parent)
    )


def _dataset(video: str, folder: Path, found: Affected) -> _Dataset:
    """Look at a data set. Raises UsageError, OSError and ArrowException where it is damaged."""
    output = DatasetDir(folder)
    manifest = output.manifest()
    if manifest is None:
        raise UsageError(f"{folder}/manifest.json is damaged; `videonet verify` says more.")
    now = _digests(output)
    former = former_manifests(output)
    kept, keys = _kept(video, output)
    held = set(now) if kept else set()
    # From the latest withdrawal back: what was taken out later was there before as well, unless the
    # data set has grown by it in between, which is not known. Rather one training too many.
    was_there = bool(kept)
    for each in reversed(former):
        taken_out = keys.intersection(each.taken_out) or video in each.taken_out
        was_there = was_there or bool(taken_out)
        if was_there:
            held |= {sha256 for sha256 in (each.manifest_sha256, each.lock_sha256) if sha256}
    known = set(now) | {each.manifest_sha256 for each in former}
    if kept:
        found.holders.append(Holder("data set", folder, f"kept for {', '.join(kept)}"))
    return _Dataset(folder, manifest.parents, frozenset(known), frozenset(held), bool(kept))


def _digests(output: DatasetDir) -> list[str]:
    names = ("manifest.json", LOCK_FILE)
    return [output.files.sha256(name) for name in names if output.files.size(name) is not None]


def _kept(video: str, output: DatasetDir) -> tuple[list[str], frozenset[str]]:
    """Ids of the targets for which it is kept, and the keys of the videos with that id."""
    with output.files.local_folder("verdicts") as folder:
        rows = (
            pa.dataset.dataset(folder, format="parquet")
            .to_table(
                columns=["video_key", "target_id", "outcome"],
                filter=(pc.field("video_key") == video) | (pc.field("video_id") == video),
            )
            .to_pylist()
        )
    kept = sorted({each["target_id"] for each in rows if each["outcome"] == Outcome.KEPT.value})
    return kept, frozenset(each["video_key"] for each in rows)


def _look_at_export(video: str, folder: Path, found: Affected) -> None:
    """Look at an export. Raises UsageError where it is damaged."""
    files = files_at(folder)
    export = read_export(files)
    rows = videos_among(files, {video})
    if rows:
        clips = number(sum(row.clips for row in rows), "clip")
        found.holders.append(Holder("export", folder, f"{export.request.form}, {clips}"))


def _training(folder: Path, found: Affected) -> list[tuple[Path, str]]:
    """A training, and the digest of the manifest that it was begun on. Raises UsageError."""
    note = read_note(folder)
    if note is None:
        found.untold.append(
            f"{folder} is a training of an earlier version, which does not note its data set."
        )
        return []
    return [(folder, note.trained_on.manifest_sha256)]


def _descended(datasets: list[_Dataset], found: Affected) -> None:
    """Say which data sets were made of one that held the video, and do not hold it themselves."""
    line = {sha256 for each in datasets for sha256 in each.held_as}
    while True:
        children = [each for each in datasets if _is_child(each.parents, line)]
        more = {sha256 for each in children for sha256 in each.known_as} - line
        if not more:
            break
        line |= more
    found.holders += [
        Holder("data set", each.folder, "made of one that held it", holds=False)
        for each in children
        if not each.holds
    ]


def _is_child(parents: tuple[Parent, ...], held: set[str]) -> bool:
    return any({each.manifest_sha256, each.lock_sha256} & held for each in parents)
