"""`videonet report`: where the page is, and the three answers in a few lines."""

import shutil
from pathlib import Path

import pytest

from tests.curated import Curated, curated_once, sentence, videonet


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


def test_the_command_writes_the_page_and_says_what_stands_out(curated: Curated, tmp_path: Path):
    out = tmp_path / "out"
    shutil.copytree(curated.out, out)
    ended = videonet("report", out)
    assert ended.code == 0, ended.stderr
    page = out / "report" / "index.html"
    lines = ended.stdout.splitlines()
    assert lines[0] == str(page)
    assert lines[1].startswith("4 of 5 candidates were kept")
    assert [line.partition(":")[0] for line in lines[2:]] == ["Too thin", "To drop", "To chase"]
    assert "mushroom: 0 kept of 1 candidate; 1 shows something else" in lines[2]
    assert lines[3:] == ["To drop: no name stands out.", "To chase: nothing failed."]
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert [file.name for file in page.parent.iterdir()] == ["index.html"]


def test_the_same_data_set_has_the_same_page(curated: Curated, tmp_path: Path):
    shutil.copytree(curated.out, tmp_path / "out")
    pages = []
    for _ in range(2):
        assert videonet("report", tmp_path / "out").code == 0
        pages.append((tmp_path / "out" / "report" / "index.html").read_bytes())
    assert pages[0] == pages[1]


def test_a_report_changes_nothing_else(curated: Curated, tmp_path: Path):
    out = tmp_path / "out"
    shutil.copytree(curated.out, out)
    before = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}
    assert videonet("report", out).code == 0
    after = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}
    assert after == before | {
        out / "report" / "index.html": (out / "report" / "index.html").read_bytes()
    }


def test_a_folder_of_no_run_is_refused_and_left_alone(tmp_path: Path):
    ended = videonet("report", tmp_path)
    assert "holds no data set and no run" in sentence(ended)
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_cannot_be_written_is_told_in_a_sentence(curated: Curated, tmp_path: Path):
    shutil.copytree(curated.out, tmp_path / "out")
    (tmp_path / "out" / "report").write_text("a file where the folder should be")
    assert "index.html cannot be written" in sentence(videonet("report", tmp_path / "out"))
