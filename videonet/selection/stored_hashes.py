"""Hashes of a video's clips: those that the store keeps, or made of the clips wherever these are.

The store has one object a video, beside its thumbnail: that of the content and the settings that
came last. Whatever is not there, or is of something else, is made again.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import groupby
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from videonet.errors import MachineError, UsageError, machine_error
from videonet.schemas.clip import Clip
from videonet.schemas.clip_hashes import ClipHashes
from videonet.shards.layout import shard_of
from videonet.shards.writer import WAITING
from videonet.storage.clips_named import clips_named
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.dataset_files import MISSING
from videonet.storage.record_shards import Known
from videonet.storage.shard_file import between, span
from videonet.storage.store import Store
from videonet.video.frame_hash import (
    HASH_BYTES,
    HASH_VERSION,
    clip_hashes,
    number_of_clip,
    pictures_to_hash,
)


class ClipPlaces(NamedTuple):
    """Where the clips of a run's videos are."""

    store: Store
    output: DatasetDir
    # name under which the store keeps clips that are cut in this way
    cut_key: str
    # for which run they wait in the store
    run_id: str
    # how many shards OUT has; None: it has none yet
    shards: int | None


def hashes_of(places: ClipPlaces, video_key: str, sha256: str) -> ClipHashes | None:
    """The hashes of the clips of this content, made and kept where the store lacks them.

    Of a shard, all videos are hashed at once: it is read as a whole. None: there are no such clips.
    Raises MachineError where they cannot be asked for.
    """
    found = stored_hashes(places.store, video_key, sha256, places.cut_key)
    if found is not None:
        return found
    name = places.store.clips(video_key, places.cut_key, places.run_id)
    with places.store.files.local(name) as waiting, _damage_passed_over():
        if waiting is not None:
            made = clip_hashes(
                WAITING.read(waiting), video_key=video_key, sha256=sha256, cut_key=places.cut_key
            )
            write_hashes(places.store, made)
            return made
    for made in _of_shard(places, video_key):
        write_hashes(places.store, made)
        if (made.video_key, made.sha256) == (video_key, sha256):
            found = made
    return found


def pictures_of(
    places: ClipPlaces, hashes: ClipHashes, chosen: Collection[int]
) -> dict[int, NDArray[np.uint8]]:
    """Frames of clips as they were hashed, grey levels [H, W], by their places among the hashes.

    Raises FileNotFoundError where one of them is damaged or gone, MachineError where it cannot be
    asked for: what was not looked at is not unlike anything.
    """
    wanted = {hashes.clips[place] for place in chosen}
    found: dict[int, NDArray[np.uint8]] = {}
    for clip in _clips_of(places, hashes.video_key, wanted):
        number = number_of_clip(clip)
        with suppress(ValueError):
            of_clip = [place for place, each in enumerate(hashes.clips) if each == number]
            shown = zip(of_clip, pictures_to_hash(clip), strict=True)
            found |= {place: picture for place, picture in shown if place in chosen}
    if not found.keys() >= set(chosen):
        raise FileNotFoundError("the clips were here and are gone")
    return found


def stored_hashes(store: Store, video_key: str, sha256: str, cut_key: str) -> ClipHashes | None:
    """The hashes that the store keeps of the clips that were cut from this content in this way."""
    known = store.tables.frame_hashes.get(store.digest(video_key))
    if known is None or known.data is None:
        return None
    found = decoded_hashes(known.data)
    wanted = video_key, sha256, cut_key
    return found if found and (found.video_key, found.sha256, found.cut_key) == wanted else None


def decoded_hashes(data: bytes) -> ClipHashes | None:
    """The hashes in an object of the store's; None: they cannot be believed."""
    try:
        found = ClipHashes.from_json(data)
    except msgspec.DecodeError:
        # Torn by a power cut or written by another version: as good as none.
        return None
    frames = len(found.clips)
    sizes = len(found.times), len(found.qualities), len(found.hashes)
    is_whole = sizes == (frames, frames, frames * HASH_BYTES)
    return found if is_whole and found.version == HASH_VERSION else None


