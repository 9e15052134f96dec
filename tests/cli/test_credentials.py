"""videonet.cli: what a user gives so that sites answer is checked before a run begins."""

from pathlib import Path

import pytest

from demo.odd_files import write_noise
from tests.curated import arguments, sentence, videonet


@pytest.fixture
def asked(tmp_path: Path) -> list[str]:
    """A request that nothing is wrong with: a class list, and a folder with one file in it."""
    (tmp_path / "classes.txt").write_text("balloon\n")
    (tmp_path / "videos").mkdir()
    write_noise(tmp_path / "videos" / "balloon.mp4")
    return arguments(tmp_path)


def test_a_file_of_cookies_that_is_not_there_is_named(asked: list[str], tmp_path: Path):
    said = sentence(videonet(*asked, "--cookies", tmp_path / "missing.txt"))
    assert f"--cookies {tmp_path / 'missing.txt'} cannot be read (No such file" in said
    assert not (tmp_path / "out" / "_state").exists()


def test_a_proxy_that_is_none_is_told_without_its_password(asked: list[str]):
    proxies = ("--proxy", "http://host", "--proxy", "ftp://someone:s3cret-w0rd@host")
    said = sentence(videonet(*asked, *proxies))
    assert "--proxy number 2 does not begin with one of http://" in said
    assert "s3cret-w0rd" not in said


def test_an_unknown_option_of_yt_dlp_is_told_with_the_nearest(asked: list[str]):
    said = sentence(videonet(*asked, "--yt-dlp-option", "formt=best"))
    assert "sets formt, which yt-dlp does not have; did you mean format?" in said


@pytest.mark.parametrize("rate", ["0", "fast"])
def test_a_rate_that_is_no_size_is_told(asked: list[str], rate: str):
    said = sentence(videonet(*asked, "--rate-limit", rate))
    assert f"--rate-limit takes a size above 0, such as 500KB, and not {rate!r}." in said


@pytest.mark.parametrize("rate", ["500000", '"500KB"'])
def test_a_configuration_may_give_a_rate_as_number_or_size(
    asked: list[str], tmp_path: Path, rate: str
):
    (tmp_path / "run.toml").write_text(f'rate-limit = {rate}\nformat = "avi"\n')
    # What is wrong is looked for after that.
    assert "no format 'avi'" in sentence(videonet(*asked, "--config", tmp_path / "run.toml"))


@pytest.mark.parametrize("value", ['"ftp://host"', '["ftp://host"]'])
def test_a_configuration_may_give_one_proxy_or_a_list(asked: list[str], tmp_path: Path, value: str):
    (tmp_path / "run.toml").write_text(f"proxy = {value}\n")
    said = sentence(videonet(*asked, "--config", tmp_path / "run.toml"))
    assert "--proxy number 1 does not begin with one of http://" in said


def test_a_configuration_cannot_name_a_program_to_run(asked: list[str], tmp_path: Path):
    (tmp_path / "run.toml").write_text('yt-dlp-option = ["format=best", "netrc_cmd=rm -r /"]\n')
    said = sentence(videonet(*asked, "--config", tmp_path / "run.toml"))
    assert "run.toml: --yt-dlp-option netrc_cmd can be set to this on the command line only" in said
