"""TensorFlow's messages `SequenceExample` and `Example`, without TensorFlow.

Described at run time, in a pool of its own: there is no generated code that wants a certain
protobuf release, and no clash of names where TensorFlow is loaded too.
"""

from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from videonet.shards.page_headers import varint

# How a field is written that says how long it is: all but numbers are.
_DELIMITED = 2

# Each message's fields, numbered from 1 in this order, as in TensorFlow's
# core/example/feature.proto and example.proto; "*" marks a repeated field. The two maps are
# given as what they are on the wire, lists of entries, so that we decide their order.
_MESSAGES = {
    "BytesList": {"value*": "bytes"},
    "FloatList": {"value*": "float"},
    "Int64List": {"value*": "int64"},
    "Feature": {"bytes_list": "BytesList", "float_list": "FloatList", "int64_list": "Int64List"},
    "FeatureEntry": {"key": "string", "value": "Feature"},
    "Features": {"feature*": "FeatureEntry"},
    "FeatureList": {"feature*": "Feature"},
    "FeatureListEntry": {"key": "string", "value": "FeatureList"},
    "FeatureLists": {"feature_list*": "FeatureListEntry"},
    "SequenceExample": {"context": "Features", "feature_lists": "FeatureLists"},
    "Example": {"features": "Features"},
}

# A clip has a part for each frame and list, and some for what is said once. As an object, a part
# takes some hundred times the two bytes that an empty one has in a file.
_MOST_PARTS = 100_000

# Of numbers that belong together: a clip has one for each label, or one for each frame.
_MOST_NUMBERS_BYTES = 1_000_000
_NUMBERS = frozenset({"FloatList", "Int64List"})


def check_parts(data: bytes, message: str = "SequenceExample") -> None:
    """Raise ValueError for a message that would be far larger as objects than in `data`."""
    waiting, parts = [(message, 0, len(data))], 0
    try:
        while waiting:
            kind, at, end = waiting.pop()
            if kind in _NUMBERS:
                if end - at > _MOST_NUMBERS_BYTES:
                    raise ValueError("it has a list of too many numbers")
                continue
            kinds = list(_MESSAGES[kind].values())
            while at < end:
                parts += 1
                tag, at = varint(data, at)
                length, at = varint(data, at)
                if parts > _MOST_PARTS or tag & 7 != _DELIMITED or at + length > end:
                    raise ValueError("its parts are too many, or none of a clip")
                number = tag >> 3
                if 0 < number <= len(kinds) and kinds[number - 1] in _MESSAGES:
                    waiting.append((kinds[number - 1], at, at + length))
                at += length
    except IndexError as error:
        raise ValueError("it ends within a part") from error


def _field(number: int, name: str, kind: str) -> FieldDescriptorProto:
    field = FieldDescriptorProto(name=name.removesuffix("*"), number=number)
    repeated = name.endswith("*")
    field.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
    if kind in _MESSAGES:
        field.type_name = kind
    else:
        field.type = FieldDescriptorProto.Type.Value(f"TYPE_{kind.upper()}")
    return field


def _message_class(name: str) -> Any:
    # proto3 packs repeated numbers by default, as TensorFlow's messages do.
    file = FileDescriptorProto(name="sequence_example.proto", syntax="proto3")
    for message, fields in _MESSAGES.items():
        described = file.message_type.add(name=message).field
        for number, (field, kind) in enumerate(fields.items(), start=1):
            described.append(_field(number, field, kind))
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName(name))


SequenceExample: Any = _message_class("SequenceExample")
Example: Any = _message_class("Example")
