"""What would end a command with a trace ends with one sentence and exit code 2."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from demo.drawing import draw_video
from demo.train_classifier import MODEL
from tests.curated import arguments, sentence, videonet

DATA_SET = Path(__file__).parents[1] / "fixtures" / "before_rooms" / "finished" / "out"
RUN = "import sys; from videonet.cli import main; sys.argv[0] = 'videonet'; main()"

# No parser follows lists within lists so far.
DEEP = "[" * 100_000

# Where nothing can be written: Linux has it.
FULL = Path("/dev/full")

needs_full = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A small data set."""
    return Path(shutil.copytree(DATA_SET, tmp_path / "finished"))


# Output that has no room.


@needs_full
@pytest.mark.parametrize(
    "typed",
    [
        ["--version"],
        ["curate", "--help"],
        ["classifier", "show", str(MODEL)],
        ["status", str(DATA_SET)],
        ["status", "--json", str(DATA_SET)],
        ["verify", str(DATA_SET)],
    ],
    ids=lambda typed: " ".join(typed[:2]),
)
def test_output_that_cannot_be_written_is_one_sentence(typed: list[str]):
    with FULL.open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", RUN, *typed], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 2
    (said,) = (line for line in done.stderr.splitlines() if line.startswith("videonet: "))
    assert "no room for what the command writes or prints" in said
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@needs_full
def test_where_nothing_at_all_can_be_said_the_exit_code_says_it():
    with FULL.open("w") as full:
        done = subprocess.run([sys.executable, "-c", RUN, "--version"], stdout=full, stderr=full)
    assert done.returncode == 2


# JSON and TOML without end.


def test_a_classifier_with_endless_json_beside_it_is_refused(tmp_path: Path):
    model = Path(shutil.copy(MODEL, tmp_path / "model.onnx"))
    model.with_suffix(".json").write_text(DEEP)
    assert "model.json" in sentence(videonet("classifier", "show", model))


def test_a_classifier_whose_json_is_no_text_is_refused(tmp_path: Path):
    model = Path(shutil.copy(MODEL, tmp_path / "model.onnx"))
    model.with_suffix(".json").write_bytes(b'{"labels": "\xff\xfe"}')
    assert "model.json" in sentence(videonet("classifier", "show", model))


def test_a_catalogue_with_an_endless_line_is_refused_with_its_number(tmp_path: Path):
    (tmp_path / "few.jsonl").write_text('{"id": "a", "url": "b", "title": "c"}\n' + DEEP)
    (tmp_path / "classes.txt").write_text("balloon\n")
    folders = ("--store", tmp_path / "store", "--out", tmp_path / "out", "--classifier", MODEL)
    asked = ("--targets", tmp_path / "classes.txt", "--source", f"catalogue:{tmp_path}/few.jsonl")
    assert "ine 2" in sentence(videonet("curate", *asked, "--files-root", tmp_path, *folders))


def test_a_video_with_endless_json_beside_it_is_refused(tmp_path: Path):
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "balloon.mp4").touch()
    (tmp_path / "videos" / "balloon.info.json").write_text(DEEP)
    (tmp_path / "classes.txt").write_text("balloon\n")
    assert "balloon.info.json" in sentence(videonet(*arguments(tmp_path)))


def test_an_endless_configuration_is_refused(tmp_path: Path):
    (tmp_path / "run.toml").write_text(f"shards = {DEEP}")
    assert "run.toml" in sentence(videonet("curate", "--config", tmp_path / "run.toml"))


@pytest.mark.parametrize("content", [DEEP.encode(), b'["\xff"]', b"", b"{"])
@pytest.mark.parametrize("name", ["targets.json", "labels.json", "lookup.json", "manifest.json"])
def test_a_damaged_file_of_a_data_set_is_named(out: Path, name: str, content: bytes):
    (out / name).write_bytes(content)
    assert name in sentence(videonet("verify", out))


@pytest.mark.parametrize("name", ["targets.json", "labels.json"])
def test_a_report_on_a_damaged_data_set_names_the_file(out: Path, name: str):
    (out / name).write_text(DEEP)
    assert name in sentence(videonet("report", out))


# A candidate list that is not whole.


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["cut short", "gone", "of another kind"])
def test_a_damaged_candidate_list_is_named_and_can_be_made_again(tmp_path: Path, damage: str):
    (tmp_path / "videos").mkdir()
    draw_video(tmp_path / "videos" / "a balloon.mp4", "balloon", 11, size=(96, 64))
    (tmp_path / "classes.txt").write_text("balloon: hot air balloon\n")
    assert videonet(*arguments(tmp_path)).code == 0
    (tmp_path / "out" / "manifest.json").unlink()
    (table,) = (tmp_path / "out" / "candidates").glob("*.parquet")
    match damage:
        case "cut short":
            table.write_bytes(table.read_bytes()[:200])
        case "gone":
            table.unlink()
        case _:
            (verdicts,) = (tmp_path / "out" / "verdicts").glob("*.parquet")
            shutil.copy(verdicts, table)
    ended = videonet(*arguments(tmp_path))
    assert ended.code == 2
    said = ended.stderr.splitlines()[-1]
    assert said.startswith("videonet: ")
    assert str(table) in said
    assert "delete lookup.json" in said
    assert "Traceback" not in ended.stderr
    (tmp_path / "out" / "lookup.json").unlink()
    assert videonet(*arguments(tmp_path)).code == 0
    assert (tmp_path / "out" / "manifest.json").exists()
