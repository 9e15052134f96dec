"""What a data set says of the videos that a model was trained on."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow.compute as pc

from videonet.dataset.split_videos import split_videos
from videonet.errors import UsageError
from videonet.evaluation.facts import Facts
from videonet.evaluation.result import TrainingData
from videonet.schemas.exclusion import ReferenceSet
from videonet.schemas.label import Label
from videonet.schemas.manifest import Manifest
from videonet.schemas.split import Side
from videonet.selection.reference import is_of
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.split_file import read_split
from videonet.targets.imagenet1k import imagenet1k_labels
from videonet.text import as_shown, number
from videonet.training.data.clip_index import parquet_shards
from videonet.training.data.shard_files import shard_files

# Of a classifier's classes that are no known list, and of lists of videos, so many are named.
_FIRST = 5


def training_data(facts: Facts, out: str | None, data: Path) -> TrainingData:
    """What is known of them; `out` is its folder or address, if named.

    `data` is the folder of what the model is evaluated on. Raises UsageError where `out` is not the
    data set that the model says it was trained on.
    """
    if out is None:
        return TrainingData(manifest_sha256=facts.manifest_sha256)
    manifest, sha256, _ = parquet_shards(shard_files(out))
    if facts.manifest_sha256 not in (None, sha256):
        raise UsageError(
            f"{facts.name} was trained on a data set with another manifest "
            f"({str(facts.manifest_sha256)[:12]}..., that of {out} is {sha256[:12]}...)."
        )
    dataset = DatasetDir(out)
    return TrainingData(
        manifest_sha256=sha256,
        videos=_videos(facts, manifest, dataset),
        excluded=_excluded(manifest, dataset, data),
        chosen_by=_chosen_by(manifest, dataset),
    )


def _videos(facts: Facts, manifest: Manifest, dataset: DatasetDir) -> int:
    """How many kept videos may have been trained on. Raises UsageError for another split."""
    if facts.split_sha256 is None:
        return manifest.totals.kept_videos
    split = read_split(dataset.files)
    if split is None or split.sha256 != facts.split_sha256:
        now = "there is none" if split is None else f"{split.sha256[:12]}... is there"
        raise UsageError(
            f"{facts.name} was trained with the split {facts.split_sha256[:12]}... of "
            f"{dataset.address}, and {now}; restore that split.parquet."
        )
    kept = split_videos(dataset, manifest).kept["video_key"].combine_chunks()
    return pc.sum(pc.equal(split.sides(kept), Side.TRAIN.value)).as_py() or 0


def _excluded(manifest: Manifest, dataset: DatasetDir, data: Path) -> str:
    """Whether videos like those of the evaluation were left out, in words.

    It begins with "excluded", and says how; or with "not excluded"; or with "cannot be told", and
    says why.

    NOTE: lists of --exclude have ids of videos, which no data of an evaluation has; so they are
    never known to be of it.
    """
    withdrawn = len(dataset.withdrawals())
    taken_out = (
        f" {number(withdrawn, 'video')} withdrawn, for reasons not told." if withdrawn else ""
    )
    before = "the lock file" if manifest.settings.lock else "its source"
    listed, like = manifest.settings.excluded, manifest.settings.excluded_like
    if listed is None and like is None:
        return (
            f"not excluded by videonet: no setting in the manifest leaves out videos for an "
            f"evaluation, and none were looked for.{taken_out} Whether {before} had been rid of "
            f"some before is not known."
        )
    ways = []
    if like is not None:
        ways.append(
            f"what shows the same as {number(like.frames, 'frame')} of "
            f"{number(like.files, 'file')} of {_names(like.names)} (sha256 {like.sha256[:12]}...)"
        )
    if listed is not None:
        ways.append(
            f"{number(listed.videos, 'video')} and {number(listed.channels, 'channel')} of the "
            f"lists {_names(listed.names)} (sha256 {listed.sha256[:12]}...)"
        )
    how = "; and ".join(ways)
    after = f"{taken_out} Whether {before} had been rid of others before is not known."
    if like is None:
        return (
            f"cannot be told: by name alone, {how} were left out, and the data of this evaluation "
            f"has no ids to compare with a list.{after}"
        )
    folders = _folders_of(like, data)
    if folders is None:
        return (
            f"cannot be told: {how} were left out, and the data of this evaluation has no "
            f"{_names(like.names)} in it with the same files.{after}"
        )
    return (
        f"excluded by frames: {how} were left out, and {folders} of this evaluation's data has the "
        f"same files. What lies beside that was not compared.{after}"
    )


def _folders_of(like: ReferenceSet, data: Path) -> str | None:
    """The folders of the evaluation's data that a set of --exclude-like is of; None: it has none.

    All folders of the set must be there: its one digest is of all of them together.
    """
    try:
        found = [_folder_named(name, data) for name in like.names]
        folders = [each for each in found if each is not None]
        if len(folders) < len(found) or not is_of(like, folders):
            return None
    except OSError:
        return None
    return " and ".join(as_shown(each.resolve().name)[:60] for each in folders)


def _folder_named(name: str, data: Path) -> Path | None:
    """The evaluation's data, or a folder in it or in one of its folders, of this name."""
    # The manifest may be a stranger's.
    if not name.strip(".") or name != Path(name).name or not data.is_dir():
        return None
    if data.resolve().name == name:
        return data
    places = [data / name, *(each / name for each in sorted(data.iterdir()) if each.is_dir())]
    return next((each for each in places if each.is_dir()), None)


def _names(names: Sequence[str]) -> str:
    return ", ".join(as_shown(name)[:60] for name in names[:_FIRST])


def _chosen_by(manifest: Manifest, dataset: DatasetDir) -> str:
    """With which classifier, and so by which labels."""
    classifier = manifest.classifier
    try:
        labels = _named(dataset.labels())
    except UsageError:
        labels = "which they are is not known, for labels.json cannot be read"
    return (
        f"the classifier {classifier.name} (sha256 {classifier.sha256[:12]}...), and so by the "
        f"labels that it was trained on: {labels}"
    )


def _named(labels: tuple[Label, ...]) -> str:
    if [each.wnid for each in labels] == [each.wnid for each in imagenet1k_labels()]:
        return f"those of ImageNet-1k ({len(labels):,} classes)"
    first = ", ".join(as_shown(each.name)[:60] for each in labels[:_FIRST])
    more = f" and {len(labels) - _FIRST:,} more" if len(labels) > _FIRST else ""
    return f"{number(len(labels), 'class', 'classes')} of its own: {first}{more}"
