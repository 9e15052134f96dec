"""`videonet report`: where the page is, and the three answers in a few lines."""

import shutil
from pathlib import Path

import pytest

from demo.drawing import draw_video
from tests.curated import Curated, arguments, curated_once, sentence, videonet
from tests.report.written import target, verdict, write


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
    assert lines[1].startswith("3 of 4 videos found were kept.")
    assert lines[2].startswith("Too thin: mushroom: 0 kept of 1 candidate; 1 shows something else")
    assert lines[3:] == [
        "To drop: no name stands out.",
        "To chase: nothing failed.",
        f"Pictures are from the store {curated.store}.",
    ]
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
    assert "holds no data set, no run and no training" in sentence(ended)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_refused_in_a_sentence(tmp_path: Path):
    (tmp_path / "file").write_text("no folder")
    assert "file is no folder" in sentence(videonet("report", tmp_path / "file"))


def test_where_the_store_was_is_said_on_the_terminal_and_not_on_the_page(
    curated: Curated, tmp_path: Path
):
    out = tmp_path / "out"
    shutil.copytree(curated.out, out)
    facts = (out / "run.json").read_text().replace(str(curated.store), str(tmp_path / "gone"))
    (out / "run.json").write_text(facts)
    said = videonet("report", out).stdout.splitlines()[-1]
    assert said.startswith(f"The store {tmp_path / 'gone'}, with the pictures, is not here;")
    assert str(tmp_path) not in (out / "report" / "index.html").read_text("utf-8")
    (out / "run.json").unlink()
    said = videonet("report", out).stdout.splitlines()[-1]
    assert said.startswith("Nothing says where the store of the run is")


def test_how_many_classes_are_thin_in_all_is_said(tmp_path: Path):
    names = [f"class {index}" for index in range(1_000)]
    rows = [verdict(index, name) for index, name in enumerate(names[:5])]
    said = videonet("report", write(tmp_path / "out", list(map(target, names)), rows)).stdout
    assert "Too thin (995 classes): class 5 and 994 other classes: no title names them." in said


def test_videos_without_a_clip_are_counted_alike_by_run_card_report_and_verify(tmp_path: Path):
    (tmp_path / "videos").mkdir()
    (tmp_path / "classes.txt").write_text("balloon\nsailboat\n")
    for name, shows, seconds in (("a balloon", "balloon", 3), ("a sailboat", "sailboat", 2)):
        path = tmp_path / "videos" / f"{name}.mp4"
        draw_video(path, shows, seconds, size=(96, 64), seed=name)
    run = videonet(*arguments(tmp_path), "--min-seconds", "1", "--shards", "1")
    assert run.code == 0, run.stderr
    out = tmp_path / "out"
    said = " ".join(run.stdout.split())
    assert "2 videos found, 2 kept (1 too short for a clip); 1 clip of 1 video in 1 shard" in said
    card = (out / "README.md").read_text()
    assert "**1 clip**, cut from **1 video** of\n**1 of 2 classes**" in card
    assert "\n1 more kept video is too short for a clip.\n" in card
    assert (
        videonet("report", out)
        .stdout.splitlines()[1]
        .startswith(
            "2 of 2 videos found were kept, 1 of them too short for a clip. "
            "1 video in 1 of 2 classes gives 1 clip, "
        )
    )
    verified = videonet("verify", out)
    assert (verified.code, verified.stderr) == (0, "")
    assert "1 clip of 1 video (38 frames), 2 verdicts." in verified.stdout
    assert verified.stdout.endswith(" 1 more kept video is too short for a clip.\n")


def test_a_page_that_cannot_be_written_is_told_in_a_sentence(curated: Curated, tmp_path: Path):
    shutil.copytree(curated.out, tmp_path / "out")
    (tmp_path / "out" / "report").write_text("a file where the folder should be")
    assert "index.html cannot be written" in sentence(videonet("report", tmp_path / "out"))
