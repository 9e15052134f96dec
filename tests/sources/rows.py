"""Rows of a source, said in one line."""

from videonet.schemas.video_info import VideoInfo
from videonet.sources.source import Row


def row_of(
    rank: int,
    video_id: str,
    url: str,
    root: str | None,
    title: str,
    duration: float | None = None,
    channel: str | None = None,
    licence: str | None = None,
    **others: str | None,
) -> Row:
    """A row as a source hands it out; `others` are fields of the row itself."""
    video = VideoInfo(
        video_id=video_id,
        url=url,
        root=root,
        title=title,
        duration=duration,
        channel=channel,
        licence=licence,
    )
    return Row(rank, video, **others)
