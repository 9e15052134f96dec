"""demo.server: files as they are, and every misbehaviour that is asked for."""

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
import requests

from demo.behaviours import (
    Bandwidth,
    Behaviour,
    Cut,
    Delay,
    Hang,
    Hold,
    NoLength,
    NoRanges,
    Redirect,
    Status,
    WrongLength,
)
from demo.server import BLOCK, SEND_BUFFER, Request, VideoServer
from tests.patience import PATIENCE, wait_for

CONTENT = bytes(range(256)) * 1000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "files" / "more videos").mkdir(parents=True)
    (tmp_path / "files" / "a.mp4").write_bytes(CONTENT)
    (tmp_path / "files" / "more videos" / "ä.webm").write_bytes(b"small")
    (tmp_path / "secret.txt").write_text("not served")
    return tmp_path / "files"


@pytest.fixture
def plain(folder: Path) -> Iterator[VideoServer]:
    with VideoServer(folder) as server:
        yield server


def serving(folder: Path, behaviour: Behaviour) -> VideoServer:
    return VideoServer(folder, {"a.mp4": behaviour})


def get(server: VideoServer, **headers: str) -> requests.Response:
    return requests.get(
        server.url("a.mp4"), headers=headers, timeout=PATIENCE, allow_redirects=False
    )


def test_a_file_is_served_whole_with_its_type_and_length(plain: VideoServer):
    response = get(plain)
    assert response.status_code == 200
    assert response.content == CONTENT
    assert response.headers["Content-Type"] == "video/mp4"
    assert response.headers["Content-Length"] == str(len(CONTENT))
    assert response.headers["Accept-Ranges"] == "bytes"


def test_a_path_may_have_folders_spaces_and_accents(plain: VideoServer):
    response = requests.get(plain.url("more videos/ä.webm"), timeout=PATIENCE)
    assert response.content == b"small"
    assert response.headers["Content-Type"] == "video/webm"
    assert plain.requests("more videos/ä.webm")[0].status == 200


def test_head_sends_the_headers_of_get_and_no_body(plain: VideoServer):
    response = requests.head(plain.url("a.mp4"), timeout=PATIENCE)
    assert response.headers["Content-Length"] == str(len(CONTENT))
    assert response.content == b""
    assert (plain.requests()[0].method, plain.requests()[0].bytes_sent) == ("HEAD", 0)


@pytest.mark.parametrize(
    "path", ["missing.mp4", "more%20videos", "../secret.txt", "%2e%2e/secret.txt"]
)
def test_what_is_no_file_of_the_folder_is_not_found(plain: VideoServer, path: str):
    request = requests.Request("GET", plain.address).prepare()
    request.url = f"{plain.address}/{path}"
    with requests.Session() as session:
        assert session.send(request, timeout=PATIENCE).status_code == 404


@pytest.mark.parametrize(
    ("asked", "expected", "content_range"),
    [
        ("bytes=0-9", CONTENT[:10], "bytes 0-9/256000"),
        ("bytes=255990-", CONTENT[-10:], "bytes 255990-255999/256000"),
        ("bytes=-10", CONTENT[-10:], "bytes 255990-255999/256000"),
        ("bytes=255990-999999", CONTENT[-10:], "bytes 255990-255999/256000"),
    ],
)
def test_a_range_is_served_as_partial_content(
    plain: VideoServer, asked: str, expected: bytes, content_range: str
):
    response = get(plain, Range=asked)
    assert response.status_code == 206
    assert response.content == expected
    assert response.headers["Content-Range"] == content_range
    assert (plain.requests()[0].range, plain.requests()[0].bytes_sent) == (asked, 10)


def test_a_range_beyond_the_end_cannot_be_satisfied(plain: VideoServer):
    response = get(plain, Range="bytes=256000-")
    assert response.status_code == 416
    assert response.headers["Content-Range"] == "bytes */256000"


def test_a_range_of_a_file_that_has_changed_since_is_answered_with_the_whole(plain: VideoServer):
    etag = get(plain).headers["ETag"]
    assert get(plain, Range="bytes=5-", **{"If-Range": etag}).status_code == 206
    assert get(plain, Range="bytes=5-", **{"If-Range": '"older"'}).status_code == 200


