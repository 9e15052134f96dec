"""What a source says of a video: the one record that all others hold."""

from typing import Annotated

from videonet.schemas.record import Flat, Record


class Details(Record, frozen=True, kw_only=True):
    """What else a source or a video's page says, which cannot be asked for again. None: nothing."""

    # when it was published, YYYYMMDD
    upload_date: str | None = None
    # of what is said in it, as the site writes it, such as "en" or "pt-BR"
    language: str | None = None
    # its first 1,000 characters, or fewer: see `videonet.fetch.details.fitted`
    description: str | None = None
    tags: tuple[str, ...] | None = None
    # the first that is named
    category: str | None = None
    # years from which on it may be watched; 0: any
    age_limit: int | None = None
    # whether there are captions, written by somebody or made by the site
    has_captions: bool | None = None
    # when that was asked, UTC, ISO 8601, where a catalogue says so. What the clock said in a run
    # stays in its store: two runs that see the same make the same tables
    asked: str | None = None


DETAILS = Details.__struct_fields__


class VideoInfo(Details, frozen=True, kw_only=True):
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

# Without what else is said of it, as lock files hold it.
LockedInfo = Annotated[
    VideoInfo,
    Flat(duration="declared_duration", root=None, live_status=None, **dict.fromkeys(DETAILS)),
]
