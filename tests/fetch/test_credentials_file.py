"""videonet.fetch.credentials_file: the credentials of a machine, for runs that were given none."""

import os
from pathlib import Path

import pytest

from videonet.errors import UsageError
from videonet.fetch.credentials import Credentials
from videonet.fetch.credentials_file import FILE_VARIABLE, credentials_here
from videonet.fetch.redaction import MARK
from videonet.fetch.web import Web


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this process is told to look; there is nothing yet."""
    file = tmp_path / "access.toml"
    monkeypatch.setenv(FILE_VARIABLE, str(file))
    return file


def refusal(file: Path) -> str:
    with pytest.raises(UsageError) as caught:
        credentials_here()
    assert str(caught.value).startswith(f"{file}, named in VIDEONET_ACCESS: ")
    return str(caught.value)


def test_without_a_file_a_run_that_nobody_gave_anything_has_nothing(monkeypatch):
    monkeypatch.delenv(FILE_VARIABLE, raising=False)
    assert credentials_here() == Credentials()


def test_a_run_that_was_given_nothing_here_uses_the_file(file, tmp_path):
    cookies = tmp_path / "cookies.txt"
    cookies.write_text("# Netscape HTTP Cookie File\na.org\tFALSE\t/\tFALSE\t0\tsid\tvalue\n")
    file.write_text(
        f"""
        cookies = "{cookies}"
        proxy = ["http://one", "socks5h://two:1080"]
        user-agent = "Research/1.0"
        rate-limit = "2MB"
        yt-dlp-option = ["format=best", "geo-bypass=false"]
        """
    )
    credentials = credentials_here()
    assert credentials == Credentials(
        cookies=cookies,
        proxies=("http://one", "socks5h://two:1080"),
        user_agent="Research/1.0",
        rate_limit=2_000_000,
        options={"format": "best", "geo_bypass": False},
    )
    # The same one each time, with the cookies that sites have added.
    assert credentials_here() is credentials


def test_one_proxy_and_one_option_need_no_list(file):
    file.write_text('proxy = "http://one"\nyt-dlp-option = "format=best"\nrate-limit = 500000\n')
    assert credentials_here() == Credentials(
        proxies=("http://one",), rate_limit=500_000, options={"format": "best"}
    )


def test_credentials_that_a_run_was_given_go_before_the_file(file):
    file.write_text('user-agent = "of the file"\n')
    mine = Credentials(user_agent="mine")
    assert credentials_here(mine) is mine
    assert credentials_here().user_agent == "of the file"


def test_a_file_that_was_changed_is_read_again(file):
    file.write_text('user-agent = "before"\n')
    assert credentials_here().user_agent == "before"
    before = file.stat().st_mtime_ns
    file.write_text('user-agent = "after"\n')
    os.utime(file, ns=(before + 1, before + 1))
    assert credentials_here().user_agent == "after"


def test_each_run_hides_its_own_secrets(file):
    file.write_text('proxy = "http://someone:0f-the-file@host"\n')
    mine = Web(credentials=Credentials(options={"password": "my-0wn-w0rd"}))
    of_the_file = Web(credentials=credentials_here())
    text = "with 0f-the-file, my-0wn-w0rd"
    assert of_the_file.redaction.redacted(text) == f"with {MARK}, my-0wn-w0rd"
    assert mine.redaction.redacted(text) == f"with 0f-the-file, {MARK}"


def test_an_unknown_name_is_told_with_those_that_there_are(file):
    file.write_text('cookie = "a.txt"\n')
    said = refusal(file)
    assert "unknown field `cookie`" in said
    assert "cookies, cookies-from-browser, proxy, user-agent, rate-limit, yt-dlp-option." in said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("cookies = 7", "`$.cookies`"),
        ("proxy = true", "Expected `str | array`, got `bool` - at `$.proxy`"),
        ("proxy = [1]", "Expected `str`, got `int` - at `$.proxy[0]`"),
        ("yt-dlp-option = { password = 's3cret' }", "got `object` - at `$.yt-dlp-option`"),
        ("rate-limit = 1.5", "`$.rate-limit`"),
    ],
)
def test_a_value_of_another_type_is_told_by_its_name(file, line, said):
    file.write_text(line)
    assert said in refusal(file)
    assert "s3cret" not in refusal(file)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("cookies = '/nowhere/cookies.txt'", "--cookies /nowhere/cookies.txt cannot be read"),
        ("proxy = 'ftp://me:s3cret@host'", "--proxy number 1 does not begin with"),
        ("rate-limit = 0", "--rate-limit takes a size above 0"),
        ("yt-dlp-option = 'formt=b'", "did you mean format?"),
        ("yt-dlp-option = 'netrc_cmd=cat s3cret'", "on the command line only: it names a program"),
    ],
)
def test_what_the_command_would_refuse_is_refused(file, line, said):
    file.write_text(line)
    assert said in refusal(file)
    assert "s3cret" not in refusal(file)


@pytest.mark.parametrize("content", [b"cookies = ", b"\xff", b"cookies: a.txt"])
def test_a_file_that_is_no_toml_is_told(file, content):
    file.write_bytes(content)
    assert "It is no TOML (" in refusal(file)


def test_a_file_that_is_not_there_is_told(file):
    assert "It cannot be read (No such file or directory)." in refusal(file)
