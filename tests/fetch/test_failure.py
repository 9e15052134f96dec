"""videonet.fetch.failure: from each cause to its reason."""

import errno
import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yt_dlp
from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.networking import Request
from yt_dlp.networking.exceptions import (
    HTTPError,
    IncompleteRead,
    ProxyError,
    RequestError,
    TransportError,
)
from yt_dlp.networking.impersonate import ImpersonateTarget
from yt_dlp.utils import (
    ContentTooShortError,
    DownloadError,
    ExtractorError,
    GeoRestrictedError,
    UnavailableVideoError,
    UnsupportedError,
    UserNotLive,
)

from demo.behaviours import Status
from demo.server import VideoServer
from tests.fetch.fetching import fetch
from tests.fetch.visiting import LIMITS, NAME, candidate
from videonet.errors import MachineError
from videonet.fetch.disk_budget import DiskBudget
from videonet.fetch.failure import FetchError, explain
from videonet.fetch.web import Web
from videonet.schemas.reason import Policy, Reason
from videonet.text import ERROR_LENGTH

# Error texts.


def test_a_long_error_is_shortened_to_what_a_record_keeps(store):
    record = fetch(candidate("no" * 1000), store, DiskBudget(0), LIMITS, Web(), "run")
    assert len(record.error) == ERROR_LENGTH == 300
    assert record.error.endswith("…")


# What sites say in words alone.

HINT = "Use --cookies-from-browser or --cookies for the authentication"

YOUTUBE = {
    # Passing obstacles.
    f"Sign in to confirm you\u2019re not a bot. {HINT}": Reason.RATE_LIMITED,
    f"Sign in to confirm you're not a bot. {HINT}": Reason.RATE_LIMITED,
    "Video unavailable. This content isn't available, try again later. The current session has "
    "been rate-limited by YouTube for up to an hour.": Reason.RATE_LIMITED,
    "Video unavailable. This content isn't available, try again later.": Reason.RATE_LIMITED,
    "Video unavailable. This content isn\u2019t available, try again later.": Reason.RATE_LIMITED,
    "The page needs to be reloaded.": Reason.RATE_LIMITED,
    "Video unavailable. YouTube is requiring a captcha challenge before playback": (
        Reason.RATE_LIMITED
    ),
    "All player responses are invalid. Your IP is likely being blocked by Youtube": (
        Reason.RATE_LIMITED
    ),
    "The current session has been rate-limited by YouTube": Reason.RATE_LIMITED,
    "An error occurred. (Playback ID: a)": Reason.SERVER_ERROR,
    "Please try again later.": Reason.SERVER_ERROR,
    "YouTube said: Unknown error": Reason.SERVER_ERROR,
    "Something went wrong": Reason.SERVER_ERROR,
    # Not to this player program.
    "Video unavailable. Playback on other websites has been disabled by the video owner": (
        Reason.REFUSED
    ),
    "This video contains content from SME, who has blocked it from display on this website or "
    "application": Reason.REFUSED,
    "The following content is not available on this app.. Watch on the latest version of "
    "YouTube.": Reason.REFUSED,
    "This video is DRM protected": Reason.REFUSED,
    # Not here.
    "This video is not available in your country": Reason.GEO_BLOCKED,
    "Video unavailable. This video contains content from UMG, who has blocked it in your country "
    "on copyright grounds": Reason.GEO_BLOCKED,
    "This video is not available in your region": Reason.GEO_BLOCKED,
    # Not without proof of age.
    f"Sign in to confirm your age. This video may be inappropriate for some users. {HINT}": (
        Reason.AGE_GATED
    ),
    "Sign in to confirm your age": Reason.AGE_GATED,
    "This video may be inappropriate for some users.": Reason.AGE_GATED,
    "This video is age-restricted and only available on YouTube": Reason.AGE_GATED,
    # Not yet.
    "This live event will begin in 3 days.": Reason.UPCOMING,
    "This live event will begin in a few moments.": Reason.UPCOMING,
    "Premieres in 2 hours": Reason.UPCOMING,
    "Premiere will begin shortly": Reason.UPCOMING,
    "We're processing this video. Check back later.": Reason.UPCOMING,
    "This live event has ended.": Reason.LIVE,
    "This live stream recording is not available.": Reason.LIVE,
    # Not to us.
    f"Private video. Sign in if you've been granted access to this video. {HINT}": Reason.PRIVATE,
    "Video unavailable. This video is private": Reason.PRIVATE,
    "Join this channel to get access to members-only content like this video": Reason.PRIVATE,
    "This is members-only content": Reason.PRIVATE,
    "Join this channel to get access to perks": Reason.PRIVATE,
    "This video is available to this channel\u2019s members on level: Cats": Reason.PRIVATE,
    "This video requires payment to watch.": Reason.PRIVATE,
    "This video is only available to Music Premium members": Reason.PRIVATE,
    # Gone.
    "Video unavailable. This video has been removed by the uploader": Reason.UNAVAILABLE,
    "This video has been removed for violating YouTube's Terms of Service": Reason.UNAVAILABLE,
    "This video has been removed for violating YouTube's policy on hate speech.": (
        Reason.UNAVAILABLE
    ),
    "Video unavailable. This video is no longer available because the YouTube account associated "
    "with this video has been terminated.": Reason.UNAVAILABLE,
    "The account associated with this video has been terminated.": Reason.UNAVAILABLE,
    "Video unavailable. This video is no longer available because the uploader has closed their "
    "YouTube account.": Reason.UNAVAILABLE,
    "Video unavailable. This video is no longer available due to a copyright claim by Premiere "
    "Networks": Reason.UNAVAILABLE,
    "This video contains content from UMG, who has blocked it on copyright grounds": (
        Reason.UNAVAILABLE
    ),
    "This video does not exist.": Reason.UNAVAILABLE,
    "This video doesn\u2019t exist": Reason.UNAVAILABLE,
    "Video unavailable. This video isn't available anymore": Reason.UNAVAILABLE,
    "YouTube said: This video has been deleted": Reason.UNAVAILABLE,
    # Never was an address of a video.
    "Incomplete YouTube ID dQw4w9. URL https://youtu.be/dQw4w9 looks truncated.": (
        Reason.BAD_ADDRESS
    ),
    "Did you forget to quote the URL? Remember that & is a meta character": Reason.BAD_ADDRESS,
}

