"""The card of an export says what is true, and its code reads the export as it stands."""

import re
from pathlib import Path

import pytest

from tests.exporting import hugging_face_datasets


@pytest.mark.parametrize(
    ("form", "printed"),
    [
        ("webdataset", ["['balloon'] 128", "['sailboat']"]),
        ("mp4", [".mp4 ['balloon'] 128", ".mp4 ['sailboat']"]),
        ("huggingface", ["['balloon'] 128 frames", "['sailboat']"]),
        ("listed", ["free.mp4 ['balloon']", "short.mp4 ['sailboat'] []"]),
    ],
)
def test_the_code_reads_the_export(
    form: str,
    printed: list[str],
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    folder: Path = request.getfixturevalue(form)
    (code,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    monkeypatch.chdir(folder)
    if "import datasets" in code:
        hugging_face_datasets()
    exec(code, {})
    shown = capsys.readouterr().out
    assert all(each in shown for each in printed), shown


def test_it_says_what_was_left_out_and_whose_the_rest_is(webdataset: Path, listed: Path):
    card = (webdataset / "README.md").read_text()
    assert "# VideoNet: 3 clips of 2 videos" in card
    assert "| the licence forbids to share adaptations (ND) | 1 |" in card
    assert "| no licence is stated | 1 |" in card
    assert "| CC BY 4.0 | 1 |" in card
    assert "`--i-have-the-rights`" not in card
    assert "videonet rebuild videos.lock.parquet" in (listed / "README.md").read_text()


def test_it_counts_the_sound(mp4: Path):
    card = (mp4 / "README.md").read_text()
    assert "| in the clips | 1 |" in card
    assert "| none: the video has none, or none there | 1 |" in card
