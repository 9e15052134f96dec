"""Captions in a store: an object a video, packed as all records are.

Of an hour of speech they take some 100 kB, so they are no part of the record of their video.
"""

import msgspec

from videonet.schemas.captions import StoredCaptions
from videonet.storage.store import Store


def stored_captions(store: Store, video_key: str) -> StoredCaptions | None:
    """What is known of the captions of a video; None: nobody has asked for them."""
    known = store.tables.captions.get(store.digest(video_key))
    if known is None or known.data is None:
        return None
    try:
        found = StoredCaptions.from_json(known.data)
    except msgspec.DecodeError:
        # Torn by a power cut or written by another version: as good as none.
        return None
    return found if found.captions.video_key == video_key else None


def write_captions(store: Store, captions: StoredCaptions) -> None:
    """Keep the captions of a video, in place of what was known of them."""
    digest = store.digest(captions.captions.video_key)
    store.write(store.tables.captions.name(digest), captions.to_json())
