"""Where a video is, with all secrets: what the store alone keeps."""

from videonet.schemas.record import Record


class Address(Record, frozen=True, kw_only=True):
    """The whole address of a video of which people publish less."""

    video_key: str
    url: str
