"""Whether a run that is finished could come to anything else, decided before anything slow is done.

What a run was given is written down before it makes its candidate list, and again when it ends:
options, and of each file and folder the sizes and times. A run that is given the same can only try
again what failed.
"""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from videonet.classifier.model_file import model_file
from videonet.classifier.sidecar import sidecar_path
from videonet.dataset.account import (
    digest,
    sha256_of_manifest,
    state_of_file,
    state_of_local_files,
)
from videonet.execution.neighbours import images_of, model_of
from videonet.execution.resume import (
    data_settings,
    refuse_other_settings,
    refuse_wrong_inputs,
    video_format,
)
from videonet.fetch.credentials import Credentials
from videonet.files import is_file, is_folder, sha256_of
from videonet.schemas.manifest import Manifest
from videonet.schemas.reason import Policy, Reason
from videonet.schemas.run import Finished, Given, Lookup
from videonet.schemas.settings import CurateOptions, RebuildOptions, RunOptions
from videonet.schemas.unused import without_unused
from videonet.selection.exclusion import exclusion_files, reference_folders
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.inputs import local_input, local_table
from videonet.storage.places import absolute, is_remote
from videonet.storage.store import Store
from videonet.versions import decoder_version, versions


class Inputs(NamedTuple):
    """What a run is given."""

    given: Given
    # whether the run makes a candidate list of it, or takes one that was made of the same
    is_of_list: bool
    # what a user should read on how the source is read
    notes: Sequence[str] = ()


class Before(NamedTuple):
    """A finished run that was given the same."""

    manifest: Manifest
    lookup: Lookup
    # pairs of video and class that failed, and that another run tries again
    to_try_again: int
    # videos whose captions could not be had, likewise
    captions: int = 0

    @property
    def is_over(self) -> bool:
        """Whether another run has nothing to do."""
        return not self.to_try_again and not self.captions


def look_before(
    options: CurateOptions, run: RunOptions, credentials: Credentials
) -> tuple[Inputs, Before | None]:
    """What a run is given, and the finished one in OUT if that was given the same.

    Raises UsageError if something was made in OUT with other settings, or if what the options name
    is not there.
    """
    output = DatasetDir(absolute(run.out))
    refuse_other_settings(output, data_settings(options, credentials.options, output))
    given, files = given_to(options, run, credentials)
    before: Before | None = None
    said: list[str] = []
    if not run.refresh_search:
        before, said = _finished_before(output, given, files)
    if before is None:
        said += refuse_wrong_inputs(options, run)
    return _inputs(output, given, files, before, said), before


def given_to(
    options: CurateOptions, run: RunOptions, credentials: Credentials
) -> tuple[dict[str, str], dict[str, Path | None]]:
    """What may lead to another data set, by name; and the files and folders among it.

    Raises UsageError for a file that cannot be had.
    """
    kind, _, place = options.source.partition(":")
    model = model_file(model_of(options))
    files = {
        "targets": None if options.targets is None else local_input(options.targets),
        "classifier": model,
        "card": sidecar_path(model),
        "source": _read_as(kind, place),
        **{f"exclude {path}": path for path in exclusion_files(options.exclude)},
        **{f"exclude like {path}": path for path in reference_folders(options.exclude_like)},
    }
    if (images := images_of(options)) is not None:
        files["images"] = images
    given = _given(options, run, credentials, files)
    # It grows by the run itself: see `videonet.dataset.account`.
    given["found"] = Store(run.store).found.state() if options.source == "store" else ""
    return given, files


def look_before_rebuild(
    lock: Path, options: RebuildOptions, run: RunOptions, credentials: Credentials
) -> tuple[Inputs, Before | None]:
    """The same of a rebuild from a lock file. What a lock file asks for is compared with it."""
    output = DatasetDir(absolute(run.out))
    source = options.source
    kind, _, place = (source or "").partition(":")
    files = {"lock": lock, "source": _read_as(kind, place)}
    given = _given(options, run, credentials, files)
    before, said = _finished_before(output, given, files)
    return _inputs(output, given, files, before, said), before


def _read_as(kind: str, place: str) -> Path | None:
    """The files of a source, if it is one that is read."""
    if kind == "catalogue":
        return local_table(place)
    return Path(place) if kind == "folder" else None


