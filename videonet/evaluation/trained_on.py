"""What the manifest of a data set says of the videos that a model was trained on."""

from videonet.errors import UsageError
from videonet.evaluation.facts import Facts
from videonet.evaluation.result import TrainingData
from videonet.training.data.clip_index import parquet_shards
from videonet.training.data.shard_files import shard_files


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
    classifier = manifest.classifier
    return TrainingData(
        manifest_sha256=sha256,
        videos=manifest.totals.kept_videos,
        excluded="no: the manifest names no evaluation data that was left out",
        chosen_by=(
            f"the classifier {classifier.name} (sha256 {classifier.sha256[:12]}...), of "
            f"{classifier.outputs:,} classes, and so by the labels that it was trained on"
        ),
    )
