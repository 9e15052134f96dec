"""Lock files that say something else, and data sets made up for them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from videonet.schemas.label import Label
from videonet.schemas.lock_file import LockedVideo
from videonet.schemas.manifest import (
    ClassifierCard,
    Counts,
    Manifest,
    ManifestSettings,
    Shard,
    Totals,
)
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.table import arrow_schema
from videonet.schemas.target import Target
from videonet.schemas.verdict import Verdict
from videonet.schemas.video_info import VideoInfo
from videonet.shards.layout import shard_of
from videonet.shards.writer import write_shard
from videonet.sources.source import Row
from videonet.sources.video_key import video_key
from videonet.storage.dataset_dir import DatasetDir

TARGETS = tuple(
    Target(target_id=name, name=name, synonyms=(), wnid=None, outputs=(0,), senses=())
    for name in ("dog", "cat", "ant")
)


def rewritten(
    file: Path,
    rows: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] = lambda rows: rows,
    **metadata: bytes | None,
) -> Path:
    """A lock file with other rows or other fields of its header; None: without that field."""
    with pq.ParquetFile(file) as table:
        fields = dict(table.metadata.metadata)
        changed = pa.Table.from_pylist(rows(table.read().to_pylist()), arrow_schema(LockedVideo))
    fields |= {
        f"videonet.{name}".encode(errors="surrogateescape"): value
        for name, value in metadata.items()
    }
    kept = {name: value for name, value in fields.items() if name.startswith(b"videonet.")}
    with pq.ParquetWriter(file, changed.schema) as table:
        table.write_table(changed)
        table.add_key_value_metadata({name: each for name, each in kept.items() if each})
    return file


def url_of(name: str) -> str:
    return f"https://example.org/{name}"


def key_of(name: str) -> str:
    """What a run calls the video at that address."""
    return video_key(Row(0, VideoInfo(video_id=name, url=url_of(name), title=name)))


def verdict(name: str, target: Target, outcome: Outcome) -> Verdict:
    fields = {
        **dict.fromkeys(arrow_schema(Verdict).names),
        "video_id": name,
        "video_key": key_of(name),
        "target_id": target.target_id,
        "url": url_of(name),
        "title": f"{name} of {target.name}",
        "matched_names": (target.name,),
        "source": "catalogue",
        "rank": 0,
        "outcome": outcome,
        "reason": None if outcome is Outcome.KEPT else Reason.NETWORK,
        "sha256": "0" * 64,
        "attempts": 1,
        "clips": 0,
        "classifier": "0" * 64,
    }
    return Verdict.from_row(fields)


def data_set(root: Path, kept: dict[str, set[int]], shards: int) -> Manifest:
    """An OUT without clips, in which each video is kept for these targets and fails for others.

    `kept` has what the videos are called in their urls.
    """
    output = DatasetDir(root)
    output.write_targets(TARGETS)
    output.write_labels([Label(wnid=None, name="dog")])
    files: list[Shard] = []
    for index in range(shards):
        names = sorted((n for n in kept if shard_of(key_of(n), shards) == index), key=key_of)
        rows = [
            verdict(name, target, Outcome.KEPT if place in kept[name] else Outcome.FAILED)
            for name in names
            for place, target in enumerate(TARGETS)
        ]
        output.write_verdicts(index, shards, rows)
        files += write_shard(root, index, shards, ["parquet"], [])
    counts = Counts(pairs=0, kept=0, rejected={}, failed={})
    return Manifest(
        version=1,
        dataset="videonet",
        settings=ManifestSettings(
            source="catalogue",
            targets="0" * 64,
            formats=("parquet",),
            shards=shards,
            lock="0" * 64,
            scan_key="0" * 32,
        ),
        versions={},
        classifier=ClassifierCard(name="c", sha256="0" * 64, input_size=(1, 1), outputs=1),
        totals=Totals(
            titles=0,
            candidates=len(kept),
            kept_videos=0,
            kept_without_clip=0,
            clips=0,
            verdicts=counts,
        ),
        targets={},
        shards=tuple(files),
    )
