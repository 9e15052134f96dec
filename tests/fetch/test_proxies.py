"""videonet.fetch.proxies: whose turn it is, and who is to blame."""

import base64
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import yt_dlp
from hypothesis import given
from hypothesis import strategies as st
from yt_dlp.networking.exceptions import HTTPError, ProxyError, TransportError
from yt_dlp.utils import DownloadError, ExtractorError

from demo.behaviours import Status
from demo.server import VideoServer
from tests.fetch.forwarding import ForwardProxy
from tests.patience import PATIENCE
from videonet.fetch.proxies import LONGEST_REST, ProxyPool, flaw_of, is_proxy_fault

# Whose turn it is.


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_proxies_take_turns():
    pool = ProxyPool(["a", "b", "c"])
    assert [pool.take() for _ in range(7)] == ["a", "b", "c", "a", "b", "c", "a"]


def test_without_proxies_there_is_none():
    assert ProxyPool([]).take() is None


def test_a_proxy_that_was_given_twice_has_one_turn():
    pool = ProxyPool(["a", "a", "b"])
    assert [pool.take() for _ in range(4)] == ["a", "b", "a", "b"]


def test_a_bad_proxy_rests_and_comes_back():
    clock = Clock()
    pool = ProxyPool(["a", "b"], rest=10, clock=clock)
    pool.rest(pool.take())
    assert [pool.take() for _ in range(3)] == ["b", "b", "b"]
    clock.now += 9.5
    assert pool.take() == "b"
    clock.now += 0.5
    assert pool.take() == "a"


def test_if_all_rest_the_one_whose_rest_ends_first_is_taken():
    clock = Clock()
    pool = ProxyPool(["a", "b"], rest=10, clock=clock)
    for name in ("a", "b"):
        assert pool.take() == name
        pool.rest(name)
        clock.now += 1
    assert [pool.take(), pool.take()] == ["a", "a"]
    pool.rest("a")  # for 20 seconds now
    assert pool.take() == "b"


def rest_of(pool: ProxyPool, clock: Clock) -> float:
    """How long "bad" rests if it is bad once more, beside another one: seconds."""
    while pool.take() != "bad":
        pass
    pool.rest("bad")
    begin = clock.now
    while pool.take() != "bad":
        clock.now += 100
    return clock.now - begin


def test_each_rest_in_a_row_is_twice_as_long_up_to_an_hour():
    clock = Clock()
    pool = ProxyPool(["bad", "good"], rest=300, clock=clock)
    assert [rest_of(pool, clock) for _ in range(6)] == [300, 600, 1200, 2400, 3600, 3600]
    assert LONGEST_REST == 3600


def test_after_it_worked_a_proxy_rests_as_long_as_at_first():
    clock = Clock()
    pool = ProxyPool(["bad", "good"], rest=300, clock=clock)
    assert [rest_of(pool, clock) for _ in range(3)] == [300, 600, 1200]
    pool.worked("bad")
    assert rest_of(pool, clock) == 300


def test_downloads_that_fail_at_once_through_one_proxy_send_it_to_rest_once():
    clock = Clock()
    pool = ProxyPool(["bad", "good"], rest=300, clock=clock)
    assert Counter(pool.take() for _ in range(8)) == {"bad": 4, "good": 4}
    for _ in range(4):
        pool.rest("bad")
    clock.now += 299
    assert pool.take() == "good"
    clock.now += 1
    assert pool.take() == "bad"
    assert rest_of(pool, clock) == 600


def test_a_success_from_before_its_rest_says_nothing_of_a_proxy():
    clock = Clock()
    pool = ProxyPool(["bad", "good"], rest=300, clock=clock)
    assert [pool.take() for _ in range(4)] == ["bad", "good", "bad", "good"]
    pool.rest("bad")
    pool.worked("bad")
    assert [pool.take(), pool.take()] == ["good", "good"]
    clock.now += 300
    assert rest_of(pool, clock) == 600


@given(
    st.lists(st.tuples(st.sampled_from(["take", "rest", "worked", "wait"]), st.integers(0, 2))),
)
def test_no_resting_proxy_is_taken_while_another_one_is_awake(steps):
    clock = Clock()
    names = ["a", "b", "c"]
    pool = ProxyPool(names, rest=10, clock=clock)
    awake_from = dict.fromkeys(names, 0.0)
    pause = dict.fromkeys(names, 10.0)
    taken = dict.fromkeys(names, True)
    for step, number in steps:
        name = names[number]
        if step == "wait":
            clock.now += 7 * number
        elif step == "rest":
            pool.rest(name)
            if taken[name]:
                awake_from[name] = clock.now + pause[name]
                pause[name] = min(2 * pause[name], 3600)
                taken[name] = False
        elif step == "worked":
            pool.worked(name)
            if taken[name]:
                pause[name] = 10.0
        else:
            chosen = pool.take()
            taken[chosen] = True
            assert awake_from[chosen] <= max(clock.now, min(awake_from.values()))