# YouTube says so of what is gone, and of what it keeps from us today.
UNCLEAR = (
    "Video unavailable",
    "Video unavailable. This video is not available",
    "Video unavailable. This content isn\u2019t available.",
    "This video is unavailable",
    f"Please sign in. {HINT}",
    "Incomplete data received",
    "Requested format is not available. Use --list-formats for a list of available formats",
)
YOUTUBE |= dict.fromkeys(UNCLEAR, Reason.EXTRACTION)

OTHER_SITES = {
    "This video is only available for registered users": Reason.PRIVATE,
    "This video no longer exists": Reason.UNAVAILABLE,
    "Access to this webpage has been blocked by Indian censorship.": Reason.GEO_BLOCKED,
    "This video is not available from your location": Reason.GEO_BLOCKED,
    "The requested site is known to use DRM protection.": Reason.UNSUPPORTED,
    "This website is no longer supported since it has been determined to be primarily used for "
    "piracy.": Reason.UNSUPPORTED,
    "This website is not supported and will not be supported.": Reason.UNSUPPORTED,
    "Unable to read the player's settings": Reason.EXTRACTION,
}


@pytest.mark.parametrize(("words", "reason"), (YOUTUBE | OTHER_SITES).items())
def test_what_a_site_says_in_words_has_its_reason(words, reason):
    assert explain(ExtractorError(words, expected=True)).reason is reason


@pytest.mark.parametrize("slug", ["deleted-scenes-removed", "terminated", "my-private video"])
def test_words_of_the_address_are_none_of_the_site(slug):
    said = ExtractorError("This video is not available", expected=True, video_id=slug, ie="site")
    assert slug in str(explain(said))
    assert explain(said).reason is Reason.EXTRACTION


def test_what_may_pass_is_tried_again_whatever_else_is_said():
    """Where several player programs were asked, yt-dlp may hand on two sentences."""
    final = [words for words, reason in YOUTUBE.items() if reason.policy is Policy.NEVER]
    passing = YOUTUBE.keys() - final - {*UNCLEAR}
    for one, other in itertools.product(passing, final):
        for words in (f"{one}. {other}", f"{other}. {one}"):
            reason = explain(ExtractorError(words, expected=True)).reason
            assert reason.policy is not Policy.NEVER, words


