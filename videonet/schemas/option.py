"""How an option is declared: as a field of a record, with an `Option` among its annotations.

The field gives the name, the type and the default; `videonet.schemas.settings` has all of them.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import msgspec

G = typing.TypeVar("G", bound=msgspec.Struct)


class Form(Enum):
    """How a value is typed that is neither a number nor a text as it stands."""

    # bytes, such as 2GB
    SIZE = "size"
    # texts with commas between them, empty ones among them
    NAMES = "names"
    # texts with commas between them; empty ones are left out
    WORDS = "words"
    # a path of this machine
    PATH = "path"
    # a folder of this machine, or an address such as gs://bucket/prefix
    PLACE = "place"


@dataclass(frozen=True, kw_only=True)
class Option:
    """What a person is told of an option, and how its value is typed."""

    help: str
    # what a number counts, as the help says it; "" for what is no number
    unit: str = ""
    # smallest number that may be typed
    minimum: float | None = None
    # what stands for the value in the help; "" for the name of its type
    metavar: str = ""
    form: Form | None = None
    # as it is typed, without dashes in front; "" for the name of the field
    typed: str = ""
    # heading of the help below which it stands; "" for the first one
    panel: str = ""
    # option that stands before it in the help; "" for the one that is declared before it
    after: str = ""
    # whether `videonet rebuild` has it too, where `videonet curate` has it
    in_rebuild: bool = True
    # what the help of `videonet rebuild` says; "" for the same
    help_in_rebuild: str = ""


@dataclass(frozen=True)
class Declared:
    """An option, with what its field says."""

    name: str
    type: typing.Any
    # msgspec.NODEFAULT if it must be given
    default: typing.Any
    # whether the default is a fact of the machine
    is_measured: bool
    option: Option

    @property
    def is_required(self) -> bool:
        """Whether it must be given."""
        return self.default is msgspec.NODEFAULT

    @property
    def typed(self) -> str:
        """As it is typed, without dashes in front."""
        return self.option.typed or self.name.replace("_", "-")


def declared(group: type[msgspec.Struct]) -> Iterator[Declared]:
    """The options of a record, its own before those of the records that it is based on."""
    fields = {field.name: field for field in msgspec.structs.fields(group)}
    for base in group.__mro__:
        for name in typing.cast(dict[str, object], vars(base).get("__annotations__", {})):
            field = fields.pop(name, None)
            if field is None or typing.get_origin(field.type) is not typing.Annotated:
                continue
            kind, *notes = typing.get_args(field.type)
            for option in notes:
                if isinstance(option, Option):
                    is_measured = field.default_factory is not msgspec.NODEFAULT
                    default = field.default_factory() if is_measured else field.default
                    yield Declared(name, kind, default, is_measured, option)


def in_order_of_help(*groups: type[msgspec.Struct]) -> list[Declared]:
    """The options of several records, as the help lists them."""
    order: list[Declared] = []
    for group in groups:
        place = len(order)
        for each in declared(group):
            names = [before.name for before in order]
            if each.option.after in names:
                place = names.index(each.option.after) + 1
            order.insert(place, each)
            place += 1
    return order


def options_from(group: type[G], values: Mapping[str, typing.Any]) -> G:
    """The record of these options with the values that are given by name; None is none.

    Others of `values` are left out. Raises `msgspec.ValidationError` for a value of another type.
    """
    given = {
        name: str(values[name]) if isinstance(values[name], Path) else values[name]
        for name in group.__struct_fields__
        if values.get(name) is not None
    }
    return msgspec.convert(given, group)


def default_of(group: type[msgspec.Struct], name: str) -> typing.Any:
    """What an option is if nothing is said of it."""
    return next(each.default for each in declared(group) if each.name == name)
