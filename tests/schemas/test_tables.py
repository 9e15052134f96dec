"""Tables on disk: their columns are those of version 0.1.0, for older data sets have them."""

import msgspec
import pyarrow as pa
import pytest

from videonet.schemas.candidate import Candidate, Sighting
from videonet.schemas.clip import Clip
from videonet.schemas.lock_file import LockedVideo
from videonet.schemas.record import Record
from videonet.schemas.search import SearchResult
from videonet.schemas.table import arrow_schema, from_batch
from videonet.schemas.verdict import Verdict

_MATCHES = (
    "list<item: struct<target_id: string not null, names: list<item: string not null> not null, "
    "title: string, query: string, rank: int64 not null> not null> not null"
)

COLUMNS = {
    Sighting: """
        video_key: string not null
        video_id: string not null
        url: string not null
        root: string
        title: string not null
        duration: double
        channel: string
        licence: string
        live_status: string
        source: string not null
        query: string
        rank: int64 not null
        upload_date: string
        language: string
        description: string
        tags: list<item: string not null>
        category: string
        age_limit: int64
        has_captions: bool
        asked: string
    """,
    Candidate: """
        video_key: string not null
        video_id: string not null
        url: string not null
        root: string
        title: string not null
        duration: double
        channel: string
        licence: string
        live_status: string
        source: string not null
        sha256: string
        matches: {matches}
        upload_date: string
        language: string
        description: string
        tags: list<item: string not null>
        category: string
        age_limit: int64
        has_captions: bool
        asked: string
    """,
    Verdict: """
        video_id: string not null
        video_key: string not null
        target_id: string not null
        wnid: string
        url: string not null
        title: string not null
        matched_names: list<item: string not null> not null
        source: string not null
        query: string
        rank: int64 not null
        channel: string
        licence: string
        declared_duration: double
        outcome: string not null
        reason: string
        error: string
        attempts: int64 not null
        frames_scanned: int64
        frames_matched: int64
        first_match: int64
        best_match: int64
        best_probability: double
        seen: int64
        seen_frames: int64
        seen_probability: double
        duration: double
        width: int64
        height: int64
        fps: double
        codec: string
        bytes: int64
        sha256: string
        clips: int64 not null
        classifier: string not null
        upload_date: string
        language: string
        description: string
        tags: list<item: string not null>
        category: string
        age_limit: int64
        has_captions: bool
        asked: string
        duplicate_of: string
        inherited: {inherited}
    """,
    SearchResult: """
        id: string not null
        url: string not null
        title: string not null
        duration: double
        channel: string
        licence: string
        live_status: string
        query: string not null
        rank: int64 not null
        searched: string not null
        run_id: string not null
        upload_date: string
        language: string
        description: string
        tags: list<item: string not null>
        category: string
        age_limit: int64
        has_captions: bool
    """,
    LockedVideo: """
        video_key: string not null
        video_id: string not null
        url: string not null
        sha256: string not null
        bytes: int64
        duration: double
        labels: list<item: int64 not null> not null
        names: list<item: string not null> not null
        matches: {matches}
        title: string not null
        channel: string
        licence: string
        source: string not null
        declared_duration: double
        clips: list<item: struct<begin: int64 not null, end: int64 not null> not null> not null
    """,
    Clip: """
        example_id: string not null
        example_dataset_name: string not null
        clip_data_path: string not null
        clip_media_id: string not null
        clip_start_timestamp: int64 not null
        clip_end_timestamp: int64 not null
        clip_label_index: list<item: int64 not null> not null
        clip_label_string: list<item: string not null> not null
        clip_label_text: list<item: string not null> not null
        clip_label_target_id: list<item: string not null>
        clip_label_wnid: list<item: string not null>
        image_format: string not null
        image_height: int64 not null
        image_width: int64 not null
        image_channels: int64 not null
        image_colorspace: string not null
        image_frame_rate: double not null
        image_encoded: list<item: binary not null> not null
        image_timestamp: list<item: int64 not null> not null
        clip_motion_repeated: double
        clip_motion_difference: double
        clip_cut_timestamp: list<item: int64 not null>
    """,
}


@pytest.mark.parametrize("record", COLUMNS)
def test_a_table_has_the_columns_that_it_always_had(record: type[Record]):
    columns = [
        f"{column.name}: {column.type}{'' if column.nullable else ' not null'}"
        for column in arrow_schema(record)
    ]
    described = COLUMNS[record].replace("{matches}", _MATCHES)
    described = described.replace("{inherited}", _MATCHES.removesuffix(" not null"))
    assert columns == [line.strip() for line in described.strip().splitlines()]


MATCH = {"target_id": "n1", "names": ["cat", "cats"], "title": None, "query": "cats", "rank": 3}

# What tables of earlier versions have no columns for.
DETAILS = {
    "upload_date": "20240501",
    "language": "en",
    "description": "Two of them.",
    "tags": ["cat", "pet"],
    "category": "Pets & Animals",
    "age_limit": 0,
    "has_captions": True,
    "asked": "2026-01-01T00:00:00+00:00",
}
DUPLICATE = {"duplicate_of": "youtube:b", "inherited": [MATCH]}
DETAILED = {Sighting: DETAILS, Candidate: DETAILS, Verdict: DETAILS | DUPLICATE} | {
    SearchResult: {name: value for name, value in DETAILS.items() if name != "asked"}
}

