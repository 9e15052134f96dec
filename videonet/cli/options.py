"""The options of a command, made from their declaration; see `videonet.schemas.settings`."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_origin

import msgspec
import typer

from videonet.errors import UsageError
from videonet.schemas.option import Declared, Form, in_order_of_help
from videonet.storage.places import is_remote

C = TypeVar("C", bound=Callable[..., object])


def with_options(*groups: type[msgspec.Struct], in_rebuild: bool = False) -> Callable[[C], C]:
    """Give a command the options that these records declare, before those of its own.

    The command takes them as keyword arguments; `options_from` makes the records of them again.
    """

    def decorate(command: C) -> C:
        own = inspect.signature(command, eval_str=True).parameters.values()
        parameters = [
            *(
                _parameter(each, in_rebuild)
                for each in in_order_of_help(*groups)
                if each.option.in_rebuild or not in_rebuild
            ),
            *(
                each.replace(kind=inspect.Parameter.KEYWORD_ONLY)
                for each in own
                if each.kind is not inspect.Parameter.VAR_KEYWORD
            ),
        ]
        # Typer makes of a function's signature what can be typed.
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return command

    return decorate


def place(given: str | Path) -> str | Path:
    """A folder as a path, and the address of a bucket as it was typed."""
    return given if is_remote(given) else Path(given)


def of_this_machine(given: str | Path) -> Path:
    """A path of this machine. Raises UsageError for the address of a bucket."""
    if is_remote(given):
        raise UsageError(f"{given} is an address, and this must lie on this machine; give a path.")
    return Path(given)


Out = Annotated[
    Any, typer.Argument(metavar="OUT", parser=place, help="Where a curation wrote its data set.")
]


def default_shown(option: Declared) -> str:
    """The default of an option as a person would type it; "" for none."""
    if option.is_required or option.default in (None, ()):
        return ""
    if option.option.form is Form.SIZE:
        return _size_text(option.default)
    if isinstance(option.default, tuple):
        return ",".join(option.default)
    return str(option.default)


def _parameter(option: Declared, in_rebuild: bool) -> inspect.Parameter:
    """An option as Typer takes it."""
    said = option.option
    kind, default = option.type, option.default
    read = _READERS.get(said.form)
    if read is not None:
        kind, default = Any, default_shown(option) or None
    elif get_origin(kind) is tuple:
        kind, default = list[str] | None, None
    # A switch that may be left open can be turned off, too.
    off = f"/--no-{option.typed}" if kind == bool | None else ""
    info = typer.Option(
        f"--{option.typed}{off}",
        help=said.help_in_rebuild if in_rebuild and said.help_in_rebuild else said.help,
        min=said.minimum,
        metavar=said.metavar or None,
        rich_help_panel=said.panel or None,
        parser=None if read is None else _told_to_typer(read),
    )
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if option.is_required else default,
        annotation=Annotated[kind, info],
    )


def _told_to_typer(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same, for values that were typed or stand in a configuration, with Typer's error."""

    def reader(given: Any) -> Any:
        try:
            return read(given)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error

    return reader


def _bytes(given: str | int) -> int:
    """Bytes, from "50GB", "2GiB" or a number. Raises ValueError."""
    from yt_dlp.utils import parse_filesize  # slow, and not needed for --help

    size = int(given) if str(given).isdigit() else parse_filesize(str(given))
    if size is None:
        raise ValueError(f"{given!r} is no size; write one such as 50GB.")
    return int(size)


def _size_text(size: int) -> str:
    """Bytes in the largest unit of which they are a whole number, such as "2GB"."""
    for power, unit in ((4, "TB"), (3, "GB"), (2, "MB"), (1, "KB")):
        if size % 1000**power == 0:
            return f"{size // 1000**power}{unit}"
    return str(size)


def _names(given: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    names = given.split(",") if isinstance(given, str) else given
    return tuple(name.strip() for name in names)


def _words(given: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for word in _names(given) if word)


_READERS: dict[Form | None, Callable[[Any], Any]] = {
    Form.SIZE: _bytes,
    Form.NAMES: _names,
    Form.WORDS: _words,
    Form.PATH: of_this_machine,
    Form.PLACE: place,
}
