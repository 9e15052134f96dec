"""parquet_pages: where single frames lie in a shard, and the numbers beside them."""

import os
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.training.written import clip_of
from videonet.schemas.clip import Clip
from videonet.schemas.shard_form import LAYOUTS, OLDEST_FORM, ShardForm
from videonet.shards.page_headers import Read
from videonet.shards.parquet import columns_in, open_writer, schema_of
from videonet.training.data.parquet_pages import OtherLayoutError, numbers_of, places_of, unpacked

CLIPS = [clip_of("a", 0, 1), clip_of("b", 0, 40), clip_of("c", 0, 300)]


def column_of(file: Path, group: int, name: str) -> pq.ColumnChunkMetaData:
    footer = pq.read_metadata(file)
    return footer.row_group(group).column(columns_in(footer)[name])


def reader_of(file: Path) -> Read:
    return partial(os.pread, os.open(file, os.O_RDONLY))


def frames_in(file: Path, group: int, count: int) -> list[bytes]:
    """The first frames of a clip, read from where they are said to lie."""
    column = column_of(file, group, "image_encoded")
    with file.open("rb") as opened:
        read = partial(os.pread, opened.fileno())
        return [read(*place) for place in places_of(read, column, range(count))]


def written(path: Path, clips: list[Clip], form: ShardForm) -> Path:
    with open_writer(path, form) as write:
        for clip in clips:
            write(clip)
    return path


