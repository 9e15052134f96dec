"""A catalogue that says more of its videos than is needed: date, language, tags and so on."""

import csv
import datetime
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from demo.world import World
from tests.curating import curate, verdicts_of
from tests.sources.test_catalogue import rows_of
from videonet.schemas.candidate import Sighting
from videonet.schemas.table import from_batch
from videonet.schemas.video_info import DETAILS, VideoInfo
from videonet.sources.catalogue import Catalogue
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store

ROW = {"id": "a", "url": "https://example.org/a.mp4", "title": "A swan"}
SAID = {
    "upload_date": "20240501",
    "language": "en",
    "description": "Two swans, see https://example.org/?token=abc123def",
    "tags": ("swan", "lake"),
    "category": "Pets & Animals",
    "age_limit": 0,
    "has_captions": True,
    "asked": "2026-01-01T00:00:00+00:00",
}
# As yt-dlp writes them in its JSON, and others in tables.
WRITTEN = SAID | {"tags": ["swan", "lake"]}
AS_YT_DLP = {
    **{name: WRITTEN[name] for name in ("upload_date", "language", "description", "tags")},
    "categories": ["Pets & Animals", "Film"],
    "age_limit": 0,
    "subtitles": {"en": [{"ext": "vtt"}]},
    "epoch": 1767225600,
}


def said_in(row: VideoInfo) -> dict[str, Any]:
    return {name: getattr(row, name) for name in DETAILS}


@pytest.mark.parametrize("more", [WRITTEN, AS_YT_DLP], ids=["ours", "as yt-dlp"])
def test_json_says_them_as_yt_dlp_does(more: dict[str, Any], tmp_path: Path):
    file = tmp_path / "videos.jsonl"
    file.write_text(json.dumps(ROW | more) + "\n")
    (row,) = rows_of(file)
    assert said_in(row.video) == SAID


def test_a_table_of_text_says_them_in_text(tmp_path: Path):
    file = tmp_path / "videos.csv"
    with file.open("w", newline="") as text:
        rows = csv.writer(text)
        rows.writerow([*ROW, *SAID])
        rows.writerow([*ROW.values(), *(SAID | {"tags": "swan, lake"}).values()])
        rows.writerow(["b", "https://example.org/b.mp4", "A goose", *[""] * len(SAID)])
    swan, goose = rows_of(file)
    assert said_in(swan.video) == SAID
    assert set(said_in(goose.video).values()) == {None}


def test_parquet_says_them_in_types_of_its_own(tmp_path: Path):
    row = ROW | WRITTEN
    row["upload_date"] = datetime.date(2024, 5, 1)
    row["asked"] = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "videos.parquet")
    (read,) = rows_of(tmp_path / "videos.parquet")
    assert said_in(read.video) == SAID


def test_columns_of_these_names_that_hold_something_else_are_passed_over(tmp_path: Path):
    odd = {"description": {"en": "A swan"}, "language": [{"code": "en"}], "tags": {"a": 1}}
    pq.write_table(pa.Table.from_pylist([ROW | odd]), tmp_path / "videos.parquet")
    (tmp_path / "videos.jsonl").write_text(json.dumps(ROW | odd) + "\n")
    for name in ("videos.parquet", "videos.jsonl"):
        (row,) = rows_of(tmp_path / name)
        assert set(said_in(row.video).values()) == {None}


def test_of_a_whole_book_the_beginning_is_kept(tmp_path: Path):
    for name in ("videos.jsonl", "videos.parquet"):
        row = ROW | {"description": "word " * 300_000}
        if name.endswith("jsonl"):
            (tmp_path / name).write_text(json.dumps(row) + "\n")
        else:
            pq.write_table(pa.Table.from_pylist([row]), tmp_path / name)
        (read,) = rows_of(tmp_path / name)
        assert read.video.description == ("word " * 200).strip()


@pytest.mark.slow
def test_they_are_in_the_store_the_list_and_the_account(world: World, tmp_path: Path):
    with world.serve():
        rows = list(csv.DictReader(world.catalogue.open()))
        few = [each | WRITTEN for each in rows if each["id"] in ("brief", "plans")]
        (tmp_path / "few.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in few))
        assert Catalogue(tmp_path / "few.jsonl", None).check() == []
        curate(f"catalogue:{tmp_path / 'few.jsonl'}", world.classes, tmp_path)
        first = verdicts_of(tmp_path / "out")
        again = {"out": tmp_path / "again"}
        curate("store", world.classes, tmp_path, **again)
    shown = SAID | {"description": "Two swans, see https://example.org/?token=REDACTED"}
    for verdicts in (first, verdicts_of(tmp_path / "again")):
        assert len(verdicts) == 2
        assert [said_in(each.video) for each in verdicts] == [shown] * 2
    found = [
        sighting
        for batch in Store(tmp_path / "store").found.batches()
        for sighting in from_batch(Sighting, batch)
    ]
    # The store alone keeps what is not to be published.
    assert {each.video.description for each in found} <= {SAID["description"], shown["description"]}
    (listed,) = {each.video.tags for each in DatasetDir(tmp_path / "out").candidates(0, 1)}
    assert listed == SAID["tags"]
