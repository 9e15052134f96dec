"""A place that is to become a copy, or a union, of other data sets: nothing else may lie there."""

from videonet.errors import UsageError
from videonet.storage.dataset_dir import LOCK_FILE, DatasetDir
from videonet.storage.dataset_files import MISSING
from videonet.storage.dataset_tables import CAPTIONS, LISTED
from videonet.storage.split_file import SPLIT_FILE

# Where it stands of which data sets a folder is the union: a sha256. It stays, as no run can go on
# over such a folder.
MERGED_FROM = "_state/merged_from"

_SHA256_BYTES = 64

# What is copied besides tables, if it is there. All else is written anew, or says nothing of the
# copy.
COPIED = (
    *("targets.json", "labels.json", "titles.json", "neighbours.json", "withdrawn.json"),
    *("run.json", "_state/given.json", "lookup.json", SPLIT_FILE),
    MERGED_FROM,
)


def take_place(new: DatasetDir, name: str, mark: str, what: str) -> None:
    """Say in the file `name` of what the place becomes a copy: a sha256 in hex.

    Raises UsageError where it does not say so and something lies there; `what` was interrupted if
    anything was, such as "repack of out".
    """
    try:
        found = new.files.read(name, _SHA256_BYTES)
    except MISSING:
        found = None
    if found != mark.encode() and _is_taken(new):
        raise UsageError(
            f"{new.address} holds another data set; give a --out that is empty, or the one of an "
            f"interrupted {what}."
        )
    new.files.write(name, mark.encode())


def _is_taken(new: DatasetDir) -> bool:
    """Whether anything lies where files of a data set are to be."""
    folders = ("_state/shards", "clips", "report", *LISTED, CAPTIONS)
    files = (*COPIED, "manifest.json", "README.md", LOCK_FILE, "_state/run.json")
    return any(map(new.files.has_below, folders)) or any(
        new.files.size(name) is not None for name in files
    )
