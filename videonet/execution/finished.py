"""Whether a run that is finished could come to anything else, decided before anything slow is done.

What a run was given is written down when it ends: options, and of each file and folder the sizes
and times. A run that is given the same again can only try again what failed.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

import videonet
from videonet.execution.resume import data_settings, refuse_other_settings, video_format
from videonet.fetch.credentials import Credentials
from videonet.schemas.manifest import Manifest
from videonet.schemas.reason import Policy, Reason
from videonet.schemas.run import Finished, Lookup
from videonet.schemas.settings import CurateOptions, RebuildOptions, RunOptions
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store
from videonet.versions import decoder_version

# Of the store, what `--source store` reads.
_FOUND = "found"


class Before(NamedTuple):
    """A finished run that was given the same."""

    manifest: Manifest
    lookup: Lookup
    # pairs of video and class that failed, and that another run tries again
    to_try_again: int


def look_before(
    options: CurateOptions, run: RunOptions, credentials: Credentials
) -> tuple[dict[str, str], Before | None]:
    """What a run is given, and the finished one in OUT if that was given the same.

    Raises UsageError if something was made in OUT with other settings.
    """
    output = DatasetDir(Path(run.out).absolute())
    refuse_other_settings(output, data_settings(options, credentials.options))
    given = _given_to(options, run, credentials)
    return given, None if run.refresh_search else _finished_before(output, given)


def look_before_rebuild(
    lock: Path, options: RebuildOptions, run: RunOptions, credentials: Credentials
) -> tuple[dict[str, str], Before | None]:
    """The same of a rebuild from a lock file. What a lock file asks for is compared with it."""
    output = DatasetDir(Path(run.out).absolute())
    source = options.source
    catalogue = None if source is None else Path(source.partition(":")[2])
    files = {"lock": lock, "source": catalogue, "files_root": _path(options.files_root)}
    given = _given(options, run, credentials, files)
    return given, _finished_before(output, given)


def remember_finished(output: DatasetDir, given: Mapping[str, str], store: Path) -> None:
    """Write down what the run was given that is now finished, from what `look_before` said."""
    found = {"found": _state_of(store / _FOUND)} if given.get("found") else {}
    output.write_finished(Finished(given={**given, **found}, manifest_sha256=_sha256(output)))


def _given_to(options: CurateOptions, run: RunOptions, credentials: Credentials) -> dict[str, str]:
    kind, _, place = options.source.partition(":")
    model = Path(options.classifier)
    files = {
        "targets": Path(options.targets),
        "classifier": model,
        "card": model.parent / f"{model.stem}.json",
        "source": Path(place) if kind in ("catalogue", "folder") else None,
        "files_root": _path(options.files_root),
        # It grows by the run itself: see `remember_finished`.
        "found": Path(run.store) / _FOUND if options.source == "store" else None,
    }
    return _given(options, run, credentials, files)


def _given(
    options: CurateOptions | RebuildOptions,
    run: RunOptions,
    credentials: Credentials,
    files: Mapping[str, Path | None],
) -> dict[str, str]:
    """What may lead to another data set, by name: two runs with equal values come to the same.

    Files and folders stand for their contents by sizes and times.
    """
    store, withdrawn = Path(run.store).absolute(), Path(run.out) / "withdrawn.json"
    return {
        "videonet": videonet.__version__,
        "decoder": decoder_version(),
        "options": msgspec.json.encode(options, order="deterministic").decode(),
        "format": video_format(credentials.options) or "",
        "keep": run.keep,
        "store": str(store),
        "withdrawn": _state_of(withdrawn),
        "withdrawn from the store": _digest(each.video_key for each in Store(store).withdrawals()),
    } | {name: "" if path is None else _state_of(path) for name, path in files.items()}


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _finished_before(output: DatasetDir, given: Mapping[str, str]) -> Before | None:
    finished, manifest, lookup = output.finished(), output.manifest(), output.lookup()
    if finished is None or manifest is None or lookup is None or finished.given != given:
        return None
    if finished.manifest_sha256 != _sha256(output) or not output.is_whole(manifest, lookup.shards):
        return None
    searched = [name for search in lookup.searches for name in search.names]
    if not manifest.totals.clips or any(name.failed for name in searched):
        # What was not found may be there by now.
        return None
    failed = manifest.totals.verdicts.failed
    return Before(manifest, lookup, sum(failed[name] for name in filter(_may_pass, failed)))


def _may_pass(reason: str) -> bool:
    """Whether a video that failed may be had now; no local file, where all files are the same."""
    return reason != Reason.MISSING and Reason(reason).policy is not Policy.NEVER


def _sha256(output: DatasetDir) -> str:
    return hashlib.sha256((output.root / "manifest.json").read_bytes()).hexdigest()


def _state_of(path: Path) -> str:
    """The absolute path, with size and time of a file, or with those of all files in a folder."""
    return f"{path.absolute()} {_digest(_files(path))}"


def _files(path: Path) -> Iterator[str]:
    """Each file at or below `path`: its path, size, time and mode. Nothing where there is none."""
    folders, seen = [path], set[str]()
    while folders:
        folder = folders.pop()
        try:
            if not folder.is_dir():
                stat = folder.stat()
                yield f"{folder} {stat.st_size} {stat.st_mtime_ns} {stat.st_mode:o}"
                continue
            real = os.path.realpath(folder)
            if real not in seen:
                seen.add(real)
                folders += sorted(folder.iterdir(), reverse=True)
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            yield f"{folder} {error}"


def _digest(lines: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()
