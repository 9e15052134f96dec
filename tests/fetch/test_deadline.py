"""The deadline of a candidate holds in each phase of each request that is made for it."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from demo.server import VideoServer
from tests.fetch.fetching import fetch
from tests.fetch.stalling import Answer, Stalling, drips, is_silent, redirects, sends, tunnels
from tests.fetch.visiting import LIMITS, NAME, candidate
from tests.local import ALLOWED
from tests.patience import PATIENCE, wait_for
from videonet.fetch.connections import Lookups
from videonet.fetch.credentials import Credentials
from videonet.fetch.disk_budget import DiskBudget
from videonet.fetch.host_state import Pace
from videonet.fetch.limits import FetchLimits
from videonet.fetch.web import Web
from videonet.schemas.fetch import Fetch
from videonet.schemas.reason import Reason
from videonet.stop_signal import Stopped, StopSignal
from videonet.storage.store import Store

# No silence is too long, so the deadline alone ends what stalls.
SHORT = replace(LIMITS, deadline=1.5, silence=PATIENCE)
# Within so many deadlines a candidate has ended, also on a slow machine.
GENEROUS = 8

OK = b"HTTP/1.1 200 OK\r\n"
HTML = b"Content-Type: text/html\r\n\r\n<!doctype html><title>"
MPEGURL = "application/vnd.apple.mpegurl"
DASH = "application/dash+xml"
# Of a record that holds a handshake message of 16 kB.
TLS = b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03"

PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n%s#EXTINF:2,\n/fragment\n#EXT-X-ENDLIST\n"
KEY = b'#EXT-X-KEY:METHOD=AES-128,URI="/key"\n'
MAP = b'#EXT-X-MAP:URI="/map"\n'
MASTER = b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=100000,RESOLUTION=96x64\n/media.m3u8\n"
MANIFEST = b"""<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT2S">
<Period><AdaptationSet mimeType="video/mp4" codecs="avc1.42c00d"><Representation id="v" width="96"
height="64" bandwidth="100000"><SegmentList><Initialization sourceURL="/fragment"/>
<SegmentURL media="/fragment"/></SegmentList></Representation></AdaptationSet></Period></MPD>"""
BODY = b"\r\nContent-Type: video/mp4\r\nContent-Length: 1000000\r\n\r\n\0\0\0 ftypisom"

# What is asked for first, and the answers by path.
PHASES: dict[str, tuple[str, dict[str, Answer]]] = {
    "the status line": ("http://{}/v", {"/v": drips(b"HTTP/1.1 200 ")}),
    "the headers": ("http://{}/v", {"/v": drips(OK + b"X-Filler: ")}),
    "a page": ("http://{}/v", {"/v": drips(OK + HTML)}),
    "the size of a chunk": (
        "http://{}/v",
        {"/v": drips(OK + b"Transfer-Encoding: chunked\r\n" + HTML[:-22] + b"4\r\n<!do\r\n", b"0")},
    ),
    "the bytes of a file": ("http://{}/v.mp4", {"/v.mp4": drips(OK + BODY[2:])}),
    "redirections": ("http://{}/v", {"/v": redirects, "/round": redirects}),
    "a page that a page names": (
        "http://{}/v",
        {
            "/v": sends(b'<meta http-equiv="refresh" content="0;url=/w">'),
            "/w": drips(OK + HTML),
        },
    ),
    "the file that a page names": (
        "http://{}/v",
        {"/v": sends(b'<video src="/w.mp4"></video>'), "/w.mp4": drips(OK + BODY[2:])},
    ),
    "a playlist": (
        "http://{}/v.m3u8",
        {"/v.m3u8": drips(OK + f"Content-Type: {MPEGURL}\r\n\r\n#EXTM3U\n#".encode())},
    ),
    "a playlist that a playlist names": (
        "http://{}/v.m3u8",
        {
            "/v.m3u8": sends(MASTER, MPEGURL),
            "/media.m3u8": drips(OK + f"Content-Type: {MPEGURL}\r\n\r\n#EXTM3U\n#".encode()),
        },
    ),
    "a key": (
        "http://{}/v.m3u8",
        {
            "/v.m3u8": sends(PLAYLIST % KEY, MPEGURL),
            "/key": drips(OK + b"Content-Length: 10000\r\n\r\n"),
            "/fragment": sends(bytes(160), "video/mp2t"),
        },
    ),
    "the head of a stream": (
        "http://{}/v.m3u8",
        {"/v.m3u8": sends(PLAYLIST % MAP, MPEGURL), "/map": drips(OK + BODY[2:])},
    ),
    "a fragment": (
        "http://{}/v.m3u8",
        {"/v.m3u8": sends(PLAYLIST % b"", MPEGURL), "/fragment": drips(OK + BODY[2:])},
    ),
    "a manifest": (
        "http://{}/v.mpd",
        {"/v.mpd": drips(OK + f"Content-Type: {DASH}\r\n\r\n<MPD>".encode())},
    ),
    "a fragment of a manifest": (
        "http://{}/v.mpd",
        {"/v.mpd": sends(MANIFEST, DASH), "/fragment": drips(OK + BODY[2:])},
    ),
    "a handshake that never begins": ("https://{}/v", {"": is_silent}),
    "a handshake": ("https://{}/v", {"": drips(TLS)}),
}


def web_of(lookups: Lookups | None = None, *proxies: str, stop: StopSignal | None = None) -> Web:
    pace = Pace(requests_per_second=1000, pause=0.01)
    return Web(
        pace, Credentials(proxies=proxies), lookups=lookups, stop=stop, allowed_hosts=ALLOWED
    )


def ended(
    url: str, web: Web, store: Store, good: str | None = None, limits: FetchLimits = SHORT
) -> Fetch:
    """How a candidate ends, beside which another one of the same run is fetched."""
    seconds = []
    run = f"run of {limits.deadline:g} s"

    def late() -> None:
        begin = time.monotonic()
        one = msgspec.structs.replace(candidate(url), video_key="url:late")
        results.append(fetch(one, store, DiskBudget(None), limits, web, run))
        seconds.append(time.monotonic() - begin)

    results: list[Fetch] = []
    thread = threading.Thread(target=late, daemon=True)
    thread.start()
    if good is not None:
        assert fetch(candidate(good), store, DiskBudget(None), LIMITS, web, run).here
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert seconds[0] < GENEROUS * limits.deadline
    return results[0]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEONET_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("phase", PHASES)
def test_what_is_drawn_out_is_a_timeout_at_the_deadline(phase, folder, store):
    url, answers = PHASES[phase]
    # A busy machine may need longer to come to the phase at all.
    for deadline in (SHORT.deadline, 8 * SHORT.deadline):
        limits = replace(SHORT, deadline=deadline)
        with Stalling(answers) as server, VideoServer(folder) as other:
            record = ended(url.format(server.place), web_of(), store, other.url(NAME), limits)
        assert (record.reason, record.error) == (
            Reason.TIMEOUT,
            f"not done within {deadline:g} s",
        )
        # All that leads to the phase was asked for.
        if set(answers) == set(server.paths):
            break
    assert set(answers) == set(server.paths)


def test_a_name_that_is_not_found_out_is_a_timeout_at_the_deadline(folder, store):
    hanging = threading.Event()

    def resolve(host: str, *others: int) -> list:
        if host == "stalls.example":
            hanging.wait(PATIENCE)
        return socket.getaddrinfo(host, *others)

    with VideoServer(folder) as other:
        web = web_of(Lookups(resolve))
        record = ended("http://stalls.example/v", web, store, other.url(NAME))
    hanging.set()
    assert record.reason is Reason.TIMEOUT, record.error


def test_names_that_are_not_found_out_leave_room_for_others(folder, store):
    # However many hang, no more threads are left behind than are allowed.
    hanging, asked = threading.Event(), []

    def resolve(host: str, *others: int) -> list:
        asked.append(host)
        hanging.wait(PATIENCE)
        return socket.getaddrinfo("127.0.0.1", *others)

    lookups = Lookups(resolve, most=2)

    def wait() -> float:
        if time.monotonic() > end:
            raise TimeoutError
        return 0.05

    for number in range(5):
        end = time.monotonic() + 0.3
        with pytest.raises(TimeoutError):
            lookups.addresses(f"{number}.example", 80, wait)
    assert asked == ["0.example", "1.example"]
    hanging.set()
    wait_for(lambda: not [each for each in threading.enumerate() if each.name == "look-up"])
    assert lookups.addresses("late.example", 80, lambda: 1.0)


@contextmanager
def full_backlog() -> Iterator[str]:
    """The place of a server that takes no more connections, and refuses none."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with suppress(BlockingIOError):
                waiting.connect(listening.getsockname())
        time.sleep(0.2)
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def test_a_connection_that_is_not_taken_is_a_timeout_at_the_deadline(folder, store):
    with full_backlog() as place, VideoServer(folder) as other:
        record = ended(f"http://{place}/v", web_of(), store, other.url(NAME))
    assert record.reason is Reason.TIMEOUT, record.error


