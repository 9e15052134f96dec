"""tfrecord: the bytes, decoded here by hand from the published descriptions of the formats."""

import struct
import tracemalloc

import google_crc32c
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.shards.conftest import LABEL_IDS, MOTION, make_clip
from videonet.errors import UsageError
from videonet.schemas.shard_form import ShardForm
from videonet.shards import tfrecord

VARINT, LENGTH_DELIMITED = 0, 2


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def fields(data):
    """The (field number, bytes) pairs of a message whose fields all are length-delimited."""
    at, found = 0, []
    while at < len(data):
        tag, at = varint(data, at)
        assert tag & 7 == LENGTH_DELIMITED
        length, at = varint(data, at)
        found.append((tag >> 3, data[at : at + length]))
        at += length
    return found


def values(feature):
    """A Feature: 1 is a list of bytes, 2 of floats, 3 of int64; numbers are packed."""
    ((kind, content),) = fields(feature)
    content = [value for number, value in fields(content)]
    if kind == 1:
        return content
    (packed,) = content
    if kind == 2:
        return list(struct.unpack(f"<{len(packed) // 4}f", packed))
    at, numbers = 0, []
    while at < len(packed):
        value, at = varint(packed, at)
        numbers.append(value)
    return numbers


def mapping(data):
    """A map: entries under field 1, each with a key (1) and a value (2)."""
    entries = [dict(fields(entry)) for number, entry in fields(data)]
    return {entry[1].decode(): entry[2] for entry in entries}


def sequence_example(data):
    """SequenceExample: context (1) and feature lists (2)."""
    parts = dict(fields(data))
    context = {key: values(feature) for key, feature in mapping(parts[1]).items()}
    lists = {
        key: [values(feature) for number, feature in fields(steps)]
        for key, steps in mapping(parts[2]).items()
    }
    return context, lists


def masked(crc):
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) % 2**32


def records(data):
    at, found = 0, []
    while at < len(data):
        length, length_crc = struct.unpack_from("<QI", data, at)
        assert length_crc == masked(google_crc32c.value(data[at : at + 8]))
        record = data[at + 12 : at + 12 + length]
        assert struct.unpack_from("<I", data, at + 12 + length) == (
            masked(google_crc32c.value(record)),
        )
        found.append(record)
        at += 16 + length
    return found


def write(path, clips):
    with tfrecord.open_writer(path) as write_clip:
        for clip in clips:
            write_clip(clip)
    return path.read_bytes()


def test_the_columns_of_motion_are_keys_beside_those_of_media_sequence(tmp_path):
    path = tmp_path / "clips.tfrecord"
    with tfrecord.open_writer(path, ShardForm(motion=True)) as write_clip:
        write_clip(make_clip(0, **MOTION))
    context, _ = sequence_example(records(path.read_bytes())[0])
    assert context["clip/motion/repeated"] == [0.25]
    assert context["clip/motion/difference"] == [1.5]
    assert context["clip/cut/timestamp"] == [120_000]


def test_the_ids_of_labels_are_keys_beside_the_labels(tmp_path):
    path = tmp_path / "clips.tfrecord"
    with tfrecord.open_writer(path, ShardForm(label_ids=True)) as write_clip:
        write_clip(make_clip(0, **LABEL_IDS))
        write_clip(make_clip(1, clip_label_target_id=("balloon",), clip_label_wnid=("",)))
    first, second = (sequence_example(each)[0] for each in records(path.read_bytes()))
    assert first["clip/label/target_id"] == first["clip/label/wnid"] == [b"n01491361"]
    assert (second["clip/label/target_id"], second["clip/label/wnid"]) == ([b"balloon"], [b""])
    assert "clip/motion/repeated" not in first


