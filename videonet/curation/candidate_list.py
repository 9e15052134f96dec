"""From titles to the candidate list: which videos are to be looked at, and for which targets."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from videonet.errors import UsageError
from videonet.schemas.candidate import Candidate, Match, Sighting
from videonet.sources.source import Batch, Row
from videonet.targets.title_matcher import TitleMatcher

# What records keep of a title, characters.
TITLE_LENGTH = 1_000

# Likewise of what a source says of channel and licence.
NOTE_LENGTH = 200


class Named(NamedTuple):
    """A row whose title names targets."""

    row: Row
    # names found, by target_id
    names: Mapping[str, tuple[str, ...]]


class TitleHit(NamedTuple):
    """A video that was found for one target."""

    sighting: Sighting
    match: Match


def named(batch: Batch, titles: TitleMatcher) -> list[Named]:
    """The rows whose titles name a target, within the part of a title that is kept."""
    matched = titles.match_all([title[:TITLE_LENGTH] for title in batch.titles])
    rows = batch.rows(list(matched))
    return [Named(row, names) for row, names in zip(rows, matched.values(), strict=True)]


def found(matched: Named, video_key: str, source: str) -> list[TitleHit]:
    """One find a target that the title names."""
    row = matched.row
    title = row.title[:TITLE_LENGTH]
    sighting = Sighting(
        video_key=video_key,
        video_id=row.video_id,
        url=row.url,
        root=row.root,
        title=title,
        duration=row.duration,
        channel=row.channel and row.channel[:NOTE_LENGTH],
        licence=row.licence and row.licence[:NOTE_LENGTH],
        live_status=row.live_status,
        source=source,
        query=row.query,
        rank=row.rank,
    )
    return [
        TitleHit(
            sighting,
            Match(target_id=target_id, names=names, title=title, query=row.query, rank=row.rank),
        )
        for target_id, names in matched.names.items()
    ]


def one_url_each(finds: Sequence[TitleHit]) -> Sequence[TitleHit]:
    """`finds` of one video id, unchanged. Raises UsageError if they are of different videos."""
    by_key: dict[str, Sighting] = {}
    for find in sorted(finds, key=_order):
        by_key.setdefault(find.sighting.video_key, find.sighting)
    if len(by_key) > 1:
        first, second, *_ = by_key.values()
        raise UsageError(
            f"The catalogue gives the id {first.video_id!r} to different videos: "
            f"{first.url} in row {first.rank + 1} and {second.url} in row {second.rank + 1}; "
            "give each its own id."
        )
    return finds


def within_quota(finds: Iterable[TitleHit], per_class: int) -> tuple[list[TitleHit], int]:
    """The finds of the first `per_class` videos of one target, and how many videos there were."""
    ordered = sorted(finds, key=_order)
    keys = list(dict.fromkeys(find.sighting.video_key for find in ordered))
    taken = frozenset(keys[:per_class])
    return [find for find in ordered if find.sighting.video_key in taken], len(keys)


def candidate(finds: Iterable[TitleHit], position: Callable[[str], int]) -> Candidate:
    """The candidate that all finds of one video make.

    `position` is that of a target in the run's list. What the source said first stands for the
    video; the names found in several titles are joined.
    """
    ordered = sorted(finds, key=_order)
    first = ordered[0].sighting
    by_target: dict[str, Match] = {}
    for match in (find.match for find in ordered):
        before = by_target.get(match.target_id, match)
        names = tuple(dict.fromkeys(itertools.chain(before.names, match.names)))
        title = None if before.title == first.title else before.title
        by_target[match.target_id] = msgspec.structs.replace(before, names=names, title=title)
    return Candidate(
        video_key=first.video_key,
        video_id=first.video_id,
        url=first.url,
        root=first.root,
        title=first.title,
        duration=first.duration,
        channel=first.channel,
        licence=first.licence,
        live_status=first.live_status,
        source=first.source,
        sha256=None,
        matches=tuple(sorted(by_target.values(), key=lambda each: position(each.target_id))),
    )


def candidates(finds: Iterable[TitleHit], position: Callable[[str], int]) -> list[Candidate]:
    """The candidates that these finds make, each with all of its finds among them."""
    by_video: dict[str, list[TitleHit]] = {}
    for find in finds:
        by_video.setdefault(find.sighting.video_key, []).append(find)
    return [candidate(own, position) for own in by_video.values()]


def _order(find: TitleHit) -> tuple[int, str, str, str]:
    # Several searches have several results of one rank.
    said = find.sighting
    return said.rank, said.query or "", said.video_key, find.match.target_id