def test_ranges_can_be_switched_off(folder: Path):
    for server in VideoServer(folder, ranges=False), serving(folder, NoRanges()):
        with server:
            response = get(server, Range="bytes=0-9")
            assert (response.status_code, response.content) == (200, CONTENT)
            assert response.headers["Accept-Ranges"] == "none"


def test_a_status_can_be_for_ever_and_needs_no_file(folder: Path):
    with VideoServer(folder, {"gone.mp4": Status(410)}) as server:
        answers = [requests.get(server.url("gone.mp4"), timeout=PATIENCE) for _ in range(3)]
        assert [each.status_code for each in answers] == [410, 410, 410]


def test_a_status_can_be_for_the_first_requests_only(folder: Path):
    with serving(folder, Status(503, times=2, retry_after=7)) as server:
        responses = [get(server) for _ in range(3)]
        assert [each.status_code for each in responses] == [503, 503, 200]
        assert [each.headers.get("Retry-After") for each in responses] == ["7", "7", None]
        assert [each.status for each in server.requests("a.mp4")] == [503, 503, 200]


def test_a_redirect_leads_to_another_path_or_url(folder: Path):
    with serving(folder, Redirect("more videos/ä.webm")) as server:
        assert get(server).status_code == 302
        assert requests.get(server.url("a.mp4"), timeout=PATIENCE).content == b"small"
    with serving(folder, Redirect("https://example.org/x", status=301)) as server:
        assert get(server).headers["Location"] == "https://example.org/x"


def test_an_answer_can_be_delayed(folder: Path):
    for server in VideoServer(folder, delay=0.3), serving(folder, Delay(0.3)):
        with server:
            begin = time.monotonic()
            assert get(server).content == CONTENT
            assert time.monotonic() - begin >= 0.3


def test_an_answer_can_be_held_back_until_an_event(folder: Path):
    event = Event()
    with ThreadPoolExecutor() as pool, serving(folder, Hold(event)) as server:
        client = pool.submit(get, server)
        with pytest.raises(TimeoutError):
            client.result(timeout=0.1)
        event.set()
        assert client.result(timeout=PATIENCE).content == CONTENT


def test_the_bandwidth_can_be_limited(folder: Path):
    with serving(folder, Bandwidth(bytes_per_second=len(CONTENT) * 2)) as server:
        begin = time.monotonic()
        assert get(server).content == CONTENT
        assert 0.45 < time.monotonic() - begin < PATIENCE


def test_the_bandwidth_of_every_connection_can_be_limited(folder: Path):
    with VideoServer(folder, bytes_per_second=len(CONTENT) * 2) as server:
        begin = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(get, [server] * 4))
        assert 0.49 < time.monotonic() - begin < PATIENCE
        assert [each.content for each in answers] == [CONTENT] * 4
        assert all(each.bytes_sent == len(CONTENT) for each in server.requests())


def test_a_connection_can_be_cut_in_the_middle(folder: Path):
    with serving(folder, Cut(after=1000)) as server:
        for _ in range(2):
            with pytest.raises(requests.exceptions.ChunkedEncodingError, match="1000 bytes read"):
                get(server)
        assert [each.bytes_sent for each in server.requests()] == [1000, 1000]


def test_a_cut_download_can_be_resumed(folder: Path):
    with serving(folder, Cut(after=1000, times=1)) as server:
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            get(server)
        assert get(server, Range="bytes=1000-").content == CONTENT[1000:]


@pytest.mark.parametrize("behaviour", [Hang(), Hang(after=1000)])
def test_a_server_can_hang(folder: Path, behaviour: Hang):
    with serving(folder, behaviour) as server:
        response = requests.get(server.url("a.mp4"), timeout=2, stream=True)
        assert response.headers["Content-Length"] == str(len(CONTENT))
        with pytest.raises(requests.exceptions.ConnectionError, match="timed out"):
            _ = response.content
        assert server.requests()[0].bytes_sent == behaviour.after


def test_an_announced_length_can_be_too_long(folder: Path):
    too_few = pytest.raises(requests.exceptions.ChunkedEncodingError, match="10 more expected")
    with serving(folder, WrongLength(by=10)) as server, too_few:
        get(server)


def test_an_announced_length_can_be_too_short(folder: Path):
    with serving(folder, WrongLength(by=-10)) as server:
        assert get(server).content == CONTENT[:-10]


