"""videonet.fetch.redaction: what no text shows."""

import base64
import json
import re
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videonet.fetch.redaction import MARK, SHORTEST, Redaction, secrets_in_url

TEXTS = st.text(st.characters(codec=None), max_size=60)
SECRETS = st.text(st.characters(codec=None), min_size=SHORTEST, max_size=20).filter(
    lambda text: len(text.strip()) >= SHORTEST
)

# Texts of what redaction itself looks for and writes, which chance would hardly make.
PIECES = st.lists(
    st.sampled_from(
        [
            *("http://", "a:b@", "host", "/p", "?", "x=1", "#", "…", "*", MARK, "url: ", ".", ")"),
            *("Cookie: ", "a=b", "Authorization: ", " ", "\n", '"', "'", "%", "é", "\ud800"),
        ]
    ),
    max_size=12,
).map("".join)


# Addresses and headers are hidden without any secret being known.
NOTHING = Redaction()


# Properties.


@given(st.lists(SECRETS | PIECES, min_size=1, max_size=5), TEXTS | PIECES, TEXTS | PIECES)
def test_no_text_shows_a_secret_wherever_it_stands(secrets, before, after):
    hidden = Redaction(secrets)
    for secret in secrets:
        shown = hidden.redacted(before + secret + after)
        for each in secrets:
            assert len(each.strip()) < SHORTEST or each not in shown


@given(st.lists(SECRETS | PIECES, max_size=5), TEXTS | PIECES)
def test_what_is_redacted_stays_as_it_is(secrets, text):
    hidden = Redaction(secrets)
    shown = hidden.redacted(text + "".join(secrets))
    assert hidden.redacted(shown) == shown


@given(SECRETS)
def test_a_secret_is_hidden_in_other_spellings(secret):
    secret = secret.encode("utf-8", "replace").decode().strip()
    hidden = Redaction([secret])
    spellings = {
        quote(secret),
        quote(secret, safe=""),
        re.sub("%..", lambda found: found[0].lower(), quote(secret)),
        quote_plus(secret),
        repr(secret),
        json.dumps(secret),
        " ".join(secret.split()),
    }
    for spelling in spellings:
        bare = spelling.strip("\"'") or spelling
        shown = hidden.redacted(f"it is {spelling} here")
        assert bare not in shown
        assert MARK in shown


@given(st.text(st.characters(codec="utf-8", exclude_characters='/?#@:"<>'), max_size=60))
def test_a_text_without_secrets_and_addresses_is_unchanged(text):
    assert Redaction(["correct horse"]).redacted(text) == text


# Secrets.


@pytest.mark.parametrize(
    ("secrets", "text", "shown"),
    [
        (["hunter22"], "login failed for hunter22.", "login failed for ***."),
        (["pass", "password1"], "password1 is wrong", "*** is wrong"),
        (["abcdef", "cdefgh"], "abcdefgh", "***"),
        (["abcd", "efgh"], "abcdefgh", "***"),
        (["abcd", "efgh"], "abcd efgh", "*** ***"),
        (["ab&c d"], "token=ab%26c%20d, ab%26c+d", "token=***, ***"),
        (["ü=ber"], "%C3%BC%3Dber and %c3%bc%3dber", "*** and ***"),
        (["two  words"], "it was two words", "it was ***"),
        (["a\nb\\c"], repr("x a\nb\\c"), "'x ***'"),
    ],
)
def test_a_secret_is_hidden_whole(secrets, text, shown):
    assert Redaction(secrets).redacted(text) == shown


def test_what_comes_together_around_a_secret_may_be_another_one():
    hidden = Redaction(["ab***cd", "secret"])
    assert hidden.redacted("absecretcd") == "***"


def test_a_string_that_is_everywhere_hides_nothing():
    hidden = Redaction(["1", "", "   ", "abc", "    \t "])
    assert hidden.redacted("abc: 1 of 10    \t left") == "abc: 1 of 10    \t left"


def test_a_text_with_half_a_character_is_redacted_too():
    assert Redaction(["sec\udcffret"]).redacted("\udcff sec\udcffret \ud800") == "\udcff *** \ud800"


