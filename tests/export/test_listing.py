"""The list: what it says, and that a data set is made again from it."""

import json
from pathlib import Path

import msgspec
import pytest

from tests.curated import videonet
from tests.exporting import clips_of
from videonet.dataset.lock_file import read_lock
from videonet.schemas.export import ListVideo


def lines(listed: Path) -> list[ListVideo]:
    return [
        ListVideo.from_json(line) for line in (listed / "videos.jsonl").read_bytes().splitlines()
    ]


def test_it_names_every_kept_video_with_its_spans_and_labels(out: Path, listed: Path):
    videos = {each.video_id: each for each in lines(listed)}
    assert set(videos) == {"free", "silent", "whole", "unsaid", "other", "short"}
    spans = {name: [] for name in videos}
    for clip in clips_of(out).values():
        spans[clip.clip_media_id].append((clip.clip_start_timestamp, clip.clip_end_timestamp))
    assert {name: [(s.begin, s.end) for s in each.clips] for name, each in videos.items()} == spans
    free = videos["free"]
    assert (free.licence, free.channel, free.url) == ("CC BY 4.0", "Channel free", "free.mp4")
    assert [(each.target_id, each.text, each.wnid) for each in free.labels] == [
        ("balloon", "balloon", None)
    ]
    assert videos["unsaid"].licence is None
    assert len(free.sha256) == 64


def test_it_shows_nothing_of_the_videos(listed: Path):
    names = {file.name for file in listed.rglob("*") if file.is_file()}
    assert names - {".lock"} == {
        *("videos.lock.parquet", "videos.jsonl", "attribution.csv", "README.md", "export.json"),
    }
    assert all(b"\xff\xd8\xff" not in file.read_bytes() for file in listed.iterdir())


def test_both_of_its_files_name_the_same_videos(out: Path, listed: Path):
    lock = read_lock(listed / "videos.lock.parquet")
    assert [each.video_key for each in lock.rows()] == [each.video_key for each in lines(listed)]
    assert lock.header == read_lock(out / "videos.lock.parquet").header


def test_a_line_is_as_the_record_that_describes_it(listed: Path):
    line = json.loads((listed / "videos.jsonl").read_text().splitlines()[0])
    assert set(line) == set(ListVideo.__struct_fields__)
    with pytest.raises(msgspec.DecodeError):
        ListVideo.from_json(msgspec.json.encode({**line, "pixels": "none"}))


@pytest.mark.slow
def test_a_data_set_is_made_again_from_it(made: Path, listed: Path, tmp_path: Path):
    ended = videonet(
        *("rebuild", listed / "videos.lock.parquet", "--files-root", made / "videos"),
        *("--store", tmp_path / "store", "--out", tmp_path / "out"),
    )
    assert ended.code == 0, ended
    assert "6 of 6 videos are here again" in ended.stdout
    assert clips_of(tmp_path / "out") == clips_of(made / "out")
