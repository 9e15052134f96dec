"""What all records have in common: frozen, typed, and the same as JSON and as an Arrow row."""

import types
import typing
from enum import Enum

import msgspec
import pyarrow as pa


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frozen record. Its JSON form is canonical: equal records are equal bytes."""

    def to_json(self) -> bytes:
        """The record as one line of JSON, fields in the order of the schema."""
        return msgspec.json.encode(self, order="deterministic")

    @classmethod
    def from_json(cls, data: bytes) -> typing.Self:
        """The record in `data`. Raises `msgspec.ValidationError` if it is not of this schema."""
        return msgspec.json.decode(data, type=cls)

    def to_row(self) -> dict[str, typing.Any]:
        """The record as a plain dict, as `pyarrow.Table.from_pylist` takes it."""
        row: dict[str, typing.Any] = msgspec.to_builtins(self, builtin_types=(bytes,))
        return row

    @classmethod
    def from_row(cls, row: dict[str, typing.Any]) -> typing.Self:
        """The record in one row of a table that `arrow_schema(cls)` describes."""
        return msgspec.convert(row, type=cls, strict=False)


_SCALARS: dict[type, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    bytes: pa.binary(),
}


def arrow_schema(record: type[Record]) -> pa.Schema:
    """The Arrow schema of a table with one `record` a row: same names, same order."""
    return pa.schema(_fields(record))


def _fields(record: type[Record]) -> list[pa.Field]:
    hints = typing.get_type_hints(record)
    return [_field(name, hints[name]) for name in record.__struct_fields__]


def _field(name: str, hint: typing.Any) -> pa.Field:
    """`X | None` is a nullable X; a tuple is a list; a record within a record is a struct."""
    nullable = isinstance(hint, types.UnionType) and type(None) in typing.get_args(hint)
    if nullable:
        (hint,) = (each for each in typing.get_args(hint) if each is not type(None))
    return pa.field(name, _type(hint), nullable=nullable)


def _type(hint: typing.Any) -> pa.DataType:
    if typing.get_origin(hint) is tuple:
        return pa.list_(_field("item", typing.get_args(hint)[0]))
    if issubclass(hint, Record):
        return pa.struct(_fields(hint))
    if issubclass(hint, Enum):
        return pa.string()
    return _SCALARS[hint]
