"""yt-dlp extractors for the tests' site, and for YouTube while the site stands in for it.

    sitesearchN:WORDS                      answered by the site
    http://127.0.0.1:PORT/watch?v=ID       answered by the site at that address
    ytsearchN:WORDS                        answered by the site while VIDEONET_TEST_SITE holds its
    https://www.youtube.com/watch?v=ID     address, as by YouTube; otherwise by YouTube itself

Where the two differ, the site's own extractors are like those of most sites: what fails is an
ExtractorError whose cause is the HTTPError. YouTube's extractor makes a warning of that, and
raises what it raises for many other things ("Failed to extract any player response").
"""

import itertools
import os
from collections.abc import Iterator
from typing import Any

from yt_dlp.extractor.common import InfoExtractor, SearchInfoExtractor
from yt_dlp.extractor.youtube import YoutubeIE, YoutubeSearchIE
from yt_dlp.networking.exceptions import HTTPError, network_exceptions
from yt_dlp.utils import ExtractorError, remove_end

YOUTUBE = "https://www.youtube.com/"
CHUNK = 10 << 20
"""Bytes that yt-dlp asks of YouTube at a time."""


class SiteSearchIE(SearchInfoExtractor):
    """Searches the site."""

    IE_NAME = "site:search"
    _SEARCH_KEY = "sitesearch"

    def _search_results(self, query: str) -> Iterator[dict[str, Any]]:
        site = os.environ["VIDEONET_TEST_SITE"]
        for page in itertools.count(1):
            answer = self._download_json(
                f"{site}/search", f'query "{query}" page {page}', query={"q": query, "page": page}
            )
            for found in answer["results"]:
                yield _entry(found, f"{site}/watch?v={found['id']}", "Site")
            if not answer["more"]:
                return


class SiteIE(InfoExtractor):
    """Reads a video's page on the site."""

    IE_NAME = "site"
    _VALID_URL = r"(?P<site>http://127\.0\.0\.1:\d+)/watch\?(?:[^#]*&)?v=(?P<id>[\w-]{11})"
    _GEO_BYPASS = False

    def _real_extract(self, url: str) -> dict[str, Any]:
        site, video_id = self._match_valid_url(url).group("site", "id")
        answer = self._download_json(f"{site}/watch", video_id, query={"v": video_id})
        return _video(self, video_id, answer, self._login_hint(method="cookies"))


class _SearchInsteadIE(YoutubeSearchIE, plugin_name="local"):  # type: ignore[call-arg]
    """YouTube's search, lazily as there: a page is asked for when its first result is."""

    def _search_results(self, query: str, *args: Any, **kwargs: Any) -> Iterator[dict[str, Any]]:
        site = os.environ.get("VIDEONET_TEST_SITE")
        if not site:
            yield from super()._search_results(query, *args, **kwargs)
            return
        for page in itertools.count(1):
            label = f'query "{query}" page {page}'
            answer = _asked(self, f"{site}/search", label, {"q": query, "page": page})
            for found in answer["results"]:
                yield _entry(found, f"{YOUTUBE}watch?v={found['id']}", "Youtube")
            if not answer["more"]:
                return


class _VideoInsteadIE(YoutubeIE, plugin_name="local"):  # type: ignore[call-arg]
    """YouTube's videos."""

    def _real_extract(self, url: str) -> dict[str, Any]:
        site = os.environ.get("VIDEONET_TEST_SITE")
        if not site:
            result: dict[str, Any] = super()._real_extract(url)
            return result
        video_id = self._match_id(url)
        answer = None
        try:
            answer = _asked(self, f"{site}/watch", video_id, {"v": video_id})
        except ExtractorError as error:
            self.report_warning(error)
        if answer is None:
            # Out here, as in yt_dlp/extractor/youtube/_video.py: it has no cause, no context that
            # yt-dlp would hand on, and looks like a bug.
            raise ExtractorError("Failed to extract any player response")
        info = _video(self, video_id, answer, self._youtube_login_hint)
        for each in info["formats"]:
            each["downloader_options"] = {"http_chunk_size": CHUNK}
        return info | {"webpage_url": f"{YOUTUBE}watch?v={video_id}"}


# yt-dlp adds the plug-in's name, and these names begin every error text.
_SearchInsteadIE.IE_NAME = YoutubeSearchIE.IE_NAME
_VideoInsteadIE.IE_NAME = YoutubeIE.IE_NAME


def _asked(ie: Any, url: str, label: str, query: dict[str, Any]) -> Any:
    """JSON in answer to one request, with YouTube's cookies, repeated where yt-dlp would for it."""
    cookies = ie._downloader.cookiejar.get_cookie_header(YOUTUBE)
    headers = {"Cookie": cookies} if cookies else {}
    for retry in ie.RetryManager():
        try:
            return ie._download_json(
                url,
                label,
                note="Downloading API JSON",
                errnote="Unable to download API page",
                query=query,
                headers=headers,
            )
        except ExtractorError as error:
            if not isinstance(error.cause, network_exceptions):
                raise
            if isinstance(error.cause, HTTPError) and error.cause.status in (403, 429):
                raise
            retry.error = error
    raise AssertionError("the last attempt raises")


def _entry(found: dict[str, Any], url: str, ie_key: str) -> dict[str, Any]:
    """A result as yt-dlp lists it without looking at the video's page."""
    duration, channel = found["duration"], found["channel"]
    return {
        "_type": "url",
        "ie_key": ie_key,
        "id": found["id"],
        "url": url,
        "title": found["title"],
        "description": None,
        "duration": None if duration is None else float(duration),
        "channel": channel,
        "uploader": channel,
        "timestamp": None,
        "availability": found["availability"],
        "view_count": None,
        "live_status": found["live_status"],
    }


def _video(ie: Any, video_id: str, answer: dict[str, Any], login_hint: str) -> dict[str, Any]:
    """A video as its page describes it. Raises what YouTube's extractor would."""
    why = answer.get("playability")
    if why:
        reason, subreason = why["reason"], why.get("subreason") or ""
        if "in your country" in subreason:
            ie.raise_geo_restricted(subreason, why["countries"], metadata_available=True)
        if subreason:
            reason = f"{reason}. {subreason}"
        if "sign in" in reason.lower():
            reason = remove_end(reason, "This helps protect our community. Learn more")
            reason = f"{remove_end(reason.strip(), '.')}. {login_hint}"
        elif "try again later" in reason:
            reason = (
                f"{remove_end(reason, '.')}. The current session has been rate-limited by YouTube "
                "for up to an hour."
            )
        # It only warns where the user asked for information without formats.
        ie.raise_no_formats(reason, expected=True)
    details = answer.get("details") or {"title": f"youtube video #{video_id}"}
    return {
        "id": video_id,
        "formats": answer.get("formats") or [],
        "uploader": details.get("channel"),
        **details,
    }