# Addresses.


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://host/p?a=1&b=2#c", "http://host/p?…"),
        ("https://host:8080/p#t=1", "https://host:8080/p?…"),
        ("https://user:pass@host:8080/p", "https://host:8080/p"),
        ("socks5h://user:p@ss@host:1080", "socks5h://host:1080"),
        ("HTTPS://USER@HOST/P?Q", "HTTPS://HOST/P?…"),
        ("https://www.youtube.com/@name/videos", "https://www.youtube.com/@name/videos"),
        ("Unsupported URL: http://host/?sig=x.y", "Unsupported URL: http://host/?…"),
        ("see 'http://host/p?a=1', or ask", "see 'http://host/p?…', or ask"),
        ("(http://host/p?a=(1)).", "(http://host/p?…))."),
        ("why http://host/p?", "why http://host/p?"),
        ("a http://h/?x b http://u:p@h/?y c", "a http://h/?… b http://h/?… c"),
        ("https://web.archive.org/http://u:p@h/?x", "https://web.archive.org/http://h/?…"),
        ('{"url":"http://u:p@h/?x=1","id":"a@b"}', '{"url":"http://h/?…","id":"a@b"}'),
        ("<a href=http://h/p?x=1>", "<a href=http://h/p?…>"),
        (
            "HTTPSConnectionPool(host='h', port=443): Max retries exceeded with url: /p?sig=1 (x)",
            "HTTPSConnectionPool(host='h', port=443): Max retries exceeded with url: /p?… (x)",
        ),
        ("GET /p?sig=1 HTTP/1.1", "GET /p?… HTTP/1.1"),
        ("either/or?yes", "either/or?yes"),
    ],
)
def test_an_address_keeps_scheme_host_port_and_path(text, shown):
    assert NOTHING.redacted(text) == shown
    assert NOTHING.redacted(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abc.def", "Authorization: ***"),
        ("proxy-authorization: Basic dTpw\nHost: h", "proxy-authorization: ***\nHost: h"),
        ("{'Authorization': 'Bearer abc', 'Accept': '*/*'}", "{'Authorization': ***"),
        ("Cookie: a=b; c=d\nHost: h", "Cookie: ***\nHost: h"),
        ("Set-Cookie: a=b; Path=/", "Set-Cookie: ***"),
        ('{"Cookie": "a=b"}', '{"Cookie": "***'),
    ],
)
def test_what_looks_like_a_secret_header_is_hidden_to_the_end_of_its_line(text, shown):
    assert NOTHING.redacted(text) == shown
    assert NOTHING.redacted(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "HTTP Error 404: Not Found",
        "HTTP Error 401: Unauthorized",
        "HTTP Error 407: Proxy Authentication Required",
        "Video unavailable",
        "Sign in to confirm you\u2019re not a bot. Use --cookies-from-browser or --cookies",
        "Missing cookie: log in first",
        "Authorization required",
        "HTTPConnection(host='127.0.0.1', port=1): Failed to establish a new connection: "
        "[Errno 111] Connection refused",
        "no room for 100 bytes in the budget",
        "/data/a video.mp4 is no video; is it?",
        "folder:/data//videos",
        "",
    ],
)
def test_an_ordinary_error_text_is_unchanged(text):
    assert NOTHING.redacted(text) == text


# What is secret of an address.


def test_what_is_secret_of_a_url_is_all_of_its_credentials_in_all_spellings():
    secrets = secrets_in_url("socks5h://customer:p%40ss+word@host:1080")
    assert secrets == {
        "socks5h://customer:p%40ss+word@host:1080",
        "customer",
        *("customer:p%40ss+word", "customer:p@ss+word", "customer:p@ss word"),
        *("p%40ss+word", "p@ss+word", "p@ss word"),
        base64.b64encode(b"customer:p%40ss+word").decode(),
        base64.b64encode(b"customer:p@ss+word").decode(),
        base64.b64encode(b"customer:p@ss word").decode(),
    }


def test_a_short_user_name_is_only_secret_together_with_its_password():
    secrets = secrets_in_url("http://video:hunter22@host")
    assert "video" not in secrets
    assert {"hunter22", "video:hunter22"} <= secrets


def test_a_url_without_credentials_is_not_secret():
    assert secrets_in_url("http://host:8080") == frozenset()
    assert secrets_in_url("") == frozenset()


# Runs.


def test_what_one_run_hides_another_run_shows():
    one, other = Redaction(["one-QXYZ-1"]), Redaction(["two-QXYZ-2"])
    text = "one-QXYZ-1 two-QXYZ-2"
    assert one.redacted(text) == "*** two-QXYZ-2"
    assert other.redacted(text) == "one-QXYZ-1 ***"


def test_an_error_text_is_redacted_before_it_is_cut():
    hidden = Redaction(["cut-in-two-s3cret"])
    text = hidden.error_text("e" * 290 + " cut-in-two-s3cret http://host/?" + "x" * 300)
    assert text == "e" * 290 + " *** http" + "…"
    assert hidden.error_text("\x1b[0;31mERROR:\x1b[0m http://a:b@h/p?q") == "ERROR: http://h/p?…"


# Command lines.


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        (["--proxy", "http://u:p@h:1"], ["--proxy", "***"]),
        (["--proxy=http://u:p@h:1"], ["--proxy=***"]),
        (["--proxy", "socks5://h:1", "--out", "o"], ["--proxy", "***", "--out", "o"]),
        (["--cookies-from-browser", "firefox:me"], ["--cookies-from-browser", "***"]),
        (["--cookies_from_browser=firefox"], ["--cookies_from_browser=***"]),
        (["--cookies", "cookies.txt"], ["--cookies", "cookies.txt"]),
        (["--user-agent", "Me/1.0 (x)"], ["--user-agent", "Me/1.0 (x)"]),
        (["--yt-dlp-option", "password=a=b"], ["--yt-dlp-option", "password=***"]),
        (["--yt-dlp-option=ap-password=a"], ["--yt-dlp-option=ap-password=***"]),
        (["--yt-dlp-option=http_headers={}"], ["--yt-dlp-option=http_headers=***"]),
        (["--yt-dlp-option", "format=best[height<=480]"], None),
        (["--yt-dlp-option=format-sort=[]"], None),
        (['--yt-dlp-option={"password": "x="}'], ["--yt-dlp-option=***"]),
        (["--yt-dlp-option", "aGlkZGVu"], ["--yt-dlp-option", "***"]),
        (["--yt-dlp-option", "format_sort"], ["--yt-dlp-option", "***"]),
        (["--source", "catalogue:http://h/?a=1"], ["--source", "catalogue:http://h/?…"]),
        (["--proxy"], None),
        (["videonet", "curate", "--source", "folder:/a b"], None),
    ],
)
def test_a_command_line_is_kept_without_what_may_be_secret(typed, shown):
    assert NOTHING.command(typed) == (typed if shown is None else shown)


def test_a_secret_is_hidden_in_all_of_a_command_line():
    hidden = Redaction(["opensesame-77"])
    typed = ["--store=/opensesame-77/s", "opensesame-77", "--yt-dlp-option=format=opensesame-77"]
    assert hidden.command(typed) == ["--store=/***/s", "***", "--yt-dlp-option=format=***"]
