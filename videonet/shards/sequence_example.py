"""TensorFlow's message `SequenceExample`, without TensorFlow.

Described at run time, in a pool of its own: there is no generated code that wants a certain
protobuf release, and no clash of names where TensorFlow is loaded too.
"""

from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

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
}


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
