"""What a source says of a video: the one record that all others hold."""

from typing import Annotated

from videonet.schemas.record import Flat, Record


class VideoInfo(Record, frozen=True, kw_only=True):
    """What a source says of one video. None: the source does not say."""

    # what the source calls it
    video_id: str
    # where it is: http(s) url, without its secrets in what is published; or the path below `root`
    url: str
    # folder that a local `url` is relative to; None for http(s)
    root: str | None = None
    title: str
    # declared length, seconds
    duration: float | None = None
    channel: str | None = None
    licence: str | None = None
    # "is_live" or "is_upcoming" where the site said so in the run that asked it
    live_status: str | None = None


# As tables of a data set hold it: beside a measured length, and without what is true of one machine
# or on one day alone.
PublishedVideo = Annotated[
    VideoInfo, Flat(duration="declared_duration", root=None, live_status=None)
]
