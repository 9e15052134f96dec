"""`--config FILE.toml`: values for the options of a command; what is typed wins."""

import difflib
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from videonet.errors import UsageError
from videonet.files import read_toml


def _take(context: typer.Context, file: str | None) -> str | None:
    """Take the file's values as defaults. Raises UsageError for names that are no options."""
    if file is None:
        return None
    from videonet.storage.inputs import local_input  # not needed for --help

    try:
        values = read_toml(local_input(file))
    except (OSError, ValueError) as error:
        raise UsageError(f"The configuration {file} cannot be read: {error}.") from error
    # As typed, without dashes in front ("format"), and what the parameter is called ("formats").
    options = {
        option.lstrip("-").replace("_", "-"): parameter
        for parameter in context.command.params
        for option in parameter.opts
        if parameter.name not in (None, "config")
    }
    given: dict[str, Any] = {}
    for key, value in values.items():
        typed = key.replace("_", "-")
        if typed not in options:
            near = difflib.get_close_matches(typed, options, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"options are: {', '.join(options)}."
            raise UsageError(f"{file} has {key!r}, which is no option; {hint}")
        parameter = options[typed]
        # What may be given several times may also be given once.
        once = getattr(parameter, "multiple", False) and isinstance(value, str)
        given[str(parameter.name)] = [value] if once else value
    context.default_map = {**(context.default_map or {}), **given}
    return file


def yt_dlp_options(context: typer.Context, file: str | None, texts: Sequence[str]) -> Any:
    """What `--yt-dlp-option` says, on the command line or else in the file. Raises UsageError.

    A file may be a stranger's: what runs programs or loads code is taken from it in no case.
    """
    from videonet.fetch.options import options_of  # slow, and not needed for --help

    source = context.get_parameter_source("yt_dlp_option")
    if source is not None and source.name == "COMMANDLINE":
        return options_of(texts, from_command_line=True)
    try:
        return options_of(texts)
    except UsageError as error:
        raise UsageError(f"{file}: {error}") from None


Configuration = Annotated[
    str | None,
    typer.Option(
        metavar="FILE.toml",
        callback=_take,
        is_eager=True,
        help="Values for these options; what is typed wins.",
    ),
]
