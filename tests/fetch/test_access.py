"""videonet.fetch.access: what a user gives so that sites answer, and that none of it leaks."""

import io
import json
import pickle
import re
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
from yt_dlp.networking.impersonate import ImpersonateTarget

from videonet.errors import UsageError
from videonet.fetch.access import Access, options_of, parse_option
from videonet.fetch.secrecy import HARMLESS, MARK, Secrets

SECRET = "Zq7hunter"

HEADER = "# Netscape HTTP Cookie File\n"
SESSION = f"127.0.0.1\tFALSE\t/\tFALSE\t0\tsid\t{SECRET}\n"


def refusal(access: Access) -> str:
    with pytest.raises(UsageError) as caught:
        access.check()
    assert SECRET not in str(caught.value)
    return str(caught.value)


def refused_option(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        parse_option(text)
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


def greet(access: Access, site: str) -> dict[str, str | None]:
    with yt_dlp.YoutubeDL({"quiet": True} | access.parameters(None)) as session:
        session.cookiejar = access.cookie_jar()
        return json.loads(session.urlopen(site).read())


def test_sessions_share_the_cookies_and_what_sites_add_and_the_file_stays_as_it_is(cookies, site):
    before = cookies.read_bytes(), cookies.stat().st_mtime_ns
    access = Access(cookies=cookies)
    access.check()
    assert greet(access, site)["Cookie"] == f"sid={SECRET}"
    assert greet(access, site)["Cookie"] == f"sid={SECRET}; seen=once"
    assert (cookies.read_bytes(), cookies.stat().st_mtime_ns) == before
    assert access.cookie_jar() is access.cookie_jar()
    with pytest.raises(ValueError, match="filename"):
        access.cookie_jar().save()


def test_without_cookies_there_is_no_jar():
    assert Access().cookie_jar() is None


def test_a_file_that_is_not_there_or_not_readable_is_told_without_what_was_typed(tmp_path):
    for path in (tmp_path / "missing.txt", Path(f"sid={SECRET}"), Path(f"{SECRET}/" * 1000)):
        assert "cannot be read" in refusal(Access(cookies=path))
    assert "Is a directory" in refusal(Access(cookies=tmp_path))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "does not begin with the line"),
        (f'[{{"name": "sid", "value": "{SECRET}"}}]'.encode(), "not as JSON"),
        (f"sid={SECRET}".encode(), "does not begin with the line"),
        (SESSION.encode(), "does not begin with the line"),
        (f"{HEADER}{SESSION.replace(chr(9), ' ')}".encode(), "Line 2 "),
        (f"{HEADER}\n{SESSION}{SESSION.strip()}\tmore\n".encode(), "Line 4 "),
        (f"{HEADER}{SESSION.replace('FALSE', 'TRUE', 1)}".encode(), "Line 2 "),
        (f"{HEADER}.{SESSION}".encode(), "Line 2 "),
        ((HEADER + SESSION.replace("\t0\t", "\tsoon\t")).encode(), "Line 2 "),
        ((HEADER + SESSION.replace("\t0\t", "\t" + "9" * 400 + "\t")).encode(), "Line 2 "),
        (f"{HEADER}\xff{SECRET}".encode("latin-1"), "UTF-8"),
    ],
)
def test_a_file_that_is_no_cookies_txt_is_told_without_what_is_in_it(
    tmp_path, content, said, capfd
):
    file = tmp_path / "cookies.txt"
    file.write_bytes(content)
    assert said in refusal(Access(cookies=file))
    with pytest.raises(UsageError, match=said):
        Access(cookies=file).cookie_jar()
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
    access = Access(cookies=file)
    try:
        access.check()
    except UsageError:
        return
    with redirect_stderr(io.StringIO()) as printed:
        assert SECRET in {cookie.value for cookie in access.cookie_jar()}
    assert printed.getvalue() == ""


