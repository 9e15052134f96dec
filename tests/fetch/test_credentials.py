"""videonet.fetch.credentials: what a user gives so that sites answer, and that none of it leaks."""

import io
import json
import pickle
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, redirect_stderr
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yt_dlp
from hypothesis import given
from hypothesis import strategies as st

from videonet.errors import UsageError
from videonet.fetch.credentials import Credentials, rate_of

SECRET = "Zq7hunter"

HEADER = "# Netscape HTTP Cookie File\n"
SESSION = f"127.0.0.1\tFALSE\t/\tFALSE\t0\tsid\t{SECRET}\n"


def refusal(credentials: Credentials) -> str:
    with pytest.raises(UsageError) as caught:
        credentials.check()
    assert SECRET not in str(caught.value)
    return str(caught.value)


# Cookies.


@pytest.fixture
def cookies(tmp_path: Path) -> Path:
    file = tmp_path / "cookies.txt"
    file.write_text(
        HEADER
        + SESSION
        + "\n# a comment\n"
        + "#HttpOnly_.example.org\tTRUE\t/\tTRUE\t4102444800\tlogin\tall of it\n"
        + "example.org\tFALSE\t/\tFALSE\t\tlang\ten-US\n"
        + "example.org\tFALSE\t/\tFALSE\t1.5\tn\t1\n"
    )
    return file


class Greeter(BaseHTTPRequestHandler):
    """Says which cookies and user agent it got, and sets a cookie."""

    def do_GET(self) -> None:
        body = json.dumps({name: self.headers[name] for name in ("Cookie", "User-Agent")}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", "seen=once")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None: ...


@pytest.fixture
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Greeter) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def greet(credentials: Credentials, site: str) -> dict[str, str | None]:
    with yt_dlp.YoutubeDL({"quiet": True} | credentials.parameters(None)) as session:
        session.cookiejar = credentials.cookie_jar()
        return json.loads(session.urlopen(site).read())


def test_sessions_share_the_cookies_and_what_sites_add_and_the_file_stays_as_it_is(cookies, site):
    before = cookies.read_bytes(), cookies.stat().st_mtime_ns
    credentials = Credentials(cookies=cookies)
    credentials.check()
    assert greet(credentials, site)["Cookie"] == f"sid={SECRET}"
    assert greet(credentials, site)["Cookie"] == f"sid={SECRET}; seen=once"
    assert (cookies.read_bytes(), cookies.stat().st_mtime_ns) == before
    assert credentials.cookie_jar() is credentials.cookie_jar()
    with pytest.raises(ValueError, match="filename"):
        credentials.cookie_jar().save()


def test_without_cookies_there_is_no_jar():
    assert Credentials().cookie_jar() is None


def test_a_file_that_is_not_there_or_not_readable_is_named(tmp_path):
    missing = tmp_path / "missing.txt"
    said = refusal(Credentials(cookies=missing))
    assert said.startswith(f"--cookies {missing} cannot be read (No such file or directory);")
    assert "Is a directory" in refusal(Credentials(cookies=tmp_path))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "does not begin with the line"),
        (f'[{{"name": "sid", "value": "{SECRET}"}}]'.encode(), "not as JSON"),
        (f"sid={SECRET}".encode(), "does not begin with the line"),
        (SESSION.encode(), "does not begin with the line"),
        (f"{HEADER}{SESSION.replace(chr(9), ' ')}".encode(), "line 2,"),
        (f"{HEADER}\n{SESSION}{SESSION.strip()}\tmore\n".encode(), "line 4,"),
        (f"{HEADER}{SESSION.replace('FALSE', 'TRUE', 1)}".encode(), "line 2,"),
        (f"{HEADER}.{SESSION}".encode(), "line 2,"),
        ((HEADER + SESSION.replace("\t0\t", "\tsoon\t")).encode(), "line 2,"),
        ((HEADER + SESSION.replace("\t0\t", "\t" + "9" * 400 + "\t")).encode(), "line 2,"),
        (f"{HEADER}\xff{SECRET}".encode("latin-1"), "UTF-8"),
    ],
)
def test_a_file_that_is_no_cookies_txt_is_told_without_what_is_in_it(
    tmp_path, content, said, capfd
):
    file = tmp_path / "cookies.txt"
    file.write_bytes(content)
    assert said in refusal(Credentials(cookies=file))
    with pytest.raises(UsageError, match=said):
        Credentials(cookies=file).cookie_jar()
    assert capfd.readouterr() == ("", "")


