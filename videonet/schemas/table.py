"""Records as rows of Arrow tables.

Many rows are converted column by column, which takes less time than row by row.
"""

import functools
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from operator import attrgetter
from typing import Any, TypeVar

import msgspec
import pyarrow as pa

from videonet.schemas.record import Record, fields_of, layout_of

R = TypeVar("R", bound=Record)

_SCALARS: dict[type, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    bytes: pa.binary(),
}


@functools.cache
def arrow_schema(record: type[Record]) -> pa.Schema:
    """The Arrow schema of a table with one `record` a row."""
    columns = layout_of(record).columns
    return pa.schema([_field(name, column.type) for name, column in columns.items()])


def to_batch(kind: type[R], records: Sequence[R]) -> pa.RecordBatch:
    """These records as rows of a table that `arrow_schema(kind)` describes, in their order."""
    layout = layout_of(kind)
    layout.check_absent(records)
    columns = {
        name: msgspec.to_builtins([*map(attrgetter(column.path), records)], builtin_types=(bytes,))
        for name, column in layout.columns.items()
    }
    return pa.RecordBatch.from_pydict(columns, arrow_schema(kind))


def from_batch(kind: type[R], batch: pa.RecordBatch | pa.Table) -> list[R]:
    """The records in the rows of such a table.

    Raises `msgspec.ValidationError` for a table of another schema.
    """
    columns = {name: batch[name].to_pylist() for name in batch.schema.names}
    layout = layout_of(kind)
    fields = layout.nest(columns, missing=[None] * len(batch))
    nested = {name: _rows(fields[name]) for name in layout.nested}
    return msgspec.convert(_rows({**fields, **nested}), list[kind], strict=False)  # type: ignore[valid-type]


def _rows(columns: Mapping[str, Iterable[Any]]) -> list[dict[str, Any]]:
    names = tuple(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _field(name: str, hint: Any) -> pa.Field:
    """`X | None` is a nullable X; a tuple is a list; a record within a list is a struct."""
    nullable = isinstance(hint, types.UnionType) and type(None) in typing.get_args(hint)
    if nullable:
        (hint,) = (each for each in typing.get_args(hint) if each is not type(None))
    return pa.field(name, _type(hint), nullable=nullable)


def _type(hint: Any) -> pa.DataType:
    if typing.get_origin(hint) is tuple:
        return pa.list_(_field("item", typing.get_args(hint)[0]))
    if issubclass(hint, Record):
        return pa.struct([_field(*each) for each in fields_of(hint).items()])
    if issubclass(hint, Enum):
        return pa.string()
    return _SCALARS[hint]
