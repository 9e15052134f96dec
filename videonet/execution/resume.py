"""Whether a run may be taken up in OUT: with its settings, from where another one ended.

It needs nothing that is slow to import, so that wrong settings are refused at once.
"""

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from videonet.classifier.download import check_model_file
from videonet.classifier.model_file import model_file
from videonet.classifier.target_images import image_clusters
from videonet.dataset.taken_place import MERGED_FROM
from videonet.errors import UsageError
from videonet.execution.neighbours import check_selection, images_of, model_of
from videonet.fetch.allowed_hosts import allowed_hosts
from videonet.schemas.lineage import Parent
from videonet.schemas.manifest import Manifest
from videonet.schemas.record import shared_fields
from videonet.schemas.run import RunState, Settings
from videonet.schemas.selection import CHANGEABLE, ClipOptions, FrameRules, SelectionOptions
from videonet.schemas.settings import CurateOptions, DataOptions, RunOptions
from videonet.schemas.shard_form import NEWEST_FORM, ShardForm
from videonet.shards.writer import FORMATS
from videonet.sources.open_source import check_source
from videonet.sources.source_spec import searched_site
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.inputs import local_input
from videonet.storage.places import absolute, is_remote
from videonet.storage.store import Store
from videonet.targets.class_list import read_class_list
from videonet.targets.imagenet import BUILT_IN


def data_settings(
    options: CurateOptions, yt_dlp: Mapping[str, Any], output: DatasetDir
) -> dict[str, Any]:
    """The settings of a data set that need neither a classifier nor a class list.

    `yt_dlp` are the user's options for it. What was begun in `output` goes on in the form that it
    has. Raises UsageError.
    """
    for name in options.formats:
        if name not in FORMATS:
            raise UsageError(f"There is no format {name!r}; use {' or '.join(FORMATS)}.")
    check_rules(options, options.frames)
    check_pictures(options)
    check_selection(options)
    check_clip_rules(options)
    is_search = searched_site(options.source) is not None
    root = options.files_root
    return shared_fields(options, DataOptions) | {
        "formats": tuple(sorted(set(options.formats))),
        "modifiers": options.modifiers if is_search else (),
        "search_patience": options.search_patience if is_search else 0,
        "source": _absolute(options.source),
        "files_root": None if root is None else str(Path(root).absolute()),
        "video_format": video_format(yt_dlp),
        **_form(output)._asdict(),
    }


def check_rules(rules: FrameRules, frames: int) -> None:
    """Raise UsageError for rules that no video can keep to, of which so many frames are seen."""
    if not 0 <= rules.min_probability <= 1:
        raise UsageError(
            f"--min-probability is {rules.min_probability:g}; give a number from 0 to 1."
        )
    if rules.min_frames > frames:
        raise UsageError(
            f"--min-frames {rules.min_frames} asks for more frames than are looked at, which are "
            f"{frames}; give at most that many."
        )


def check_pictures(options: ClipOptions) -> None:
    """Raise UsageError for clips that nobody can cut."""
    for name, value, most, why in (
        ("--short-side", options.short_side, 256, "as that is the least size that is downloaded"),
        ("--frame-rate", options.frame_rate, 30, "as few videos have more"),
        ("--jpeg-quality", options.jpeg_quality, 100, "which is the best"),
    ):
        if not value <= most:
            raise UsageError(f"{name} is {value:g}; give at most {most}, {why}.")


def check_clip_rules(rules: SelectionOptions) -> None:
    """Raise UsageError for a rule that no clip can keep to."""
    if not 0 <= rules.min_motion <= 1:
        raise UsageError(f"--min-motion is {rules.min_motion:g}; give a number from 0 to 1.")


def _form(output: DatasetDir) -> ShardForm:
    """In which form clips are stored: in the newest, unless OUT was begun in another."""
    state = output.run_state()
    if state is None or not _is_made(output):
        return NEWEST_FORM
    return state.settings.shard_form


def refuse_merged(output: DatasetDir) -> None:
    """Raise UsageError where OUT is the union of other data sets: no run can go on over it."""
    manifest = output.manifest()
    parents = manifest.parents if manifest is not None else ()
    if output.files.size(MERGED_FROM) is not None or any(each.how == "merge" for each in parents):
        raise UsageError(
            f"{output.address} was merged from other data sets, and no run goes on over it; curate "
            "those, and merge them again into another place."
        )


def refuse_other_settings(output: DatasetDir, data: Mapping[str, Any]) -> None:
    """Raise UsageError if something was made in OUT with other settings than these.

    `data` is of `data_settings`. What else there is to compare, `resume_or_start` compares.
    """
    refuse_merged(output)
    state = output.run_state()
    if state is not None:
        _must_be(output, state.settings, msgspec.structs.replace(state.settings, **data))


def refuse_wrong_inputs(options: CurateOptions, run: RunOptions) -> Sequence[str]:
    """Raise UsageError where what the options name is not there, or can be seen not to be usable.

    What needs the classifier to be open is checked later, by `prepare`. Sentences say what a user
    should know of how the source is read.
    """
    check_model_file(str(model_file(model_of(options))))
    allowed_hosts(run.allow_private_hosts)
    if options.targets is not None and options.targets not in BUILT_IN:
        targets = local_input(options.targets)
        # A pipe can be read once.
        if not targets.is_fifo():
            read_class_list(targets)
    if (images := images_of(options)) is not None:
        image_clusters(images)
    kind, _, place = options.source.partition(":")
    require_apart(run, Path(place) if kind == "folder" else None)
    root = options.files_root
    return check_source(options.source, Store(run.store), (root and Path(root)) or None)