FIELDS = st.tuples(
    st.sampled_from(["a", ".a", "#a", "$a", " a", "", "#HttpOnly_a", "#HttpOnly_.a", "\v"]),
    st.sampled_from(["TRUE", "FALSE", ""]),
    st.sampled_from(["/", "", "a b"]),
    st.sampled_from(["TRUE", "FALSE", "x"]),
    st.sampled_from(["", "0", "1.5", "4102444800", "soon", "-1", "1" * 16]),
    st.sampled_from(["n", "", "#"]),
    st.sampled_from(["v", "", " ", "#", "v\tw"]),
)
LINES = st.lists(FIELDS.map("\t".join) | st.sampled_from(["", " ", "# x", "#", "\t", "x"]))


@given(LINES)
def test_yt_dlp_loads_whatever_passes_and_prints_none_of_it(tmp_path_factory, lines):
    file = tmp_path_factory.getbasetemp() / "cookies.txt"
    file.write_text(HEADER + "\n".join([SESSION.strip(), *lines]))
    credentials = Credentials(cookies=file)
    try:
        credentials.check()
    except UsageError:
        return
    with redirect_stderr(io.StringIO()) as printed:
        assert SECRET in {cookie.value for cookie in credentials.cookie_jar()}
    assert printed.getvalue() == ""


