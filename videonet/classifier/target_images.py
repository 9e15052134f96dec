"""A folder of images that show what is wanted: its clusters and their files."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from videonet.errors import UsageError
from videonet.files import is_folder, sha256_of
from videonet.text import encodable

# Names of files that are taken for images.
ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm")

# A cluster is a class of the data set: a page about more of them is of no use to anybody.
MOST_CLUSTERS = 20_000

# Where each image would be a target and these are too many, they are gathered in so many.
GROUPS = 1_000


class ImageCluster(NamedTuple):
    """Images that count as one target."""

    # of the folder they lie in; of an image beside such folders, its own without the ending
    name: str
    # in alphabetical order
    files: tuple[Path, ...]
    # whether they lie beside folders, and not in one
    is_loose: bool = False


def image_clusters(folder: Path) -> tuple[ImageCluster, ...]:
    """The clusters in a folder, in the alphabetical order of their names.

    Each folder in it is one, with all images below; each image in the folder itself is one, by the
    name of its file without the ending. What has the same name is one cluster. Hidden files, and
    files without the name of an image, are left out. Raises UsageError.
    """
    if not is_folder(folder):
        raise UsageError(
            f"There is no folder {folder}; give one of images with --select neighbours:DIR."
        )
    found: dict[str, list[Path]] = {}
    in_folders = set[str]()
    for place, folders, names in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for name in sorted(names):
            path = Path(place) / name
            if name.startswith(".") or path.suffix.lower() not in ENDINGS:
                continue
            first, *below = path.relative_to(folder).parts
            own = first if below else path.stem
            found.setdefault(own, []).append(path)
            if below:
                in_folders.add(own)
    if not found:
        raise UsageError(
            f"No file below {folder} has the name of an image, such as .jpg or .png; give a folder "
            "of images with --select neighbours:DIR."
        )
    if len(in_folders) > MOST_CLUSTERS:
        raise UsageError(
            f"{folder} has {len(in_folders):,} folders, each of them a target, and "
            f"{MOST_CLUSTERS:,} are the most. Put folders that belong together into one."
        )
    wrong = next((name for name in found if name != encodable(name)), None)
    if wrong is not None:
        raise UsageError(f"The name {wrong!r} in {folder} is not UTF-8; rename it.")
    return tuple(
        ImageCluster(name, tuple(sorted(found[name])), name not in in_folders)
        for name in sorted(found)
    )


def groups_of(clusters: Sequence[ImageCluster], asked: int | None) -> int | None:
    """Into how many targets the images beside folders are gathered; None: each is one.

    `asked`: as many as were asked for; None: nobody asked. Raises UsageError for too many.
    """
    loose = sum(each.is_loose for each in clusters)
    folders = len(clusters) - loose
    if asked is None:
        asked = loose if len(clusters) <= MOST_CLUSTERS else GROUPS
    if folders + min(asked, loose) > MOST_CLUSTERS:
        raise UsageError(
            f"{folders:,} folders and {min(asked, loose):,} groups of images are too many targets: "
            f"{MOST_CLUSTERS:,} are the most. Give a lower --image-clusters."
        )
    return asked if asked < loose else None


def digest_of(clusters: Sequence[ImageCluster], groups: int | None = None) -> str:
    """Hex sha256 of the clusters' names and of the content of their images. Raises UsageError.

    `groups`: see `groups_of`.
    """
    whole = hashlib.sha256()
    if groups is not None:
        whole.update(f"groups of images beside folders: {groups}\n".encode())
    for cluster in clusters:
        contents = sorted(map(_sha256, cluster.files))
        whole.update(f"{cluster.name}\n{len(contents)}\n{' '.join(contents)}\n".encode())
    return whole.hexdigest()


def _sha256(file: Path) -> str:
    try:
        return sha256_of(file)
    except OSError as error:
        raise UsageError(
            f"The image {file} cannot be read ({error.strerror}); make it readable, or take it out "
            "of the folder."
        ) from error


def _refuse(error: OSError) -> None:
    raise UsageError(
        f"The folder {error.filename} cannot be read ({error.strerror}); make it readable, or "
        "move it away."
    ) from error
