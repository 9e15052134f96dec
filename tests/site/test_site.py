"""tests.site: what yt-dlp makes of the site's videos is what it makes of YouTube's."""

from dataclasses import replace
from pathlib import Path

import pytest
from yt_dlp.networking.exceptions import HTTPError
from yt_dlp.utils import DownloadError, ExtractorError, GeoRestrictedError

from tests.site import (
    CREATIVE_COMMONS,
    Condition,
    Film,
    SiteVideo,
    VideoSite,
    installed,
)
from tests.site.asking import ID, error_of, one_video, search, watch, ydl


@pytest.fixture
def one(tmp_path_factory: pytest.TempPathFactory) -> SiteVideo:
    return one_video(tmp_path_factory.getbasetemp())


@pytest.fixture
def film(one: SiteVideo) -> Film:
    assert one.film is not None
    return one.film


@pytest.mark.parametrize("host", ["youtube", "site"])
def test_a_video_says_what_it_is_and_which_files_it_has(
    one: SiteVideo, film: Film, host: str
) -> None:
    with VideoSite([one]) as site, installed(site):
        info = ydl().extract_info(watch(site, host), download=False, process=False)
        served = [f"{site.address}/media/{ID}/{each.id}.{each.ext}" for each in film.formats]
    expected = {
        "id": ID,
        "title": "A balloon",
        "duration": 3,
        "channel": "Paper Cut Films",
        "license": CREATIVE_COMMONS,
        "live_status": "not_live",
        "upload_date": "20200229",
        "extractor_key": "Youtube" if host == "youtube" else "Site",
    }
    assert expected.items() <= info.items()
    formats = info["formats"]
    assert [each["url"] for each in formats] == served
    shapes = [(each["width"], each["height"], each["ext"]) for each in formats]
    sizes = [(96, 72), (192, 144), (342, 256), (480, 360)]
    assert shapes == [(None, None, "m4a"), *((*size, "mp4") for size in sizes)]
    both = [each for each in formats if "none" not in (each["vcodec"], each["acodec"])]
    assert [each["height"] for each in both] == [72]
    assert all(each["tbr"] for each in formats)
    assert [each["filesize"] for each in formats if each not in both] == [
        each.file.stat().st_size for each in film.formats if each.id != "18"
    ]


@pytest.mark.parametrize("number", ["140", "18", "160", "133", "134"])
def test_every_format_can_be_downloaded(
    one: SiteVideo, film: Film, tmp_path: Path, number: str
) -> None:
    target = tmp_path / "video"
    with VideoSite([one]) as site, installed(site):
        options = {"format": number, "outtmpl": str(target)}
        ydl(**options).extract_info(watch(site, "youtube"))
        (request,) = site.requests("media", ID)
    (file,) = [each.file for each in film.formats if each.id == number]
    assert target.read_bytes() == file.read_bytes()
    assert request.status == 206
    assert request.range is not None
    assert request.range.startswith("bytes=0-")
    assert request.bytes_sent == len(target.read_bytes())


HINT = "Use --cookies-from-browser or --cookies for the authentication."
SAID = {
    Condition.REMOVED: "Video unavailable. This video has been removed by the uploader",
    Condition.PRIVATE: "Private video. Sign in if you've been granted access to this video. "
    + HINT,
    Condition.MEMBERS_ONLY: "Join this channel to get access to members-only content like this "
    "video, and other exclusive perks.",
    Condition.GEO_BLOCKED: "The uploader has not made this video available in your country",
    Condition.AGE_GATED: "Sign in to confirm your age. This video may be inappropriate for some "
    f"users. {HINT}",
    Condition.UPCOMING: "This live event will begin in 3 days.",
    Condition.PREMIERE: "Premieres in 2 hours",
    Condition.BOT_CHECK_THEN_FINE: f"Sign in to confirm you\u2019re not a bot. {HINT}",
    Condition.SESSION_LIMITED_THEN_FINE: "Video unavailable. This content isn't available, try "
    "again later. The current session has been rate-limited by YouTube for up to an hour.",
}


@pytest.mark.parametrize("host", ["youtube", "site"])
@pytest.mark.parametrize("condition", SAID)
def test_what_cannot_be_played_says_so_in_youtubes_words(
    one: SiteVideo, condition: Condition, host: str
) -> None:
    with VideoSite([replace(one, condition=condition)]) as site, installed(site):
        error = error_of(watch(site, host))
    assert type(error) is (
        GeoRestrictedError if condition is Condition.GEO_BLOCKED else ExtractorError
    )
    assert error.expected
    assert error.cause is None
    assert str(error).startswith(f"[{host}] {ID}: {SAID[condition]}")


def test_a_video_that_there_is_not_is_unavailable() -> None:
    with VideoSite([]) as site, installed(site):
        error = error_of(watch(site, "youtube"))
    assert str(error) == f"[youtube] {ID}: Video unavailable"