def test_a_file_from_another_system_is_read(tmp_path):
    file = tmp_path / "cookies.txt"
    file.write_bytes(("\ufeff" + (HEADER + SESSION).replace("\n", "\r\n")).encode())
    access = Access(cookies=file)
    access.check()
    assert [cookie.value for cookie in access.cookie_jar()] == [SECRET]


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
    access = Access(cookies_from_browser=browser)
    access.check()
    assert [cookie.value for cookie in access.cookie_jar()] == ["of the browser"]
    assert "of the browser" in access.secrets()
    both = Access(cookies=cookies, cookies_from_browser=browser).cookie_jar()
    assert {cookie.name: cookie.value for cookie in both}["sid"] == SECRET
    assert capfd.readouterr() == ("", "")


def test_a_browser_without_cookies_is_told(profile, tmp_path):
    with closing(sqlite3.connect(profile / "cookies.sqlite")) as database:
        database.execute("DELETE FROM moz_cookies")
        database.commit()
    with pytest.raises(UsageError, match="firefox has no cookies"):
        Access(cookies_from_browser=f"firefox:{profile}").cookie_jar()
    with pytest.raises(UsageError, match="could not find firefox cookies"):
        Access(cookies_from_browser=f"firefox:{tmp_path / 'nowhere'}").cookie_jar()


@pytest.mark.parametrize(
    "browser",
    ["firefox", "Chrome:Default", "chromium+gnomekeyring:p", "firefox::work", "edge:C:\\p"],
)
def test_a_browser_may_have_keyring_profile_and_container(browser):
    Access(cookies_from_browser=browser).check()


@pytest.mark.parametrize("browser", ["", "netscape", f"sid={SECRET}", ":profile", "+kwallet"])
def test_an_unknown_browser_is_refused_with_those_that_are_known(browser):
    assert "brave, chrome, chromium" in refusal(Access(cookies_from_browser=browser))


def test_an_unknown_keyring_is_refused_with_those_that_are_known():
    said = refusal(Access(cookies_from_browser=f"chrome+{SECRET}"))
    assert "BASICTEXT, GNOMEKEYRING" in said


# Proxies, user agent, rate.


def test_a_bad_proxy_is_told_by_its_number():
    good = "socks5h://me:word@host:1080"
    Access(proxies=(good, "http://host")).check()
    said = refusal(Access(proxies=(good, f"http://me:{SECRET}/x@host:80")))
    assert said.startswith("--proxy number 2 has a host or port that cannot be read;")
    assert "number 1 does not begin" in refusal(Access(proxies=(f"me:{SECRET}@host:80",)))


@pytest.mark.parametrize("agent", ["", " ", "a\r\nX: y", "a\nb", "日本", "a\x00"])
def test_a_user_agent_is_one_line_that_http_can_carry(agent):
    assert "--user-agent takes one line" in refusal(Access(user_agent=agent))


def test_sites_are_asked_under_the_name_that_was_given(site):
    access = Access(
        user_agent="Research/1.0 (me@example.org)", options={"http_headers": {"A": "b"}}
    )
    access.check()
    assert greet(Access(user_agent=access.user_agent), site)["User-Agent"] == access.user_agent
    assert access.parameters(None)["http_headers"] == {"A": "b", "User-Agent": access.user_agent}


@pytest.mark.parametrize("rate", [0, -1])
def test_a_rate_is_above_zero(rate):
    assert str(rate) in refusal(Access(rate_limit=rate))


def test_parameters_are_what_was_given_and_each_sessions_own():
    access = Access(rate_limit=1000, options={"js_runtimes": {"node": {}}})
    first = access.parameters("http://host:1")
    assert first == {"js_runtimes": {"node": {}}, "ratelimit": 1000, "proxy": "http://host:1"}
    first["js_runtimes"].clear()
    assert access.parameters(None) == {"js_runtimes": {"node": {}}, "ratelimit": 1000}
    assert Access().parameters(None) == {}


