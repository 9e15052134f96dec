"""An export in which anything was changed is found out."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.curated import sentence, videonet
from videonet.errors import UsageError
from videonet.export.folder import is_export
from videonet.export.verify import verify_export


def changed(source: Path, to: Path, change: Callable[[Path], None]) -> list[str]:
    """The problems of a copy that was changed."""
    copy = Path(shutil.copytree(source, to / "copy"))
    change(copy)
    return verify_export(copy).problems


def flip(pattern: str) -> Callable[[Path], None]:
    """Change a byte in the middle of the first file of that name."""

    def change(folder: Path) -> None:
        file = max(folder.glob(pattern), key=lambda each: each.stat().st_size)
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)

    return change


@pytest.mark.parametrize(
    ("form", "pattern"),
    [
        ("webdataset", "train/*.tar"),
        ("webdataset", "captions/*.parquet"),
        ("huggingface", "data/*.parquet"),
        ("mp4", "train/*/*.mp4"),
        ("mp4", "train/*/*.json"),
        ("mp4", "train/*/files.jsonl"),
        ("listed", "videos.lock.parquet"),
        ("listed", "videos.jsonl"),
    ],
)
def test_a_changed_byte_is_found(
    form: str, pattern: str, request: pytest.FixtureRequest, tmp_path: Path
):
    problems = changed(request.getfixturevalue(form), tmp_path, flip(pattern))
    assert any("was changed" in each or "damaged" in each for each in problems), problems


def test_a_file_too_few_or_too_many_is_found(mp4: Path, webdataset: Path, tmp_path: Path):
    def lose(folder: Path) -> None:
        next(folder.glob("train/*/*.mp4")).unlink()

    assert any("is missing" in each for each in changed(mp4, tmp_path / "a", lose))

    def add(folder: Path) -> None:
        (folder / "train/more.tar").write_bytes(b"")

    assert changed(webdataset, tmp_path / "b", add) == ["train/more.tar is no file of this export."]


def test_counts_that_do_not_balance_are_found(webdataset: Path, tmp_path: Path):
    def miscount(folder: Path) -> None:
        said = json.loads((folder / "export.json").read_text())
        said["counts"]["exported"] += 1
        (folder / "export.json").write_text(json.dumps(said))

    problems = changed(webdataset, tmp_path, miscount)
    assert any("does not balance" in each for each in problems)


def test_the_card_is_for_people_and_may_be_changed(webdataset: Path, tmp_path: Path):
    def note(folder: Path) -> None:
        (folder / "README.md").write_text("mine")

    assert changed(webdataset, tmp_path, note) == []


def test_the_command_says_what_is_wrong_and_exits_with_1(webdataset: Path, tmp_path: Path):
    copy = Path(shutil.copytree(webdataset, tmp_path / "copy"))
    flip("train/*.tar")(copy)
    ended = videonet("verify", copy)
    assert ended.code == 1
    assert "was changed." in ended.stdout


@pytest.mark.parametrize("said", [b"", b"{}", b"[" * 100_000, b"\xff", b'{"request": 1}'])
def test_a_damaged_record_is_one_sentence(webdataset: Path, tmp_path: Path, said: bytes):
    copy = Path(shutil.copytree(webdataset, tmp_path / "copy"))
    (copy / "export.json").write_bytes(said)
    assert "export.json is damaged" in sentence(videonet("verify", copy))


@pytest.mark.parametrize("path", ["../out.tar", "/etc/passwd", "train/../../x", ""])
def test_a_record_may_not_lead_out_of_its_folder(webdataset: Path, tmp_path: Path, path: str):
    copy = Path(shutil.copytree(webdataset, tmp_path / "copy"))
    said = json.loads((copy / "export.json").read_text())
    said["shards"][0]["path"] = path
    (copy / "export.json").write_text(json.dumps(said))
    with pytest.raises(UsageError, match="not below it"):
        verify_export(copy)


def test_exports_are_told_from_data_sets(webdataset: Path, out: Path, tmp_path: Path):
    assert is_export(webdataset)
    assert not is_export(out)
    assert not is_export(tmp_path)
    assert not is_export(tmp_path / "nowhere")
