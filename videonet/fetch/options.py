"""What `--yt-dlp-option` may set: parameters of yt-dlp, as "KEY=VALUE"."""

import difflib
import re
from collections.abc import Iterable
from typing import Any

import msgspec
import yt_dlp
from yt_dlp.utils import FormatSorter, YoutubeDLError

from videonet.errors import UsageError
from videonet.fetch.option_table import (
    ALLOWED,
    COMMAND_LINE_ONLY,
    FROM_A_FILE,
    REFUSED,
    Taken,
)
from videonet.fetch.redaction import Redaction, secrets_in
from videonet.fetch.silence import silent_yt_dlp


def options_of(texts: Iterable[str], *, from_command_line: bool = False) -> dict[str, Any]:
    """Parameters of YoutubeDL from texts like "KEY=VALUE"; VALUE is JSON, or the text itself.

    What runs a program, loads code or acts in the user's name is taken from the command line
    alone. Raises UsageError, whose sentence shows nothing that may be secret.
    """
    options: dict[str, Any] = {}
    for text in texts:
        key, value = _option(text)
        if not from_command_line:
            _check_for_file(key, value)
        if key in options:
            raise UsageError(f"--yt-dlp-option gives {key} twice; give it once.")
        options[key] = value
    if ("username" in options) != ("password" in options):
        raise UsageError("--yt-dlp-option takes username and password together, or neither.")
    if not options:
        # yt-dlp takes its own defaults, and takes a while to say so.
        return options
    try:
        # What a format may be, yt-dlp alone knows.
        silent_yt_dlp(options)
    except (YoutubeDLError, SyntaxError, ValueError) as error:
        said = Redaction(secrets_in(options)).error_text(str(error))
        raise UsageError(f"yt-dlp does not take what --yt-dlp-option says: {said}") from None
    return options


def _option(text: str) -> tuple[str, Any]:
    key, equals, typed = text.partition("=")
    key = key.strip().replace("-", "_")
    if not equals or not key.isidentifier():
        raise UsageError('--yt-dlp-option takes KEY=VALUE, such as format_sort=["res:480"].')
    kind, words = _taken_by(key)
    try:
        value = msgspec.json.decode(typed)
    except (ValueError, RecursionError):
        value = typed
    if kind is str and not isinstance(value, str):
        # Only JSON in quotes is taken as such: a password may be 123.
        value = typed
    try:
        msgspec.convert(value, kind)
        if key == "format_sort" and not all(re.match(FormatSorter.regex, each) for each in value):
            raise ValueError
    except ValueError:
        raise UsageError(f"--yt-dlp-option {key} takes {words}.") from None
    return key, value


def _taken_by(key: str) -> Taken:
    """What a parameter takes. Raises UsageError if it is not the user's to set."""
    if key in REFUSED:
        raise UsageError(f"--yt-dlp-option cannot set {key}: {REFUSED[key]}.")
    known = yt_dlp.parse_options([]).ydl_opts
    if key in ALLOWED and key in known:
        return ALLOWED[key]
    if key in known:
        raise UsageError(
            f"--yt-dlp-option cannot set {key}: it is new in yt-dlp {yt_dlp.version.__version__}, "
            "and this videonet does not know what it does."
        )
    near = difflib.get_close_matches(key, ALLOWED, n=1)
    hint = f"did you mean {near[0]}?" if near else "see those of yt_dlp.YoutubeDL."
    raise UsageError(f"--yt-dlp-option sets {key}, which yt-dlp does not have; {hint}")


def _check_for_file(key: str, value: Any) -> None:
    """Raise UsageError for what only the command line may set."""
    danger = COMMAND_LINE_ONLY.get(key)
    if key in FROM_A_FILE:
        kind, words = FROM_A_FILE[key]
        try:
            msgspec.convert(value, kind)
        except ValueError:
            danger = words
    if danger is not None:
        raise UsageError(
            f"--yt-dlp-option {key} can be set to this on the command line only: {danger}."
        )
