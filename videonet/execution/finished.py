"""Whether a run that is finished could come to anything else, decided before anything slow is done.

What a run was given is written down when it ends: options, and of each file and folder the sizes
and times. A run that is given the same again can only try again what failed.
"""

import hashlib
import os
import stat
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from videonet.classifier.sidecar import sidecar_path
from videonet.execution.resume import (
    data_settings,
    refuse_other_settings,
    refuse_wrong_inputs,
    video_format,
)
from videonet.fetch.credentials import Credentials
from videonet.files import is_file, sha256_of
from videonet.schemas.manifest import Manifest
from videonet.schemas.reason import Policy, Reason
from videonet.schemas.run import Finished, Lookup
from videonet.schemas.settings import CurateOptions, RebuildOptions, RunOptions
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store
from videonet.versions import decoder_version, versions

# Of the store, what `--source store` reads.
_FOUND = "found"


class Inputs(NamedTuple):
    """What a run is given, as `videonet.schemas.run.Finished` keeps it."""

    given: dict[str, str]
    contents: dict[str, str]


class Before(NamedTuple):
    """A finished run that was given the same."""

    manifest: Manifest
    lookup: Lookup
    # pairs of video and class that failed, and that another run tries again
    to_try_again: int


def look_before(
    options: CurateOptions, run: RunOptions, credentials: Credentials
) -> tuple[Inputs, Before | None]:
    """What a run is given, and the finished one in OUT if that was given the same.

    Raises UsageError if something was made in OUT with other settings, or if what the options name
    is not there.
    """
    output = DatasetDir(Path(run.out).absolute())
    refuse_other_settings(output, data_settings(options, credentials.options))
    kind, _, place = options.source.partition(":")
    model = Path(options.classifier)
    files = {
        "targets": Path(options.targets),
        "classifier": model,
        "card": sidecar_path(model),
        "source": Path(place) if kind in ("catalogue", "folder") else None,
        "files_root": _path(options.files_root),
        # It grows by the run itself: see `remember_finished`.
        "found": Path(run.store) / _FOUND if options.source == "store" else None,
    }
    given = _given(options, run, credentials, files)
    before = None if run.refresh_search else _finished_before(output, given, files)
    if before is None:
        refuse_wrong_inputs(options, run)
    return _inputs(given, files, before), before


def look_before_rebuild(
    lock: Path, options: RebuildOptions, run: RunOptions, credentials: Credentials
) -> tuple[Inputs, Before | None]:
    """The same of a rebuild from a lock file. What a lock file asks for is compared with it."""
    output = DatasetDir(Path(run.out).absolute())
    source = options.source
    catalogue = None if source is None else Path(source.partition(":")[2])
    files = {"lock": lock, "source": catalogue, "files_root": _path(options.files_root)}
    given = _given(options, run, credentials, files)
    before = _finished_before(output, given, files)
    return _inputs(given, files, before), before


def remember_finished(output: DatasetDir, inputs: Inputs, store: Path) -> None:
    """Write down what the run was given that is now finished, from what `look_before` said."""
    given, contents = inputs
    found = {"found": _state_of(store / _FOUND)} if given.get("found") else {}
    output.write_finished(
        Finished(given=given | found, contents=contents, manifest_sha256=_sha256(output))
    )


def _given(
    options: CurateOptions | RebuildOptions,
    run: RunOptions,
    credentials: Credentials,
    files: Mapping[str, Path | None],
) -> dict[str, str]:
    """What may lead to another data set, by name: two runs with equal values come to the same.

    Files and folders stand for their contents by sizes and times. WordNet is not among them: there
    is one version of it that a class list can be read with.
    """
    store, withdrawn = Path(run.store).absolute(), Path(run.out) / "withdrawn.json"
    return {
        **versions(),
        "decoder": decoder_version(),
        "options": msgspec.json.encode(options, order="deterministic").decode(),
        "format": video_format(credentials.options) or "",
        "keep": run.keep,
        "device": run.device,
        "store": str(store),
        "withdrawn": _state_of(withdrawn),
        "withdrawn from the store": _digest(each.video_key for each in Store(store).withdrawals()),
    } | {name: "" if path is None else _state_of(path) for name, path in files.items()}


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _inputs(
    given: dict[str, str], files: Mapping[str, Path | None], before: Before | None
) -> Inputs:
    """What a run is given. Contents of files are read only where a run follows, which is slower."""
    follows = before is None or before.to_try_again
    return Inputs(given, _contents(files) if follows else {})


def _contents(files: Mapping[str, Path | None]) -> dict[str, str]:
    """Hex sha256 of each that is a file and can be read."""
    contents = {}
    for name, path in files.items():
        if path is not None and is_file(path):
            with suppress(OSError):
                contents[name] = sha256_of(path)
    return contents


def _finished_before(
    output: DatasetDir, given: Mapping[str, str], files: Mapping[str, Path | None]
) -> Before | None:
    finished, manifest, lookup = output.finished(), output.manifest(), output.lookup()
    if finished is None or manifest is None or lookup is None:
        return None
    if finished.given.keys() != given.keys():
        return None
    # Most files that have another time were only copied or touched.
    changed = {name: files.get(name) for name in given if finished.given[name] != given[name]}
    before = {name: finished.contents.get(name) for name in changed}
    if any(each is None for each in before.values()) or before != _contents(changed):
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
                state = folder.stat()
                yield f"{folder} {state.st_size} {state.st_mtime_ns} {state.st_mode:o}"
                if not stat.S_ISREG(state.st_mode):
                    # What comes through a pipe is another thing each time.
                    yield uuid.uuid4().hex
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
