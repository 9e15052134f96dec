"""`videonet curate` again, where it is finished: what it does, says and leaves alone."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from demo.drawing import draw_video
from tests.cli.test_start_up import loaded
from tests.curated import CLASSES, VIDEONET, arguments, sentence, videonet
from tests.fetch.odd_server import odd_server
from tests.local import TYPED
from tests.once import made_once
from videonet.schemas.run import Finished


def _made(folder: Path) -> None:
    (folder / "videos").mkdir()
    (folder / "classes.txt").write_text(CLASSES)
    draw_video(folder / "videos" / "a balloon.mp4", "balloon", 12, size=(160, 120), seed="1")
    assert videonet(*arguments(folder)).code == 0
    assert videonet("report", folder / "out").code == 0


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Iterator[Path]:
    """A folder with a finished run, and its report, as it was made there."""
    made = made_once(tmp_path_factory.getbasetemp(), "again", _made)
    saved = shutil.copytree(made, tmp_path / "saved")
    # Put back afterwards as it was: what a run was given has absolute paths and times.
    yield made
    shutil.rmtree(made)
    shutil.copytree(saved, made)


def contents(folder: Path) -> dict[str, bytes]:
    """All files by path. What was noted of files too soon after they were written is left out."""
    files = (file for file in folder.rglob("*") if file.is_file() and file.name != ".lock")
    found = {str(file.relative_to(folder)): file.read_bytes() for file in files}
    for name in list(found):
        if name.endswith("_state/finished.json"):
            finished = Finished.from_json(found[name])
            found |= {
                f"note of {each}": note.sha256.encode() for each, note in finished.files.items()
            }
            found[name] = msgspec.structs.replace(finished, files={}).to_json()
    return found


def test_a_finished_run_ends_with_one_line_and_changes_nothing(folder: Path):
    before = contents(folder)
    assert "report/index.html" in contents(folder / "out")
    ended = videonet(*arguments(folder))
    assert (ended.code, ended.stderr) == (0, "")
    (line,) = ended.stdout.splitlines()
    assert line.endswith("out is finished, and nothing has changed since: 1 clip of 1 video.")
    assert contents(folder) == before


def test_a_finished_run_is_recognised_whatever_runner_is_named(folder: Path):
    for more in (("--runner", "FLINK"), ("--", "--runner=DirectRunner")):
        ended = videonet(*arguments(folder), *more)
        assert (ended.code, ended.stderr) == (0, "")
        assert "nothing has changed since" in ended.stdout
    said = sentence(videonet(*arguments(folder), "--", "--runner=NoSuchRunner"))
    assert "There is no runner 'NoSuchRunner'" in said


def test_a_finished_run_imports_neither_beam_nor_the_classifier(folder: Path):
    assert not {"apache_beam", "onnxruntime", "torch"} & loaded(*arguments(folder))


def test_other_settings_are_refused_before_beam_is_imported(folder: Path):
    given = (*arguments(folder), "--frames", "50")
    assert "frames was 100, is 50" in videonet(*given).stderr
    assert not {"apache_beam", "onnxruntime", "torch"} & loaded(*given, code=2)


def add_video(folder: Path) -> None:
    shutil.copyfile(folder / "videos" / "a balloon.mp4", folder / "videos" / "yacht.mp4")


def touch_video(folder: Path) -> None:
    os.utime(folder / "videos" / "a balloon.mp4", ns=(1, 1))


def delete_video(folder: Path) -> None:
    add_video(folder)
    assert videonet(*arguments(folder)).code == 0
    (folder / "videos" / "yacht.mp4").unlink()


def delete_shard(folder: Path) -> None:
    (file,) = (folder / "out" / "clips" / "parquet").iterdir()
    file.unlink()


def cut_shard(folder: Path) -> None:
    (file,) = (folder / "out" / "clips" / "tfrecord").iterdir()
    file.write_bytes(file.read_bytes()[:-1])


def delete_verdicts(folder: Path) -> None:
    shutil.rmtree(folder / "out" / "verdicts")


def delete_card(folder: Path) -> None:
    (folder / "out" / "README.md").unlink()


def forget_what_was_given(folder: Path) -> None:
    (folder / "out" / "_state" / "finished.json").unlink()


@pytest.mark.parametrize(
    "change",
    [
        *(add_video, touch_video, delete_video, delete_shard, cut_shard),
        *(delete_verdicts, delete_card, forget_what_was_given),
    ],
)
def test_where_anything_may_differ_the_run_is_made_again(
    folder: Path, change: Callable[[Path], None]
):
    change(folder)
    ended = videonet(*arguments(folder))
    assert ended.code == 0
    assert "Candidates by class" in ended.stdout
    assert videonet("verify", folder / "out").code == 0
    # And then it is finished.
    assert len(videonet(*arguments(folder)).stdout.splitlines()) == 1


def interrupt_after_the_list_is_made(folder: Path) -> None:
    """Leave OUT as a run does that is killed then."""
    for name in ("manifest.json", "README.md", "videos.lock.parquet"):
        (folder / "out" / name).unlink()


def test_what_came_while_a_run_was_interrupted_is_not_taken_for_read(folder: Path):
    interrupt_after_the_list_is_made(folder)
    add_video(folder)
    # It goes on from the list that is there.
    assert "1 title looked at" in videonet(*arguments(folder)).stdout
    assert "2 titles looked at" in videonet(*arguments(folder)).stdout
    assert len(videonet(*arguments(folder)).stdout.splitlines()) == 1


def local(folder: Path) -> list[str]:
    """The command over a catalogue of local files."""
    (folder / "videos.csv").write_text("id,url,title\n1,a balloon.mp4,A balloon\n")
    typed = [*map(str, arguments(folder)), "--files-root", str(folder / "videos")]
    typed[typed.index("--source") + 1] = f"catalogue:{folder / 'videos.csv'}"
    typed[typed.index("--out") + 1] = str(folder / "local")
    return typed


def test_of_a_catalogue_its_own_local_files_count_and_no_others(folder: Path):
    typed = local(folder)
    assert videonet(*typed).code == 0
    # It may be a whole disk, with links that lead round and round.
    (folder / "videos" / "round").symlink_to("/")
    add_video(folder)
    assert len(videonet(*typed).stdout.splitlines()) == 1
    touch_video(folder)
    assert "Candidates by class" in videonet(*typed).stdout


def test_a_local_file_that_changed_during_a_run_is_not_taken_for_read(folder: Path):
    typed = local(folder)
    # As if somebody wrote it after the run had begun.
    os.utime(folder / "videos" / "a balloon.mp4", ns=(2**61, 2**61))
    for _ in range(2):
        assert "Candidates by class" in videonet(*typed).stdout


def test_another_class_list_is_refused(folder: Path):
    (folder / "classes.txt").write_text(CLASSES + "lighthouse\n")
    assert "another class list" in videonet(*arguments(folder)).stderr


def test_files_that_were_only_touched_are_known_by_their_content(folder: Path):
    classes = folder / "classes.txt"
    os.utime(classes, ns=(1, 1))
    assert len(videonet(*arguments(folder)).stdout.splitlines()) == 1
    classes.write_text(f"{CLASSES}# These are all.\n")
    assert "Candidates by class" in videonet(*arguments(folder)).stdout


def test_a_class_list_that_comes_through_a_pipe_is_read_each_time(folder: Path):
    given = list(map(str, arguments(folder)))
    given[given.index("--targets") + 1] = "/dev/stdin"
    for _ in range(2):
        command = [VIDEONET, *given]
        ended = subprocess.run(command, input=CLASSES, capture_output=True, text=True, check=True)
        assert "Candidates by class" in ended.stdout


@pytest.mark.parametrize(
    ("option", "value"),
    [("--targets", "none.txt"), ("--classifier", "none.onnx"), ("--source", "catalogue:none.csv")],
)
def test_what_is_not_there_is_missed_before_beam_is_imported(
    tmp_path: Path, option: str, value: str
):
    (tmp_path / "classes.txt").write_text(CLASSES)
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "a balloon.mp4").touch()
    given = arguments(tmp_path)
    given[given.index(option) + 1] = value
    assert value.rpartition(":")[2] in sentence(videonet(*given))
    assert not {"apache_beam", "onnxruntime", "torch"} & loaded(*given, code=2)


def test_a_page_that_was_asked_for_stays_and_is_said_to_be_older(folder: Path):
    page = (folder / "out" / "report" / "index.html").read_bytes()
    touch_video(folder)
    assert "report shows what was" not in videonet(*arguments(folder)).stderr
    add_video(folder)
    assert "report shows what was" in videonet(*arguments(folder)).stderr
    assert (folder / "out" / "report" / "index.html").read_bytes() == page


def test_only_what_failed_is_tried_again_and_said(tmp_path: Path):
    (tmp_path / "classes.txt").write_text(CLASSES)
    draw_video(tmp_path / "video.mp4", "balloon", 12, size=(160, 120), seed="1")
    video = (tmp_path / "video.mp4").read_bytes()
    asked: list[str] = []
    there = False

    def answer(path: str) -> tuple[int, dict[str, str], bytes]:
        asked.append(path[:6])
        if path == "/1.mp4" or there:
            return 200, {"Content-Type": "video/mp4"}, video
        return 302, {"Location": f"{path}a"}, b""

    with odd_server(answer) as address:
        rows = [f"{number},{address}/{number}.mp4,A balloon\n" for number in (1, 2)]
        (tmp_path / "videos.csv").write_text("id,url,title\n" + "".join(rows))
        given = [*arguments(tmp_path), *TYPED]
        given[given.index("--source") + 1] = f"catalogue:{tmp_path / 'videos.csv'}"
        assert "1 refused" in videonet(*given).stdout
        asked.clear()
        again = videonet(*given)
        assert "1 failure may pass another time: trying again" in again.stderr
        said = "Tried 1 failure again: 0 kept and 0 rejected by now; 1 failure left (1 refused)."
        assert said in again.stdout
        assert "Candidates by class" not in again.stdout
        assert set(asked) == {"/2.mp4"}
        there = True
        last = videonet(*given).stdout
        assert "Tried 1 failure again: 1 kept and 0 rejected by now; 0 failures left." in last
        assert len(videonet(*given).stdout.splitlines()) == 1


def test_a_finished_rebuild_says_what_it_said_without_beam(folder: Path, tmp_path: Path):
    lock = shutil.copyfile(folder / "out" / "videos.lock.parquet", tmp_path / "lock.parquet")
    given = ("rebuild", lock, "--store", tmp_path / "store", "--out", tmp_path / "out")
    given = (*given, "--files-root", folder / "videos")
    first = videonet(*given)
    assert "1 of 1 videos are here again" in first.stdout
    again = videonet(*given)
    assert (again.code, again.stdout) == (first.code, first.stdout)
    assert again.stderr == "Nothing has changed since it was made.\n"
    assert not {"apache_beam", "onnxruntime", "torch"} & loaded(*given)
    delete_shard(tmp_path)
    assert "Nothing has changed" not in videonet(*given).stderr
    assert (tmp_path / "out" / "clips" / "parquet").exists()