def test_many_threads_share_a_pool():
    pool = ProxyPool(["a", "b", "c"])
    with ThreadPoolExecutor(8) as threads:
        taken = Counter(threads.map(lambda _: pool.take(), range(600)))
    assert taken == {"a": 200, "b": 200, "c": 200}


# Who is to blame, over real connections.


@contextmanager
def answering(*answers: bytes) -> Iterator[str]:
    """A place that sends one of these for each thing it is sent, then hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                for answer in answers:
                    connection.recv(1000)
                    connection.sendall(answer)
                with suppress(ConnectionResetError):
                    connection.recv(1000)

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def dead() -> Iterator[str]:
    """A place where no server listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[VideoServer]:
    (tmp_path / "a.txt").write_text("hello")
    with VideoServer(tmp_path, {"busy.txt": Status(502)}) as server:
        yield server


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that would send requests past the proxy that was given."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "*,127.0.0.1,localhost")
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def ask(proxy: str, url: str, timeout: float = PATIENCE) -> bytes:
    with yt_dlp.YoutubeDL({"proxy": proxy, "quiet": True, "socket_timeout": timeout}) as session:
        return session.urlopen(url).read()


def failure(proxy: str, url: str, timeout: float = PATIENCE) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011  # what it is, is the question
        ask(proxy, url, timeout)
    return caught.value


HTTPS = "https://127.0.0.1:9/a.txt"  # no proxy here gets that far


def test_a_request_goes_through_the_proxy_whatever_the_environment_exempts(site):
    with ForwardProxy() as proxy:
        assert ask(f"http://me:pass%20word@{proxy.place}", site.url("a.txt")) == b"hello"
    given = base64.b64encode(b"me:pass word").decode()
    assert proxy.seen == [(site.url("a.txt"), f"Basic {given}")]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_where_nobody_listens_is_bad(site, dead, scheme):
    for url in (site.url("a.txt"), HTTPS):
        error = failure(f"{scheme}://{dead}", url)
        assert type(error) is ProxyError
        assert is_proxy_fault(error)


@pytest.mark.parametrize("scheme", ["socks4", "socks4a", "socks5", "socks5h"])
def test_a_socks_proxy_where_nobody_listens_is_bad_though_yt_dlp_does_not_say_so(
    site, dead, scheme
):
    for url in (site.url("a.txt"), HTTPS):
        error = failure(f"{scheme}://me:word@{dead}", url)
        assert type(error) is TransportError
        assert is_proxy_fault(error)


def test_a_proxy_that_wants_another_password_is_bad(site):
    with ForwardProxy(407) as proxy:
        error = failure(f"http://{proxy.place}", site.url("a.txt"))
        assert isinstance(error, HTTPError)
        assert is_proxy_fault(error)
        error = failure(f"http://{proxy.place}", HTTPS)
        assert type(error) is ProxyError
        assert is_proxy_fault(error)


def test_a_proxy_that_breaks_off_or_forbids_is_bad(site):
    with ForwardProxy(0) as proxy:
        assert is_proxy_fault(failure(f"http://{proxy.place}", site.url("a.txt")))
    with ForwardProxy(403) as proxy:
        assert is_proxy_fault(failure(f"http://{proxy.place}", HTTPS))


def test_a_proxy_that_does_not_speak_tls_as_its_url_says_is_bad(site):
    with ForwardProxy() as proxy:
        assert is_proxy_fault(failure(f"https://{proxy.place}", site.url("a.txt")))


@pytest.mark.parametrize("status", [502, 504])
def test_a_proxy_that_cannot_reach_the_site_is_not_bad(site, status):
    with ForwardProxy(status) as proxy:
        for url in (site.url("a.txt"), HTTPS):
            assert not is_proxy_fault(failure(f"http://{proxy.place}", url))


# RFC 1928: version 5, then the code; an address of the proxy follows.
def socks5(code: int) -> tuple[bytes, bytes]:
    return b"\x05\x00", bytes([5, code, 0, 1, 0, 0, 0, 0, 0, 0])


