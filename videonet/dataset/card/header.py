"""The header of a data card: the metadata that Hugging Face reads, as YAML."""

from typing import Any

from videonet.dataset.card.facts import CardFacts
from videonet.text import number, number_of

# How Hugging Face groups data sets by their size.
_SIZES = ("1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T")


# Each video has its own licence.
LICENCE = {"license": "other", "license_name": "as-stated-by-each-source"}
KIND = {
    "annotations_creators": ["machine-generated"],
    "source_datasets": ["original"],
    "task_categories": ["video-classification", "other"],
    "tags": ["video", "self-supervised-learning", "pretraining", "videonet"],
}


def header(facts: CardFacts) -> str:
    """The lines between the two `---`, without a line end after the last."""
    # Slow, and needed only when a data set is finished. It asks nothing of the network.
    from huggingface_hub.repocard_data import DatasetCardData

    configs = [_config("verdicts", "verdicts/*.parquet")]
    if "parquet" in facts.formats:
        configs.insert(0, _config("clips", "clips/parquet/*.parquet") | {"default": True})
    if facts.settings.captions:
        configs.append(_config("captions", "captions/*.parquet"))
    videos = number(facts.videos_with_clip, "video")
    classes = number_of(facts.classes_with_clip, facts.classes, "class", "classes")
    metadata: dict[str, Any] = {
        "pretty_name": f"VideoNet, {videos} of {classes}",
        **LICENCE,
        "license_details": (
            "The videos belong to their makers; what their sources state of a licence is in the "
            "column `licence` of the verdicts."
        ),
        **KIND,
        "size_categories": [size_category(facts.manifest.totals.clips)],
        "configs": configs,
    }
    # In this order, instead of the one in which the class declares its fields.
    return DatasetCardData(**metadata).to_yaml(original_order=[*metadata])


def size_category(clips: int) -> str:
    """The group of data sets that one with so many clips belongs to."""
    above = next((i for i in range(len(_SIZES)) if clips < 1000 * 10**i), len(_SIZES))
    if above == 0:
        return f"n<{_SIZES[0]}"
    if above == len(_SIZES):
        return f"n>{_SIZES[-1]}"
    return f"{_SIZES[above - 1]}<n<{_SIZES[above]}"


def _config(name: str, path: str) -> dict[str, object]:
    return {"config_name": name, "data_files": [{"split": "train", "path": path}]}