def test_a_clip_is_a_sequence_example_with_the_keys_of_media_sequence(clips, tmp_path):
    data = write(tmp_path / "clips.tfrecord", clips)
    context, lists = sequence_example(records(data)[1])
    assert context == {
        "example/id": [b"youtube:1#0"],
        "example/dataset_name": [b"videonet"],
        "clip/data_path": [b"https://example.org/watch?v=1"],
        "clip/media_id": [b"1"],
        "clip/start/timestamp": [40_000],
        "clip/end/timestamp": [200_000],
        "clip/label/index": [2, 3],
        "clip/label/string": [b"white shark", b"tiger shark"],
        "clip/label/text": [b"white shark", b"tiger shark"],
        "image/format": [b"jpeg"],
        "image/height": [16],
        "image/width": [24],
        "image/channels": [3],
        "image/colorspace": [b"RGB"],
        "image/frame_rate": [12.5],
    }
    assert lists == {
        "image/encoded": [[picture] for picture in clips[1].image_encoded],
        "image/timestamp": [[40_000], [120_000]],
    }


def test_keys_are_in_alphabetical_order(clips, tmp_path):
    context, lists = sequence_example(records(write(tmp_path / "clips", clips))[0])
    assert list(context) == sorted(context)
    assert list(lists) == sorted(lists)


@given(data=st.data())
def test_any_changed_bit_is_noticed(data, tmp_path_factory):
    path = tmp_path_factory.mktemp("shards") / "clips"
    content = bytearray(write(path, [make_clip(0, frames=1), make_clip(1, frames=1)]))
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"clip [01] is damaged"):
        list(tfrecord.read(path))


def test_a_record_that_is_no_clip_is_named(clips, tmp_path):
    data = b"no message"
    length = struct.pack("<Q", len(data))
    checksums = [struct.pack("<I", masked(google_crc32c.value(part))) for part in (length, data)]
    foreign = length + checksums[0] + data + checksums[1]
    (tmp_path / "clips").write_bytes(write(tmp_path / "clips", clips) + foreign)
    with pytest.raises(UsageError, match="clip 3 is damaged: it is not a clip"):
        list(tfrecord.read(tmp_path / "clips"))


def record(data):
    length = struct.pack("<Q", len(data))
    return b"".join(
        [
            length,
            struct.pack("<I", masked(google_crc32c.value(length))),
            data,
            struct.pack("<I", masked(google_crc32c.value(data))),
        ]
    )


def part(number, content):
    """A field that holds a message."""
    size, length = len(content), b""
    while True:
        length += bytes([size & 127 | (128 if size > 127 else 0)])
        size >>= 7
        if not size:
            return bytes([number << 3 | LENGTH_DELIMITED]) + length + content


BOMBS = {
    "steps": part(2, part(1, part(2, b"\x0a\x00" * 2_000_000))),
    "entries": part(1, b"\x0a\x00" * 2_000_000),
    "lists": b"\x12\x00" * 2_000_000,
    "texts": part(1, part(1, part(2, part(1, b"\x0a\x00" * 2_000_000)))),
    "numbers": part(1, part(1, part(2, part(3, part(1, b"\x01" * 4_000_000))))),
    "a length without an end": b"\x12" + b"\x80" * 4_000_000,
    "a number": b"\x08\x01",
}


@pytest.mark.parametrize("data", BOMBS.values(), ids=BOMBS)
def test_a_record_that_is_large_only_as_objects_is_refused(tmp_path, data):
    path = tmp_path / "c.tfrecord"
    path.write_bytes(record(data))
    tracemalloc.start()
    with pytest.raises(
        UsageError, match=r"clip 0 is damaged: it is not a clip \(.*it (has|ends)|its"
    ):
        list(tfrecord.read(path))
    assert tracemalloc.get_traced_memory()[1] < 30_000_000
    tracemalloc.stop()


def test_a_length_beyond_any_clip_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "c.tfrecord"
    length = struct.pack("<Q", 1 << 40)
    path.write_bytes(length + struct.pack("<I", masked(google_crc32c.value(length))))
    with path.open("r+b") as file:
        file.truncate((1 << 40) + 100)  # a hole
    with pytest.raises(UsageError, match="clip 0 is damaged: it is said to have 1,099,511,627,776"):
        list(tfrecord.read(path))
