"""What is merged: finished data sets that were judged and cut in the same way."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from videonet.dataset.lineage import parent_of
from videonet.errors import UsageError
from videonet.schemas.label import Label
from videonet.schemas.lineage import Parent
from videonet.schemas.manifest import Manifest, ManifestSettings
from videonet.schemas.run import Lookup
from videonet.schemas.target import Target
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.places import absolute

# Settings that say where videos were looked for, how many, and in how many shards they lie: they
# may differ. For `excluded` see `exclusions`.
MAY_DIFFER = frozenset(
    (
        *("source", "targets", "left_out", "per_class", "modifiers", "search_patience"),
        *("shards", "lock", "captions", "excluded", "label_ids"),
    )
)

# Settings that say which clips a video has, and how they are stored.
_CUT = frozenset(
    (
        *("formats", "layout", "motion", "max_clips", "max_hole", "max_lost", "video_format"),
        *("short_side", "frame_rate", "jpeg_quality", "jpeg_subsampling"),
        *("min_motion", "no_cuts"),
    )
)

# Versions of what classifies and of the package: of them, clips are no function.
_NOT_OF_CLIPS = frozenset(("videonet", "pillow", "onnxruntime"))


@dataclass(frozen=True)
class Input:
    """A data set that is merged."""

    output: DatasetDir
    manifest: Manifest
    lookup: Lookup
    targets: tuple[Target, ...]
    labels: tuple[Label, ...]
    parent: Parent

    @property
    def settings(self) -> ManifestSettings:
        """What it was made with."""
        return self.manifest.settings

    @property
    def shards(self) -> int:
        """How many shards it has, each in all formats."""
        return self.lookup.shards

    @property
    def address(self) -> str:
        """Where it is, as users write it."""
        return self.output.address


def opened_inputs(outs: Sequence[str]) -> list[Input]:
    """The data sets in these places, in the order of the digests of their manifests.

    So it makes no difference in which order they are named. Raises UsageError for fewer than two,
    for one that is not finished or is there twice, and where they differ in what must be equal.
    """
    if len(outs) < 2:
        raise UsageError(f"One data set, {', '.join(outs)}, is nothing to merge; name another one.")
    inputs = sorted(map(_opened, outs), key=lambda each: each.parent.manifest_sha256 or "")
    first, *others = inputs
    for one, other in zip(inputs, others, strict=False):
        if one.parent.manifest_sha256 == other.parent.manifest_sha256:
            raise UsageError(
                f"{one.address} and {other.address} are the same data set; name each once."
            )
    for other in others:
        _check_settings(first, other)
        _check_versions(first, other)
    _check_cut_keys(inputs)
    return inputs


def joined_targets(inputs: Sequence[Input]) -> tuple[Target, ...]:
    """The classes of all, joined by target_id: one list that all have, or the order of their ids.

    Raises UsageError where two mean different classes by one id.
    """
    known: dict[str, tuple[Target, Input]] = {}
    for each in inputs:
        for target in each.targets:
            before, whose = known.setdefault(target.target_id, (target, each))
            if before != target:
                names = ", ".join(
                    name
                    for name in target.__struct_fields__
                    if getattr(before, name) != getattr(target, name)
                )
                raise UsageError(
                    f"The class {target.target_id} of {whose.address} is another one in "
                    f"{each.address} ({names}); curate one of them again with the class list of "
                    "the other, or give that class another id."
                )
    if all(each.targets == inputs[0].targets for each in inputs):
        return inputs[0].targets
    return tuple(known[target_id][0] for target_id in sorted(known))


def _opened(out: str) -> Input:
    output = DatasetDir(absolute(out))
    manifest, lookup = output.manifest(), output.lookup()
    if manifest is None or lookup is None:
        raise UsageError(
            f"{output.address} holds no finished data set; finish it with the command that began "
            "it, and merge it then."
        )
    if manifest.settings.neighbours is not None:
        raise UsageError(
            f"{output.address} has the neighbours of images in place of classes, and these cannot "
            "be merged; leave it out."
        )
    targets, labels, parent = output.targets(), output.labels(), parent_of(output, "merge")
    return Input(output, manifest, lookup, targets, labels, parent)


def _check_settings(one: Input, other: Input) -> None:
    names = sorted(set(ManifestSettings.__struct_fields__) - MAY_DIFFER)
    differ = [name for name in names if _value(one, name) != _value(other, name)]
    cut = [name for name in differ if name in _CUT]
    if cut == ["layout"]:
        older = min(one, other, key=lambda each: each.settings.layout)
        raise UsageError(
            f"{_said(one, other, cut)}; `videonet repack {older.address} --out PLACE` writes "
            f"{older.address} in the newer layout, and no frame is decoded."
        )
    if cut:
        raise UsageError(
            f"Their clips were cut differently: {_said(one, other, cut)}. Curate one of them again "
            "over its store, into a new OUT, with these settings of the other."
        )
    if one.manifest.classifier != other.manifest.classifier:
        names = [each.manifest.classifier.name for each in (one, other)]
        raise UsageError(
            f"Other classifiers judged: {names[0]} in {one.address}, {names[1]} in "
            f"{other.address} (sha256 {one.manifest.classifier.sha256[:12]}... and "
            f"{other.manifest.classifier.sha256[:12]}...). Curate one of them again with the "
            "classifier of the other."
        )
    if one.labels != other.labels:
        raise UsageError(
            f"labels.json of {one.address} and of {other.address} differ, though the classifier is "
            "the same; curate one of them again with the classifier card of the other."
        )
    if differ:
        raise UsageError(
            f"Their videos were judged differently: {_said(one, other, differ)}. Curate one of "
            "them again over its store with these settings of the other."
        )


def _check_versions(one: Input, other: Input) -> None:
    before, now = one.manifest.versions, other.manifest.versions
    differ = [
        f"{name} {before.get(name, 'none')} and {now.get(name, 'none')}"
        for name in sorted((before.keys() | now.keys()) - _NOT_OF_CLIPS)
        if before.get(name) != now.get(name)
    ]
    if differ:
        raise UsageError(
            f"{one.address} and {other.address} were cut with other versions "
            f"({', '.join(differ)}); curate both again over their stores with one videonet, or "
            "rebuild one from its lock file."
        )


def _check_cut_keys(inputs: Sequence[Input]) -> None:
    """Raise UsageError where the state of shards says that the code that cut them was another."""
    known: dict[frozenset[str], Input] = {}
    for each in inputs:
        states = each.output.shard_states.all(each.shards)
        keys = frozenset(state.cut_key for state in states if state and state.cut_key)
        if keys:
            known.setdefault(keys, each)
    if len(known) > 1:
        one, other, *_ = known.values()
        raise UsageError(
            f"{one.address} and {other.address} were cut by versions of videonet that cut "
            "otherwise; curate both again over their stores with one videonet."
        )


def _value(of: Input, name: str) -> Any:
    value = getattr(of.settings, name)
    # What of a set of images stands in the settings is more than its digest.
    return value.sha256 if name == "excluded_like" and value is not None else value


def _said(one: Input, other: Input, names: Iterable[str]) -> str:
    """What differs, and how."""
    return "; ".join(
        f"{name} is {_shown(one, name)} in {one.address} and {_shown(other, name)} in "
        f"{other.address}"
        for name in names
    )


def _shown(of: Input, name: str) -> str:
    value = _value(of, name)
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value)[:12] if name in ("scan_key", "excluded_like") else str(value)