# A row of each table: a value in every column that it always had.
ROWS: dict[type[Record], dict[str, object]] = {
    Sighting: {
        "video_key": "youtube:a",
        "video_id": "a",
        "url": "a.mp4",
        "root": "/videos",
        "title": 'A "cat" 🐈',
        "duration": 12.0,
        "channel": "Cats",
        "licence": "CC0",
        "live_status": "was_live",
        "source": "catalogue",
        "query": "cats",
        "rank": 3,
    },
    Candidate: {
        "video_key": "youtube:a",
        "video_id": "a",
        "url": "a.mp4",
        "root": "/videos",
        "title": "A cat",
        "duration": 12.0,
        "channel": "Cats",
        "licence": "CC0",
        "live_status": "was_live",
        "source": "catalogue",
        "sha256": "0" * 64,
        "matches": [MATCH],
    },
    Verdict: {
        "video_id": "a",
        "video_key": "youtube:a",
        "target_id": "n1",
        "wnid": "n1",
        "url": "a.mp4",
        "title": "A cat",
        "matched_names": ["cat"],
        "source": "catalogue",
        "query": "cats",
        "rank": 3,
        "channel": "Cats",
        "licence": "CC0",
        "declared_duration": 12.0,
        "outcome": "failed",
        "reason": "network",
        "error": "it broke",
        "attempts": 5,
        "frames_scanned": 100,
        "frames_matched": 20,
        "first_match": 3,
        "best_match": 7,
        "best_probability": 0.75,
        "seen": 281,
        "seen_frames": 50,
        "seen_probability": 0.8,
        "duration": 12.4,
        "width": 640,
        "height": 480,
        "fps": 25.0,
        "codec": "h264",
        "bytes": 1 << 40,
        "sha256": "0" * 64,
        "clips": 1,
        "classifier": "1" * 64,
    },
    SearchResult: {
        "id": "a",
        "url": "https://example.org/a",
        "title": "A cat",
        "duration": 12.0,
        "channel": "Cats",
        "licence": "CC0",
        "live_status": "is_live",
        "query": "cats",
        "rank": 3,
        "searched": "2026-01-01T00:00:00+00:00",
        "run_id": "0" * 32,
    },
    LockedVideo: {
        "video_key": "youtube:a",
        "video_id": "a",
        "url": "a.mp4",
        "sha256": "0" * 64,
        "bytes": 1_000,
        "duration": 12.4,
        "labels": [3],
        "names": ["cat"],
        "matches": [MATCH],
        "title": "A cat",
        "channel": "Cats",
        "licence": "CC0",
        "source": "catalogue",
        "declared_duration": 12.0,
        "clips": [{"begin": 0, "end": 10_240_000}],
    },
}


def full_row(record: type[Record]) -> dict[str, object]:
    return ROWS[record] | DETAILED.get(record, {})


@pytest.mark.parametrize("record", ROWS)
def test_a_row_that_is_read_and_written_is_the_same_row(record: type[Record]):
    schema = arrow_schema(record)
    read = record.from_row(full_row(record))
    assert list(read.to_row()) == schema.names
    table = pa.Table.from_pylist([read.to_row()], schema)
    assert table.to_pylist() == [full_row(record)]
    assert [record.from_row(row) for row in table.to_pylist()] == [read]
    assert from_batch(record, table) == [read]
    assert record.from_json(read.to_json()) == read


@pytest.mark.parametrize("record", DETAILED)
def test_a_table_of_an_earlier_version_says_nothing_in_the_columns_that_it_lacks(
    record: type[Record],
):
    earlier = record.from_row(ROWS[record])
    assert earlier == record.from_row(ROWS[record] | dict.fromkeys(DETAILED[record]))
    table = pa.Table.from_pylist([ROWS[record]])
    assert from_batch(record, table) == [earlier]
    assert list(earlier.to_row()) == list(ROWS[record])


@pytest.mark.parametrize("record", ROWS)
def test_the_json_of_a_record_is_its_row(record: type[Record]):
    read = record.from_row(ROWS[record])
    # The names of files in a store are digests of it: its order matters, and so does each space.
    assert read.to_json() == msgspec.json.encode(ROWS[record])
    assert record.from_json(read.to_json()) == read


@pytest.mark.parametrize("record", ROWS)
def test_a_row_without_a_column_that_it_must_have_is_refused(record: type[Record]):
    for column in arrow_schema(record):
        if column.name in DETAILED.get(record, ()):
            continue
        row = {name: value for name, value in ROWS[record].items() if name != column.name}
        with pytest.raises(msgspec.ValidationError):
            record.from_row(row)
        with pytest.raises(msgspec.ValidationError):
            record.from_json(msgspec.json.encode(row))


@pytest.mark.parametrize("record", ROWS)
def test_a_row_with_a_column_that_its_table_does_not_have_is_refused(record: type[Record]):
    for column in ("colour", "video", *{"root", "live_status", "id"} - {*ROWS[record]}):
        row = ROWS[record] | {column: "x"}
        with pytest.raises(msgspec.ValidationError):
            record.from_row(row)
        with pytest.raises(msgspec.ValidationError):
            record.from_json(msgspec.json.encode(row))
