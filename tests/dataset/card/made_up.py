"""Made-up data sets, for the tests of the data card."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from videonet.dataset.manifest import counts_of, tally, totals_of
from videonet.schemas.manifest import ClassifierCard, Manifest, ManifestSettings
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.run import Lookup
from videonet.schemas.table import arrow_schema
from videonet.schemas.target import Target
from videonet.schemas.verdict import Verdict
from videonet.shards.layout import shard_of
from videonet.shards.writer import write_shard
from videonet.storage.dataset_dir import DatasetDir

SHARDS = 2
FORMATS = ("parquet", "tfrecord")


def target(target_id: str, name: str = "", *synonyms: str) -> Target:
    return Target(
        target_id=target_id,
        name=name or target_id,
        synonyms=synonyms,
        wnid=None,
        outputs=(0,),
        senses=(),
    )


def verdict(key: str, target_id: str, **changes: Any) -> Verdict:
    """A kept video of 12 s in one clip, unless something else is said."""
    fields: dict[str, Any] = {
        **dict.fromkeys(arrow_schema(Verdict).names),
        "video_id": key,
        "video_key": key,
        "target_id": target_id,
        "url": f"https://videos.example/{key}",
        "title": f"A {target_id}",
        "matched_names": (target_id,),
        "source": "catalogue",
        "rank": 0,
        "outcome": Outcome.KEPT,
        "attempts": 1,
        "frames_scanned": 100,
        "frames_matched": 10,
        "best_probability": 0.9,
        "duration": 12.0,
        "width": 640,
        "height": 360,
        "fps": 25.0,
        "sha256": key * 2,
        "clips": 1,
        "classifier": "0" * 64,
    }
    return Verdict.from_row(fields | changes)


def unseen(key: str, target_id: str, **changes: Any) -> Verdict:
    """A video that was rejected, since no frame confirms its class."""
    not_kept = {
        "outcome": Outcome.REJECTED,
        "reason": Reason.NO_TOP1_MATCH,
        "frames_matched": 0,
        "best_probability": None,
        "duration": None,
        "clips": 0,
    }
    return verdict(key, target_id, **not_kept | changes)


def made_up(
    root: Path, targets: Sequence[Target], verdicts: Iterable[Verdict], **settings: Any
) -> tuple[DatasetDir, Manifest]:
    """A folder OUT with these verdicts and with shards that are empty, and the manifest to be."""
    output = DatasetDir(root)
    output.write_targets(tuple(targets))
    rows = sorted(verdicts, key=lambda each: (each.video_key, each.target_id))
    for index in range(SHARDS):
        own = [row for row in rows if shard_of(row.video_key, SHARDS) == index]
        output.write_verdicts(index, SHARDS, own)
    counts = tally(rows)
    by_target = {each.target_id: counts_of(counts, [each.target_id]) for each in targets}
    totals = totals_of(counts, 1_000, list(by_target))
    lookup = Lookup(
        titles=totals.titles,
        candidates=totals.candidates,
        pairs=totals.verdicts.pairs,
        shards=SHARDS,
        matched={target_id: 2 * counted.pairs for target_id, counted in by_target.items()},
        searches=(),
    )
    output.write_lookup(lookup)
    given = ManifestSettings(
        source="catalogue",
        targets="00",
        scan_key="00",
        per_class=50,
        formats=FORMATS,
        shards=SHARDS,
    )
    made_with = msgspec.convert(given.to_row() | settings, ManifestSettings)
    manifest = Manifest(
        version=1,
        dataset="videonet",
        settings=made_with,
        versions={"videonet": "0.1.0", "pyarrow": "1.2.3"},
        classifier=ClassifierCard(
            name="resnet", sha256="ab" * 32, input_size=(224, 224), outputs=1000
        ),
        totals=totals,
        targets=by_target,
        shards=tuple(
            file
            for index in range(SHARDS)
            for file in write_shard(root, index, SHARDS, made_with.formats, [])
        ),
    )
    return output, manifest
