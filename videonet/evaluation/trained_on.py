"""What a data set says of the videos that a model was trained on."""

from collections.abc import Sequence

import pyarrow.compute as pc

from videonet.dataset.split import sides_of
from videonet.dataset.split_videos import split_videos
from videonet.errors import UsageError
from videonet.evaluation.facts import Facts
from videonet.evaluation.result import TrainingData
from videonet.schemas.label import Label
from videonet.schemas.manifest import Manifest
from videonet.schemas.split import Side
from videonet.storage.dataset_dir import DatasetDir
from videonet.targets.imagenet1k import imagenet1k_labels
from videonet.text import as_shown, number
from videonet.training.data.clip_index import parquet_shards
from videonet.training.data.shard_files import shard_files

# Of a classifier's classes that are no known list, and of lists of videos, so many are named.
_FIRST = 5


def training_data(facts: Facts, out: str | None) -> TrainingData:
    """What is known of them; `out` is its folder or address, if named.

    Raises UsageError where that is not the data set that the model says it was trained on.
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
        excluded=_excluded(manifest, dataset),
        chosen_by=_chosen_by(manifest, dataset),
    )


def _videos(facts: Facts, manifest: Manifest, dataset: DatasetDir) -> int:
    """How many kept videos may have been trained on. Raises UsageError for another split."""
    if facts.split_sha256 is None:
        return manifest.totals.kept_videos
    split = sides_of(dataset)
    if split is None or split.sha256 != facts.split_sha256:
        now = "there is none" if split is None else f"{split.sha256[:12]}... is there"
        raise UsageError(
            f"{facts.name} was trained with the split {facts.split_sha256[:12]}... of "
            f"{dataset.address}, and {now}; restore that split.parquet."
        )
    kept = split_videos(dataset, manifest.settings.shards).kept["video_key"].combine_chunks()
    return pc.sum(pc.equal(split.sides(kept), Side.TRAIN.value)).as_py() or 0


def _excluded(manifest: Manifest, dataset: DatasetDir) -> str:
    """Whether videos like those of evaluations were left out, as far as the data set tells.

    NOTE: lists of --exclude, and folders of --exclude-like, have names of their own, and do not say
    which evaluation they are of.
    """
    withdrawn = len(dataset.withdrawals())
    taken_out = (
        f" {number(withdrawn, 'video')} withdrawn, for reasons not told." if withdrawn else ""
    )
    before = "the lock file" if manifest.settings.lock else "its source"
    listed, like = manifest.settings.excluded, manifest.settings.excluded_like
    if listed is None and like is None:
        return (
            f"not by videonet: no setting in the manifest leaves out videos for an evaluation, and "
            f"none were looked for.{taken_out} Whether {before} had been rid of some before is not "
            f"known."
        )
    ways = []
    if listed is not None:
        ways.append(
            f"{number(listed.videos, 'video')} and {number(listed.channels, 'channel')} of the "
            f"lists {_names(listed.names)} (sha256 {listed.sha256[:12]}...)"
        )
    if like is not None:
        ways.append(
            f"what shows the same as {number(like.frames, 'frame')} of "
            f"{number(like.files, 'file')} of {_names(like.names)} (sha256 {like.sha256[:12]}...)"
        )
    how = "by name alone" if like is None else "by its frames" if listed is None else "by both"
    return (
        f"{how}: {'; and '.join(ways)}; whether these are of this evaluation the manifest does not "
        f"say.{taken_out} Whether {before} had been rid of others before is not known."
    )


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
