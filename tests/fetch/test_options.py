"""videonet.fetch.options: what of yt-dlp may be set, and that what may be secret is not told."""

import json
import re
from types import SimpleNamespace

import pytest
import yt_dlp
from yt_dlp.globals import supported_js_runtimes, supported_remote_components

from videonet.errors import UsageError
from videonet.fetch.option_table import (
    ALLOWED,
    COMMAND_LINE_ONLY,
    FROM_A_FILE,
    HARMLESS,
    JS_RUNTIMES,
    REFUSED,
    REMOTE_COMPONENTS,
)
from videonet.fetch.options import options_of
from videonet.fetch.redaction import secrets_in

SECRET = "Zq7hunter"


def refusal(*texts: str) -> str:
    with pytest.raises(UsageError) as caught:
        options_of(texts, from_command_line=True)
    assert SECRET not in str(caught.value)
    return str(caught.value)


# Values.


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("format=best[height<=480]", "format", "best[height<=480]"),
        ("format-sort=" + '["res:480", "+size"]', "format_sort", ["res:480", "+size"]),
        (" geo-bypass =false", "geo_bypass", False),
        ("sleep_interval_requests=1.5", "sleep_interval_requests", 1.5),
        ("sleep-interval=0", "sleep_interval", 0),
        ("http_chunk_size=10000000", "http_chunk_size", 10_000_000),
        ("concurrent_fragment_downloads=4", "concurrent_fragment_downloads", 4),
        ("videopassword=123456", "videopassword", "123456"),
        ("videopassword=true", "videopassword", "true"),
        ('videopassword="123456"', "videopassword", "123456"),
        ("videopassword={", "videopassword", "{"),
        ("videopassword=a=b", "videopassword", "a=b"),
        ("source_address=10.0.0.7", "source_address", "10.0.0.7"),
        ("source_address=::1", "source_address", "::1"),
        ("prefer_insecure=true", "prefer_insecure", True),
        ("check_formats=selected", "check_formats", "selected"),
        ("check_formats=false", "check_formats", False),
        ("cachedir=/tmp/x", "cachedir", "/tmp/x"),
        ("compat_opts=" + '["no-certifi"]', "compat_opts", ["no-certifi"]),
        ('remote_components=["ejs:npm"]', "remote_components", ["ejs:npm"]),
        ('js_runtimes={"node": {}, "deno": {"path": "/d"}}', "js_runtimes", None),
        ('extractor_args={"youtube": {"player_client": ["web"]}}', "extractor_args", None),
        ('http_headers={"Referer": "https://example.org/é"}', "http_headers", None),
    ],
)
def test_a_value_is_json_or_the_text_itself(text, key, value):
    expected = json.loads(text.partition("=")[2]) if value is None else value
    options = options_of([text], from_command_line=True)
    assert options == {key: expected}
    assert type(options[key]) is type(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("geo_bypass=yes", "true or false"),
        ("geo_bypass=1", "true or false"),
        ("prefer_insecure=no", "true or false"),
        ("concurrent_fragment_downloads=two", "a whole number above 0"),
        ("concurrent_fragment_downloads=0", "a whole number above 0"),
        ("concurrent_fragment_downloads=true", "a whole number above 0"),
        ("http_chunk_size=10M", "a whole number above 0"),
        ("sleep_interval=-1", "a number of seconds"),
        ("sleep_interval=NaN", "a number of seconds"),
        ("sleep_interval=1e999", "a number of seconds"),
        ("format_sort=res:480", "a JSON list of fields"),
        ('format_sort=["!"]', "a JSON list of fields"),
        ("allowed_extractors=youtube", "a JSON list of texts"),
        ("compat_opts=[1]", "a JSON list of texts"),
        (f"extractor_args={SECRET}", "lists of texts by extractor"),
        (f'extractor_args={{"youtube": "{SECRET}"}}', "lists of texts by extractor"),
        (f'extractor_args={{"youtube": {{"po_token": "{SECRET}"}}}}', "lists of texts"),
        ("js_runtimes=node", "objects by runtime"),
        ('js_runtimes={"node": null}', "objects by runtime"),
        ('js_runtimes={"nodejs": {}}', "of deno, node, bun, quickjs"),
        ('remote_components=["npm"]', "ejs:github, ejs:npm"),
        ("source_address=eth0", "an IP address"),
        ("cachedir=true", "a folder"),
        ("cachedir=false", "a folder"),
        ("check_formats=7", 'true, false or "selected"'),
        (f'http_headers=["{SECRET}"]', "texts of one line by name"),
        (f'http_headers={{"X": "{SECRET}\\r\\nY: z"}}', "texts of one line by name"),
        (f'http_headers={{"X": "{SECRET}\\n"}}', "texts of one line by name"),
        (f'http_headers={{"X\\n{SECRET}": "y"}}', "texts of one line by name"),
        (f'http_headers={{"X": {{"y": "{SECRET}"}}}}', "texts of one line by name"),
        (f'http_headers={{"Cookie": "a={SECRET}"}}', "use --cookies"),
        (f'http_headers={{"cookie": "a={SECRET}"}}', "use --cookies"),
        ("geo_bypass=" + "[" * 100_000, "true or false"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_what_would(text, expected):
    said = refusal(text)
    assert said.startswith(f"--yt-dlp-option {text.partition('=')[0]} takes ")
    assert expected in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("format=best[height<", "Invalid format specification"),
        ('allowed_extractors=["("]', "Wrong regex"),
    ],
)
def test_what_yt_dlp_would_refuse_later_is_refused_before_the_run(text, said, capfd):
    assert said in refusal(text)
    assert capfd.readouterr() == ("", "")