@pytest.mark.parametrize(
    ("proxy", "url", "answer"),
    [
        ("http://{}", "https://site.example/v", drips(b"HTTP/1.1 200 OK\r\nX-Filler: ")),
        ("http://{}", "http://site.example/v", drips(b"HTTP/1.1 200 OK\r\nX-Filler: ")),
        ("http://{}", "https://site.example/v", tunnels(drips(TLS))),
        ("https://{}", "http://site.example/v", drips(TLS)),
        ("socks5h://{}", "http://site.example/v", is_silent),
        ("socks5h://{}", "http://site.example/v", drips(b"\5\0\5\0\0\3\xff")),
        ("socks4a://{}", "https://site.example/v", is_silent),
    ],
)
def test_a_proxy_that_stalls_is_a_timeout_at_the_deadline(proxy, url, answer, store):
    with Stalling({"": answer, "http://site.example/v": answer}) as server:
        record = ended(url, web_of(None, proxy.format(server.place)), store)
    assert record.reason is Reason.TIMEOUT, record.error


@pytest.mark.parametrize("phase", ["the headers", "a handshake", "a fragment"])
def test_a_run_that_is_stopped_waits_for_no_server(phase, store):
    url, answers = PHASES[phase]
    stop = StopSignal()
    stopped = threading.Event()

    def visit(url: str) -> None:
        with suppress(Stopped):
            fetch(candidate(url), store, DiskBudget(None), LIMITS, web_of(stop=stop), "run")
            return
        stopped.set()

    with Stalling(answers) as server:
        threading.Thread(target=visit, args=(url.format(server.place),), daemon=True).start()
        wait_for(lambda: set(answers) == set(server.paths))
        stop.set()
        assert stopped.wait(PATIENCE)


def test_fragments_that_are_fetched_side_by_side_end_at_the_deadline(store):
    lines = b"".join(b"#EXTINF:2,\n/%d\n" % number for number in range(4))
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n" + lines + b"#EXT-X-ENDLIST\n"
    answers = {f"/{number}": drips(OK + BODY[2:]) for number in range(4)}
    options = {"concurrent_fragment_downloads": 4}
    web = Web(Pace(requests_per_second=1000), Credentials(options=options), allowed_hosts=ALLOWED)
    with Stalling(answers | {"/v.m3u8": sends(playlist, MPEGURL)}) as server:
        record = ended(f"http://{server.place}/v.m3u8", web, store)
        assert {f"/{number}" for number in range(4)} <= set(server.paths)
    assert record.reason is Reason.TIMEOUT, record.error
