"""A data set made again from its lock file: nothing is searched for, and nothing is classified.

The lock file's videos become the candidate list of an ordinary run, each with the content that it
must have; from there on it is the same pipeline.
"""

import dataclasses
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from videonet.curation.addresses import without_secrets
from videonet.dataset.lock_file import Lock, unusable_settings
from videonet.errors import UsageError
from videonet.execution.prepare import make_plan, prepared_store
from videonet.execution.resume import check_pictures, video_format
from videonet.execution.whole_addresses import take_whole_addresses
from videonet.fetch.credentials import NO_CREDENTIALS, Credentials
from videonet.fetch.options import options_of
from videonet.schemas.candidate import Candidate
from videonet.schemas.lock_file import LockedVideo
from videonet.schemas.manifest import ManifestSettings
from videonet.schemas.option import declared
from videonet.schemas.record import from_json, shared_fields
from videonet.schemas.run import Lookup, Plan, Settings
from videonet.schemas.settings import DataOptions, RebuildOptions, RunOptions
from videonet.shards.layout import shard_of
from videonet.shards.writer import FORMATS
from videonet.storage.dataset_dir import LOCK_FILE, DatasetDir
from videonet.storage.places import is_remote
from videonet.storage.store import Store
from videonet.storage.take_over import take_over
from videonet.text import as_shown

_LOG = logging.getLogger(__name__)


def prepare_rebuild(
    lock: Lock,
    options: RebuildOptions,
    run: RunOptions,
    credentials: Credentials = NO_CREDENTIALS,
    *,
    say: Callable[[str], object] = _LOG.info,
) -> tuple[Plan, Credentials]:
    """Check what was asked for, and lay OUT and the store ready. Raises UsageError.

    The credentials that come back ask sites for the formats that the data set was made of. `say`:
    see `videonet.execution.prepare.prepare`.
    """
    own = None if is_remote(run.out) else Path(run.out) / LOCK_FILE
    if own is not None and lock.file.resolve() == own.resolve():
        raise UsageError(
            f"{lock.file} lies where the rebuilt data set has its own; move it elsewhere, or "
            "choose another --out."
        )
    settings, credentials = _settings(lock, credentials)
    root = _root(lock, options.files_root)
    store = prepared_store(run, credentials, root, local=True)
    if options.source is not None:
        take_whole_addresses(lock, options.source, store, root)
    settings = msgspec.structs.replace(settings, files_root=root and str(root))
    plan = make_plan(run, settings, store)
    take_over(store, say)
    output = DatasetDir(plan.out, of=plan)
    output.write_targets(lock.header.targets)
    output.write_labels(lock.header.labels)
    if not plan.listed:
        _list(output, lock, settings.files_root, store)
    return msgspec.structs.replace(plan, listed=True, shards=lock.shards), credentials


def _settings(lock: Lock, credentials: Credentials) -> tuple[Settings, Credentials]:
    """The settings of the data set, and credentials that ask for the same formats."""
    header = lock.header
    said = header.settings.video_format
    try:
        asked = from_json(said, _FormatsAsked) if said is not None else None
        given = options_of(_options(asked) if asked else ())
        options = {**given, **credentials.options}
        credentials = dataclasses.replace(credentials, options=options)
        _check(header.settings)
    except (msgspec.MsgspecError, UsageError) as error:
        raise unusable_settings(lock.file, error) from error
    resolved = {"lock": lock.sha256, "video_format": video_format(credentials.options)}
    settings = Settings(
        **shared_fields(header.settings, Settings) | resolved,
        files_root=None,
        classifier=header.classifier,
    )
    return settings, credentials


def _check(settings: ManifestSettings) -> None:
    """Raise UsageError for settings that no run would have taken."""
    unknown = set(settings.formats) - set(FORMATS)
    if unknown or not settings.formats:
        raise UsageError(f"there is no format {' or '.join(sorted(unknown)) or 'given'}")
    if list(settings.formats) != sorted(set(settings.formats)):
        raise UsageError("a format is given twice, or they are not in order")
    if not settings.scan_key.isalnum():
        raise UsageError(f"scan_key is {settings.scan_key!r}")
    if (settings.min_motion or settings.no_cuts) and not settings.motion:
        raise UsageError("it has rules on what moves in clips, and nothing is measured of that")
    check_pictures(settings)
    # Nothing was searched for where patience is 0.
    sizes = dict.fromkeys(("max_bytes", "max_page_bytes", "max_pages_bytes"), 1)
    least = sizes | {"search_patience": 0}
    for option in declared(DataOptions):
        name, bound = option.name, least.get(option.name, option.option.minimum)
        value = getattr(settings, name)
        if bound is not None and value is not None and value < bound:
            raise UsageError(f"{name} is {value}, and at least {bound} is needed")


class _FormatsAsked(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What `Settings.video_format` may say: nothing else is taken from a stranger's file."""

    format: str | None = None
    format_sort: list[str] | None = None


def _options(asked: _FormatsAsked) -> Iterator[str]:
    for name, value in msgspec.to_builtins(asked).items():
        yield f"{name}={msgspec.json.encode(value).decode()}"


def _root(lock: Lock, files_root: str | None) -> Path | None:
    """The folder of local files, absolute; None if there are none.

    Reads the whole lock file, so that a damaged one is refused before anything is done. Raises
    UsageError.
    """
    local = None
    for video in lock.rows():
        if local is None and _is_local(video):
            local = as_shown(video.video.url)
    if local is None:
        return None
    if files_root is None:
        raise UsageError(
            f"{lock.file} has videos that were local files, such as {local}; say with "
            "--files-root DIR in which folder they lie."
        )
    root = Path(files_root)
    if not root.is_dir():
        raise UsageError(f"There is no folder {files_root}, given with --files-root.")
    return root.absolute()


def _is_local(video: LockedVideo) -> bool:
    return video.video_key.startswith("sha256:")


def _list(output: DatasetDir, lock: Lock, root: str | None, store: Store) -> None:
    """Write the candidate list: the videos of the lock file, shard by shard."""
    videos = pairs = 0
    matched = Counter({target.target_id: 0 for target in lock.header.targets})
    rows = lock.rows()
    row = next(rows, None)
    for index in range(lock.shards):
        candidates = []
        while row is not None and shard_of(row.video_key, lock.shards) == index:
            candidates.append(_candidate(row, root))
            row = next(rows, None)
        # Lock files of earlier versions have whole addresses.
        output.write_candidates(index, lock.shards, without_secrets(candidates, store))
        for candidate in candidates:
            matched.update(match.target_id for match in candidate.matches)
            pairs += len(candidate.matches)
        videos += len(candidates)
    output.write_lookup(
        Lookup(
            titles=0,
            candidates=videos,
            pairs=pairs,
            shards=lock.shards,
            matched=dict(matched),
            searches=(),
        )
    )


def _candidate(video: LockedVideo, root: str | None) -> Candidate:
    return Candidate(
        video_key=video.video_key,
        video=msgspec.structs.replace(video.video, root=root if _is_local(video) else None),
        source=video.source,
        sha256=video.sha256,
        matches=video.matches,
    )