def remember_given(output: DatasetDir, inputs: Inputs) -> None:
    """Write down what a run is given, before it makes its candidate list.

    A run that goes on from the list of an interrupted one was perhaps given something else, which
    the list does not know of.
    """
    if inputs.is_of_list:
        output.write_given(inputs.given)


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
    store, hosts = Store(run.store), run.allow_private_hosts
    return {
        **versions(),
        "decoder": decoder_version(),
        "options": msgspec.json.encode(without_unused(options.to_row())).decode(),
        "format": video_format(credentials.options) or "",
        "keep": run.keep,
        "device": run.device,
        "store": store.location,
        "withdrawn": _withdrawn(run.out),
        "withdrawn from the store": digest(each.video_key for each in store.withdrawals()),
        # Of the local files there, those of candidates count: see `state_of_local_files`.
        "files_root": (options.files_root and str(Path(options.files_root).absolute())) or "",
        # Videos that were refused may be had now.
        **({"allow_private_hosts": ",".join(sorted(hosts))} if hosts else {}),
    } | {name: "" if path is None else _state_of(path) for name, path in files.items()}


def _inputs(
    output: DatasetDir,
    given: dict[str, str],
    files: Mapping[str, Path | None],
    before: Before | None,
    notes: Sequence[str] = (),
) -> Inputs:
    # Contents of files are read only where a run follows, which is slower.
    follows = before is None or not before.is_over
    contents = _contents(files) if follows else {}
    goes_on = output.manifest() is None and output.lookup() is not None
    now = Given(given=given, contents=contents, at=time.time_ns())
    return Inputs(now, not goes_on, notes)


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
) -> tuple[Before | None, list[str]]:
    """The finished run that was given the same; and what to say of files that were altered."""
    finished, manifest, lookup = output.finished(), output.manifest(), output.lookup()
    if finished is None or manifest is None or lookup is None:
        return None, []
    if not _was_given(finished, given, files) or finished.manifest_sha256 != sha256_of_manifest(
        output
    ):
        return None, []
    altered = list(output.altered(manifest, lookup.shards, finished.files))
    if altered:
        more = f" and {len(altered) - 1:,} more" if len(altered) > 1 else ""
        said = f"{output.place_of(altered[0])}{more}: not as it was written; it is made again"
        return None, [said]
    searched = [name for search in lookup.searches for name in search.names]
    if not manifest.totals.clips or any(name.failed for name in searched):
        # What was not found may be there by now.
        return None, []
    # Where there were none, the list, which is as it was written, has none to look for: reading it
    # takes longer than all else here.
    if finished.local and finished.local != state_of_local_files(output, lookup):
        return None, []
    _note_again(output, finished, manifest, lookup)
    failed = manifest.totals.verdicts.failed
    try_again = sum(failed[name] for name in filter(_may_pass, failed))
    lacking = manifest.totals.captions.failed if manifest.totals.captions else {}
    captions = sum(lacking[name] for name in filter(_may_pass, lacking))
    return Before(manifest, lookup, try_again, captions), []


def _was_given(
    finished: Finished, given: Mapping[str, str], files: Mapping[str, Path | None]
) -> bool:
    """Whether a finished run was given the same, local files of candidates aside."""
    earlier = finished.given
    if earlier.given.keys() != given.keys():
        return False
    # Most files that have another time were only copied or touched.
    changed = {name: files.get(name) for name in given if earlier.given[name] != given[name]}
    contents = {name: earlier.contents.get(name) for name in changed}
    known = all(each is not None for each in contents.values())
    return known and contents == _contents(changed)


def _note_again(output: DatasetDir, finished: Finished, manifest: Manifest, lookup: Lookup) -> None:
    """Note files whose states did not tell, or were others, and that are as they were written."""
    with suppress(OSError):
        files = output.notes_of_all(manifest, lookup.shards, finished.files)
        if files != finished.files:
            output.write_finished(msgspec.structs.replace(finished, files=files))


def _may_pass(reason: str) -> bool:
    """Whether a video that failed may be had now; no local file, where all files are the same."""
    return reason != Reason.MISSING and Reason(reason).policy is not Policy.NEVER


def _withdrawn(out: str) -> str:
    """The state of the list of what was withdrawn from OUT."""
    if not is_remote(out):
        return _state_of(Path(out) / "withdrawn.json")
    states = DatasetDir(out).files.states(["withdrawn.json"])
    return f"{out}/withdrawn.json {states.get('withdrawn.json')}"


def _state_of(path: Path) -> str:
    """The absolute path, with size and time of a file, or with those of all files in a folder."""
    return f"{path.absolute()} {digest(_files(path))}"


def _files(path: Path) -> Iterator[str]:
    """The state of each file at or below `path`."""
    folders, seen = [path], set[str]()
    while folders:
        folder = folders.pop()
        if not is_folder(folder):
            yield state_of_file(folder)
            continue
        real = os.path.realpath(folder)
        if real not in seen:
            seen.add(real)
            try:
                folders += sorted(folder.iterdir(), reverse=True)
            except OSError as error:
                yield f"{folder} {error}"
