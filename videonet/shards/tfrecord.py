"""Clips as TFRecord: one `tf.train.SequenceExample` with MediaSequence's keys a clip.

The keys are those of MediaPipe's mediapipe/util/sequence/media_sequence.py, and `clip/label/text`,
where DeepMind's dmvr/modalities.py looks for what MediaSequence calls `clip/label/string`.
"""

import itertools
import struct
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import google_crc32c
from google.protobuf.message import DecodeError

from videonet.errors import UsageError
from videonet.schemas.clip import Clip
from videonet.schemas.shard_form import OLDEST_FORM, ShardForm
from videonet.shards.sequence_example import SequenceExample, check_parts

# What is said once a clip.
CONTEXT = {
    "example/id": "example_id",
    "example/dataset_name": "example_dataset_name",
    "clip/data_path": "clip_data_path",
    "clip/media_id": "clip_media_id",
    "clip/start/timestamp": "clip_start_timestamp",
    "clip/end/timestamp": "clip_end_timestamp",
    "clip/label/index": "clip_label_index",
    "clip/label/string": "clip_label_string",
    "clip/label/text": "clip_label_text",
    "image/format": "image_format",
    "image/height": "image_height",
    "image/width": "image_width",
    "image/channels": "image_channels",
    "image/colorspace": "image_colorspace",
    "image/frame_rate": "image_frame_rate",
}

# Likewise, where the data set has the columns of the labels' ids. These keys, and those of motion,
# are ours.
LABEL_IDS = {
    "clip/label/target_id": "clip_label_target_id",
    "clip/label/wnid": "clip_label_wnid",
}

# Likewise, where it has the columns of motion.
MOTION = {
    "clip/motion/repeated": "clip_motion_repeated",
    "clip/motion/difference": "clip_motion_difference",
    "clip/cut/timestamp": "clip_cut_timestamp",
}

# What is said once a frame, one value a step.
FEATURE_LISTS = {
    "image/encoded": "image_encoded",
    "image/timestamp": "image_timestamp",
}

# Of `X | None`, X.
_HINTS = {
    field: typing.get_args(hint)[0] if isinstance(hint, types.UnionType) else hint
    for field, hint in typing.get_type_hints(Clip).items()
}
_IS_LIST = {field: bool(typing.get_args(hint)) for field, hint in _HINTS.items()}
_SCALARS = {field: (*typing.get_args(hint), hint)[0] for field, hint in _HINTS.items()}
_KINDS = {str: "bytes_list", bytes: "bytes_list", int: "int64_list", float: "float_list"}

# A clip of 128 frames of MOST_PIXELS of `videonet.shards.jpeg` has fewer bytes.
_LONGEST = 1 << 30

# A record is its length and that length's checksum, its data, and their checksum.
_HEADER = struct.Struct("<QI")
_LENGTH = struct.Struct("<Q")
_CHECKSUM = struct.Struct("<I")


@contextmanager
def open_writer(path: Path, form: ShardForm = OLDEST_FORM) -> Iterator[Callable[[Clip], None]]:
    """A function that appends a clip to the new file `path`. Holds one clip in memory.

    Frame rates are stored as float32: 12.5 exactly, 29.97 nearly.
    """
    keys = CONTEXT | (LABEL_IDS if form.label_ids else {}) | (MOTION if form.motion else {})
    with path.open("wb") as file:
        yield lambda clip: _write_record(file, _encode(clip, keys))


def read(path: Path) -> Iterator[Clip]:
    """The clips of a file, in order, one in memory at a time.

    Raises `UsageError`, naming file and clip, if a byte was changed or the file ends within a clip.
    Whether it ends too early between two clips, only its sha256 in the manifest can tell.
    """
    for index, data in enumerate(read_records(path)):
        try:
            yield _decode(data)
        except (DecodeError, KeyError, ValueError) as error:
            raise _corrupt(path, index, f"it is not a clip ({error!r})") from error