# Bugs, and what yt-dlp takes for them.


def test_a_page_that_an_extractor_was_not_made_for_could_not_be_read():
    assert explain(ExtractorError("no title found")).reason is Reason.EXTRACTION
    assert explain(ExtractorError("The title was removed")).reason is Reason.EXTRACTION
    assert explain(ExtractorError("A bug", cause=KeyError("title"))).reason is Reason.EXTRACTION


def test_a_bug_of_ours_is_internal():
    assert explain(KeyError("title")).reason is Reason.INTERNAL


@pytest.mark.parametrize(
    "words", ["No video formats found!", "Failed to extract any player response"]
)
def test_a_site_that_gives_too_little_is_no_bug(words):
    assert explain(ExtractorError(words)).reason is Reason.EXTRACTION


# The network, and the machine.

CAUSES = [
    (TransportError("Connection refused"), Reason.NETWORK),
    (TransportError("Read timed out"), Reason.TIMEOUT),
    (ProxyError("Unable to connect to proxy"), Reason.NETWORK),
    (IncompleteRead(10, 20), Reason.NETWORK),
    (TimeoutError("timed out"), Reason.TIMEOUT),
    (ConnectionResetError(), Reason.NETWORK),
    (ContentTooShortError(10, 20), Reason.NETWORK),
    (RequestError("No connection adapters were found for 'ftp://a/'"), Reason.BAD_ADDRESS),
    (RequestError("Invalid URL 'http://': No host supplied"), Reason.BAD_ADDRESS),
    (RequestError("Try using --legacy-server-connect"), Reason.NETWORK),
    (UnsupportedError("https://example.org"), Reason.UNSUPPORTED),
    (UserNotLive(), Reason.UPCOMING),
    (GeoRestrictedError("not in your country"), Reason.GEO_BLOCKED),
    (GeoRestrictedError("no"), Reason.GEO_BLOCKED),
    (FetchError(Reason.LIVE, "still being streamed"), Reason.LIVE),
]


@pytest.mark.parametrize(("cause", "reason"), CAUSES)
def test_a_cause_has_its_reason_also_inside_an_extractors_error(cause, reason):
    assert explain(cause).reason is reason
    assert explain(ExtractorError("Unable to download webpage", cause=cause)).reason is reason


LACKING = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EMFILE, errno.ENFILE)


@pytest.mark.parametrize("number", LACKING)
def test_what_the_machine_lacks_is_no_failure_of_a_video(number):
    with pytest.raises(MachineError, match=os.strerror(number)):
        explain(OSError(number, os.strerror(number)))
    assert explain(PermissionError(errno.EACCES, "denied")).reason is Reason.INTERNAL


REPORTS = {
    "fragment 1 not found, unable to continue": Reason.NETWORK,
    "The downloaded file is empty": Reason.NETWORK,
    "[download] Got error: Read timed out": Reason.TIMEOUT,
    "This format is DRM protected; Try selecting another format with --format": Reason.REFUSED,
    "Live DASH videos are not supported": Reason.LIVE,
    "m3u8 download detected but ffmpeg could not be found. Please install": Reason.EXTRACTION,
}


@pytest.mark.parametrize(("report", "reason"), REPORTS.items())
def test_what_a_downloader_reports_as_text_alone_has_its_reason(report, reason):
    failure = explain(DownloadError(f"ERROR: {report}"))
    assert failure.reason is reason
    assert report in str(failure)


# As yt-dlp raises them.


class Quiet:
    def debug(self, message): ...

    info = warning = error = debug


class Site(InfoExtractor):
    """Does with any page what it is told to."""

    IE_NAME = "site"
    _VALID_URL = r"https?://site\.test/(?P<id>.+)"
    does: Callable[["Site"], Any]

    def _real_extract(self, url):
        return type(self).does(self) | {"id": "id", "title": url}


