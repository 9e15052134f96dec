"""yt-dlp as the tests of the site use it, and a few videos for them."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from yt_dlp import YoutubeDL
from yt_dlp.utils import DownloadError

from tests.site import CREATIVE_COMMONS, SiteVideo, VideoSite, shared_films

ID = "-_0123456aA"
"""Of the one video."""

TITLES = [
    *(f"A balloon, part {number}" for number in range(12)),
    *("Balloon race", "Hot air balloons", "A mushroom in 4K", "The great race"),
]

VIDEOS = [
    SiteVideo(f"{index:011}", title, uploaded=date(2020, 1 + index, 1) if index < 12 else None)
    for index, title in enumerate(TITLES)
]
"""One a title, to be searched for; the first twelve were uploaded a month after each other."""


def one_video(temporary: Path) -> SiteVideo:
    """A video with everything. `temporary` is pytest's folder of this session."""
    return SiteVideo(
        ID,
        "A balloon",
        shared_films(temporary)[("balloon",), 3],
        declared=3,
        channel="Paper Cut Films",
        licence=CREATIVE_COMMONS,
        uploaded=date(2020, 2, 29),
    )


def ydl(**options: Any) -> YoutubeDL:
    """A silent session that tries once."""
    quiet = {"quiet": True, "no_warnings": True, "noprogress": True, "cachedir": False}
    return YoutubeDL(quiet | {"extractor_retries": 0, "retries": 0, "fixup": "never"} | options)


def search(words: str) -> list[dict[str, Any]]:
    """The results of a search, without a look at the videos."""
    return list(ydl(extract_flat=True).extract_info(words, download=False)["entries"])


def titles(words: str) -> list[str]:
    """Their titles, in order."""
    return [entry["title"] for entry in search(words)]


def watch(site: VideoSite, host: str) -> str:
    """The address of the one video: at YouTube, or at the site's own host."""
    return f"https://www.youtube.com/watch?v={ID}" if host == "youtube" else site.url(ID)


def error_of(url: str, **options: Any) -> Any:
    """The exception of yt-dlp's that ends a look at a page."""
    with pytest.raises(DownloadError) as caught:
        ydl(**options).extract_info(url, download=False)
    return caught.value.exc_info[1]
