"""What an extractor of a known site reads, it reads in a process that is shut in first."""

import json
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.fetch.endless_server import HTML, endless_server
from tests.fetch.fetching import fetch
from tests.fetch.visiting import LIMITS, candidate, quick_web
from videonet.fetch.disk_budget import DiskBudget
from videonet.fetch.failure import FetchError
from videonet.fetch.page_rehearsal import PageRehearsal
from videonet.fetch.silence import silent_yt_dlp
from videonet.schemas.decode_limits import DecodeLimits
from videonet.schemas.fetch import Fetch
from videonet.schemas.reason import Reason
from videonet.storage.store import Store

# An address that yt-dlp has an extractor for, at whatever host: a page, what plays it, a video.
ID = "0123456789abcdef0123456789abcdef"
PAGE = f"/Mediasite/Play/{ID}"
OPTIONS = "/Mediasite/PlayerService/PlayerService.svc/json/GetPlayerOptions"
CATALOGUE = f"/Mediasite/Catalog/Full/{ID}"
LISTED = "/Mediasite/Catalog/Data/GetPresentationsForFolder"

# A pattern of that extractor takes hours for it.
ENDLESS = HTML + b"<div " * 150_000

# In a page: the address of its server.
HERE = b"ADDRESS"

Answer = tuple[int, list[tuple[str, str]], Iterator[bytes]]


@pytest.fixture(scope="module")
def rehearsal() -> Iterator[PageRehearsal]:
    made = PageRehearsal(DecodeLimits(memory=1 << 28, seconds=1))
    yield made
    made.close()


Visit = Callable[[str, dict[str, bytes | int]], tuple[Fetch, Counter[str]]]


@pytest.fixture
def visit(store: Store, rehearsal: PageRehearsal) -> Visit:
    """What becomes of an address of a server that has these pages, and how often each is asked."""

    def visited(path: str, pages: dict[str, bytes | int]) -> tuple[Fetch, Counter[str]]:
        asked: Counter[str] = Counter()

        def answer(path: str) -> Answer:
            name = path.partition("?")[0]
            asked[name] += 1
            content = pages.get(name, 404)
            if isinstance(content, int):
                return content, [], iter([b"an error"])
            kind = "application/json" if content[:1] == b"{" else "text/html"
            return 200, [("Content-Type", kind)], iter([content.replace(HERE, address.encode())])

        with endless_server(answer) as address:
            web = quick_web()
            web.shared.rehearsal = rehearsal
            record = fetch(candidate(address + path), store, DiskBudget(None), LIMITS, web, "run")
        return record, asked

    return visited


def options() -> bytes:
    """What plays a presentation: one video."""
    video = {"Location": "ADDRESS/video.mp4", "MediaType": "MP4", "MimeType": "video/mp4"}
    presentation = {"Title": "t", "Streams": [{"StreamType": 0, "VideoUrls": [video]}]}
    return json.dumps({"d": {"Presentation": presentation}}).encode()


def test_a_page_that_a_known_site_cannot_read_within_bounds_costs_one_verdict(visit: Visit):
    record, _ = visit(PAGE, {PAGE: ENDLESS})
    assert record.reason is Reason.EXTRACTION
    assert record.error == "whoever read its page needed more than 1 s of a processor"


def test_it_is_ended_before_ours_has_the_page(rehearsal: PageRehearsal):
    with silent_yt_dlp({}) as session:
        begun = rehearsal.begin(session.get_info_extractor("Mediasite"), f"http://h{PAGE}")
        begun.answered(f"http://h{PAGE}", f"http://h{PAGE}", 200, {})
        with pytest.raises(FetchError, match="more than 1 s of a processor"):
            begun.read(f"http://h{PAGE}", ENDLESS)
        begun.close()


def test_so_does_a_later_page_of_the_same_extractor(visit: Visit):
    # As text it keeps to the limit of a page; as lists it takes 400 MB.
    record, asked = visit(PAGE, {PAGE: HTML, OPTIONS: b'{"d": [' + b"[]," * 5_000_000 + b"[]]}"})
    assert asked[OPTIONS] == 1
    assert record.reason is Reason.EXTRACTION
    assert record.error.startswith("whoever read its page needed more than")


def test_a_page_that_another_leads_to_is_read_there_first_as_well(visit: Visit):
    catalogue = HTML + b"CatalogId: '" + ID.encode() + b"'"
    named = "/Mediasite/Catalog/catalogs/some"
    listed = json.dumps({"PresentationDetailsList": [{"Id": ID}]}).encode()
    pages = {named: catalogue, CATALOGUE: HTML, LISTED: listed, PAGE: ENDLESS}
    record, asked = visit(named, pages)
    assert asked[PAGE] == 1, asked
    assert record.error == "whoever read its page needed more than 1 s of a processor"


def test_each_page_is_asked_for_once(visit: Visit, video: bytes, store: Store):
    record, asked = visit(PAGE, {PAGE: HTML, OPTIONS: options(), "/video.mp4": video})
    assert record.here, record.error
    file = store.files.file(store.video(record.video_key))
    assert file is not None
    assert file.read_bytes() == video
    assert asked[PAGE] == asked[OPTIONS] == 1


def test_what_a_server_refuses_has_the_reason_that_it_has(visit: Visit):
    assert visit(PAGE, {PAGE: 404})[0].reason is Reason.UNAVAILABLE
    record, asked = visit(PAGE, {PAGE: HTML, OPTIONS: 503})
    assert record.reason is Reason.SERVER_ERROR
    assert asked[OPTIONS] == LIMITS.attempts


def test_what_ours_does_not_ask_for_is_not_waited_for(rehearsal: PageRehearsal):
    with silent_yt_dlp({}) as session:
        begun = rehearsal.begin(session.get_info_extractor("Mediasite"), f"http://h{PAGE}")
        for _ in range(3):
            begun.answered("http://elsewhere/", "http://elsewhere/", 200, {})
            begun.read("http://elsewhere/", ENDLESS)
        begun.close()


def test_an_extractor_that_is_not_known_there_is_not_rehearsed(rehearsal: PageRehearsal):
    with silent_yt_dlp({}) as session:
        extractor = session.get_info_extractor("Mediasite")
        extractor.ie_key = lambda: "Mine"
        begun = rehearsal.begin(extractor, f"http://h{PAGE}")
        begun.answered(f"http://h{PAGE}", f"http://h{PAGE}", 200, {})
        begun.read(f"http://h{PAGE}", ENDLESS)
        begun.close()