# Options.


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("format=best[height<=480]", "format", "best[height<=480]"),
        ("format-sort=" + '["res:480"]', "format_sort", ["res:480"]),
        (" geo-bypass =false", "geo_bypass", False),
        ("sleep_interval_requests=1.5", "sleep_interval_requests", 1.5),
        ("sleep-interval=0", "sleep_interval", 0),
        ("http_chunk_size=10000000", "http_chunk_size", 10_000_000),
        ("concurrent_fragment_downloads=4", "concurrent_fragment_downloads", 4),
        ("username=me=you", "username", "me=you"),
        ("password=123456", "password", "123456"),
        ("password=true", "password", "true"),
        ('password="123456"', "password", "123456"),
        ("videopassword={", "videopassword", "{"),
        ("source_address=10.0.0.7", "source_address", "10.0.0.7"),
        ("prefer_insecure=true", "prefer_insecure", True),
        ('check_formats="selected"', "check_formats", "selected"),
        ("cachedir=/tmp/x", "cachedir", "/tmp/x"),
        ("cachedir=false", "cachedir", False),
        ("compat_opts=" + '["no-certifi"]', "compat_opts", ["no-certifi"]),
        ('remote_components=["ejs:npm"]', "remote_components", ["ejs:npm"]),
        ('js_runtimes={"node": {}, "deno": {"path": "/d"}}', "js_runtimes", None),
        ('extractor_args={"youtube": {"player_client": ["web"]}}', "extractor_args", None),
        ('http_headers={"Referer": "https://example.org/"}', "http_headers", None),
        (
            "impersonate=Chrome-124:Windows",
            "impersonate",
            ImpersonateTarget("chrome", "124", "windows"),
        ),
    ],
)
def test_a_value_is_json_or_the_text_itself(text, key, value):
    expected = json.loads(text.partition("=")[2]) if value is None else value
    assert parse_option(text) == (key, expected)
    assert type(parse_option(text)[1]) is type(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("geo_bypass=yes", "true or false"),
        ("geo_bypass=1", "true or false"),
        ("prefer_insecure=1", "true or false"),
        ("concurrent_fragment_downloads=two", "a whole number above 0"),
        ("concurrent_fragment_downloads=0", "a whole number above 0"),
        ("concurrent_fragment_downloads=true", "a whole number above 0"),
        ("http_chunk_size=10M", "a whole number above 0"),
        ("sleep_interval=-1", "a number of seconds"),
        ("sleep_interval=NaN", "a number of seconds"),
        ("sleep_interval=Infinity", "a number of seconds"),
        ("sleep_interval=true", "a number of seconds"),
        ("format=-", "keyboard"),
        ("format=", "a text"),
        ("username=", "a text"),
        ("format_sort=res:480", "a JSON list of fields"),
        ('format_sort=["!"]', "a JSON list of fields"),
        ("allowed_extractors=youtube", "a JSON list of texts"),
        ("compat_opts=[1]", "a JSON list of texts"),
        (f"extractor_args={SECRET}", "lists of texts by extractor"),
        (f'extractor_args={{"youtube": "{SECRET}"}}', "lists of texts by extractor"),
        (
            f'extractor_args={{"youtube": {{"po_token": "{SECRET}"}}}}',
            "lists of texts by extractor",
        ),
        ("js_runtimes=node", "objects by runtime"),
        ('js_runtimes={"node": null}', "objects by runtime"),
        ('js_runtimes={"nodejs": {}}', "of deno, node, bun, quickjs"),
        ('remote_components=["npm"]', "ejs:github, ejs:npm"),
        ("impersonate=a-b-c-d", "such as chrome"),
        ("impersonate=true", "such as chrome"),
        ("source_address=eth0", "an IP address"),
        ("cachedir=true", "a folder, or false"),
        ("check_formats=7", 'true, false or "selected"'),
        (f'http_headers=["{SECRET}"]', "texts of one line by name"),
        (f'http_headers={{"X": "{SECRET}\\r\\nY: z"}}', "texts of one line by name"),
        (f'http_headers={{"X\\n{SECRET}": "y"}}', "texts of one line by name"),
        (f'http_headers={{"X": {{"y": "{SECRET}"}}}}', "texts of one line by name"),
        (f'http_headers={{"Cookie": "a={SECRET}"}}', "use --cookies"),
        ('http_headers={"user-agent": "x"}', "--user-agent"),
        (f'http_headers={{"Ytdl-Request-Proxy": "http://{SECRET}"}}', "--proxy"),
        ("geo_bypass=" + "[" * 100_000, "true or false"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_what_would(text, expected):
    said = refused_option(text)
    assert said.startswith(f"--yt-dlp-option {text.partition('=')[0]} takes ")
    assert expected in said


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("formt=best", "format"),
        ("sleep_requests=1", "sleep_interval_requests"),
        ("js-runtime={}", "js_runtimes"),
        ("extractor-arg={}", "extractor_args"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(text, near):
    assert f"did you mean {near}?" in refused_option(f"{text}{SECRET}")


@pytest.mark.parametrize(
    "text", [SECRET, f"{SECRET}==", f'{{"password": "{SECRET}="}}', f"={SECRET}"]
)
def test_what_is_no_key_at_all_is_not_repeated(text):
    assert "--yt-dlp-option" in refused_option(text)


@pytest.mark.parametrize(
    ("key", "instead"),
    [
        ("proxy", "--proxy"),
        ("cookiefile", "--cookies"),
        ("cookiesfrombrowser", "--cookies-from-browser"),
        ("ratelimit", "--rate-limit"),
        ("max_filesize", "--max-bytes"),
        ("retries", "--deadline"),
        ("fragment-retries", "--deadline"),
        ("socket_timeout", "--deadline"),
        ("match_filter", "--min-seconds"),
        ("daterange", "by title"),
        ("noplaylist", "--source"),
        ("enable_file_urls", "--source folder:DIR"),
        *[(key, ":") for key in ("outtmpl", "paths", "logger", "progress_hooks", "postprocessors")],
        *[(key, ":") for key in ("quiet", "verbose", "simulate", "skip_download", "extract_flat")],
        *[(key, ":") for key in ("download_archive", "debug_printtraffic", "ignoreerrors")],
    ],
)
def test_a_key_that_videonet_sets_itself_is_refused_with_what_to_use(key, instead):
    said = refused_option(f"{key}={SECRET}")
    assert said.startswith(f"--yt-dlp-option cannot set {key.replace('-', '_')}: ")
    assert instead in said


def test_no_parameter_that_prints_writes_lists_retries_or_filters_is_free():
    free = []
    for key in yt_dlp.parse_options([]).ydl_opts:
        try:
            parse_option(f"{key}={SECRET}")
            free.append(key)
        except UsageError as error:
            if "cannot set" not in str(error) and "does not have" not in str(error):
                free.append(key)
    assert {"format", "http_headers", "username", "js_runtimes"} <= set(free)
    assert set(free) >= HARMLESS
    told = re.compile("print|^write|^list|^dump|retr|filter|playlist|hook|postproc|progress|^match")
    assert [key for key in free if told.search(key)] == []


def test_options_are_gathered_and_none_is_given_twice():
    assert options_of(["format=b", "geo-bypass=true"]) == {"format": "b", "geo_bypass": True}
    assert options_of([]) == {}
    with pytest.raises(UsageError, match="gives geo_bypass twice"):
        options_of(["geo-bypass=true", "geo_bypass=false"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"format": "best[height<"}, "Invalid format specification"),
        ({"impersonate": ImpersonateTarget("nosuch")}, "is not available"),
        ({"allowed_extractors": ["("]}, "Wrong regex"),
        ({"retries": 3}, "cannot set retries"),
        ({"formats": "b"}, "did you mean format?"),
        ({"geo_bypass": "no"}, "true or false"),
        ({"impersonate": "chrome"}, "such as chrome"),
        ({"username": SECRET}, "username and password together"),
        ({"password": SECRET}, "username and password together"),
        ({"geo_verification_proxy": f"me:{SECRET}@host"}, "geo_verification_proxy does not begin"),
    ],
)
def test_what_yt_dlp_would_refuse_later_is_refused_before_the_run(options, said):
    assert said in refusal(Access(options=options))


def test_what_yt_dlp_says_of_options_shows_no_secret(capfd):
    options = {"format": f"best[x={SECRET}", "username": SECRET, "password": SECRET}
    assert f"best[x={MARK}" in refusal(Access(options=options))
    assert capfd.readouterr() == ("", "")


def test_what_would_lead_past_the_proxy_is_refused_with_one():
    options = {"compat_opts": ["prefer-legacy-http-handler"]}
    Access(options=options).check()
    assert "bypass --proxy" in refusal(Access(options=options, proxies=("http://host",)))


def test_access_that_can_be_used_passes():
    Access().check()
    texts = ["format=b", 'js_runtimes={"node": {}}', "username=a", "password=b", "cachedir=false"]
    Access(options=options_of(texts), rate_limit=1, user_agent="é").check()


# Secrets.


def test_the_values_of_cookies_are_secret_unless_they_are_everywhere(cookies):
    secrets = Access(cookies=cookies).secrets()
    assert secrets == {SECRET, "all of it"}


def test_a_cookie_without_a_name_is_secret(tmp_path):
    file = tmp_path / "cookies.txt"
    file.write_text(
        HEADER + f"a.org\tFALSE\t/\tFALSE\t0\t\t{SECRET}\na.org\tFALSE\t/a\tFALSE\t0\tempty_one\t\n"
    )
    assert Access(cookies=file).secrets() == {SECRET}


def test_the_credentials_of_proxies_are_secret():
    access = Access(
        proxies=("http://customer:p%40ss@host:1", "http://plain:2"),
        options={"geo_verification_proxy": "http://other:word@host:3"},
    )
    secrets = access.secrets()
    assert {"http://customer:p%40ss@host:1", "customer", "p%40ss", "p@ss", "word"} <= secrets
    assert not any("plain" in each for each in secrets)


def test_all_texts_in_options_are_secret_but_for_harmless_ones():
    access = Access(
        options=options_of(
            [
                "username=me",
                "password=word",
                'http_headers={"Authorization": "Bearer 0123456789abcdef", "X": "short"}',
                'extractor_args={"youtube": {"po_token": ["web.gvs+0123456789ABCDEF=="]}}',
                "format=bestvideo[height<=480]",
                'js_runtimes={"node": {"path": "/usr/bin/node"}}',
                "netrc_cmd=pass show site",
                "geo_bypass=true",
                "sleep_interval=1234567",
            ]
        )
    )
    assert access.secrets() == {
        *("me", "word", "Bearer 0123456789abcdef", "0123456789abcdef"),
        *("web.gvs+0123456789ABCDEF==", "0123456789ABCDEF", "pass show site"),
    }


def test_an_access_shows_none_of_its_secrets_and_does_not_leave_its_process(cookies):
    access = Access(
        cookies=cookies,
        cookies_from_browser=f"firefox:{SECRET}",
        proxies=(f"http://me:{SECRET}@host",),
        options={"password": SECRET},
    )
    assert SECRET not in repr(access)
    assert SECRET not in str(access)
    with pytest.raises(TypeError, match="does not leave its process"):
        pickle.dumps(access)


@pytest.fixture
def dead() -> Iterator[str]:
    """A place where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def test_what_yt_dlp_reports_of_a_session_shows_no_secret_once_redacted(dead, cookies):
    access = Access(cookies=cookies, proxies=(f"http://customer:{SECRET}@{dead}",))
    hidden = Secrets(access.secrets())
    with yt_dlp.YoutubeDL({"quiet": True} | access.parameters(access.proxies[0])) as session:
        session.cookiejar = access.cookie_jar()
        with pytest.raises(yt_dlp.networking.exceptions.ProxyError) as caught:
            session.urlopen("http://site.invalid/a?token=1")
        shown = hidden.redacted(f"{caught.value} {session.proxies} {session.cookiejar}")
    assert SECRET not in shown
    assert "customer" not in shown
    assert "Connection refused" in shown
