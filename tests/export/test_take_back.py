"""An export is found by `videonet affected`, and `videonet withdraw` takes videos out of it."""

import json
import shutil
from pathlib import Path

import pytest

from tests.curated import sentence, videonet
from tests.withdrawing import tree
from videonet.export.attribution import read_attribution
from videonet.export.folder import files_at, withdrawn_from


@pytest.fixture
def exported(webdataset: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(webdataset, tmp_path / "exported"))


def keys(folder: Path) -> dict[str, str]:
    return {row.video_id: row.video_key for row in read_attribution(files_at(folder))}


def test_a_published_list_is_taken_out_of_an_export_and_twice_does_nothing(
    exported: Path, tmp_path: Path
):
    key = keys(exported)["free"]
    entries = [(key, "free", "drop"), (keys(exported)["silent"], "silent", "keep")]
    entries.append(("youtube:dQw4w9WgXcQ", "dQw4w9WgXcQ", "drop"))
    listed = tmp_path / "list.json"
    listed.write_text(
        json.dumps([{"video_key": a, "video_id": b, "mark": c} for a, b, c in entries])
    )
    ended = videonet("withdraw", exported, "--from", listed)
    assert (ended.code, ended.stderr) == (0, "")
    assert f"{key} ('free') is withdrawn." in ended.stdout
    said = "names 2 videos to be taken out, and 1 that is to stay."
    assert f"{said} {exported} does not know 1 of them." in ended.stdout
    assert f"{exported}: 1 video with " in ended.stdout
    assert keys(exported).keys() == {"silent"}
    assert [each.video_key for each in withdrawn_from(files_at(exported))] == [key]
    assert videonet("verify", exported).code == 0
    before = tree(exported)
    ended = videonet("withdraw", exported, "--from", listed)
    assert f"{exported} does not know 1 of them." in ended.stdout
    assert "0 videos with 0 clips taken out, 0 files written again" in ended.stdout
    assert tree(exported) == before


def test_single_videos_are_taken_out_by_id_and_no_store_is_taken(exported: Path, tmp_path: Path):
    said = sentence(videonet("withdraw", exported, "free", "--store", tmp_path))
    assert "is an export, which has no store" in said
    assert videonet("withdraw", exported, "free").code == 0
    assert keys(exported).keys() == {"silent"}


def test_a_mistyped_id_is_a_sentence_and_changes_nothing(exported: Path):
    before = tree(exported)
    said = sentence(videonet("withdraw", exported, "free", "frree"))
    assert "has no video 'frree'; give what stands under video_id" in said
    assert tree(exported) == before
    videonet("withdraw", exported, "free")
    assert videonet("withdraw", exported, "free").code == 0


def test_an_export_that_holds_a_video_is_named(exported: Path, tmp_path: Path):
    for video in ("free", keys(exported)["free"]):
        ended = videonet("affected", video, "--root", tmp_path)
        assert ended.code == 1
        assert f"export  {exported}  webdataset, " in ended.stdout
    videonet("withdraw", exported, "free")
    ended = videonet("affected", "free", "--root", tmp_path)
    assert (ended.code, "1 folder looked at: 0 of them hold free" in ended.stdout) == (0, True)
    (exported / "attribution.csv").write_text("what it is not\n")
    ended = videonet("affected", "free", "--root", tmp_path)
    assert (ended.code, "attribution.csv cannot be read" in ended.stdout) == (3, True)