@pytest.mark.parametrize(
    ("answers", "bad"),
    [
        (socks5(0x01), True),  # general failure
        (socks5(0x02), True),  # forbidden
        (socks5(0x03), False),  # network unreachable
        (socks5(0x04), False),  # host unreachable
        (socks5(0x05), False),  # refused by the site
        (socks5(0x06), False),  # too far
        ((b"\x05\xff",), True),  # no way to log in
        ((b"HTTP/1.1 400 Bad Request\r\n\r\n",), True),
    ],
)
def test_a_socks_proxy_is_bad_unless_it_says_that_the_site_is_away(site, answers, bad):
    with answering(*answers) as place:
        error = failure(f"socks5://{place}", site.url("a.txt"))
    assert isinstance(error, ProxyError)
    assert is_proxy_fault(error) == bad


def test_a_socks_proxy_that_stays_silent_is_bad_and_with_others_it_may_be_the_site(site):
    for scheme, bad in (("socks5h", True), ("http", False)):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            place = f"127.0.0.1:{silent.getsockname()[1]}"
            error = failure(f"{scheme}://{place}", site.url("a.txt"), 0.2)
        assert is_proxy_fault(error) == bad


def test_a_site_that_fails_is_no_fault_of_a_proxy(site, dead):
    with ForwardProxy() as proxy:
        assert not is_proxy_fault(failure("", f"http://{dead}/a.txt"))
        assert not is_proxy_fault(failure("", site.url("busy.txt")))
        assert not is_proxy_fault(failure("", site.url("missing.txt")))
        assert ask(f"http://{proxy.place}", site.url("a.txt")) == b"hello"


def test_a_bad_proxy_is_known_from_what_an_extraction_reports(site, dead):
    for proxy, page, bad in ((f"http://{dead}", "a.txt", True), ("", "missing.txt", False)):
        options = {"proxy": proxy, "extractor_retries": 0, "logger": Silence()}
        with yt_dlp.YoutubeDL(options) as session, pytest.raises(DownloadError) as caught:
            session.extract_info(site.url(page), download=False)
        assert is_proxy_fault(caught.value) == bad


def test_a_bad_proxy_is_known_behind_other_errors():
    error = ProxyError("refused")
    assert is_proxy_fault(ExtractorError("no page", cause=error))
    assert is_proxy_fault(DownloadError("no page", (ProxyError, error, None)))
    led_to_it, beside_it, hidden = ValueError(), ValueError(), ValueError()
    led_to_it.__cause__ = error
    beside_it.__context__ = error
    hidden.__context__, hidden.__suppress_context__ = error, True
    assert is_proxy_fault(led_to_it)
    assert is_proxy_fault(beside_it)
    assert not is_proxy_fault(hidden)


def test_errors_that_lead_to_each_other_come_to_an_end():
    first, second = ValueError(), ValueError()
    first.__cause__, second.__cause__ = second, first
    assert not is_proxy_fault(first)


class Silence:
    def debug(self, message: str) -> None: ...

    def warning(self, message: str) -> None: ...

    def error(self, message: str) -> None: ...


# Their urls.


@pytest.mark.parametrize(
    "url",
    [
        "http://host:8080",
        "https://host",
        "socks5h://user:p%40ss@10.0.0.1:1080/",
        "socks4://[::1]:1080",
        "SOCKS5://host:1",
    ],
)
def test_a_url_of_a_proxy_may_have_user_and_port(url):
    assert flaw_of(url) is None


@pytest.mark.parametrize(
    ("url", "flaw"),
    [
        ("", "does not begin with one of http://, https://, socks4://"),
        ("host:8080", "does not begin"),
        ("user:word@host:8080", "does not begin"),
        ("ftp://host", "does not begin"),
        ("socks://host", "does not begin"),
        ("http:host", "does not begin"),
        ("http://", "names no host"),
        ("http://user:word@", "names no host"),
        ("http://:8080", "names no host"),
        ("http://host:0", "port 0"),
        ("http://host:port", "cannot be read"),
        ("http://host:99999", "cannot be read"),
        ("http://user:wo/rd@host:80", "cannot be read"),
        ("http://user:wo[rd@host:80", "cannot be read"),
        ("http://user:12/rd@host:80", "write / as %2F"),
        ("http://host/path", "goes on after host and port"),
        ("http://host?x", "goes on"),
        ("http://host:80\n", "control characters"),
        ("http://host :80", "blanks"),
    ],
)
def test_a_flaw_is_told_in_words(url, flaw):
    assert flaw in flaw_of(url)


@given(st.text(max_size=20), st.sampled_from(["http://", "ftp://", "socks5:", ""]), st.text())
def test_the_words_for_a_flaw_show_nothing_of_the_password(password, scheme, end):
    secret = f"Zq7{password}"
    assert secret not in (flaw_of(f"{scheme}user:{secret}@host{end}") or "")