def reported(does: Callable[[Site], Any], tmp_path: Path, **options: Any) -> BaseException:
    """What reaches a caller that asked yt-dlp for a page of this site."""
    site = type("SiteIE", (Site,), {"does": does})
    outtmpl = {"default": str(tmp_path / "video")}
    quiet = {"logger": Quiet(), "noprogress": True, "cachedir": False, "color": "never"}
    with yt_dlp.YoutubeDL(quiet | {"outtmpl": outtmpl, "retries": 0} | options) as yt:
        yt.add_info_extractor(site(yt))
        with pytest.raises((DownloadError, UnavailableVideoError)) as caught:
            yt.extract_info("https://site.test/deleted", ie_key="Site")
    return caught.value


RAISED = {
    "raise_login_required": (lambda site: site.raise_login_required(), Reason.PRIVATE),
    "raise_geo_restricted": (lambda site: site.raise_geo_restricted(), Reason.GEO_BLOCKED),
    "of the uploader's choice": (
        lambda site: site.raise_geo_restricted(
            "The uploader has not made this video available in your country", ["SE"]
        ),
        Reason.GEO_BLOCKED,
    ),
    "raise_no_formats": (
        lambda site: site.raise_no_formats("Video unavailable", expected=True),
        Reason.EXTRACTION,
    ),
    "removed": (
        lambda site: site.raise_no_formats("This video has been removed", expected=True),
        Reason.UNAVAILABLE,
    ),
    "report_drm": (lambda site: site.report_drm("id"), Reason.REFUSED),
    "DRM alone": (
        lambda _: {"formats": [{"url": "https://site.test/a.mp4", "has_drm": True}]},
        Reason.REFUSED,
    ),
    "no formats": (lambda _: {"formats": []}, Reason.EXTRACTION),
    "no wanted format": (
        lambda _: {"formats": [{"url": "https://site.test/a.m4a", "vcodec": "none"}]},
        Reason.EXTRACTION,
    ),
    "a bug": (lambda _: {}["formats"], Reason.EXTRACTION),
    "not live": (lambda _: throw(UserNotLive()), Reason.UPCOMING),
}