def write_hashes(store: Store, hashes: ClipHashes) -> None:
    """Keep the hashes of a video's clips; those of another content or cut make way."""
    table = store.tables.frame_hashes
    store.write(table.name(store.digest(hashes.video_key)), hashes.to_json())


def _clips_of(places: ClipPlaces, video_key: str, numbers: Collection[int]) -> Iterator[Clip]:
    """Clips of a video by their numbers, one by one: those that wait, or those in its shard."""
    ids = {f"{video_key}#{number}" for number in numbers}
    name = places.store.clips(video_key, places.cut_key, places.run_id)
    with places.store.files.local(name) as waiting, _damage_passed_over():
        if waiting is not None:
            yield from (clip for clip in WAITING.read(waiting) if clip.example_id in ids)
            return
    if places.shards is None:
        return
    state = places.output.shard_state(shard_of(video_key, places.shards))
    for file in state.files if state else ():
        with _damage_passed_over():
            yield from clips_named(places.output, file.path, ids)
            return


def _of_shard(places: ClipPlaces, video_key: str) -> Iterator[ClipHashes]:
    """The hashes of all videos in the shard that a video belongs to, if its clips are there."""
    if places.shards is None:
        return
    state = places.output.shard_state(shard_of(video_key, places.shards))
    if state is None or state.cut_key != places.cut_key or video_key not in state.videos:
        return
    for file in state.files:
        with _damage_passed_over():
            yield from hashes_in(places.output, file.path, state.videos, places.cut_key)
            return


def hashes_in(
    output: DatasetDir, path: str, contents: Mapping[str, str], cut_key: str
) -> Iterator[ClipHashes]:
    """The hashes of all videos in a file of a shard, made of its clips.

    `contents` is what was cut of each, by video_key. Raises UsageError and ValueError for clips
    that are damaged.
    """
    clips = output.clips_in(path)
    for key, own in groupby(clips, key=lambda each: each.example_id.rpartition("#")[0]):
        yield clip_hashes(own, video_key=key, sha256=contents.get(key, ""), cut_key=cut_key)


@contextmanager
def _damage_passed_over() -> Iterator[None]:
    """Go on after clips that are damaged or gone; what the machine lacks is raised."""
    try:
        yield
    except MachineError:
        raise
    except (*MISSING, UsageError, ValueError) as error:
        # A format says of whatever keeps it from reading a file that the file is damaged.
        if (lacking := machine_error(error)) is not None:
            raise lacking from error


# Of so few videos, hashes are read one by one where tables are many: one takes as long.
_FEW = 32


def hashes_among(store: Store, wanted: Mapping[str, str], cut_key: str) -> Iterator[ClipHashes]:
    """Those that the store keeps of many videos; `wanted` is the content of each, by video_key.

    They come in the order of the store's digests, whose tables are read once each.
    """
    digests = dict(sorted((store.digest(key), key) for key in wanted))
    table = store.tables.frame_hashes
    prefixes = sorted(table.pointer().shards)
    for prefix in prefixes:
        own = between(digests, *span(prefix))
        if len(own) <= _FEW and len(prefixes) > 1:
            known = {digest: table.get(digest) for digest in own}
            yield from _believed(known, own, wanted, cut_key)
            continue
        for part, loose in table.parts(prefix):
            own = between(digests, *span(part))
            yield from _believed(table.together(part, loose), own, wanted, cut_key)


def _believed(
    known: Mapping[str, Known | None],
    digests: Mapping[str, str],
    wanted: Mapping[str, str],
    cut_key: str,
) -> Iterator[ClipHashes]:
    """Those of `known` that are of the wanted content; `digests` are those of their videos."""
    for digest, key in digests.items():
        held = known.get(digest)
        found = decoded_hashes(held.data) if held is not None and held.data is not None else None
        if found and (found.video_key, found.sha256, found.cut_key) == (key, wanted[key], cut_key):
            yield found
