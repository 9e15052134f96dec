"""A finished OUT with verdicts of one's own, as a run would leave it, but without clips."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from videonet.dataset.manifest import tally, totals_of
from videonet.schemas.label import Label
from videonet.schemas.manifest import (
    ClassifierCard,
    Counts,
    Manifest,
    ManifestSettings,
    Shard,
    Totals,
)
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.run import Lookup
from videonet.schemas.search import Search
from videonet.schemas.table import arrow_schema
from videonet.schemas.target import Target
from videonet.schemas.verdict import Verdict
from videonet.storage.dataset_dir import DatasetDir

SETTINGS = ManifestSettings(
    source="catalogue",
    targets="00",
    scan_key="00",
    per_class=100,
    formats=("parquet",),
    shards=1,
)


def target(name: str, *synonyms: str, target_id: str = "") -> Target:
    return Target(
        target_id=target_id or name,
        name=name,
        synonyms=synonyms,
        wnid=None,
        outputs=(0,),
        senses=(),
    )


def verdict(number: int, target_id: str, became: Reason | None = None, **changes: Any) -> Verdict:
    """A verdict on video `number`: kept, or what it `became`; of the rest only what is said."""
    outcome = Outcome.KEPT if became is None else became.outcome
    fields: dict[str, Any] = {
        **dict.fromkeys(arrow_schema(Verdict).names),
        "video_id": f"id{number}",
        "video_key": f"url:{number}",
        "target_id": target_id,
        "url": f"https://videos.example/{number}",
        "title": f"video {number}",
        "matched_names": (target_id,),
        "source": "catalogue",
        "rank": number,
        "outcome": outcome,
        "reason": became,
        "attempts": 1,
        "clips": 1 if became is None else 0,
        "classifier": "00",
        **({"sha256": "00", "frames_matched": 1} if became is None else {}),
    }
    return Verdict.from_row(fields | changes)


def write(
    folder: Path,
    targets: Sequence[Target],
    verdicts: Sequence[Verdict],
    *,
    labels: Sequence[str] = ("balloon", "parachute, chute"),
    settings: dict[str, Any] | None = None,
    shard_bytes: Sequence[int] = (),
    searches: tuple[Search, ...] = (),
    shards: int = 1,
) -> Path:
    """OUT with these verdicts, spread over so many tables; its folder."""
    output = DatasetDir(folder)
    output.write_targets(tuple(targets))
    output.write_labels([Label(wnid=None, name=name) for name in labels])
    for index in range(shards):
        output.write_verdicts(index, shards, verdicts[index::shards])
    found = Counter(each.target_id for each in verdicts)
    lookup = Lookup(
        titles=3 * len(verdicts),
        candidates=len({each.video_key for each in verdicts}),
        pairs=len(verdicts),
        shards=shards,
        matched={each.target_id: found[each.target_id] for each in targets},
        searches=searches,
    )
    output.write_lookup(lookup)
    totals: Totals = totals_of(tally(verdicts), lookup.titles, [each.target_id for each in targets])
    nothing = Counts(pairs=0, kept=0, rejected={}, failed={})
    output.write_manifest(
        Manifest(
            version=1,
            dataset="videonet",
            settings=msgspec.structs.replace(SETTINGS, shards=shards, **(settings or {})),
            versions={"av": "17.0"},
            classifier=ClassifierCard(name="m.onnx", sha256="00", input_size=(64, 64), outputs=2),
            totals=totals,
            targets={each.target_id: nothing for each in targets},
            shards=tuple(
                Shard(path=f"clips/parquet/{index}.parquet", rows=1, bytes=size, sha256="00")
                for index, size in enumerate(shard_bytes)
            ),
        )
    )
    return folder