# Keys.


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("formt", "format"),
        ("sleep_requests", "sleep_interval_requests"),
        ("js-runtime", "js_runtimes"),
        ("extractor-arg", "extractor_args"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(key, near):
    said = refusal(f"{key}={SECRET}")
    assert said.startswith(f"--yt-dlp-option sets {key.replace('-', '_')}, which yt-dlp does not")
    assert f"did you mean {near}?" in said


def test_a_key_like_no_other_is_refused_with_where_to_look():
    assert "see those of yt_dlp.YoutubeDL" in refusal("xyzzy=1")


@pytest.mark.parametrize("text", [SECRET, f'{{"password": "{SECRET}="}}', f"={SECRET}", ""])
def test_what_is_no_key_at_all_is_refused_with_an_example(text):
    assert "takes KEY=VALUE, such as" in refusal(text)


@pytest.mark.parametrize(
    ("key", "instead"),
    [
        ("proxy", "use --proxy"),
        ("cookiefile", "use --cookies"),
        ("cookiesfrombrowser", "use --cookies-from-browser"),
        ("ratelimit", "use --rate-limit"),
        ("max_filesize", "use --max-bytes"),
        ("retries", "--deadline"),
        ("fragment-retries", "--deadline"),
        ("retry_sleep_functions", "--deadline"),
        ("socket_timeout", "--deadline"),
        ("match_filter", "--min-seconds"),
        ("daterange", "by title"),
        ("min_filesize", "by title"),
        ("noplaylist", "--source"),
        ("download_archive", "--source"),
        ("enable_file_urls", "--source folder:DIR"),
        *[(key, "the store") for key in ("outtmpl", "paths", "nopart", "windowsfilenames")],
        *[(key, "as it is") for key in ("postprocessors", "simulate", "skip_download", "fixup")],
        *[(key, "as it is") for key in ("ignoreerrors", "skip_unavailable_fragments")],
        *[(key, "the video file alone") for key in ("writesubtitles", "writethumbnail")],
        *[(key, "silent") for key in ("quiet", "verbose", "debug_printtraffic", "logtostderr")],
        *[(key, "silent") for key in ("forceprint", "forcetitle", "listformats", "no_warnings")],
    ],
)
def test_a_key_that_videonet_sets_itself_is_refused_with_what_to_use(key, instead):
    said = refusal(f"{key}={SECRET}")
    assert said.startswith(f"--yt-dlp-option cannot set {key.replace('-', '_')}: ")
    assert instead in said


def test_no_parameter_that_prints_writes_lists_retries_or_filters_is_free():
    free = []
    for key in yt_dlp.parse_options([]).ydl_opts:
        try:
            options_of([f"{key}={SECRET}"], from_command_line=True)
            free.append(key)
        except UsageError as error:
            if not re.search("cannot set|takes KEY=VALUE|does not have", str(error)):
                free.append(key)
    assert {"format", "http_headers", "username", "js_runtimes", "max_sleep_interval"} <= set(free)
    told = re.compile("print|^write|^list|^dump|retr|filter|playlist|hook|postproc|progress|^match")
    assert [key for key in free if told.search(key)] == []
    # What run.json says of how a data set was made can be set.
    assert set(free) >= HARMLESS


def parameters() -> set[str]:
    """All that yt-dlp's command line sets, and all that its documentation names."""
    documented = re.findall(r"^    (\w+(?:, \w+)*):", yt_dlp.YoutubeDL.__doc__, re.MULTILINE)
    return set(yt_dlp.parse_options([]).ydl_opts) | set(", ".join(documented).split(", "))


def test_each_parameter_of_yt_dlp_is_allowed_or_refused_and_not_both():
    # Sort a new one into the tables once it is known what it does.
    assert parameters() - ALLOWED.keys() - REFUSED.keys() == set()
    assert ALLOWED.keys() & REFUSED.keys() == set()


def test_nothing_is_allowed_that_yt_dlp_does_not_have():
    assert ALLOWED.keys() <= parameters()
    assert ALLOWED.keys() >= COMMAND_LINE_ONLY.keys() | FROM_A_FILE.keys() | HARMLESS


def test_the_runtimes_and_components_are_those_of_yt_dlp():
    assert set(supported_js_runtimes.value) == set(JS_RUNTIMES)
    assert set(supported_remote_components.value) == set(REMOTE_COMPONENTS)


def test_a_parameter_of_a_newer_yt_dlp_is_refused_until_somebody_looked_at_it(monkeypatch):
    newer = SimpleNamespace(ydl_opts={"run_this": None, "format": None})
    monkeypatch.setattr(yt_dlp, "parse_options", lambda _: newer)
    said = refusal(f"run-this={SECRET}")
    assert f"cannot set run_this: it is new in yt-dlp {yt_dlp.version.__version__}" in said
    assert "which yt-dlp does not have" in refusal("geo_bypass=true")
    assert options_of(["format=best"]) == {"format": "best"}


# Files.

FOR_THE_COMMAND_LINE = [
    ("netrc_cmd=rm -r /", "it names a program to run"),
    ("ffmpeg_location=/tmp/ffmpeg", "it names a program to run"),
    ('remote_components=["ejs:github"]', "it loads code from the web"),
    ("cachedir=/tmp/theirs", "yt-dlp runs code from this folder"),
    ("mark-watched=true", "it changes the user's account"),
    ('js_runtimes={"node": {}}', "names a program to run"),
    ('js_runtimes={"bun": {}, "deno": {}}', "names a program to run"),
    ('js_runtimes={"deno": {"path": "/tmp/deno"}}', "names a program to run"),
    ('extractor_args={"youtube-ejs": {"dev": ["true"]}}', "loads and runs scripts"),
    ('extractor_args={"youtubepot-x": {"script_path": ["/x.js"]}}', "loads and runs scripts"),
]


@pytest.mark.parametrize(("text", "danger"), FOR_THE_COMMAND_LINE)
def test_what_runs_programs_or_loads_code_is_taken_from_the_command_line_alone(text, danger):
    with pytest.raises(UsageError, match="on the command line only: ") as caught:
        options_of([text])
    assert danger in str(caught.value)
    assert options_of([text], from_command_line=True)


def test_each_parameter_for_the_command_line_alone_is_tried_above():
    tried = {text.partition("=")[0].replace("-", "_") for text, _ in FOR_THE_COMMAND_LINE}
    assert tried == COMMAND_LINE_ONLY.keys() | FROM_A_FILE.keys()


@pytest.mark.parametrize(
    "text",
    [
        "format=best[height<=480]",
        'format_sort=["res:480"]',
        "videopassword=of-the-file",
        'js_runtimes={"deno": {}}',
        'extractor_args={"youtube": {"player_client": ["web"]}}',
    ],
)
def test_a_file_may_set_what_runs_nothing(text):
    assert options_of([text]) == options_of([text], from_command_line=True)


# Together.


def test_options_are_gathered_and_none_is_given_twice():
    texts = ["format=b", "geo-bypass=true", "username=me", "password=word"]
    assert options_of(texts) == {
        "format": "b",
        "geo_bypass": True,
        "username": "me",
        "password": "word",
    }
    assert options_of([]) == {}
    assert "gives geo_bypass twice" in refusal("geo-bypass=true", "geo_bypass=false")


@pytest.mark.parametrize("key", ["username", "password"])
def test_a_user_name_without_a_password_or_the_other_way_round_is_refused(key):
    assert "username and password together" in refusal(f"{key}={SECRET}")


def test_checking_options_leaves_them_as_they_were_given():
    texts = ['http_headers={"X": "y"}', 'js_runtimes={"node": {}}', 'compat_opts=["no-certifi"]']
    assert options_of(texts, from_command_line=True) == {
        "http_headers": {"X": "y"},
        "js_runtimes": {"node": {}},
        "compat_opts": ["no-certifi"],
    }


# Secrets.


def test_all_texts_are_secret_but_for_harmless_ones():
    options = options_of(
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
        ],
        from_command_line=True,
    )
    assert set(secrets_in(options)) == {
        *("me", "word", "Bearer 0123456789abcdef", "0123456789abcdef"),
        *("web.gvs+0123456789ABCDEF==", "0123456789ABCDEF", "pass show site"),
    }


def test_the_credentials_of_the_proxy_that_is_shown_to_sites_are_secret():
    options = options_of(["geo_verification_proxy=http://someone:w%40rd@host:3"])
    assert {"someone", "w%40rd", "w@rd"} <= set(secrets_in(options))