def test_a_blocked_video_names_its_countries(one: SiteVideo) -> None:
    with VideoSite([replace(one, condition=Condition.GEO_BLOCKED)]) as site, installed(site):
        error = error_of(watch(site, "youtube"))
        assert error.countries == ["IS", "NZ"]
        assert len(site.requests("page")) == 1


def test_a_live_stream_and_an_upcoming_one_are_known_from_the_search_on(one: SiteVideo) -> None:
    live = replace(one, condition=Condition.LIVE)
    premiere = replace(one, id="premiere_00", condition=Condition.PREMIERE)
    with VideoSite([live, premiere]) as site, installed(site):
        found = {each["id"]: each for each in search("ytsearch5:balloon")}
        info = ydl().extract_info(watch(site, "youtube"), download=False)
        later = ydl(ignore_no_formats_error=True).extract_info(
            "https://www.youtube.com/watch?v=premiere_00", download=False
        )
    assert (found[ID]["live_status"], found[ID]["duration"]) == ("is_live", None)
    assert found["premiere_00"]["live_status"] == "is_upcoming"
    assert (info["live_status"], info["is_live"]) == ("is_live", True)
    assert "duration" not in info
    assert (later["live_status"], later["formats"]) == ("is_upcoming", [])


STATUSES = {Condition.RATE_LIMITED_THEN_FINE: 429, Condition.SERVER_ERROR_THEN_FINE: 503}


@pytest.mark.parametrize(("condition", "status"), STATUSES.items())
def test_the_sites_extractor_hands_on_a_status(
    one: SiteVideo, condition: Condition, status: int
) -> None:
    video = replace(one, condition=condition, retry_after=7)
    with VideoSite([video]) as site, installed(site):
        error = error_of(watch(site, "site"))
        assert ydl().extract_info(watch(site, "site"), download=False)["id"] == ID
    assert isinstance(error, HTTPError)
    assert error.status == status
    assert error.response.get_header("Retry-After") == ("7" if status == 429 else None)


@pytest.mark.parametrize("condition", STATUSES)
def test_youtubes_extractor_hides_a_status_behind_what_looks_like_a_bug(
    one: SiteVideo, condition: Condition
) -> None:
    with VideoSite([replace(one, condition=condition)]) as site, installed(site):
        error = error_of(watch(site, "youtube"))
        assert ydl().extract_info(watch(site, "youtube"), download=False)["id"] == ID
    assert type(error) is ExtractorError
    assert not error.expected
    assert error.cause is None
    assert str(error).startswith(f"[youtube] {ID}: Failed to extract any player response")


def test_youtubes_extractor_repeats_what_is_worth_it(one: SiteVideo) -> None:
    busy = replace(one, condition=Condition.SERVER_ERROR_THEN_FINE, times=2)
    with VideoSite([busy]) as site, installed(site):
        ydl(extractor_retries=2).extract_info(watch(site, "youtube"), download=False)
        assert [each.status for each in site.requests("page")] == [503, 503, 200]
    limited = replace(one, condition=Condition.RATE_LIMITED_THEN_FINE)
    with VideoSite([limited]) as site, installed(site):
        error_of(watch(site, "youtube"), extractor_retries=2)
        assert [each.status for each in site.requests("page")] == [429]


@pytest.mark.parametrize("condition", [each for each in Condition if each.passes])
def test_what_passes_has_passed_after_so_many_requests(
    one: SiteVideo, condition: Condition
) -> None:
    with VideoSite([replace(one, condition=condition, times=2)]) as site, installed(site):
        for _ in range(2):
            error_of(watch(site, "youtube"))
        assert ydl().extract_info(watch(site, "youtube"), download=False)["id"] == ID


# Files.


def download(video: SiteVideo, target: Path) -> VideoSite:
    """The site, closed, after an attempt to download the small file with sound."""
    options = {"format": "18", "outtmpl": str(target)}
    with VideoSite([video]) as site, installed(site):
        ydl(**options).extract_info(watch(site, "youtube"))
    return site


def test_a_broken_file_is_the_beginning_of_a_whole_one(
    one: SiteVideo, film: Film, tmp_path: Path
) -> None:
    download(replace(one, condition=Condition.BROKEN_FILE), tmp_path / "video")
    broken = (tmp_path / "video").read_bytes()
    whole = next(each.file for each in film.formats if each.id == "18").read_bytes()
    assert whole.startswith(broken)
    assert len(broken) < len(whole)


def test_a_page_in_place_of_a_video_is_downloaded_without_a_word(
    one: SiteVideo, tmp_path: Path
) -> None:
    download(replace(one, condition=Condition.NOT_A_VIDEO), tmp_path / "video")
    assert b"<html>" in (tmp_path / "video").read_bytes()


@pytest.mark.parametrize(
    ("condition", "status"), [(Condition.MEDIA_GONE, 404), (Condition.MEDIA_FORBIDDEN, 403)]
)
def test_a_file_can_be_refused_though_the_page_is_not(
    one: SiteVideo, tmp_path: Path, condition: Condition, status: int
) -> None:
    with pytest.raises(DownloadError, match=f"HTTP Error {status}"):
        download(replace(one, condition=condition), tmp_path / "video")