def throw(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(("does", "reason"), RAISED.values(), ids=RAISED)
def test_what_an_extractor_raises_has_its_reason(tmp_path, does, reason):
    error = reported(does, tmp_path, format="bestvideo")
    assert explain(error).reason is reason


def makes_sense_of(error: Exception, of: Exception) -> Callable[[Site], Any]:
    """Does what many extractors do: turns one exception into another that says more."""

    def does(site: Site) -> None:
        try:
            raise of
        except type(of):
            raise error  # noqa: B904 - as extractors do

    return does


SENSE = [
    (ExtractorError("This video does not exist", expected=True), Reason.UNAVAILABLE),
    (ExtractorError("Private video", expected=True), Reason.PRIVATE),
    (GeoRestrictedError("no"), Reason.GEO_BLOCKED),
]


@pytest.mark.parametrize(("error", "reason"), SENSE)
@pytest.mark.parametrize("of", [KeyError("video"), TransportError("refused")])
def test_the_sense_that_an_extractor_made_of_an_exception_counts(tmp_path, error, reason, of):
    failure = explain(reported(makes_sense_of(error, of), tmp_path))
    assert failure.reason is reason
    assert error.orig_msg in str(failure)


STATUSES = {
    # of a page, and of the file that a page leads to
    401: (Reason.REFUSED, Reason.REFUSED),
    403: (Reason.REFUSED, Reason.REFUSED),
    404: (Reason.UNAVAILABLE, Reason.REFUSED),
    410: (Reason.UNAVAILABLE, Reason.REFUSED),
    408: (Reason.TIMEOUT, Reason.TIMEOUT),
    429: (Reason.RATE_LIMITED, Reason.RATE_LIMITED),
    451: (Reason.GEO_BLOCKED, Reason.GEO_BLOCKED),
}


@pytest.mark.parametrize("status", STATUSES)
def test_a_file_that_does_not_answer_is_not_gone_while_its_page_says_it_is_there(
    tmp_path, folder, status
):
    behaviours = {each: Status(status, retry_after=7) for each in ("page", NAME)}
    with VideoServer(folder, behaviours) as server:
        url = server.url("page")
        page = reported(lambda site: site._download_webpage(url, "id"), tmp_path)
        file = reported(lambda _: {"url": server.url(NAME)}, tmp_path)
    assert (explain(page).reason, explain(file).reason) == STATUSES[status]
    assert explain(page).retry_after == explain(file).retry_after == 7
    assert str(status) in str(explain(page))


def refusal(server: VideoServer, name: str) -> HTTPError:
    with yt_dlp.YoutubeDL({"logger": Quiet()}) as yt, pytest.raises(HTTPError) as caught:
        yt.urlopen(server.url(name))
    return caught.value


def test_a_refusal_of_which_nothing_else_is_known_is_taken_for_one_of_a_page(folder):
    with VideoServer(folder, {"page": Status(404)}) as server:
        assert explain(refusal(server, "page")).reason is Reason.UNAVAILABLE


def test_what_broke_a_transfer_may_be_told_as_the_context_of_the_report(tmp_path, folder):
    """A downloader that has given up reports it as text alone."""
    with VideoServer(folder, {NAME: Status(503)}) as server:
        report = reported(lambda _: {"url": server.url(NAME)}, tmp_path)
        assert report.__context__ is None
        assert explain(report).reason is Reason.NETWORK
        report.__context__ = refusal(server, NAME)
    assert explain(report).reason is Reason.SERVER_ERROR


@pytest.mark.parametrize("number", LACKING)
def test_what_the_machine_lacks_is_seen_through_what_yt_dlp_makes_of_it(tmp_path, folder, number):
    hook = {"progress_hooks": [lambda _: throw(OSError(number, os.strerror(number)))]}
    with VideoServer(folder) as server:
        url = server.url(NAME)
        error = reported(lambda _: {"url": url}, tmp_path, **hook)
    with pytest.raises(MachineError, match=os.strerror(number)):
        explain(error)


def test_another_fault_of_the_machine_is_an_internal_one(tmp_path, folder):
    hook = {"progress_hooks": [lambda _: throw(OSError(errno.EACCES, "Permission denied"))]}
    with VideoServer(folder) as server:
        url = server.url(NAME)
        error = reported(lambda _: {"url": url}, tmp_path, **hook)
    assert explain(error).reason is Reason.INTERNAL


@pytest.mark.parametrize("number", LACKING)
def test_what_a_server_says_of_its_own_disk_is_not_of_this_machine(number):
    said = TransportError(os.strerror(number), cause=ConnectionError(os.strerror(number)))
    assert explain(said).reason is Reason.NETWORK


@pytest.mark.parametrize(
    ("url", "options", "reason"),
    [
        ("gopher://example.org/", {}, Reason.BAD_ADDRESS),
        ("file:///etc/hostname", {}, Reason.BAD_ADDRESS),
        ("http://", {}, Reason.BAD_ADDRESS),
        ("http://127.0.0.1:9/", {"proxy": "odd://127.0.0.1:9"}, Reason.INTERNAL),
        ("http://127.0.0.1:9/", {"proxy": "http://127.0.0.1:9"}, Reason.NETWORK),
    ],
)
def test_an_address_is_not_blamed_for_a_proxy(url, options, reason):
    with (
        yt_dlp.YoutubeDL({"logger": Quiet()} | options) as yt,
        pytest.raises(RequestError) as caught,
    ):
        yt.urlopen(url)
    assert explain(caught.value).reason is reason


def test_an_address_is_not_blamed_for_a_library_that_is_missing():
    browser = Request("http://127.0.0.1:9/", extensions={"impersonate": ImpersonateTarget("none")})
    with yt_dlp.YoutubeDL({"logger": Quiet()}) as yt, pytest.raises(RequestError) as caught:
        yt.urlopen(browser)
    assert explain(caught.value).reason is Reason.REFUSED


# What becomes of them.


def test_what_may_be_a_sites_mood_is_tried_by_the_next_run_and_what_is_gone_is_not():
    policies = {
        Reason.REFUSED: Policy.NEXT_RUN,
        Reason.EXTRACTION: Policy.NEXT_RUN,
        Reason.UNAVAILABLE: Policy.NEVER,
        Reason.BAD_ADDRESS: Policy.NEVER,
    }
    assert {reason: reason.policy for reason in policies} == policies
