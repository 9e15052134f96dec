"""Videos that a data set may not have, by name: what lists come to, and whether a video is in it.

A run resolves its lists once, and puts what they come to into the store, under its digest. All its
processes read it there.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from videonet.errors import UsageError
from videonet.schemas.candidate import Candidate
from videonet.schemas.exclusion import ExcludedSet, Exclusion
from videonet.schemas.shown import shown_json
from videonet.selection.exclusion_files import channel_forms, read_exclusion, video_names
from videonet.storage.inputs import local_input
from videonet.storage.store import Store
from videonet.text import number


@dataclass(frozen=True)
class Excluded:
    """An exclusion that videos are looked up in."""

    keys: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()

    def named_by(self, candidate: Candidate, keys: Iterable[str] = ()) -> str | None:
        """By what a video is excluded, as a verdict says it; None: it is not.

        `keys` are those that it had by earlier rules.
        """
        video = candidate.video
        for key in (candidate.video_key, *keys):
            if key in self.keys:
                return f"{key} is in an excluded list"
            kind, _, video_id = key.partition(":")
            if kind == "youtube" and video_id in self.ids:
                return f"the id {video_id} is in an excluded list"
        if not self.ids.isdisjoint(video_names(video.video_id)):
            return f"the id {video.video_id} is in an excluded list"
        if self.channels and video.channel and channel_forms(video.channel) & self.channels:
            return f"the channel {video.channel} is in an excluded list"
        return None


def listed_files(given: Sequence[str], *, are_there: Callable[[str], bool]) -> list[str]:
    """The files that were given, by several options or with commas between them, none twice.

    A name with a comma in it is taken as it is if there is such a file.
    """
    names = (
        name.strip() for each in given for name in ([each] if are_there(each) else each.split(","))
    )
    return list(dict.fromkeys(name for name in names if name))


def exclusion_files(given: Sequence[str]) -> list[Path]:
    """The files of --exclude on this machine. Raises UsageError for a bucket without them."""
    names = listed_files(given, are_there=lambda name: Path(name).is_file())
    return [local_input(name) for name in names]


def reference_folders(given: Sequence[str]) -> list[Path]:
    """The folders of --exclude-like."""
    return [Path(name) for name in listed_files(given, are_there=lambda name: Path(name).is_dir())]


def resolve_exclusion(
    files: Sequence[Path], store: Store, say: Callable[[str], object]
) -> ExcludedSet | None:
    """Put what lists come to into the store, and say what they are; None: there are no lists.

    `say` is given a sentence for each file. Raises UsageError.
    """
    if not files:
        return None
    read = [read_exclusion(file) for file in files]
    for file, entries in zip(files, read, strict=True):
        say(_said(file, entries.excluded, entries.unread, entries.first_unread))
    data, excluded = united_exclusion(
        [each.excluded for each in read], [file.name for file in files]
    )
    if store.read(_name(excluded.sha256)) != data:
        store.write(_name(excluded.sha256), data, lasting=True)
    return excluded


def united_exclusion(lists: Sequence[Exclusion], names: Iterable[str]) -> tuple[bytes, ExcludedSet]:
    """All that several lists name, as a store has it, and what settings say of it.

    `names` are those of the files that they were read from.
    """
    all_of_them = Exclusion(
        keys=_joined(each.keys for each in lists),
        ids=_joined(each.ids for each in lists),
        channels=_joined(each.channels for each in lists),
    )
    # With escapes for characters that act.
    data = shown_json(all_of_them.to_json())
    return data, ExcludedSet(
        sha256=hashlib.sha256(data).hexdigest(),
        names=_joined([name] for name in names),
        videos=len(all_of_them.keys) + len(all_of_them.ids),
        channels=len(all_of_them.channels),
    )


def load_exclusion(store: Store, excluded: ExcludedSet) -> Excluded:
    """What the settings of a run exclude. Raises UsageError if the store does not have it."""
    return excluded_by(stored_exclusion(store, excluded))


def excluded_by(found: Exclusion) -> Excluded:
    """A list that videos are looked up in."""
    return Excluded(frozenset(found.keys), frozenset(found.ids), frozenset(found.channels))


def stored_exclusion(store: Store, excluded: ExcludedSet) -> Exclusion:
    """The list that the settings of a run name. Raises UsageError if the store does not have it."""
    data = store.read(_name(excluded.sha256))
    try:
        if data is None or hashlib.sha256(data).hexdigest() != excluded.sha256:
            raise msgspec.DecodeError
        return Exclusion.from_json(data)
    except msgspec.DecodeError:
        raise UsageError(
            f"{store.location} does not have the excluded list {excluded.sha256[:12]}..., or it is "
            "damaged; give the same command again, with --exclude."
        ) from None


def _joined(lists: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(sorted({each for one in lists for each in one}))


def _said(file: Path, excluded: Exclusion, unread: int, first: int | None) -> str:
    videos = number(len(excluded.keys) + len(excluded.ids), "video")
    channels = f" and {number(len(excluded.channels), 'channel')}" if excluded.channels else ""
    left = f"; {number(unread, 'line')} not understood, the first is {first}" if unread else ""
    return f"{file.name} excludes {videos}{channels}{left}"


def _name(sha256: str) -> str:
    return f"excluded/{sha256}.json"
