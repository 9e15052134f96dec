"""A local site that behaves like YouTube, and the plug-in that makes yt-dlp read it.

with VideoSite(make_videos(draw_films(folder), 100)) as site, installed(site):
    YoutubeDL().extract_info("ytsearch5:balloon", download=False)
    site.requests("search")
"""

from tests.site.index import Index, by_words
from tests.site.installing import environment, installed
from tests.site.records import CREATIVE_COMMONS, CaptionFile, Condition, Film, Format, SiteVideo
from tests.site.server import SiteRequest, VideoSite
from tests.site.videos import CLASSES, KINDS, deserved, draw_films, make_videos, shared_films

__all__ = [
    "CLASSES",
    "CREATIVE_COMMONS",
    "KINDS",
    "CaptionFile",
    "Condition",
    "Film",
    "Format",
    "Index",
    "SiteRequest",
    "SiteVideo",
    "VideoSite",
    "by_words",
    "deserved",
    "draw_films",
    "environment",
    "installed",
    "make_videos",
    "shared_films",
]