def require_apart(run: RunOptions, videos: Path | None) -> None:
    """Raise UsageError where one folder would fill another one with its files.

    `videos` is the folder of local files, if the run reads one.
    """
    source = videos.resolve() if videos else None
    store, out = (
        each.rstrip("/") if is_remote(each) else Path(each).resolve()
        for each in (run.store, run.out)
    )
    if store == out:
        raise UsageError(f"--store and --out are both {store}; give each a folder of its own.")
    for option, folder in (("--store", store), ("--out", out)):
        if source is not None and isinstance(folder, Path) and folder.is_relative_to(source):
            raise UsageError(
                f"{option} {folder} lies in the folder of videos {source}; choose one outside."
            )


def video_format(yt_dlp: Mapping[str, Any]) -> str | None:
    """What the user says of the format to download; None: the smallest that will do."""
    said = {key: yt_dlp[key] for key in ("format", "format_sort") if key in yt_dlp}
    return msgspec.json.encode(said).decode() if said else None


def resume_or_start(output: DatasetDir, settings: Settings, *, same_list: bool = False) -> RunState:
    """The state of an interrupted run, or of a new one. Raises UsageError for other settings.

    Settings may still change until there is something that was made with them. With `same_list`,
    the run after a finished one looks for no titles again, and takes its candidate list.
    """
    refuse_merged(output)
    before, lookup, manifest = output.run_state(), output.lookup(), output.manifest()
    new = RunState(
        settings=settings,
        run_id=uuid.uuid4().hex,
        shards=None,
        parents=_parents(before, manifest),
    )
    taken_up = before
    if before is not None and _differ_in_changeable(before.settings, settings):
        # These may change between runs: candidates, scans and clips stay what they are.
        before = msgspec.structs.replace(before, settings=settings)
    if before is None:
        state = new
    elif before.settings != settings:
        _must_be(output, before.settings, settings)
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
    if state is not taken_up:
        output.write_run_state(state)
    if state is not before:
        output.begin_anew(same_list=same_list and lookup is not None)
    return state


def _parents(before: RunState | None, manifest: Manifest | None) -> tuple[Parent, ...]:
    """The data sets that OUT was made from, but for the lock file of a rebuild, which is a setting.

    A manifest that came without its `_state` tells them as well.
    """
    if before is not None:
        return before.parents
    parents = manifest.parents if manifest is not None else ()
    return tuple(each for each in parents if each.how != "rebuild")


def join_run(output: DatasetDir, settings: Settings) -> tuple[RunState, int]:
    """The run that another command has begun over OUT, and how often OUT was taken up by then.

    For a command that looks at a part of the run's candidate list, and leaves OUT as it is. Raises
    UsageError if the list is not there, was made with other settings, or is done with.
    """
    state, last = output.run_state(), output.fence.last()
    if state is not None:
        # It follows from the class list, and another version says it otherwise, or does not.
        known = msgspec.structs.replace(state.settings, left_out=settings.left_out)
        state = msgspec.structs.replace(state, settings=known)
        _must_be(output, state.settings, settings)
        if output.manifest() is None and _differ_in_changeable(state.settings, settings):
            raise UsageError(
                f"The run over {output.address} was begun with another "
                f"{_differing_options(state.settings, settings)} than this part has; give all "
                "parts what --part list had, or begin anew."
            )
    if output.manifest() is not None:
        raise UsageError(
            f"{output.address} is finished; where something has changed since, --part list begins "
            "anew."
        )
    if state is None or last is None or output.lookup() is None or state.settings != settings:
        raise UsageError(
            f"{output.address} has no candidate list yet; give the same command with --part list "
            "first, and wait for its end."
        )
    return state, last[0]


def _must_be(output: DatasetDir, before: Settings, now: Settings) -> None:
    """Raise UsageError if the settings differ, and something was made in OUT with the others."""
    if before != now and not _differ_in_changeable(before, now) and _is_made(output):
        raise UsageError(
            f"{output.address} was made with other settings ({_difference(before, now)}); "
            "choose another --out, or delete it."
        )


def _is_made(output: DatasetDir) -> bool:
    """Whether there is something in OUT that was made with the settings of its run."""
    return output.lookup() is not None or output.shard_states.are_there()


def _differ_in_changeable(before: Settings, now: Settings) -> bool:
    """Whether the settings differ, and in nothing else than in those that may change."""
    changes = {name: getattr(now, name) for name in CHANGEABLE}
    return before != now and msgspec.structs.replace(before, **changes) == now


def _differing_options(before: Settings, now: Settings) -> str:
    """The options that changeable settings come from, where they differ, as they are typed."""
    options = {"excluded": "--exclude", "excluded_like": "--exclude-like"}
    differ = [name for name in CHANGEABLE if getattr(before, name) != getattr(now, name)]
    return " and ".join(options.get(name, f"--{name}") for name in differ)


def _difference(before: Settings, now: Settings) -> str:
    """What was asked for otherwise, by the names of the options."""
    old, new = before.to_row(), now.to_row()
    changed = [name for name in old if old[name] != new[name] and name not in CHANGEABLE]
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
        if name == "scan_key":
            shown.append("its frames were scanned by another version, or another classifier card")
            continue
        shown.append(f"{name} was {values[0]}, is {values[1]}")
    return ", ".join(shown)


def _absolute(source: str) -> str:
    kind, _, place = source.partition(":")
    return f"{kind}:{absolute(place)}" if kind in {"catalogue", "folder"} else source
