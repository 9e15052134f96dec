"""What was asked for becomes the plan of a run: all checks, before any work is done."""

import hashlib
import os
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import msgspec
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners import create_runner

from videonet.classifier.onnx_session import Device
from videonet.curation.context import open_classifier
from videonet.curation.scan import scan_key
from videonet.errors import UsageError
from videonet.fetch.credentials import Access
from videonet.fetch.disk_budget import RESERVE
from videonet.fetch.entrusted import FILE_VARIABLE, entrust
from videonet.fetch.rate_limit import Pace
from videonet.fetch.redaction import Redaction
from videonet.fetch.ytdlp import check_yt_dlp
from videonet.schemas.run import Plan, RunState
from videonet.schemas.settings import Keep, Licence, Settings
from videonet.schemas.target import Target
from videonet.shards.writer import FORMATS
from videonet.sources.open_source import check_source
from videonet.sources.source_spec import searched_site
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store
from videonet.targets.resolve import resolve_targets

# Runners that work in this process. Beam's default would try to download another one first.
LOCAL_RUNNERS = frozenset({"DirectRunner", "FnApiRunner", "BundleBasedDirectRunner"})

# Most bytes of downloaded videos in the store, where nobody says otherwise.
DISK_BUDGET = 50_000_000_000


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Where a run works, and with what: none of it changes a byte of the data set."""

    store: Path
    out: Path
    keep: Keep = Keep.KEPT
    disk_budget: int | None = None
    workers: int = os.cpu_count() or 1
    downloads: int = 8
    deadline: float = 600.0
    requests_per_second: float = Pace.requests_per_second
    per_host: int = Pace.connections
    access: Access = field(default_factory=Access)


@dataclass(frozen=True, kw_only=True)
class Request(RunOptions):
    """What was asked for; see `videonet curate --help`."""

    targets: str
    source: str
    classifier: str
    files_root: Path | None = None
    per_class: int = 5000
    min_seconds: float = 10.0
    frames: int = 100
    max_clips: int = 4
    formats: tuple[str, ...] = tuple(FORMATS)
    shards: int | None = None
    max_bytes: int = 2_000_000_000
    device: Device = "cpu"
    licence: Licence = Licence.ANY
    modifiers: tuple[str, ...] = ()
    search_patience: int = 10
    refresh_search: bool = False
    beam_options: Sequence[str] = ()


def prepare(request: Request) -> Plan:
    """Check what was asked for, and lay OUT and the store ready. Raises UsageError."""
    local = _is_local(request.beam_options)
    classifier = open_classifier(request.classifier, request.device)
    targets = resolve_targets(request.targets, classifier.labels)
    for name in request.formats:
        if name not in FORMATS:
            raise UsageError(f"There is no format {name!r}; use {' or '.join(FORMATS)}.")
    kind, _, place = request.source.partition(":")
    store = prepared_store(request, Path(place) if kind == "folder" else None, local=local)
    check_source(request.source, store, request.files_root)
    is_search = searched_site(request.source) is not None
    settings = Settings(
        source=_absolute(request.source),
        files_root=str(request.files_root.absolute()) if request.files_root else None,
        targets=_digest(targets),
        per_class=request.per_class,
        min_seconds=request.min_seconds,
        frames=request.frames,
        max_clips=request.max_clips,
        formats=tuple(sorted(set(request.formats))),
        shards=request.shards,
        max_bytes=request.max_bytes,
        licence=request.licence,
        video_format=video_format(request.access),
        modifiers=request.modifiers if is_search else (),
        search_patience=request.search_patience if is_search else 0,
        lock=None,
        classifier=classifier.card,
        scan_key=scan_key(classifier, request.frames),
    )
    plan = make_plan(
        request,
        settings,
        store,
        classifier=str(classifier.path.absolute()),
        device=request.device,
        refresh_search=request.refresh_search,
        local=local,
    )
    output = DatasetDir(request.out.absolute())
    output.write_targets(targets)
    output.write_labels(classifier.labels)
    return plan


def prepared_store(means: RunOptions, videos: Path | None, *, local: bool) -> Store:
    """The store of a run, ready, when its folders and its access are. Raises UsageError.

    `videos` is the folder of local files, if the run reads one.
    """
    _require_apart(means, videos)
    check_yt_dlp()
    _check_access(means.access, local)
    store = Store(means.store)
    store.prepare()
    return store


def make_plan(
    means: RunOptions,
    settings: Settings,
    store: Store,
    *,
    classifier: str = "",
    device: Device = "cpu",
    refresh_search: bool = False,
    local: bool = True,
) -> Plan:
    """The plan of a run that OUT was taken up for. Raises UsageError, without a trace in OUT.

    `classifier` is the path of its file; "" where nothing is to be classified.
    """
    # A budget is counted in one process; machines that share a store have none.
    budget = _budget(store, means.disk_budget) if local else None
    output = DatasetDir(means.out.absolute())
    state = resume_or_start(output, settings)
    if means.access != Access():
        entrust(state.run_id, means.access)
    lookup = output.lookup()
    return Plan(
        settings=settings,
        run_id=state.run_id,
        store=str(store.root),
        out=str(output.root),
        classifier=classifier,
        device=device,
        keep=means.keep,
        disk_budget=budget,
        workers=means.workers,
        downloads=means.downloads,
        deadline=means.deadline,
        requests_per_second=means.requests_per_second,
        per_host=means.per_host,
        refresh_search=refresh_search,
        shards=lookup.shards if lookup else state.shards,
        listed=lookup is not None,
        local=local,
    )


def video_format(access: Access) -> str | None:
    """What the user says of the format to download; None: the smallest that will do."""
    said = {key: access.options[key] for key in ("format", "format_sort") if key in access.options}
    return msgspec.json.encode(said).decode() if said else None


def _check_access(access: Access, local: bool) -> None:
    """Raise UsageError for what cannot be used, or cannot be handed over without a leak."""
    if access != Access() and not local:
        raise UsageError(
            "Cookies, proxies and options for yt-dlp may hold secrets, which no job graph should "
            f"carry; put them into a TOML file on the workers, and its path into {FILE_VARIABLE}."
        )
    access.check()


def _require_apart(means: RunOptions, videos: Path | None) -> None:
    """Raise UsageError where one folder would fill another one with its files."""
    source = videos.resolve() if videos else None
    store, out = means.store.resolve(), means.out.resolve()
    if store == out:
        raise UsageError(f"--store and --out are both {store}; give each a folder of its own.")
    for option, folder in (("--store", store), ("--out", out)):
        if source is not None and folder.is_relative_to(source):
            raise UsageError(
                f"{option} {folder} lies in the folder of videos {source}; choose one outside."
            )


def resume_or_start(output: DatasetDir, settings: Settings) -> RunState:
    """The state of an interrupted run, or of a new one. Raises UsageError for other settings.

    Settings may still change until there is something that was made with them.
    """
    before, lookup, manifest = output.run_state(), output.lookup(), output.manifest()
    new = RunState(settings=settings, run_id=uuid.uuid4().hex, shards=None)
    if before is None:
        state = new
    elif before.settings != settings:
        if lookup is not None or output.has_finished_shards():
            raise UsageError(
                f"{output.root} was made with other settings "
                f"({_difference(before.settings, settings)}); choose another --out, or delete it."
            )
        state = new
    elif manifest is not None:
        # The run is finished: this is the next one, which looks again at what may have changed.
        files = len(manifest.shards)
        shards = lookup.shards if lookup else files // len(set(settings.formats))
        if manifest.totals.clips:
            state = msgspec.structs.replace(new, shards=shards)
        else:
            # Such as after a search that was refused: nothing is in the shards yet.
            output.clear_listing(None)
            state = new
    else:
        state = before
    if before is not None and lookup is None:
        output.clear_listing(state.shards or settings.shards)
    if state is not before:
        output.write_run_state(state)
        output.begin_anew()
    return state


def _difference(before: Settings, now: Settings) -> str:
    """What was asked for otherwise, by the names of the options."""
    old, new = before.to_row(), now.to_row()
    changed = [name for name in old if old[name] != new[name]]
    # It changes with others, whose names say more.
    if len(changed) > 1 and "scan_key" in changed:
        changed.remove("scan_key")
    shown = []
    for name in changed:
        if name in ("targets", "lock"):
            shown.append("another class list" if name == "targets" else "another lock file")
            continue
        values = [
            f"{each['name']} ({each['sha256'][:12]}...)" if name == "classifier" else each
            for each in (old[name], new[name])
        ]
        shown.append(f"{name} was {values[0]}, is {values[1]}")
    return ", ".join(shown)


def _budget(store: Store, asked: int | None) -> int:
    """Bytes of downloaded videos that the store may hold. Raises UsageError for too little disk."""
    used = store.video_bytes()
    available = shutil.disk_usage(store.root).free + used - RESERVE
    wanted = min(DISK_BUDGET, available) if asked is None else asked
    if wanted > available or available <= 0:
        raise UsageError(
            f"The disk of {store.root} has room for {max(0, available) / 1e9:.1f} GB of videos "
            f"(1 GB stays free), and {(asked or RESERVE) / 1e9:.1f} GB are wanted; "
            "free some, or lower --disk-budget."
        )
    if wanted < used:
        raise UsageError(
            f"The store {store.root} holds {used / 1e9:.1f} GB of videos already, more than "
            f"--disk-budget {wanted / 1e9:.1f} GB; raise it, or use another store."
        )
    return wanted


def _digest(targets: Sequence[Target]) -> str:
    return hashlib.sha256(msgspec.json.encode(targets)).hexdigest()


def _absolute(source: str) -> str:
    kind, _, place = source.partition(":")
    return f"{kind}:{Path(place).absolute()}" if kind in {"catalogue", "folder"} else source


def _is_local(beam_options: Sequence[str]) -> bool:
    """Whether Beam's options name a runner of this process. Raises UsageError if they are none."""
    _check_options(beam_options)
    runner = runner_of(beam_options)
    if runner.rpartition(".")[2] in LOCAL_RUNNERS:
        return True
    try:
        create_runner(runner)
    except (ValueError, ImportError, AttributeError) as error:
        raise UsageError(f"There is no runner {runner!r} for Beam here: {error}") from error
    return False


def _check_options(beam_options: Sequence[str]) -> None:
    """Raise UsageError for what Beam does not know: it would only log that, and go on without."""
    parsers: list[Any] = []
    # Beam's way to add options to its parser also shows us the parser, with all options in it.
    PipelineOptions([]).get_all_options(add_extra_args_fn=parsers.append)
    (parser,) = parsers

    def refuse(message: str) -> NoReturn:
        raise UsageError(f"Beam does not take its options: {message}.")

    parser.error = refuse
    _, unknown = parser.parse_known_args(list(beam_options))
    # What follows an option that nobody knows may be its value, and a secret.
    options = [each.partition("=")[0] for each in unknown if each.startswith("-")]
    named = options or [Redaction().redacted(each) for each in unknown]
    if named:
        raise UsageError(
            f"{', '.join(map(repr, named))} is no option of this command or of Beam; "
            "options for Beam are written as -- --runner=DataflowRunner, after all others."
        )


def runner_of(beam_options: Sequence[str]) -> str:
    """The runner that Beam's options name."""
    options = PipelineOptions(list(beam_options)).get_all_options()
    return str(options.get("runner") or "FnApiRunner")
