"""Features of videos in a store: of each video, by the key of an embedding.

They are a record of their own, beside that of the video, and are packed as all records are. Of four
frames with 1,280 numbers each they take 10 kB.
"""

from videonet.schemas.neighbours import EmbeddedVideo, video_in, with_video
from videonet.storage.store import Store


def embedded_video(store: Store, video_key: str, embedding: str) -> EmbeddedVideo | None:
    """The features of a video by one embedding; None: there are none."""
    known = store.tables.embeddings.get(store.digest(video_key))
    found = video_in(known.data if known else None, embedding)
    return found if found is not None and found.scan.video_key == video_key else None


def write_embedded(store: Store, embedding: str, video: EmbeddedVideo) -> None:
    """Keep the features of a video, beside those by other embeddings."""
    video_key = video.scan.video_key
    known = store.tables.embeddings.get(store.digest(video_key))
    data = with_video(known.data if known else None, embedding, video)
    store.write(f"side/embedding/{store.place(video_key)}", data)
