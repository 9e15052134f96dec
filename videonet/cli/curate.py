"""`videonet curate`: the whole job."""

import difflib
import tomllib
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from videonet.cli import run_options
from videonet.cli.interrupt import ended_by_interrupt
from videonet.cli.outcome import exit_code, show_outcome
from videonet.cli.progress_line import progress_line
from videonet.errors import UsageError
from videonet.schemas.settings import Keep, Licence

_ABOUT_SOURCES = (
    "youtube, search:PREFIX (any other search of yt-dlp), catalogue:FILE (csv, tsv, jsonl, "
    "parquet, or a folder of parquet), folder:DIR, or store."
)

# Options that may be given several times.
_SEVERAL = frozenset({"proxy", "yt_dlp_option"})

# Headings of the help.
_SEARCHING = "Searching (youtube, search:PREFIX)"


class DeviceName(StrEnum):
    """Where the classifier runs."""

    CPU = "cpu"
    CUDA = "cuda"


def _formats(text: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    names = text.split(",") if isinstance(text, str) else text
    return tuple(name.strip() for name in names)


def _words(text: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    given = text.split(",") if isinstance(text, str) else text
    return tuple(word.strip() for word in given if word.strip())


def _configured(context: typer.Context, file: Path | None) -> Path | None:
    """Take the file's values as defaults. Raises UsageError for names that are no options."""
    if file is None:
        return None
    try:
        values: dict[str, Any] = tomllib.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise UsageError(f"The configuration {file} cannot be read: {error}.") from error
    # As typed, without dashes in front ("format"), and what the parameter is called ("formats").
    names = {
        option.lstrip("-").replace("_", "-"): parameter.name
        for parameter in context.command.params
        for option in parameter.opts
        if parameter.name not in (None, "config")
    }
    given: dict[str, Any] = {}
    for key, value in values.items():
        option = key.replace("_", "-")
        if option not in names:
            near = difflib.get_close_matches(option, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"options are: {', '.join(names)}."
            raise UsageError(f"{file} has {key!r}, which is no option; {hint}")
        # What may be given several times may also be given once.
        several = names[option] in _SEVERAL and isinstance(value, str)
        given[names[option]] = [value] if several else value
    _check_yt_dlp_options(file, given.get("yt_dlp_option"))
    context.default_map = {**(context.default_map or {}), **given}
    return file


def _check_yt_dlp_options(file: Path, texts: object) -> None:
    """Raise UsageError for options of yt-dlp that only the command line may set."""
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        # Typer says what is wrong.
        return
    from videonet.fetch.options import options_of  # slow, and rarely needed

    try:
        options_of(texts)
    except UsageError as error:
        raise UsageError(f"{file}: {error}") from None


def curate(
    targets: Annotated[
        str,
        typer.Option(metavar="LIST", help="imagenet1k, or a file with one class a line."),
    ],
    source: Annotated[
        str, typer.Option(metavar="SOURCE", help=f"Where candidates come from: {_ABOUT_SOURCES}")
    ],
    store: run_options.Store,
    out: run_options.Out,
    classifier: Annotated[
        str, typer.Option(metavar="MODEL", help="resnet50, or an ONNX file.")
    ] = "resnet50",
    files_root: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of a catalogue's local files; without it: none."),
    ] = None,
    per_class: Annotated[
        int, typer.Option(min=1, help="Most candidates of a class, videos.")
    ] = 5000,
    min_seconds: Annotated[
        float, typer.Option(min=0, help="Shorter videos are rejected, seconds; a clip takes 2.56.")
    ] = 10.0,
    frames: Annotated[
        int, typer.Option(min=1, help="First frames that are classified, frames.")
    ] = 100,
    max_clips: Annotated[
        int, typer.Option(min=1, help="Most clips of one video, clips of up to 10.24 s.")
    ] = 4,
    formats: Annotated[
        Any,
        typer.Option(
            "--format", parser=_formats, metavar="NAMES", help="Formats of the shards, by commas."
        ),
    ] = "parquet,tfrecord",
    shards: Annotated[
        int | None,
        typer.Option(min=1, help="Number of shards; default: shards of about 250 MB."),
    ] = None,
    keep: run_options.KeepBytes = Keep.KEPT,
    max_bytes: Annotated[
        Any, typer.Option(parser=run_options.bytes_of, metavar="SIZE", help="Largest video, bytes.")
    ] = "2GB",
    disk_budget: run_options.DiskBudget = None,
    workers: Annotated[
        int, typer.Option(min=1, help="Videos scanned or cut at once; default: one a core.")
    ] = run_options.WORKERS,
    downloads: run_options.Downloads = 8,
    deadline: run_options.Deadline = 600.0,
    device: Annotated[DeviceName, typer.Option(help="Where the classifier runs.")] = DeviceName.CPU,
    licence: Annotated[
        Licence,
        typer.Option(help="Videos to take: any, or only those stated to be Creative Commons."),
    ] = Licence.ANY,
    modifiers: Annotated[
        Any,
        typer.Option(
            parser=_words,
            metavar="WORDS",
            rich_help_panel=_SEARCHING,
            help="Words to vary the queries of classes that are not full, by commas: "
            '"slow motion,close up".',
        ),
    ] = None,
    search_patience: Annotated[
        int,
        typer.Option(
            min=1,
            rich_help_panel=_SEARCHING,
            help="Queries in a row without a new video after which a class is given up, queries.",
        ),
    ] = 10,
    refresh_search: Annotated[
        bool,
        typer.Option(
            "--refresh-search",
            rich_help_panel=_SEARCHING,
            help="Ask again what earlier runs over this store have asked.",
        ),
    ] = False,
    requests_per_second: run_options.RequestsPerSecond = 5.0,
    per_host: run_options.PerHost = 4,
    cookies: run_options.Cookies = None,
    cookies_from_browser: run_options.CookiesFromBrowser = None,
    proxy: run_options.Proxy = None,
    user_agent: run_options.UserAgent = None,
    rate_limit: run_options.RateLimit = None,
    yt_dlp_option: run_options.YtDlpOption = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.toml",
            callback=_configured,
            is_eager=True,
            help="Values for these options; what is typed wins.",
        ),
    ] = None,
    beam_options: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- BEAM OPTIONS]", help="What follows -- goes to Beam."),
    ] = None,
) -> None:
    """Build a data set: look up titles, download, classify first frames, cut clips, write shards.

    Interrupted, the same command goes on. Exit codes: 0 done, 2 wrong input, 3 most failed or a
    site kept refusing, 130 interrupted.

    Example: videonet curate --targets imagenet1k --source catalogue:videos.csv
    --store store --out out
    """
    del config
    console = Console(stderr=True)
    with ended_by_interrupt(console):
        # Beam is slow, --help need not be.
        from videonet.curation.context import open_context
        from videonet.execution.execute import execute, hosts_no_longer_asked
        from videonet.execution.prepare import Request, prepare
        from videonet.fetch.credentials import Access, rate_of
        from videonet.fetch.options import options_of
        from videonet.pipelines.curate import curate as graph
        from videonet.storage.dataset_dir import DatasetDir
        from videonet.storage.locks import exclusive_lock

        request = Request(
            targets=targets,
            source=source,
            classifier=classifier,
            store=store,
            out=out,
            files_root=files_root,
            per_class=per_class,
            min_seconds=min_seconds,
            frames=frames,
            max_clips=max_clips,
            formats=formats,
            shards=shards,
            keep=keep,
            max_bytes=max_bytes,
            disk_budget=disk_budget,
            workers=workers,
            downloads=downloads,
            deadline=deadline,
            device=device.value,
            licence=licence,
            modifiers=modifiers or (),
            search_patience=search_patience,
            refresh_search=refresh_search,
            requests_per_second=requests_per_second,
            per_host=per_host,
            access=Access(
                cookies=cookies,
                cookies_from_browser=cookies_from_browser,
                proxies=tuple(proxy or ()),
                user_agent=user_agent,
                rate_limit=None if rate_limit is None else rate_of(rate_limit),
                options=options_of(yt_dlp_option or (), from_command_line=True),
            ),
            beam_options=tuple(beam_options or ()),
        )
        with exclusive_lock(store, out):
            plan = prepare(request)
            with open_context(plan) as context, progress_line(console, context.progress):
                manifest = execute(context, graph, request.beam_options)
    if manifest is None:
        console.print("The job was handed to its runner.")
        return
    closed = hosts_no_longer_asked(context)
    lookup = DatasetDir(out).lookup()
    show_outcome(Console(), plan, manifest, lookup, closed)
    raise typer.Exit(exit_code(manifest, lookup, closed))


def beam_command() -> Callable[[], object]:
    """`videonet curate` as a Beam main takes it: what is not its own option is Beam's."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    settings = {
        "ignore_unknown_options": True,
        # Beam writes its options with "_"; ours may be written so among them.
        "token_normalize_func": lambda name: name.replace("_", "-"),
    }
    app.command(context_settings=settings)(curate)
    return typer.main.get_command(app)