@pytest.mark.parametrize("chunked", [True, False])
def test_a_length_need_not_be_announced(folder: Path, chunked: bool):
    with serving(folder, NoLength(chunked)) as server:
        response = get(server)
        assert "Content-Length" not in response.headers
        assert ("Transfer-Encoding" in response.headers) is chunked
        assert response.content == CONTENT


def test_the_log_is_in_order_and_never_behind_the_client(plain: VideoServer):
    for index in range(50):
        get(plain, Range=f"bytes={index}-{2 * index}")
        assert plain.requests("a.mp4")[index].bytes_sent == index + 1
    times = [each.time for each in plain.requests()]
    assert times == sorted(times)


def test_a_file_of_many_blocks_arrives_whole_and_in_order(folder: Path):
    content = bytes(i * i % 251 for i in range(3 * BLOCK + 7))
    (folder / "a.mp4").write_bytes(content)
    for behaviour in NoRanges(), NoLength(chunked=True), NoLength(chunked=False):
        with serving(folder, behaviour) as server:
            assert get(server).content == content
            assert server.requests()[0].bytes_sent == len(content)


def test_the_log_says_when_an_answer_has_ended(folder: Path):
    event = Event()
    with ThreadPoolExecutor() as pool, serving(folder, Hold(event)) as server:
        client = pool.submit(get, server)
        (request,) = entries(server, lambda each: each.ended is None)
        event.set()
        assert client.result(timeout=PATIENCE).ok
        (request,) = entries(server, lambda each: each.ended is not None)
        assert request.ended is not None
        assert request.time < request.ended <= time.monotonic()


def test_a_client_that_hangs_up_early_costs_little_more_than_it_took(folder: Path):
    with (folder / "a.mp4").open("wb") as file:
        file.truncate(50_000_000)
    with VideoServer(folder) as server:
        port = int(server.address.rpartition(":")[2])
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
            client.settimeout(PATIENCE)
            client.connect(("127.0.0.1", port))
            client.sendall(b"GET /a.mp4 HTTP/1.1\r\nHost: here\r\n\r\n")
            taken = 0
            while taken < 1000:
                taken += len(client.recv(1000 - taken))
        (request,) = entries(server, lambda each: each.ended is not None)
        # What it read, and at most what the buffers of both ends hold, twice as large as asked for.
        assert 0 < request.bytes_sent <= 2 * SEND_BUFFER + (1 << 17) + 1000


def test_a_client_that_hangs_up_while_it_waits_is_sent_nothing_more(folder: Path):
    with VideoServer(folder, bytes_per_second=100_000) as server:
        with requests.get(server.url("a.mp4"), stream=True, timeout=PATIENCE) as response:
            assert response.raw.read(1) == CONTENT[:1]
        (request,) = entries(server, lambda each: each.ended is not None)
        assert 0 < request.bytes_sent < len(CONTENT) / 2


def entries(server: VideoServer, wanted: Callable[[Request], bool]) -> list[Request]:
    """The log, once there is a wanted entry in it."""
    wait_for(lambda: any(wanted(each) for each in server.requests()))
    return server.requests()


def test_many_clients_are_served_at_once(folder: Path):
    event = Event()
    with ThreadPoolExecutor(20) as pool, serving(folder, Hold(event)) as server:
        answers = pool.map(get, [server] * 20)
        wait_for(lambda: len(server.requests()) == 20)
        event.set()
        assert all(each.ok for each in answers)


def test_a_closed_server_answers_nobody_not_even_on_an_old_connection(folder: Path):
    with requests.Session() as session:
        with VideoServer(folder) as server:
            assert session.get(server.url("a.mp4"), timeout=PATIENCE).ok
        with pytest.raises(requests.exceptions.ConnectionError):
            session.get(server.url("a.mp4"), timeout=PATIENCE)


@pytest.mark.parametrize("behaviour", [Delay(10 * PATIENCE), Hold(Event()), Hang(after=1000)])
def test_a_server_that_keeps_its_clients_waiting_can_be_closed_at_once(
    folder: Path, behaviour: Behaviour
):
    def wait(server: VideoServer) -> None:
        with pytest.raises(requests.RequestException):
            get(server)

    with ThreadPoolExecutor() as pool:
        with serving(folder, behaviour) as server:
            client = pool.submit(wait, server)
            wait_for(lambda: bool(server.requests()))
            begin = time.monotonic()
        client.result(timeout=PATIENCE)
        assert time.monotonic() - begin < PATIENCE
