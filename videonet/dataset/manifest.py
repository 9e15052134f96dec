"""The account of a whole run: what is in the shards, and what became of every candidate."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from videonet.errors import AccountError
from videonet.schemas.lineage import Parent
from videonet.schemas.manifest import (
    Counts,
    Manifest,
    ManifestSettings,
    MotionCounts,
    Shard,
    Totals,
)
from videonet.schemas.reason import Outcome
from videonet.schemas.record import shared_fields
from videonet.schemas.run import Lookup, Settings
from videonet.schemas.verdict import Verdict
from videonet.sources.source_spec import searched_site
from videonet.versions import versions
from videonet.video.clips import DATASET

VERSION = 1

# What is counted: pairs by target, outcome and reason, and sizes under names of their own.
Key = tuple[str, str, str]
_CANDIDATES: Key = ("", "candidates", "")
_KEPT_VIDEOS: Key = ("", "kept_videos", "")
_WITHOUT_CLIP: Key = ("", "kept_without_clip", "")
_CLIPS: Key = ("", "clips", "")


def _source(source: str) -> str:
    """A source as a manifest names it: a search as it was typed, of others no paths."""
    return source if searched_site(source) else source.partition(":")[0]


def tally(verdicts: Iterable[Verdict]) -> Counter[Key]:
    """How many verdicts of each kind there are, and of how many videos and clips."""
    counts: Counter[Key] = Counter()
    clips: dict[str, int] = {}
    candidates = set()
    for verdict in verdicts:
        # Plain text: an enum has no deterministic encoding as a key in Beam.
        reason = verdict.reason.value if verdict.reason else ""
        counts[verdict.target_id, verdict.outcome.value, reason] += 1
        candidates.add(verdict.video_key)
        if verdict.outcome is Outcome.KEPT:
            clips[verdict.video_key] = verdict.clips
    counts[_CANDIDATES] = len(candidates)
    counts[_KEPT_VIDEOS] = len(clips)
    counts[_WITHOUT_CLIP] = sum(number == 0 for number in clips.values())
    counts[_CLIPS] = sum(clips.values())
    return counts


# Columns of a verdict table that are counted.
COUNTED = ["video_key", "target_id", "outcome", "reason", "clips"]


def tally_table(verdicts: pa.Table) -> Counter[Key]:
    """What `tally` says of the same verdicts, in a table that has the columns COUNTED.

    Column by column: thousands of shards are counted in seconds.
    """
    counts: Counter[Key] = Counter()
    by_kind = verdicts.group_by(["target_id", "outcome", "reason"]).aggregate([([], "count_all")])
    for row in by_kind.to_pylist():
        counts[row["target_id"], row["outcome"], row["reason"] or ""] = row["count_all"]
    kept = verdicts.filter(pc.field("outcome") == Outcome.KEPT.value)
    clips = kept.group_by("video_key").aggregate([("clips", "max")])["clips_max"].to_pylist()
    counts[_CANDIDATES] = pc.count_distinct(verdicts["video_key"]).as_py()
    counts[_KEPT_VIDEOS] = len(clips)
    counts[_WITHOUT_CLIP] = clips.count(0)
    counts[_CLIPS] = sum(clips)
    return counts


def manifest_of(
    settings: Settings,
    targets: Iterable[str],
    lookup: Lookup,
    files: Iterable[Shard],
    counts: Mapping[Key, int],
    motion: MotionCounts | None = None,
) -> Manifest:
    """The manifest of a data set that was made with `settings` for targets with these ids.

    `motion` is how much of it moves; None: its clips have no columns of that.

    Raises AccountError if its accounts do not balance.
    """
    return Manifest(
        version=VERSION,
        dataset=DATASET,
        settings=ManifestSettings(
            **shared_fields(settings, ManifestSettings)
            | {"source": _source(settings.source), "shards": lookup.shards}
        ),
        versions=versions(),
        classifier=settings.classifier,
        **_account(targets, settings.formats, lookup, files, counts, motion),
    )


def made_from(manifest: Manifest, parents: Sequence[Parent]) -> Manifest:
    """The manifest of a run over an OUT that was made from these data sets before its first run.

    Where there are none, a rebuild names its lock file; what that one's manifest was, it does not
    say.
    """
    lock = manifest.settings.lock
    if not parents and lock is not None:
        parents = [Parent(how="rebuild", manifest_sha256=None, lock_sha256=lock)]
    return msgspec.structs.replace(manifest, parents=tuple(parents))


def chosen_from(manifest: Manifest, digests: Iterable[tuple[int, str]]) -> Manifest:
    """The manifest with one digest of what the videos of all targets were chosen from.

    `digests` are those of single targets, by their positions; a target that no video is nearest to
    has none.
    """
    rows = "".join(f"{position} {digest}\n" for position, digest in sorted(digests))
    whole = hashlib.sha256(rows.encode()).hexdigest()
    return msgspec.structs.replace(manifest, chosen_from=whole)


def counted_anew(
    manifest: Manifest,
    lookup: Lookup,
    files: Iterable[Shard],
    counts: Mapping[Key, int],
    motion: MotionCounts | None = None,
) -> Manifest:
    """The manifest of the same data set with other shards and verdicts. Raises AccountError.

    The versions stay those with which its videos were judged and cut.
    """
    formats = manifest.settings.formats
    account = _account(manifest.targets, formats, lookup, files, counts, motion)
    return msgspec.structs.replace(manifest, **account)


def totals_of(
    counts: Mapping[Key, int],
    titles: int,
    targets: Sequence[str],
    motion: MotionCounts | None = None,
) -> Totals:
    """The sizes of a data set whose list of candidates came from that many titles."""
    return Totals(
        titles=titles,
        candidates=counts.get(_CANDIDATES, 0),
        kept_videos=counts.get(_KEPT_VIDEOS, 0),
        kept_without_clip=counts.get(_WITHOUT_CLIP, 0),
        clips=counts.get(_CLIPS, 0),
        verdicts=counts_of(counts, targets),
        motion=motion,
    )


def counts_of(counts: Mapping[Key, int], targets: Sequence[str]) -> Counts:
    """The verdicts on these targets, by outcome and reason."""
    wanted = frozenset(targets)
    by_outcome: dict[Outcome, Counter[str]] = {outcome: Counter() for outcome in Outcome}
    for (target, outcome, reason), number in counts.items():
        if target in wanted:
            by_outcome[Outcome(outcome)][reason] += number
    return Counts(
        pairs=sum(each.total() for each in by_outcome.values()),
        kept=by_outcome[Outcome.KEPT].total(),
        rejected=dict(sorted(by_outcome[Outcome.REJECTED].items())),
        failed=dict(sorted(by_outcome[Outcome.FAILED].items())),
    )


def _account(
    targets: Iterable[str],
    formats: Sequence[str],
    lookup: Lookup,
    files: Iterable[Shard],
    counts: Mapping[Key, int],
    motion: MotionCounts | None,
) -> dict[str, Any]:
    """The fields of a manifest that say what there is. Raises AccountError."""
    by_target = {target: counts_of(counts, [target]) for target in targets}
    totals = totals_of(counts, lookup.titles, list(by_target), motion)
    shards = tuple(sorted(files, key=lambda each: each.path))
    _balance(formats, lookup, totals, shards)
    return {"totals": totals, "targets": by_target, "shards": shards}


def _balance(
    formats: Sequence[str], lookup: Lookup, totals: Totals, shards: Sequence[Shard]
) -> None:
    accounts = {
        "pairs of candidate and target": (lookup.pairs, totals.verdicts.pairs),
        "candidates": (lookup.candidates, totals.candidates),
        "shards": (lookup.shards * len(formats), len(shards)),
        "clips": (
            totals.clips * len(formats),
            sum(shard.rows for shard in shards),
        ),
    }
    for name, (expected, counted) in accounts.items():
        if expected != counted:
            raise AccountError(f"The accounts do not balance: {expected} {name}, {counted} found.")
