"""What a finished run took, and that it is finished, written down by whoever ends it.

In a local run that is the process that began it. On a cluster it is the last stage of the job:
nobody may be waiting there. Both write as the run that took OUT up, so that nothing is written once
a later command has done so.
"""

import hashlib
import itertools
import stat
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from videonet.curation.run_progress import closed_hosts_of, costs_of
from videonet.schemas.progress import ClosedHost
from videonet.schemas.record import from_json
from videonet.schemas.run import FileNote, Finished, Lookup
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.dataset_files import MISSING
from videonet.storage.store import Store

_FACTS = "run.json"
_MOST_BYTES = 10_000_000


def close_account(
    output: DatasetDir, store: Store, run_id: str, seconds: float | None = None
) -> None:
    """Write down what a run took whose processes have all said so, and that it is finished.

    `seconds` is how long its last attempt took; None: since it was begun. Raises OvertakenError
    where another command has taken OUT up.
    """
    facts, plan = _facts(output), output.plan()
    if plan is not None and plan.run_id == run_id:
        if seconds is None:
            begun = datetime.fromisoformat(str(facts["begun"]))
            seconds = (datetime.now(UTC) - begun).total_seconds()
        output.write_run_facts(
            {
                **facts,
                "seconds": round(seconds, 3),
                "stages": costs_of(store, run_id),
                "hosts_no_longer_asked": closed_hosts_of(store, run_id),
            }
        )
    _note_finished(output, store)


def hosts_no_longer_asked(output: DatasetDir) -> list[ClosedHost]:
    """The hosts that kept refusing a finished run until it left them alone.

    They are in alphabetical order, each with when to come back.
    """
    try:
        return msgspec.convert(_facts(output).get("hosts_no_longer_asked", []), list[ClosedHost])
    except msgspec.ValidationError:
        return []


def _facts(output: DatasetDir) -> dict[str, object]:
    """What OUT says of the run that was begun last; empty where it says nothing."""
    try:
        return from_json(output.files.read(_FACTS, _MOST_BYTES), dict)
    except (*MISSING, OSError, msgspec.DecodeError):
        return {}


def _note_finished(output: DatasetDir, store: Store) -> None:
    """Note that the run is finished, and what its candidate list was made of, if known.

    See `videonet.execution.finished`, which asks for it before the next run.
    """
    given, lookup, manifest = output.given(), output.lookup(), output.manifest()
    if given is None or lookup is None or manifest is None:
        return
    if given.given.get("found"):
        grown = given.given | {"found": store.found.state()}
        given = msgspec.structs.replace(given, given=grown)
    local = state_of_local_files(output, lookup, given.at)
    notes: dict[str, FileNote] = {}
    for shard in output.shard_states.all(lookup.shards):
        notes |= shard.notes if shard else {}
    files = output.notes_of_all(manifest, lookup.shards, notes)
    if any(files[each.path].sha256 != each.sha256 for each in manifest.shards):
        # Somebody was quicker: nothing is noted, and the next run looks at all of it.
        return
    sha256 = sha256_of_manifest(output)
    output.write_finished(Finished(given=given, local=local, manifest_sha256=sha256, files=files))


def sha256_of_manifest(output: DatasetDir) -> str:
    """Hex sha256 of the manifest of a finished run."""
    return output.files.sha256("manifest.json")


def state_of_local_files(output: DatasetDir, lookup: Lookup, begun: int | None = None) -> str:
    """Digest of the states of the candidates' local files; "" where there are none.

    It is one that never comes again where a file has changed since a run has `begun`.
    """
    paths = output.local_files(lookup.shards)
    first = next(paths, None)
    if first is None:
        return ""
    return digest(state_of_file(Path(path), begun) for path in itertools.chain([first], paths))


def state_of_file(path: Path, begun: int | None = None) -> str:
    """A file's path, size, time and mode, or what is the matter with it."""
    try:
        state = path.stat()
    except (OSError, ValueError) as error:
        return f"{path} {error}"
    said = f"{path} {state.st_size} {state.st_mtime_ns} {state.st_mode:o}"
    is_new = begun is not None and max(state.st_mtime_ns, state.st_ctime_ns) >= begun
    # What comes through a pipe, too, is another thing each time.
    return said if stat.S_ISREG(state.st_mode) and not is_new else f"{said} {uuid.uuid4().hex}"


def digest(lines: Iterable[str]) -> str:
    """Hex sha256 of lines."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()
