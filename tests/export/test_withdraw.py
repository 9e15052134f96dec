"""Videos are taken out of an export for good, also where the call is killed on its way."""

import shutil
from pathlib import Path
from unittest.mock import patch

import pyarrow.parquet as pq
import pytest

from tests.export.test_export import tree
from videonet.errors import UsageError
from videonet.export import withdraw
from videonet.export.attribution import read_attribution
from videonet.export.folder import files_at, read_export
from videonet.export.verify import verify_export
from videonet.export.withdraw import withdraw_from_export
from videonet.export.write import export

EVERY_FORM = ["webdataset", "mp4", "huggingface", "listed"]


@pytest.fixture(params=EVERY_FORM)
def exported(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of an export, to be changed."""
    return Path(shutil.copytree(request.getfixturevalue(request.param), tmp_path / "to"))


def key_of(place: Path, video_id: str) -> str:
    rows = read_attribution(files_at(place))
    return next(row.video_key for row in rows if row.video_id == video_id)


def test_a_video_is_taken_out_of_every_file_and_the_rest_is_sound(exported: Path, out: Path):
    key, before = key_of(exported, "free"), read_export(files_at(exported)).counts
    done = withdraw_from_export(exported, ["free", "no such video"])
    assert [each.video_key for each in done.videos] == [key]
    assert done.clips == 2
    assert done.rewritten in (1, 2)
    counts = read_export(files_at(exported)).counts
    assert (counts.exported, counts.clips) == (before.exported - 1, before.clips - 2)
    assert counts.refused["withdrawn"] == 1
    assert verify_export(exported).problems == []
    named = {name for name, data in tree(exported).items() if key.encode() in data}
    assert named == {"withdrawn.json"}
    for file in exported.glob("captions/*"):
        assert key not in pq.read_table(file)["video_key"].to_pylist()
    # Nothing is left to do, and the command that made the export does not bring it back.
    after = tree(exported)
    assert withdraw_from_export(exported, [key]).videos == ()
    form = read_export(files_at(exported)).request.form
    export(out, exported, form)
    assert tree(exported) == after


@pytest.mark.parametrize("step", ["_strip_captions", "write_attribution", "write_card", "finish"])
def test_killed_on_its_way_the_same_call_goes_on(exported: Path, step: str, tmp_path: Path):
    whole = Path(shutil.copytree(exported, tmp_path / "whole"))
    withdraw_from_export(whole, ["free"])
    with (
        patch.object(withdraw, step, side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        withdraw_from_export(exported, ["free"])
    withdraw_from_export(exported, [])
    assert tree(exported) == tree(whole)


def test_of_no_video_that_is_there_nothing_changes(exported: Path):
    before = tree(exported)
    assert withdraw_from_export(exported, ["youtube:dQw4w9WgXcQ"]).rewritten == 0
    assert tree(exported) == before


def test_all_videos_may_go(webdataset: Path, tmp_path: Path):
    to = Path(shutil.copytree(webdataset, tmp_path / "to"))
    withdraw_from_export(to, ["free", "silent"])
    assert read_export(files_at(to)).counts.exported == 0
    assert verify_export(to).problems == []


def test_there_must_be_an_export(out: Path, tmp_path: Path):
    with pytest.raises(UsageError, match="no finished export"):
        withdraw_from_export(tmp_path, ["free"])
    with pytest.raises(UsageError, match="no finished export"):
        withdraw_from_export(out, ["free"])


@pytest.mark.parametrize("what", ["missing", "changed"])
def test_where_a_file_is_not_what_it_was_nothing_is_written_again(exported: Path, what: str):
    row = next(row for row in read_attribution(files_at(exported)) if row.video_id == "free")
    shards = {each.path for each in read_export(files_at(exported)).shards}
    file = exported / (row.shard if row.shard in shards else "videos.jsonl")
    if what == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes() + b" ")
    before = tree(exported)
    with pytest.raises(UsageError, match=f"{file.name} .*{what}.* delete this export"):
        withdraw_from_export(exported, ["free"])
    assert tree(exported) == before
    assert any(what in each for each in verify_export(exported).problems)
