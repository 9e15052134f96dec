"""Which file beside a local video has its captions: one in its language, of no other video."""

from pathlib import Path

import pytest

from videonet.curation.captions import captions_beside
from videonet.fetch.failure import FetchError
from videonet.schemas.reason import Reason

VTT = "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\n{}\n"
SRT = "1\n00:00:01,000 --> 00:00:02,000\n{}\n"
MOST = 1_000


def beside(folder: Path, *names: str, language: str | None = None) -> tuple[str | None, str] | None:
    """Language and text that lecture.mp4 gets, where these files lie in its folder.

    The text of each is its name.
    """
    for name in ("lecture.mp4", *names):
        form = SRT if name.endswith(".srt") else VTT
        (folder / name).write_text(form.format(name))
    text = captions_beside(folder / "lecture.mp4", language, MOST)
    return text and (text.language, text.vtt.splitlines()[-1])


@pytest.mark.parametrize(
    "name",
    [
        "lecture.part2.vtt",
        "lecture.2.vtt",
        "lecture.final cut.vtt",
        "lecture.forced-v2.srt",
        "lecture.part.vtt",
        "lecture..vtt",
        "lecture 2.vtt",
    ],
)
def test_a_file_whose_name_goes_on_with_no_language_is_not_taken(tmp_path: Path, name: str):
    assert beside(tmp_path, name) is None


@pytest.mark.parametrize(
    "tag", ["en", "pt-BR", "pt_BR", "zh-Hant-TW", "es-419", "yue", "en-orig", "de-1996"]
)
def test_a_file_whose_name_goes_on_with_a_language_is_taken(tmp_path: Path, tag: str):
    assert beside(tmp_path, f"lecture.{tag}.vtt") == (tag, f"lecture.{tag}.vtt")


@pytest.mark.parametrize("video", ["lecture.no.mp4", "lecture.no.webm"])
def test_captions_of_another_video_are_not_taken(tmp_path: Path, video: str):
    assert beside(tmp_path, video, "lecture.no.vtt") is None
    text = captions_beside(tmp_path / video, None, MOST)
    assert text is not None
    assert text.language is None


def test_captions_in_several_forms_are_no_other_video(tmp_path: Path):
    names = ("lecture.en.vtt", "lecture.en.srt", "lecture.en.json3", "lecture.en.ttml")
    assert beside(tmp_path, *names) == ("en", "lecture.en.vtt")


@pytest.mark.parametrize(
    ("names", "language", "chosen"),
    [
        (("lecture.de.vtt", "lecture.en.srt"), "en", ("en", "lecture.en.srt")),
        (("lecture.de.vtt", "lecture.en-GB.vtt"), "en", ("en-GB", "lecture.en-GB.vtt")),
        (("lecture.en.vtt",), "en-GB", ("en", "lecture.en.vtt")),
        (("lecture.pt-PT.vtt", "lecture.pt-BR.srt"), "pt_br", ("pt-BR", "lecture.pt-BR.srt")),
        (("lecture.de.vtt", "lecture.fr.vtt"), "en", None),
        # One that says nothing is in the video's own language, where none is said to be.
        (("lecture.de.vtt", "lecture.srt"), "en", ("en", "lecture.srt")),
        (("lecture.en-GB.srt", "lecture.vtt"), "en", ("en-GB", "lecture.en-GB.srt")),
        # The video's language is not known.
        (("lecture.fr.vtt", "lecture.de.vtt"), None, ("de", "lecture.de.vtt")),
        (("lecture.de.srt", "lecture.vtt"), None, (None, "lecture.vtt")),
    ],
)
def test_captions_are_in_the_language_of_the_video(tmp_path: Path, names, language, chosen):
    assert beside(tmp_path, *names, language=language) == chosen


def test_a_file_above_the_limit_is_not_cut_but_said_to_be_too_large(tmp_path: Path):
    file = tmp_path / "lecture.vtt"
    one = VTT.format("a swan")
    file.write_text(one + " " * (MOST - len(one)))
    assert captions_beside(tmp_path / "lecture.mp4", None, MOST) is not None
    file.write_text(file.read_text() + " ")
    with pytest.raises(FetchError, match="1001 bytes, the limit is 1000") as failed:
        captions_beside(tmp_path / "lecture.mp4", None, MOST)
    assert failed.value.reason is Reason.PAGE_TOO_LARGE