def read_records(path: Path) -> Iterator[bytes]:
    """The records of a file, whatever they hold, as `read` gives clips. Raises what that raises."""
    with path.open("rb") as file:
        yield from _records_in(file, path)


def _encode(clip: Clip, keys: Mapping[str, str]) -> bytes:
    """A clip as a SequenceExample: keys in alphabetical order, so equal clips are equal bytes."""
    example = SequenceExample()
    for key, field in sorted(keys.items()):
        value = getattr(clip, field)
        entry = example.context.feature.add(key=key)
        _set_values(entry.value, field, value if _IS_LIST[field] else (value,))
    for key, field in sorted(FEATURE_LISTS.items()):
        entry = example.feature_lists.feature_list.add(key=key)
        for value in getattr(clip, field):
            _set_values(entry.value.feature.add(), field, (value,))
    data: bytes = example.SerializeToString()
    return data


def _decode(data: bytes) -> Clip:
    """The clip in a SequenceExample. Raises what `read` catches if there is none."""
    check_parts(data)
    example = SequenceExample.FromString(data)
    context = {entry.key: entry.value for entry in example.context.feature}
    lists = {entry.key: entry.value.feature for entry in example.feature_lists.feature_list}
    fields: dict[str, Any] = {}
    keys = dict(CONTEXT)
    for kind in (LABEL_IDS, MOTION):
        keys |= {} if kind.keys().isdisjoint(context) else kind
    for key, field in keys.items():
        values = _values(context[key], field)
        fields[field] = values if _IS_LIST[field] else _only(values)
    for key, field in FEATURE_LISTS.items():
        fields[field] = tuple(_only(_values(step, field)) for step in lists[key])
    return Clip(**fields)


def _set_values(feature: Any, field: str, values: tuple[Any, ...]) -> None:
    raw = (value.encode() for value in values) if _SCALARS[field] is str else values
    getattr(feature, _KINDS[_SCALARS[field]]).value.extend(raw)


def _values(feature: Any, field: str) -> tuple[Any, ...]:
    raw = getattr(feature, _KINDS[_SCALARS[field]]).value
    return tuple(value.decode() for value in raw) if _SCALARS[field] is str else tuple(raw)


def _only(values: tuple[Any, ...]) -> Any:
    (value,) = values
    return value


def _write_record(file: BinaryIO, data: bytes) -> None:
    length = _LENGTH.pack(len(data))
    file.write(_HEADER.pack(len(data), _masked_crc(length)))
    file.write(data)
    file.write(_CHECKSUM.pack(_masked_crc(data)))


def _records_in(file: BinaryIO, path: Path) -> Iterator[bytes]:
    left = path.stat().st_size
    for index in itertools.count():
        header = file.read(_HEADER.size)
        if not header:
            return
        left -= _HEADER.size + _CHECKSUM.size
        if left < 0:
            raise _corrupt(path, index, "the file ends within its header")
        length, checksum = _HEADER.unpack(header)
        if _masked_crc(header[: _LENGTH.size]) != checksum:
            raise _corrupt(path, index, "its length has another checksum")
        if length > _LONGEST:
            raise _corrupt(path, index, f"it is said to have {length:,} bytes")
        left -= length
        # Before reading: a wrong length must not become an allocation.
        if left < 0:
            raise _corrupt(path, index, f"{-left} of its bytes are missing")
        data = file.read(length)
        if _masked_crc(data) != _CHECKSUM.unpack(file.read(_CHECKSUM.size))[0]:
            raise _corrupt(path, index, "its data have another checksum")
        yield data


def _masked_crc(data: bytes) -> int:
    """TFRecord's checksum: CRC-32C turned right by 15 bits, plus a constant.

    As in TensorFlow's lib/hash/crc32c.h.
    """
    crc: int = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _corrupt(path: Path, index: int, what: str) -> UsageError:
    return UsageError(f"{path}: clip {index} is damaged: {what}. Write it again.")
