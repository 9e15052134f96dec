"""Options of a run that change no byte of the data set: how it works on this machine."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from videonet.schemas.settings import Keep

# Heading of the help.
ASKING = "Asking sites"

WORKERS = os.cpu_count() or 1


def bytes_of(text: str | int) -> int:
    """Bytes, from "50GB", "2GiB" or a number."""
    from yt_dlp.utils import parse_filesize  # slow, and not needed for --help

    size = int(text) if str(text).isdigit() else parse_filesize(str(text))
    if size is None:
        raise typer.BadParameter(f"{text!r} is no size; write one such as 50GB.")
    return int(size)


Store = Annotated[
    Path, typer.Option(metavar="DIR", help="Folder for videos and results; shared by runs.")
]
Out = Annotated[Path, typer.Option(metavar="DIR", help="Folder for the data set.")]
KeepBytes = Annotated[
    Keep, typer.Option(help="Downloaded files that stay in the store afterwards.")
]
DiskBudget = Annotated[
    Any,
    typer.Option(
        parser=bytes_of,
        metavar="SIZE",
        help="Most bytes of downloaded videos in the store at once; "
        "default: 50GB, or what the disk has.",
    ),
]
Downloads = Annotated[int, typer.Option(min=1, help="Videos downloaded at once.")]
Deadline = Annotated[
    float, typer.Option(min=0.1, help="Longest time for one download, all attempts, seconds.")
]
RequestsPerSecond = Annotated[
    float,
    typer.Option(
        min=0.01, rich_help_panel=ASKING, help="Most requests to one host, requests a second."
    ),
]
PerHost = Annotated[
    int,
    typer.Option(min=1, rich_help_panel=ASKING, help="Downloads at once from one host, downloads."),
]
Cookies = Annotated[
    Path | None,
    typer.Option(metavar="FILE", rich_help_panel=ASKING, help="Netscape cookies.txt."),
]
CookiesFromBrowser = Annotated[
    str | None,
    typer.Option(
        metavar="BROWSER", rich_help_panel=ASKING, help="Browser to read cookies from: firefox."
    ),
]
Proxy = Annotated[
    list[str] | None,
    typer.Option(
        metavar="URL",
        rich_help_panel=ASKING,
        help="Proxy, http, https or socks; several take turns, and bad ones rest.",
    ),
]
UserAgent = Annotated[
    str | None,
    typer.Option(metavar="TEXT", rich_help_panel=ASKING, help="Name under which sites are asked."),
]
RateLimit = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE", rich_help_panel=ASKING, help="Most bytes a second of one download, bytes."
    ),
]
YtDlpOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=VALUE",
        rich_help_panel=ASKING,
        help="Anything else that yt-dlp's Python API takes; VALUE is JSON or text.",
    ),
]
