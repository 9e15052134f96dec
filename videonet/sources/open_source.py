"""From what the user typed after --source to a source."""

from collections.abc import Sequence
from pathlib import Path

from videonet.errors import UsageError
from videonet.sources.catalogue import Catalogue
from videonet.sources.folder import Folder
from videonet.sources.known_videos import KnownVideos
from videonet.sources.search import check_search
from videonet.sources.source import Source
from videonet.sources.source_spec import searched_site
from videonet.storage.inputs import local_table
from videonet.storage.store import Store


def check_source(spec: str, store: Store, files_root: Path | None) -> Sequence[str]:
    """Raise UsageError, before any work is done, if a source cannot be read or searched.

    Sentences say what a user should know of how it is read.
    """
    site = searched_site(spec)
    if site is None:
        return open_source(spec, store, files_root).check()
    check_search(site)
    return ()


def open_source(spec: str, store: Store, files_root: Path | None) -> Source:
    """The source that `spec` names. Raises UsageError for one that there is not.

    Searches are asked target by target, see `videonet.sources.search`; all others are read.
    """
    kind, _, place = spec.partition(":")
    match kind:
        case "catalogue" if place:
            return Catalogue(local_table(place), files_root)
        case "folder" if place:
            return Folder(Path(place))
        case "store" if not place:
            return KnownVideos(store)
        case _:
            raise UsageError(
                f"There is no source {spec!r}; use youtube, search:PREFIX, catalogue:FILE, "
                "folder:DIR or store."
            )