@pytest.fixture(params=LAYOUTS, ids=lambda layout: f"layout {layout}")
def layout(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture
def shard(tmp_path: Path, layout: int) -> Path:
    return written(tmp_path / "clips.parquet", CLIPS, ShardForm(layout))


@pytest.mark.parametrize(("group", "clip"), list(enumerate(CLIPS)))
def test_all_frames_of_a_clip_are_found(shard: Path, group: int, clip: Clip):
    assert frames_in(shard, group, len(clip.image_encoded)) == list(clip.image_encoded)
    assert frames_in(shard, group, 1) == [clip.image_encoded[0]]


def test_large_frames_are_found(tmp_path, layout):
    # Together more than the megabyte after which Arrow would like to begin another page.
    jpegs = tuple(np.random.default_rng(number).bytes(150_000) for number in range(30))
    clip = clip_of("a", 0, 30, image_encoded=jpegs)
    file = written(tmp_path / "large.parquet", [clip], ShardForm(layout))
    assert frames_in(file, 0, 30) == list(jpegs)


def test_frames_of_any_lengths_are_found_also_thousands(tmp_path, layout):
    generator = np.random.default_rng(0)
    jpegs = tuple(generator.bytes(length) for length in generator.integers(0, 3_000, 2_000))
    clip = clip_of("a", 0, len(jpegs), image_encoded=jpegs)
    file = written(tmp_path / "many.parquet", [clip], ShardForm(layout))
    assert frames_in(file, 0, len(jpegs)) == list(jpegs)


def test_in_layout_2_a_clip_begins_with_all_that_is_small_and_the_way_to_its_frames(tmp_path):
    clip = clip_of("a", 0, 128, image_encoded=tuple(bytes([n]) * 20_000 for n in range(128)))
    file = written(tmp_path / "clips.parquet", [clip, clip], ShardForm(2))
    begin = column_of(file, 1, "example_id").data_page_offset
    with file.open("rb") as opened:
        opened.seek(begin)
        small = opened.read(4096)

    def read(size: int, offset: int) -> bytes:
        assert begin <= offset
        assert offset + min(size, 700) <= begin + len(small)
        return small[offset - begin : offset - begin + size]

    places = places_of(read, column_of(file, 1, "image_encoded"), range(128))
    assert [length for length, _ in places] == [20_000] * 128
    assert numbers_of(read, column_of(file, 1, "image_timestamp"), is_list=True) == list(
        clip.image_timestamp
    )


def test_numbers_are_found_as_arrow_finds_them(tmp_path, layout):
    clips = [
        msgspec.structs.replace(
            clip, clip_motion_repeated=0.5, clip_motion_difference=1.5, clip_cut_timestamp=cuts
        )
        for clip, cuts in zip(CLIPS, [(), (5, 80_000), (-(2**63), 2**63 - 1)], strict=True)
    ]
    file = written(tmp_path / "clips.parquet", clips, ShardForm(layout, motion=True))
    read = reader_of(file)
    for group, clip in enumerate(clips):
        for name in ("image_timestamp", "clip_cut_timestamp", "clip_label_index"):
            column = column_of(file, group, name)
            assert numbers_of(read, column, is_list=True) == list(getattr(clip, name))
        for name in ("image_height", "clip_end_timestamp"):
            column = column_of(file, group, name)
            assert numbers_of(read, column, is_list=False) == [getattr(clip, name)]


def test_what_is_no_number_is_refused(shard):
    read = reader_of(shard)
    for name in ("image_format", "image_encoded"):
        with pytest.raises(OtherLayoutError):
            numbers_of(read, column_of(shard, 1, name), is_list=name == "image_encoded")


def test_there_are_no_more_frames_than_the_clip_has(shard):
    with pytest.raises(OtherLayoutError):
        frames_in(shard, 1, 41)


@pytest.mark.parametrize(
    "how",
    [{"compression": "zstd"}, {"data_page_version": "2.0"}, {"use_dictionary": True}],
    ids=["compressed", "pages of version 2", "dictionary"],
)
def test_what_is_stored_otherwise_is_refused(tmp_path, how):
    table = pa.Table.from_pylist([clip_of("a", 0).to_row()], schema=schema_of(OLDEST_FORM))
    packed = {"compression": "none", "use_dictionary": False} | how
    pq.write_table(table, tmp_path / "other.parquet", **packed)
    with pytest.raises(OtherLayoutError):
        frames_in(tmp_path / "other.parquet", 0, 40)
    with pytest.raises(OtherLayoutError):
        numbers_of(
            reader_of(tmp_path / "other.parquet"),
            column_of(tmp_path / "other.parquet", 0, "image_timestamp"),
            is_list=True,
        )


def test_pages_that_make_no_sense_are_refused_or_give_bytes_of_the_file(shard):
    whole = shard.read_bytes()
    begin = column_of(shard, 1, "image_encoded").data_page_offset
    refused = 0
    for place in range(60):
        for value in (0, 255):
            changed = bytearray(whole)
            changed[begin + place] = value
            shard.write_bytes(changed)
            try:
                assert all(frame in whole + changed for frame in frames_in(shard, 1, 40))
            except OtherLayoutError:
                refused += 1
    assert refused > 40


def test_lengths_that_are_not_those_of_the_page_are_refused(tmp_path):
    # 32 differences are one packed block, so that each bit of its last byte counts.
    clip = clip_of("a", 0, 33, image_encoded=tuple(bytes(n % 7) for n in range(33)))
    shard = written(tmp_path / "clips.parquet", [clip], ShardForm(2))
    whole = shard.read_bytes()
    places = places_of(reader_of(shard), column_of(shard, 0, "image_encoded"), range(33))
    first = places[0][1]
    changed = bytearray(whole)
    changed[first - 1] ^= 128
    shard.write_bytes(changed)
    with pytest.raises(OtherLayoutError):
        frames_in(shard, 0, 33)


def varint(number: int) -> bytes:
    """A number in groups of seven bits, lowest first."""
    groups = [number & 127]
    while number := number >> 7:
        groups[-1] |= 128
        groups.append(number & 127)
    return bytes(groups)


@pytest.mark.parametrize(
    ("block", "parts", "count"),
    [(128, 4, 50_000_000), (1 << 20, 1, 1 << 20), (1 << 20, 4, 1_000), (0, 4, 9), (128, 0, 9)],
)
def test_numbers_that_would_take_a_machine_are_refused_at_once(block, parts, count):
    data = varint(block) + varint(parts) + varint(count) + varint(0) + bytes(1 << 16)
    with pytest.raises(ValueError, match="not as many"):
        unpacked(data, count)


def packed_by_arrow(numbers: list[int], path: Path) -> bytes:
    """The numbers as Arrow writes them in DELTA_BINARY_PACKED, and what follows them."""
    pq.write_table(
        pa.table(
            {"x": pa.array(numbers, pa.int32())}, pa.schema([pa.field("x", pa.int32(), False)])
        ),
        path,
        compression="none",
        use_dictionary=False,
        write_statistics=False,
        column_encoding={"x": "DELTA_BINARY_PACKED"},
    )
    column = pq.read_metadata(path).row_group(0).column(0)
    end = column.data_page_offset + column.total_compressed_size
    return path.read_bytes()[column.data_page_offset : end]


@example([0])
@example([2**31 - 1, -(2**31)] * 70)
@example([7] * 129)
@given(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=400))
def test_numbers_that_are_packed_are_those_that_arrow_packed(tmp_path_factory, numbers):
    data = packed_by_arrow(numbers, tmp_path_factory.getbasetemp() / "packed.parquet")
    # Behind the header of the page, of some twenty bytes.
    for at in range(12, 40):
        try:
            found, end = unpacked(data[at:], len(numbers))
        except (ValueError, IndexError):
            continue
        if at + end == len(data) and wrapped(found) == numbers:
            return
    raise AssertionError(numbers)


def wrapped(numbers: list[int]) -> list[int]:
    """Differences of 32 bits overflow, and come round again."""
    return np.array(numbers).astype(np.int32).tolist()


@given(st.binary(max_size=200), st.integers(1, 300))
def test_any_bytes_give_so_many_numbers_or_an_error(data, count):
    try:
        found, end = unpacked(data, count)
    except (ValueError, IndexError, OverflowError):
        return
    assert len(found) == count
    assert end <= len(data)
