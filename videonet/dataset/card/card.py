"""Writes OUT/README.md: a template, filled with what the manifest says and the verdicts count to.

Nothing in it is of the clock or the machine: the same manifest and verdicts give the same bytes.
"""

import re
from importlib.resources import files
from string import Template

import yaml

from videonet.dataset.card.biases import biases
from videonet.dataset.card.contents import classes, copies, licences, sizes
from videonet.dataset.card.facts import Facts, setting
from videonet.dataset.card.markdown import plain
from videonet.dataset.card.numbers import numbers_of
from videonet.dataset.card.provenance import (
    classifier_facts,
    funnel,
    how,
    not_kept,
    settings,
    what_a_label_is,
)
from videonet.files import drafted
from videonet.schemas.manifest import Manifest
from videonet.schemas.reason import Reason
from videonet.storage.dataset_dir import DatasetDir
from videonet.text import number
from videonet.video.clips import CLIP_SECONDS, FRAME_RATE, JPEG_QUALITY, SHORT_SIDE

NAME = "README.md"

# How Hugging Face groups data sets by their size.
_SIZES = ("1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T")

_PART = re.compile(r"<!-- if ([\w ]+) -->\n(.*?)<!-- end -->\n", re.DOTALL)


def write_card(output: DatasetDir, manifest: Manifest) -> None:
    """Write OUT/README.md, for the verdicts that lie in OUT and the manifest that is to.

    Raises UsageError if the verdicts or the lock file cannot be read.
    """
    numbers = numbers_of(output, setting(manifest, "max_clips"))
    facts = Facts(output, manifest, numbers)
    with drafted(output.root / NAME) as draft:
        draft.write_text(_card(facts), encoding="utf-8")


def _card(facts: Facts) -> str:
    manifest, totals = facts.manifest, facts.manifest.totals
    versions = [f"{plain(name)} {plain(text)}" for name, text in sorted(manifest.versions.items())]
    return Template(_template(facts)).substitute(
        header=_header(facts),
        dataset=plain(manifest.dataset),
        version=plain(manifest.versions.get("videonet", "")),
        clips_called=number(totals.clips, "clip"),
        videos_called=facts.videos_called,
        classes_called=facts.classes_called,
        what_a_label_is=what_a_label_is(facts),
        how=how(facts),
        funnel=funnel(facts),
        not_kept=not_kept(facts),
        settings=settings(facts),
        classifier=plain(manifest.classifier.name),
        classifier_facts=classifier_facts(facts),
        versions=", ".join(versions),
        classes=classes(facts),
        sizes=sizes(facts),
        licences=licences(facts),
        biases=biases(facts),
        copies=copies(facts),
        withdrawn=_withdrawn(facts),
        clip_seconds=float(CLIP_SECONDS),
        frame_rate=float(FRAME_RATE),
        short_side=SHORT_SIDE,
        jpeg_quality=JPEG_QUALITY,
    )


def _template(facts: Facts) -> str:
    """The template, without the parts of whose conditions one does not hold."""
    totals = facts.manifest.totals
    conditions = facts.formats | {"candidates" if totals.candidates else "empty"}
    if totals.clips:
        conditions |= {"clips"}
    text = files(__package__).joinpath("card.md").read_text(encoding="utf-8")
    return _PART.sub(lambda part: part[2] if conditions >= {*part[1].split()} else "", text)


def _header(facts: Facts) -> str:
    """The metadata that Hugging Face reads, as YAML."""
    configs = [_config("verdicts", "verdicts/*.parquet")]
    if "parquet" in facts.formats:
        configs.insert(0, _config("clips", "clips/parquet/*.parquet") | {"default": True})
    metadata = {
        "pretty_name": f"VideoNet, {facts.videos_called} of {facts.classes_called}",
        "license": "other",
        "license_name": "as-stated-by-each-source",
        "license_details": (
            "The videos belong to their makers; what their sources state of a licence is in the "
            "column `licence` of the verdicts."
        ),
        "annotations_creators": ["machine-generated"],
        "source_datasets": ["original"],
        "task_categories": ["video-classification", "other"],
        "tags": ["video", "self-supervised-learning", "pretraining", "videonet"],
        "size_categories": [_size_category(facts.manifest.totals.clips)],
        "configs": configs,
    }
    return yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True, width=100)


def _config(name: str, path: str) -> dict[str, object]:
    return {"config_name": name, "data_files": [{"split": "train", "path": path}]}


def _size_category(clips: int) -> str:
    above = next((i for i in range(len(_SIZES)) if clips < 1000 * 10**i), len(_SIZES))
    if above == 0:
        return f"n<{_SIZES[0]}"
    if above == len(_SIZES):
        return f"n>{_SIZES[-1]}"
    return f"{_SIZES[above - 1]}<n<{_SIZES[above]}"


def _withdrawn(facts: Facts) -> str:
    # As the verdicts have it: what a store refuses may never have been in this data set.
    pairs = facts.manifest.totals.verdicts.rejected.get(Reason.WITHDRAWN, 0)
    if not pairs:
        return "No candidate of this data set has been withdrawn so far."
    were = "was" if pairs == 1 else "were"
    return f"So far {number(pairs, 'pair')} of video and class {were} withdrawn."