def test_a_file_from_another_system_is_read(tmp_path):
    file = tmp_path / "cookies.txt"
    file.write_bytes(("\ufeff" + (HEADER + SESSION).replace("\n", "\r\n")).encode())
    credentials = Credentials(cookies=file)
    credentials.check()
    assert [cookie.value for cookie in credentials.cookie_jar()] == [SECRET]


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """A profile of Firefox with one cookie."""
    profile = tmp_path / "profile"
    profile.mkdir()
    with closing(sqlite3.connect(profile / "cookies.sqlite")) as database:
        database.execute(
            "CREATE TABLE moz_cookies (host, name, value, path, expiry, isSecure, originAttributes)"
        )
        row = ("127.0.0.1", "sid", "of the browser", "/", 4102444800, 0, "")
        database.execute("INSERT INTO moz_cookies VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        database.commit()
    return profile


def test_cookies_come_from_a_browser_and_those_of_a_file_go_before(profile, cookies, capfd):
    browser = f"firefox:{profile}"
    credentials = Credentials(cookies_from_browser=browser)
    credentials.check()
    assert [cookie.value for cookie in credentials.cookie_jar()] == ["of the browser"]
    assert "of the browser" in credentials.secrets()
    both = Credentials(cookies=cookies, cookies_from_browser=browser).cookie_jar()
    assert {cookie.name: cookie.value for cookie in both}["sid"] == SECRET
    assert capfd.readouterr() == ("", "")


def test_a_browser_without_cookies_is_told(profile, tmp_path):
    with closing(sqlite3.connect(profile / "cookies.sqlite")) as database:
        database.execute("DELETE FROM moz_cookies")
        database.commit()
    with pytest.raises(UsageError, match="firefox has no cookies"):
        Credentials(cookies_from_browser=f"firefox:{profile}").cookie_jar()
    with pytest.raises(UsageError, match="could not find firefox cookies"):
        Credentials(cookies_from_browser=f"firefox:{tmp_path / 'nowhere'}").cookie_jar()


@pytest.mark.parametrize("before", ["firefox", "Firefox ", "firefox+basictext"])
def test_a_browser_may_have_keyring_profile_and_container(profile, before):
    assert len(Credentials(cookies_from_browser=f"{before}:{profile}").cookie_jar()) == 1
    assert len(Credentials(cookies_from_browser=f"{before}:{profile}::none").cookie_jar()) == 1
    # Only a profile with containers has that file.
    assert "containers.json" in refusal(
        Credentials(cookies_from_browser=f"{before}:{profile}::work")
    )


@pytest.mark.parametrize("browser", ["", "netscape", ":profile", "+kwallet", "firefox+purse"])
def test_an_unknown_browser_or_keyring_is_refused_with_the_browsers_that_are_known(browser):
    said = refusal(Credentials(cookies_from_browser=browser))
    assert "unsupported" in said
    assert "brave, chrome, chromium" in said


# Proxies, user agent, rate.


def test_a_bad_proxy_is_told_by_its_number():
    good = "socks5h://me:word@host:1080"
    Credentials(proxies=(good, "http://host")).check()
    said = refusal(Credentials(proxies=(good, f"http://me:{SECRET}/x@host:80")))
    assert said.startswith("--proxy number 2 has a host or port that cannot be read;")
    assert "number 1 does not begin" in refusal(Credentials(proxies=(f"me:{SECRET}@host:80",)))


@pytest.mark.parametrize("agent", ["", " ", "a\r\nX: y", "a\nb", "日本", "a\x00"])
def test_a_user_agent_is_one_line_that_http_can_carry(agent):
    assert "--user-agent takes one line" in refusal(Credentials(user_agent=agent))


def test_sites_are_asked_under_the_name_that_was_given(site):
    name = "Research/1.0 (me@example.org)"
    credentials = Credentials(user_agent=name, options={"http_headers": {"A": "b"}})
    credentials.check()
    assert greet(Credentials(user_agent=name), site)["User-Agent"] == name
    assert credentials.parameters(None)["http_headers"] == {"A": "b", "User-Agent": name}


def test_a_rate_is_a_size_a_second():
    assert [rate_of(text) for text in ("1000", "500KB", "2MiB")] == [1000, 500_000, 2 * 1024**2]


@pytest.mark.parametrize("text", ["0", "0KB", "-1", "fast", ""])
def test_a_rate_that_is_no_size_above_zero_is_refused(text):
    with pytest.raises(UsageError, match=f"--rate-limit takes a size above 0, .* not {text!r}"):
        rate_of(text)


def test_parameters_are_what_was_given_and_each_sessions_own():
    credentials = Credentials(rate_limit=1000, options={"js_runtimes": {"node": {}}})
    first = credentials.parameters("http://host:1")
    assert first == {"js_runtimes": {"node": {}}, "ratelimit": 1000, "proxy": "http://host:1"}
    first["js_runtimes"].clear()
    assert credentials.parameters(None) == {"js_runtimes": {"node": {}}, "ratelimit": 1000}
    assert Credentials().parameters(None) == {}


# Secrets.


def test_the_values_of_cookies_are_secret_unless_they_are_everywhere(cookies):
    secrets = Credentials(cookies=cookies).secrets()
    assert secrets == {SECRET, "all of it"}


def test_a_cookie_without_a_name_is_secret(tmp_path):
    file = tmp_path / "cookies.txt"
    file.write_text(
        HEADER + f"a.org\tFALSE\t/\tFALSE\t0\t\t{SECRET}\na.org\tFALSE\t/a\tFALSE\t0\tempty_one\t\n"
    )
    assert Credentials(cookies=file).secrets() == {SECRET}


def test_the_credentials_of_proxies_are_secret():
    credentials = Credentials(proxies=("http://customer:p%40ss@host:1", "http://plain:2"))
    secrets = credentials.secrets()
    assert {"http://customer:p%40ss@host:1", "customer", "p%40ss", "p@ss"} <= secrets
    assert not any("plain" in each for each in secrets)


def test_the_secrets_of_options_are_secret():
    assert Credentials(options={"password": SECRET, "format": "best"}).secrets() == {SECRET}


def test_credentials_show_none_of_their_secrets_and_do_not_leave_their_process(cookies):
    credentials = Credentials(
        cookies=cookies,
        cookies_from_browser=f"firefox:{SECRET}",
        proxies=(f"http://me:{SECRET}@host",),
        options={"password": SECRET},
    )
    assert SECRET not in repr(credentials)
    assert SECRET not in str(credentials)
    with pytest.raises(TypeError, match="do not leave their process"):
        pickle.dumps(credentials)


@pytest.fixture
def dead() -> Iterator[str]:
    """A place where no server listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def test_what_yt_dlp_reports_of_a_session_shows_no_secret_once_redacted(dead, cookies):
    proxy = f"http://customer:{SECRET}@{dead}"
    credentials = Credentials(cookies=cookies, proxies=(proxy,))
    with yt_dlp.YoutubeDL({"quiet": True} | credentials.parameters(proxy)) as session:
        session.cookiejar = credentials.cookie_jar()
        with pytest.raises(yt_dlp.networking.exceptions.ProxyError) as caught:
            session.urlopen("http://site.invalid/a?token=1")
        said = f"{caught.value} {session.proxies} {session.cookiejar}"
    shown = credentials.redaction.redacted(said)
    assert SECRET not in shown
    assert "customer" not in shown
    assert "Connection refused" in shown
