"""A finished data set with a changed byte is not called finished: the same command mends it."""

import os
import shutil
from pathlib import Path

import msgspec
import pytest

from demo.drawing import draw_video
from tests.curated import CLASSES, VIDEOS, Ended, arguments, videonet
from videonet.curation.context import ReadContext
from videonet.schemas.run import FileNote
from videonet.storage import dataset_files
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.dataset_files import FolderFiles
from videonet.storage.file_notes import is_as_noted, noted_now
from videonet.storage.store import Store

FILES = [
    "clips/parquet/clips-00000-of-00001.parquet",
    "clips/tfrecord/clips-00000-of-00001.tfrecord",
    "verdicts/verdicts-00000-of-00001.parquet",
    "candidates/candidates-00000-of-00001.parquet",
    "videos.lock.parquet",
    "targets.json",
    "labels.json",
    "lookup.json",
    "manifest.json",
]


def make(folder: Path) -> None:
    (folder / "videos").mkdir()
    (folder / "classes.txt").write_text(CLASSES)
    for name, shows, _ in VIDEOS[:2]:
        draw_video(folder / "videos" / name, shows, 11, size=(96, 64), seed=name)
    assert command(folder).code == 0


def command(folder: Path) -> Ended:
    return videonet(*arguments(folder), "--frames", "10", "--shards", "1")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; each test leaves it as it was."""
    folder = tmp_path_factory.mktemp("finished")
    make(folder)
    return folder


def flip(file: Path, at: float = 0.5) -> None:
    """Change one byte; neither the size nor the time tells."""
    before = file.stat()
    content = bytearray(file.read_bytes())
    content[int(len(content) * at)] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def content_of(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in FILES}


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_byte_in_a_finished_data_set_is_mended_by_the_same_command(finished, name):
    out = finished / "out"
    before = content_of(out)
    flip(out / name)
    assert content_of(out) != before
    ended = command(finished)
    assert ended.code == 0, ended
    assert "nothing has changed" not in ended.stdout
    # A record that cannot be read is one that is not there.
    if name not in ("manifest.json", "lookup.json"):
        assert f"{out / name}: not as it was written" in ended.stderr
    assert content_of(out) == before
    again = command(finished)
    assert "nothing has changed" in again.stdout
    assert again.stderr == ""


def test_where_no_file_of_a_shard_is_whole_its_videos_are_cut_again(finished):
    out = finished / "out"
    before = content_of(out)
    for name in FILES[:2]:
        flip(out / name)
    ended = command(finished)
    assert ended.code == 0, ended
    assert "and 1 more" in ended.stderr
    assert content_of(out) == before


def test_a_file_that_was_only_touched_or_copied_is_not_made_again(finished):
    out = finished / "out"
    for name in FILES:
        os.utime(out / name)
        copy = shutil.copy(out / name, finished / "copy")
        Path(copy).replace(out / name)
    assert "nothing has changed" in command(finished).stdout


def test_a_data_card_that_somebody_edited_stays(finished):
    card = finished / "out/README.md"
    before = card.read_text()
    card.write_text(before + "More words.\n")
    assert "nothing has changed" in command(finished).stdout
    assert card.read_text().endswith("More words.\n")
    card.write_text(before)


def test_clips_that_waited_and_are_not_as_they_were_cut_are_cut_again(finished, tmp_path):
    """As after a run that was killed before it wrote the shard."""
    out, store = finished / "out", finished / "store"
    before = content_of(out)
    output = DatasetDir(out)
    plan, lookup = output.plan(), output.lookup()
    key = ReadContext(plan).cut_key
    for candidate in output.candidates(0, lookup.shards):
        place = store / Store(store).clips(candidate.video_key, key, plan.run_id)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"other clips")
    for name in FILES[:2]:
        (out / name).unlink()
    assert command(finished).code == 0
    assert content_of(out) == before


def test_a_file_is_not_read_as_long_as_it_is_as_noted(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset_files, "_SETTLED", 0)
    files, file = FolderFiles(tmp_path), tmp_path / "file"
    file.write_bytes(b"content")
    (note,) = noted_now(files, ["file"], {}).values()
    assert note.state is not None

    def is_as(note: FileNote) -> bool:
        return is_as_noted(files, "file", note, files.states(["file"]).get("file"))

    # Such a note says that the file is as it was, without a look at it.
    assert is_as(msgspec.structs.replace(note, sha256="another"))
    flip(file)
    assert not is_as(note)
    flip(file)
    assert is_as(note)
    assert noted_now(files, ["file"], {"file": note})["file"].sha256 == note.sha256
    file.unlink()
    assert not is_as(note)


def test_the_state_of_a_file_that_was_written_just_now_does_not_tell(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    assert noted_now(FolderFiles(tmp_path), ["file"], {})["file"].state is None
