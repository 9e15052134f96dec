"""Captions are chosen by the language of the video, and asked for as politely as the video."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.local import ALLOWED
from tests.site import CaptionFile, Film, Format, SiteVideo, VideoSite, installed
from videonet.fetch.caption_tracks import chosen_track
from videonet.fetch.captions import Text, fetch_captions, text_of
from videonet.fetch.clock import Clock
from videonet.fetch.failure import FetchError
from videonet.fetch.host_state import Pace
from videonet.fetch.limits import FetchLimits
from videonet.fetch.session import Session
from videonet.fetch.web import Web
from videonet.schemas.reason import Reason
from videonet.schemas.shown import printable

VTT = "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\n{}\n"
LIMITS = FetchLimits(wait=0.01, attempts=2)


def written(*languages: str) -> dict[str, Any]:
    return {each: [{"ext": "vtt", "url": f"https://example.org/{each}"}] for each in languages}


@pytest.mark.parametrize(
    ("own", "heard", "language", "chosen"),
    [
        (("de", "en"), ("en-orig", "de", "en"), "en", ("en", False)),
        (("de",), ("en-orig", "de", "en"), "en", ("en", True)),
        (("en-GB",), ("en-orig",), "en", ("en-GB", False)),
        (("pt",), (), "pt-BR", ("pt", False)),
        (("pt-PT", "pt-BR"), (), "pt-BR", ("pt-BR", False)),
        (("de",), ("fr",), "en", None),
        ((), (), "en", None),
        # Nobody says which language it is.
        (("de", "en"), ("en-orig", "de", "en"), None, ("en", False)),
        (("de", "en"), ("fr",), None, ("fr", True)),
        (("de", "en"), ("fr", "it"), None, ("de", False)),
        ((), ("fr", "it"), None, None),
        (("live_chat", "en"), (), None, ("en", False)),
        # What stands beside that which was heard is translated by machine.
        ((), ("de", "en", "en-orig", "fr"), "de", None),
        (("fr",), ("de", "en", "en-orig", "fr"), "de", None),
        ((), ("de", "en", "en-orig", "fr"), "en-GB", ("en", True)),
        ((), ("pt-PT", "pt"), "pt_pt", ("pt-PT", True)),
    ],
)
def test_captions_are_those_in_the_language_of_the_video(own, heard, language, chosen):
    info = {"subtitles": written(*own), "automatic_captions": written(*heard)}
    info["subtitles"].get("live_chat", [{}])[0]["ext"] = "json"
    info["language"] = language
    track = chosen_track(info)
    assert (track and (track.language, track.automatic)) == chosen
    assert chosen_track({**info, "language": None}, language) == track


def test_the_form_that_is_read_best_is_taken():
    files = [{"ext": each, "url": each} for each in ("json3", "srt", "vtt", "ttml")]
    track = chosen_track({"subtitles": {"en": files}})
    assert track is not None
    assert track.file["url"] == "vtt"


def test_captions_that_a_site_translates_when_asked_are_not_taken():
    address = "https://example.org/api/timedtext?lang=en"
    heard = {
        "de": [{"ext": "vtt", "url": f"{address}&tlang=de"}],
        "en": [{"ext": "vtt", "url": address}],
    }
    assert chosen_track({"automatic_captions": heard}, "de") is None
    track = chosen_track({"automatic_captions": heard})
    assert (track and track.language) == "en"


@pytest.mark.parametrize(
    ("protocol", "taken"),
    [(None, True), ("http", True), ("https", True), ("m3u8_native", False), ("m3u8", False)],
)
def test_a_list_of_pieces_is_no_file_of_captions(protocol: str | None, taken: bool):
    pieces = {"ext": "vtt", "url": "https://example.org/a", "protocol": protocol}
    track = chosen_track({"subtitles": {"en": [pieces]}})
    assert (track is not None) == taken
    plain = {"ext": "srt", "url": "https://example.org/b"}
    track = chosen_track({"subtitles": {"en": [plain, pieces]}})
    assert track is not None
    assert track.file["url"] == ("https://example.org/a" if taken else "https://example.org/b")


@settings(max_examples=40)
@given(st.text(max_size=60))
def test_nothing_in_the_name_of_a_language_acts(name: str):
    text = text_of(name, None, VTT.format("a swan"))
    assert text is not None
    if text.language is not None:
        assert text.language == printable(text.language).strip()
        assert len(text.language) <= 35
        assert len(text.language.splitlines()) == 1


def test_the_name_of_a_language_stays_as_it_is_written_but_for_what_acts():
    text = text_of(" Deutsch\x1b[2J \u202e(leicht)\n", None, VTT.format("ein Schwan"))
    assert text is not None
    assert text.language == "Deutsch\ufffd[2J \ufffd(leicht)"


@pytest.mark.parametrize("said", [None, [], {"en": None}, {"en": [None]}, {1: []}, {"en": [{}]}])
def test_a_page_that_says_something_else_has_no_captions(said: Any):
    assert chosen_track({"subtitles": said, "automatic_captions": said, "language": said}) is None


@pytest.fixture
def film(tmp_path: Path, video: bytes) -> Film:
    file = tmp_path / "film.mp4"
    file.write_bytes(video)
    return Film(("balloon",), 2, (Format("18", file, 96, 64, "avc1.4d400c", "none"),))


def swan(*captions: CaptionFile, **more: Any) -> SiteVideo:
    return SiteVideo("abcdefghij0", "A swan", captions=captions, **more)


def web() -> Web:
    return Web(Pace(1e6), allowed_hosts=ALLOWED)


def fetched(site: VideoSite, limits: FetchLimits = LIMITS, of: Web | None = None) -> Text | None:
    with installed(site):
        return fetch_captions(site.url("abcdefghij0"), None, limits, of or web())


def test_they_come_in_two_requests(film: Film):
    own = CaptionFile("en", VTT.format("A swan &amp; a lake"))
    heard = CaptionFile("en", VTT.format("a swan and lake"), automatic=True)
    with VideoSite([swan(heard, own, film=film, language="en")]) as site:
        text = fetched(site)
        assert [each.kind for each in site.requests()] == ["page", "captions"]
    assert text == Text("en", False, VTT.format("A swan &amp; a lake"), 1, False)


def test_a_video_without_captions_costs_a_look_at_its_page(film: Film):
    with VideoSite([swan(film=film)]) as site:
        assert fetched(site) is None
        assert [each.kind for each in site.requests()] == ["page"]


def test_a_page_that_was_read_before_is_not_asked_for_again(film: Film):
    with VideoSite([swan(CaptionFile("en", VTT.format("a swan")), film=film)]) as site:
        offered = {"en": [{"ext": "vtt", "url": f"{site.address}/captions/abcdefghij0/own-en.vtt"}]}
        knowing = Web(Pace(1e6), allowed_hosts=ALLOWED, captions=True)
        assert knowing.offers is not None
        knowing.offers.note(site.url("abcdefghij0"), chosen_track({"subtitles": offered}))
        assert fetched(site, of=knowing) == Text("en", False, VTT.format("a swan"), 1, False)
        assert [each.kind for each in site.requests()] == ["captions"]
        # It is good for once.
        assert fetched(site, of=knowing) is not None
        assert [each.kind for each in site.requests()] == ["captions", "page", "captions"]
        knowing.offers.note(site.url("abcdefghij0"), None)
        assert fetched(site, of=knowing) is None
        assert len(site.requests()) == 3


def test_an_address_that_holds_no_more_is_asked_of_the_page_again(film: Film):
    with VideoSite([swan(CaptionFile("en", VTT.format("a swan")), film=film)]) as site:
        gone = {"en": [{"ext": "vtt", "url": f"{site.address}/captions/abcdefghij0/gone.vtt"}]}
        knowing = Web(Pace(1e6), allowed_hosts=ALLOWED, captions=True)
        assert knowing.offers is not None
        knowing.offers.note(site.url("abcdefghij0"), chosen_track({"subtitles": gone}))
        assert fetched(site, of=knowing) is not None
        assert [each.kind for each in site.requests()] == ["captions", "page", "captions"]


def test_captions_that_are_empty_are_none(film: Film):
    with VideoSite([swan(CaptionFile("en", "WEBVTT\n"), film=film)]) as site:
        assert fetched(site) is None


@pytest.mark.parametrize(
    ("captions", "reason", "asked"),
    [
        (CaptionFile("en", "", status=404), Reason.UNAVAILABLE, 1),
        (CaptionFile("en", "", status=403), Reason.REFUSED, 1),
        (CaptionFile("en", "", status=503), Reason.SERVER_ERROR, 2),
        (CaptionFile("en", "#EXTM3U\n"), Reason.UNSUPPORTED, 1),
        (CaptionFile("en", "x" * 100_001), Reason.PAGE_TOO_LARGE, 1),
    ],
)
def test_captions_that_cannot_be_had_say_why(film, captions, reason, asked):
    limits = FetchLimits(wait=0.01, attempts=2, max_page_bytes=100_000)
    with VideoSite([swan(captions, film=film)]) as site:
        with pytest.raises(FetchError) as failed:
            fetched(site, limits)
        assert failed.value.reason is reason
        assert len(site.requests("captions")) == asked


def test_captions_at_an_address_that_may_not_be_asked_are_not_asked_for():
    track = chosen_track({"subtitles": {"en": [{"ext": "vtt", "url": "http://127.0.0.2:9/a"}]}})
    assert track is not None
    session = Session(web(), Clock(30), LIMITS, {})
    with pytest.raises(FetchError) as failed, session, session.outcome():
        session.read_file(track.file)
    assert failed.value.reason is Reason.REFUSED_ADDRESS
