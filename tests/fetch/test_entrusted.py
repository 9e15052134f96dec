"""videonet.fetch.entrusted: where a run finds what it may use, and that its secrets are hidden."""

from pathlib import Path

import pytest

from videonet.errors import UsageError
from videonet.fetch.credentials import Access
from videonet.fetch.entrusted import FILE_VARIABLE, access_of, entrust
from videonet.fetch.redaction import MARK


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this process is told to look; there is nothing yet."""
    file = tmp_path / "access.toml"
    monkeypatch.setenv(FILE_VARIABLE, str(file))
    return file


def refusal(file: Path) -> str:
    with pytest.raises(UsageError) as caught:
        access_of("a run of another machine")
    assert str(caught.value).startswith(f"{file}, named in VIDEONET_ACCESS: ")
    return str(caught.value)


def test_without_a_file_a_run_that_nobody_gave_anything_has_nothing(monkeypatch):
    monkeypatch.delenv(FILE_VARIABLE, raising=False)
    assert access_of("a run of another machine") == Access()


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
    access = access_of("a run of another machine")
    assert access == Access(
        cookies=cookies,
        proxies=("http://one", "socks5h://two:1080"),
        user_agent="Research/1.0",
        rate_limit=2_000_000,
        options={"format": "best", "geo_bypass": False},
    )
    # The same one each time, with the cookies that sites have added.
    assert access_of("another one") is access


def test_one_proxy_and_one_option_need_no_list(file):
    file.write_text('proxy = "http://one"\nyt-dlp-option = "format=best"\nrate-limit = 500000\n')
    assert access_of("a run of another machine") == Access(
        proxies=("http://one",), rate_limit=500_000, options={"format": "best"}
    )


def test_what_a_run_was_entrusted_with_goes_before_the_file(file):
    file.write_text('user-agent = "of the file"\n')
    mine = Access(user_agent="mine")
    entrust("a run of this process", mine)
    assert access_of("a run of this process") is mine
    assert access_of("a run of another machine").user_agent == "of the file"


def test_each_run_hides_its_own_secrets(file):
    file.write_text('proxy = "http://someone:0f-the-file@host"\n')
    entrust("a run with a password", Access(options={"password": "entrusted-w0rd"}))
    text = "with 0f-the-file, entrusted-w0rd"
    of_the_file = access_of("a run of another machine").redaction
    assert of_the_file.redacted(text) == f"with {MARK}, entrusted-w0rd"
    mine = access_of("a run with a password").redaction
    assert mine.redacted(text) == f"with 0f-the-file, {MARK}"


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
