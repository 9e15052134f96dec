"""A candidate leads nowhere but to the public web, and to what the user allowed."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from demo.server import VideoServer
from tests.fetch.fetching import fetch
from tests.fetch.forwarding import ForwardProxy
from tests.fetch.stalling import Answer, Stalling, sends
from tests.fetch.visiting import LIMITS, NAME, candidate
from tests.patience import PATIENCE
from tests.site import SiteVideo, VideoSite, installed
from videonet.fetch.acquire import worth_fetching
from videonet.fetch.allowed_hosts import PUBLIC_WEB, AllowedHosts, allowed_hosts
from videonet.fetch.clock import Clock
from videonet.fetch.connections import Lookups
from videonet.fetch.credentials import Credentials
from videonet.fetch.disk_budget import DiskBudget
from videonet.fetch.failure import FetchError
from videonet.fetch.host_state import Pace
from videonet.fetch.limits import FetchLimits
from videonet.fetch.session import Session
from videonet.fetch.web import Web
from videonet.schemas.fetch import Fetch
from videonet.schemas.reason import Reason
from videonet.storage.store import Store

LAB = "media.lab"
# with the digits of another script, as browsers take them
WIDE = "\uff11\uff12\uff17.0.0.1"
MPEGURL = "application/vnd.apple.mpegurl"
PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n{}#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n"
MASTER = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=100000,RESOLUTION=96x64\n{}\n"
MANIFEST = """<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT2S">
<Period><BaseURL>{}</BaseURL><AdaptationSet mimeType="video/mp4" codecs="avc1.42c00d">
<Representation id="v" width="96" height="64" bandwidth="100000"><SegmentList>
<Initialization sourceURL="i"/><SegmentURL media="s"/></SegmentList></Representation>
</AdaptationSet></Period></MPD>"""


def redirects(to: str) -> Answer:
    head = f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    return lambda _, connection: connection.sendall(head.encode())


def page(text: str, kind: str = "text/html") -> Callable[[str], Answer]:
    return lambda to: sends(text.replace("{to}", to).encode(), kind)


# What is asked for first, and what leads on from there, by the path that is asked for.
WAYS: dict[str, tuple[str, dict[str, Callable[[str], Answer]]]] = {
    "a redirection": ("/v", {"/v": redirects}),
    "a redirection of a file": ("/v.mp4", {"/v.mp4": redirects}),
    "a page": ("/v", {"/v": page('<video src="{to}"></video>')}),
    "a page that says that it moved": (
        "/v",
        {"/v": page('<meta http-equiv="refresh" content="0;url={to}">')},
    ),
    "a page that names a playlist": ("/v", {"/v": page('<video src="{to}.m3u8"></video>')}),
    "a list of playlists": ("/v.m3u8", {"/v.m3u8": page(MASTER.format("{to}"), MPEGURL)}),
    "a fragment": ("/v.m3u8", {"/v.m3u8": page(PLAYLIST.format("", "{to}"), MPEGURL)}),
    "a key": (
        "/v.m3u8",
        {
            "/v.m3u8": page(
                PLAYLIST.format('#EXT-X-KEY:METHOD=AES-128,URI="{to}"\n', "/f"), MPEGURL
            ),
            "/f": lambda _: sends(bytes(160), "video/mp2t"),
        },
    ),
    "the head of a stream": (
        "/v.m3u8",
        {"/v.m3u8": page(PLAYLIST.format('#EXT-X-MAP:URI="{to}"\n', "/f"), MPEGURL)},
    ),
    "a manifest": ("/v.mpd", {"/v.mpd": page(MANIFEST.format("{to}/"), "application/dash+xml")}),
}


@contextmanager
def trap() -> Iterator[tuple[int, list[object]]]:
    """The port of a server, at all addresses of this machine, and who came."""
    came: list[object] = []

    def accept() -> None:
        while True:
            try:
                connection, place = server.accept()
            except OSError:
                return
            came.append(place)
            connection.close()

    with socket.create_server(("", 0)) as server:
        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1], came
        server.shutdown(socket.SHUT_RDWR)


def resolve(host: str, *others: int) -> list:
    """As the system, and every name is that of this machine."""
    is_name = host[-1:].isalpha() and ":" not in host
    return socket.getaddrinfo("127.0.0.1" if is_name else host, *others)


def visit(url: str, store: Store, web: Web) -> Fetch:
    return fetch(candidate(url), store, DiskBudget(None), LIMITS, web, "run")


def web_of(allowed: AllowedHosts, *proxies: str, lookups: Lookups | None = None) -> Web:
    return Web(
        Pace(requests_per_second=1000),
        Credentials(proxies=proxies),
        lookups=lookups or Lookups(resolve),
        allowed_hosts=allowed,
    )


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEONET_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("way", WAYS)
def test_an_allowed_host_leads_to_no_other_one(way, store):
    first, answers = WAYS[way]
    with trap() as (port, came):
        answers = {path: make(f"http://127.0.0.1:{port}/x") for path, make in answers.items()}
        with Stalling(answers) as server:
            address = f"http://{LAB}:{server.port}{first}"
            record = visit(address, store, web_of(allowed_hosts([LAB])))
            assert first in server.paths
        assert came == []
    assert record.reason is Reason.REFUSED_ADDRESS, record.error
    assert "127.0.0.1 is no address of the public web" in record.error
    assert record.refused == ("127.0.0.1", "127.0.0.1")
    assert record.attempts == 1


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "0x7f.1", "2130706433", "0177.0.0.1", "localhost", "0", "0.0.0.0"),
        *("[::1]", "[::ffff:127.0.0.1]", "[::]", WIDE, "127\u30020\u30020\u30021", "other.lab"),
        *("169.254.169.254", "[fd00:ec2::254]", "10.1.2.3", "[fe80::1%25lo]", "127.0.0.1."),
    ],
)
@pytest.mark.parametrize("allowed", [[], [LAB]])
def test_no_spelling_leads_to_this_machine_or_its_network(host, allowed, store):
    with trap() as (port, came):
        address = f"http://{host}:{port}/v.mp4"
        assert visit(address, store, web_of(allowed_hosts(allowed))).reason in {
            Reason.REFUSED_ADDRESS,
            # It is no address at all.
            *((Reason.BAD_ADDRESS, Reason.NETWORK) if host in ("127.0.0.1.",) else ()),
        }
        with Stalling({"/v": redirects(address)}) as server:
            lab = f"http://{LAB}:{server.port}/v"
            record = visit(lab, store, web_of(allowed_hosts([LAB])))
        assert record.reason in {Reason.REFUSED_ADDRESS, Reason.BAD_ADDRESS, Reason.NETWORK}
        assert came == []


def test_what_is_allowed_is_fetched_by_name_and_by_network(folder, store, video):
    with VideoServer(folder) as server:
        by_name = server.url(NAME).replace("127.0.0.1", LAB)
        for url, given in [(by_name, LAB), (server.url(NAME), "127.0.0.0/8"), (by_name, "all")]:
            record = visit(url, store, web_of(allowed_hosts([given])))
            assert record.reason is None, record.error
            store.delete(store.video("url:key"))


def test_a_name_whose_address_changes_is_asked_at_the_address_that_was_looked_at(store):
    looked_up: list[str] = []
    came: list[str] = []

    def changing(host: str, *others: int) -> list:
        # What is allowed, and then what is not.
        looked_up.append("127.0.0.1" if looked_up else "127.0.0.2")
        return socket.getaddrinfo(looked_up[-1], *others)

    def answer(server: Stalling, connection: socket.socket) -> None:
        came.append(connection.getsockname()[0])
        sends(b'<video src="/w.mp4"></video>')(server, connection)

    with Stalling({"/v": answer, "/w.mp4": answer}, host="") as server:
        web = web_of(allowed_hosts(["127.0.0.2"]), lookups=Lookups(changing))
        record = visit(f"http://rebinds.example:{server.port}/v", store, web)
    assert record.reason is Reason.REFUSED_ADDRESS
    assert record.refused == ("rebinds.example", "127.0.0.1")
    # The one that was looked at is the one that was asked, without another look-up.
    assert (looked_up, came) == (["127.0.0.2", "127.0.0.1"], ["127.0.0.2"])


def test_one_private_address_among_those_of_a_name_is_enough(store):
    def both(_: str, *others: int) -> list:
        return [
            answer
            for place in ("127.0.0.2", "127.0.0.1")
            for answer in socket.getaddrinfo(place, *others)
        ]

    with trap() as (port, came):
        web = web_of(allowed_hosts(["127.0.0.2"]), lookups=Lookups(both))
        record = visit(f"http://both.example:{port}/v", store, web)
        assert came == []
    assert record.refused == ("both.example", "127.0.0.2", "127.0.0.1")


def test_the_name_stays_the_name_for_the_host_and_for_tls(store):
    with Stalling({"/v": sends(b""), "": sends(b"")}) as server:
        for scheme in ("http", "https"):
            visit(f"{scheme}://{LAB}:{server.port}/v", store, web_of(allowed_hosts([LAB])))
    assert any(f"Host: {LAB}:{server.port}".encode() in each for each in server.asked)
    assert any(each[:1] == b"\x16" and LAB.encode() in each for each in server.asked)


# Through a proxy.


def only_the_proxy(host: str, *others: int) -> list:
    assert host == "127.0.0.1", f"{host} was looked up"
    return socket.getaddrinfo(host, *others)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "0x7f.1", "2130706433", "localhost", "printer", "nas.local", "[::1]"),
        *("metadata.google.internal", "169.254.169.254", WIDE, "10.0.0.1"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_is_not_asked_for_addresses_and_local_names(host, scheme, store):
    with ForwardProxy() as proxy:
        web = web_of(PUBLIC_WEB, f"http://{proxy.place}", lookups=Lookups(only_the_proxy))
        record = visit(f"{scheme}://{host}:9/v.mp4", store, web)
        assert proxy.seen == []
    assert record.reason is Reason.REFUSED_ADDRESS, record.error


def test_a_redirection_through_a_proxy_is_looked_at_too(store):
    answer = redirects("http://nas.local/v.mp4")
    with Stalling({"http://site.example/v": answer}) as proxy:
        web = web_of(PUBLIC_WEB, f"http://{proxy.place}", lookups=Lookups(only_the_proxy))
        record = visit("http://site.example/v", store, web)
        assert set(proxy.paths) == {"http://site.example/v"}
    assert record.refused == ("nas.local",)


def test_other_names_are_the_proxys_to_look_up(store):
    with Stalling({"http://site.example/v": sends(b"<html>")}) as proxy:
        web = web_of(PUBLIC_WEB, f"http://{proxy.place}", lookups=Lookups(only_the_proxy))
        assert visit("http://site.example/v", store, web).reason is Reason.UNSUPPORTED


def test_a_name_that_is_looked_up_here_for_a_proxy_is_looked_at(store):
    # Of the kinds of proxies, that is this one alone.
    with Stalling({"": sends(b"")}) as proxy:
        web = web_of(PUBLIC_WEB, f"socks4://{proxy.place}")
        record = visit("http://inner.example/v", store, web)
        assert proxy.asked == []
    assert record.refused == ("inner.example", "127.0.0.1")


# Searches, and runs after the first.


def test_a_search_asks_no_private_host_either():
    found = SiteVideo("abcdefghijk", "A balloon")
    web = web_of(PUBLIC_WEB)
    with VideoSite([found]) as site, installed(site):
        with (
            Session(web, Clock(PATIENCE), FetchLimits(), {}) as session,
            pytest.raises(FetchError) as caught,
            session.outcome(),
        ):
            session.extract_info("ytsearch5:balloon", download=False)
        assert site.requests() == []
    assert caught.value.reason is Reason.REFUSED_ADDRESS


def test_what_was_refused_is_tried_again_where_it_is_allowed_now(store):
    by_number = visit("http://10.2.3.4/v", store, web_of(PUBLIC_WEB))
    by_name = visit("http://nas.example/v", store, web_of(PUBLIC_WEB))
    for record, given in [(by_number, "10.2.0.0/16"), (by_name, "nas.example")]:
        assert not worth_fetching(record, "run", LIMITS, PUBLIC_WEB)
        assert not worth_fetching(record, "run", LIMITS, allowed_hosts(["10.3.0.0/16", LAB]))
        for allowed in (given, "all"):
            assert worth_fetching(record, "run", LIMITS, allowed_hosts([allowed]))
    # Another run may find another address by the same name, and by no number.
    assert worth_fetching(by_name, "another", LIMITS, PUBLIC_WEB)
    assert not worth_fetching(by_number, "another", LIMITS, PUBLIC_WEB)
