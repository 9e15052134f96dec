"""What all records have in common: frozen, typed, and the same as JSON and as a row of a table.

A record may hold another one that is `Flat`: the fields of the inner record are then columns of
the outer record's table, and fields of its JSON.
"""

import functools
from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Annotated, Any, ClassVar, NamedTuple, Self, TypeVar, get_args, get_type_hints

import msgspec

T = TypeVar("T")

# A digest; it stands in pages, and what is read may be a stranger's.
Hex = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]*\Z")]


class Compiled(msgspec.StructMeta):
    """Has msgspec look at the fields of a struct when the struct is defined.

    Otherwise the first decoder does it. Two threads that decode a first one at the same time crash
    the process: the second reads what the first has not filled in yet (msgspec 0.22).
    """

    def __new__(mcs, *args: Any, **options: Any) -> Any:
        """Define a struct. Raises NameError if a field has a type that is not defined yet."""
        struct = super().__new__(mcs, *args, **options)
        msgspec.json.Decoder(struct)
        return struct


class Record(
    msgspec.Struct, metaclass=Compiled, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """A frozen record. Its JSON form is canonical: equal records are equal bytes."""

    # the columns that come first in a table, where fields and columns differ in their order
    first_columns: ClassVar[tuple[str, ...]] = ()
    # likewise those that come last: tables of earlier versions lack them
    last_columns: ClassVar[tuple[str, ...]] = ()

    def to_json(self) -> bytes:
        """The record as one line of JSON, in the order of the columns."""
        return msgspec.json.encode(layout_of(type(self)).flatten(self), order="deterministic")

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """The record in `data`. Raises `msgspec.DecodeError` if it is not of this schema."""
        layout = layout_of(cls)
        if not layout.nested:
            return from_json(data, cls)
        return msgspec.convert(layout.nest(from_json(data, dict)), type=cls)

    def to_row(self) -> dict[str, Any]:
        """The record as a plain dict: its values by the names of their columns.

        Those of `last_columns` are left out that say nothing.
        """
        flat = layout_of(type(self)).flatten(self)
        row: dict[str, Any] = msgspec.to_builtins(flat, builtin_types=(bytes,))
        return row

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """The record in one row of its table: the inverse of `to_row`.

        Raises `msgspec.ValidationError` if it is not of this schema. For many rows, see
        `videonet.schemas.table`.
        """
        return msgspec.convert(layout_of(cls).nest(row), type=cls, strict=False)


def from_json(data: bytes | str | msgspec.Raw, kind: type[T]) -> T:
    """The value of this kind in `data`.

    Raises `msgspec.DecodeError` for all else: also for text that is not UTF-8, and for lists within
    lists without end, of which msgspec says so in other ways.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(f"it is not UTF-8 ({error})") from error
    except RecursionError as error:
        raise msgspec.DecodeError("it is nested too deeply") from error


class Flat:
    """Says of a nested record that its fields are columns of the outer record's table.

    A column has the name of its field, or the name that is given here. A field that is given None
    has no column: it is None in every record of this kind.

        video: Annotated[VideoInfo, Flat(duration="declared_duration", root=None)]
    """

    def __init__(self, **columns: str | None) -> None:
        self.columns = columns


def shared_fields(record: Record, kind: type[Record]) -> dict[str, Any]:
    """What `record` says of the fields that `kind` has too, by name."""
    names = set(record.__struct_fields__)
    return {name: getattr(record, name) for name in kind.__struct_fields__ if name in names}


class Column(NamedTuple):
    """A column of a record's table."""

    # of the field that it holds: "video_key", or "video.title"
    path: str
    type: Any


class Layout:
    """How the fields of a kind of record lie in a row."""

    def __init__(
        self,
        name: str,
        columns: Mapping[str, Column],
        nested: Mapping[str, Mapping[str, str | None]],
        late: Iterable[str] = (),
    ) -> None:
        # by name, in order
        self.columns = columns
        # by field of the record, for each flat one: the columns by field of the inner record
        self.nested = nested
        # columns that tables of earlier versions lack: None is said there
        self._late = frozenset(late)
        # A record of which a late column says nothing is the same, to the byte, as before.
        self._flat = msgspec.defstruct(
            name,
            [(each, Any, None) if each in self._late else (each, Any) for each in columns],
            omit_defaults=True,
        )
        self._values = attrgetter(*(column.path for column in columns.values()))
        # paths of the fields without a column
        self._absent = [
            f"{field}.{inner}"
            for field, own in nested.items()
            for inner, column in own.items()
            if column is None
        ]

    def flatten(self, record: Record) -> msgspec.Struct:
        """A struct of the record's values, with a field for each column."""
        if not self.nested:
            return record
        self.check_absent((record,))
        return self._flat(*self._values(record))

    def check_absent(self, records: Iterable[Record]) -> None:
        """Assert that no value is left out because no column holds it."""
        for path in self._absent:
            assert {*map(attrgetter(path), records)} <= {None}, f"no column holds {path}"

    def nest(self, columns: Mapping[str, Any], missing: Any = None) -> Mapping[str, Any]:
        """The fields of a record as nested dicts, from the values of a row, or whole columns.

        `missing` is what a field without a column gets. Raises `msgspec.ValidationError`.
        """
        if not self.nested:
            return columns
        fields = dict(columns)
        for field, own in self.nested.items():
            if field in fields:
                raise msgspec.ValidationError(f"Object contains unknown field `{field}`")
            try:
                fields[field] = {
                    name: missing
                    if column is None or (column in self._late and column not in fields)
                    else fields.pop(column)
                    for name, column in own.items()
                }
            except KeyError as error:
                name = error.args[0]
                raise msgspec.ValidationError(f"Object missing required field `{name}`") from error
        return fields


@functools.cache
def layout_of(record: type[Record]) -> Layout:
    """How the fields of a kind of record lie in a row."""
    columns: list[tuple[str, Column]] = []
    nested: dict[str, dict[str, str | None]] = {}
    for field, hint in fields_of(record).items():
        extras = getattr(hint, "__metadata__", ())
        flat = next((each for each in extras if isinstance(each, Flat)), None)
        if flat is None:
            columns.append((field, Column(field, hint)))
            continue
        inner = fields_of(get_args(hint)[0])
        nested[field] = {name: flat.columns.get(name, name) for name in inner}
        columns += (
            (column, Column(f"{field}.{name}", inner[name]))
            for name, column in nested[field].items()
            if column is not None
        )
    by_name = dict(columns)
    assert len(by_name) == len(columns), f"a column of {record.__name__} is there twice"
    first = {name: by_name[name] for name in record.first_columns}
    late = {name: by_name.pop(name) for name in record.last_columns}
    return Layout(record.__name__, first | by_name | late, nested, late)


def fields_of(record: type[Record]) -> dict[str, Any]:
    """The types of a record's fields, in order."""
    hints = get_type_hints(record, include_extras=True)
    return {name: hints[name] for name in record.__struct_fields__}
