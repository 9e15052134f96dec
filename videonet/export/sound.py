"""The sound of the clips of a video, from the whole bytes that a store has of it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from videonet.errors import UsageError
from videonet.fetch.verified_file import AlteredError, verified_file
from videonet.schemas.clip import Clip
from videonet.schemas.export import Sound
from videonet.schemas.lock_file import LockedVideo
from videonet.storage.store import Store
from videonet.video.clips import MICROSECONDS
from videonet.video.container import VideoError
from videonet.video.decoder import Decoder
from videonet.video.sound import LONGEST

# What the sound of a clip is, and what became of it.
Heard = tuple[NDArray[np.int16] | None, Sound]


@contextmanager
def sound_of(
    video: LockedVideo, store: Store | None, decoder: Decoder
) -> Iterator[Callable[[Clip], Heard]]:
    """A function that gives the sound of a clip of a video, as long as this lasts.

    Only bytes that are those which were cut are read. Nothing is fetched.
    """
    if store is None:
        yield lambda _: (None, Sound.NO_STORE)
        return
    record = store.record(video.video_key).record
    fetch, length = record.fetch, record.length
    if fetch is None or not fetch.here or fetch.sha256 != video.sha256:
        yield lambda _: (None, Sound.NOT_HERE)
        return
    if length is not None and length.sha256 == video.sha256 and length.recordings > 1:
        yield lambda _: (None, Sound.CLOCK)
        return
    try:
        with ExitStack() as opened:
            try:
                file = opened.enter_context(verified_file(fetch, store))
            except AlteredError:
                yield lambda _: (None, Sound.NOT_HERE)
            else:
                yield lambda clip: _heard(clip, file, decoder)
    except AlteredError as error:
        raise UsageError(f"{error}; once nobody writes to it, the same command goes on.") from error


def _heard(clip: Clip, file: Path, decoder: Decoder) -> Heard:
    begin, end = clip.clip_start_timestamp, clip.clip_end_timestamp
    if end - begin > LONGEST * MICROSECONDS:
        return None, Sound.CLOCK
    try:
        found = decoder.sound_between(file, begin, end)
    except VideoError:
        return None, Sound.UNREADABLE
    return found, Sound.SILENT if found is None else Sound.WITH
