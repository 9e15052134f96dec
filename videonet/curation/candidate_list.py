"""From titles to the candidate list: which videos are to be looked at, and for which targets."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import msgspec

from videonet.errors import UsageError
from videonet.fetch.details import MOST_BYTES, fitted
from videonet.fetch.published_address import published, published_text
from videonet.fetch.rate_limit import host_of
from videonet.schemas.candidate import Candidate, Match, Sighting
from videonet.schemas.neighbours import NOT_COMPARED
from videonet.schemas.video_info import VideoInfo
from videonet.sources.source import Batch, Row
from videonet.targets.title_matcher import TitleMatcher

# What records keep of a title, characters.
TITLE_LENGTH = 1_000

# Likewise of what a source says of channel and licence.
NOTE_LENGTH = 200

# Of what a hit holds besides, bytes: keys, names, and the words of a query.
_OF_A_HIT = 500

# What the name of a description takes in JSON, bytes.
_DESCRIBED = len(',"description":')

# Hosts that are counted of each part of a list and of all of it, and candidates below which a host
# is not worth a word.
_HOSTS, _MOST_HOSTS, _MANY = 8, 20, 100


class MatchedRow(NamedTuple):
    """A row whose title names targets."""

    row: Row
    # names found, by target_id
    names: Mapping[str, tuple[str, ...]]


class TitleHit(NamedTuple):
    """A video that was found for one target."""

    sighting: Sighting
    match: Match


def match_rows(batch: Batch, titles: TitleMatcher) -> list[MatchedRow]:
    """The rows whose titles name a target, within the part of a title that is kept."""
    matched = titles.match_all([title[:TITLE_LENGTH] for title in batch.titles])
    rows = batch.rows(list(matched))
    return [MatchedRow(row, names) for row, names in zip(rows, matched.values(), strict=True)]


def not_compared(matched: MatchedRow) -> MatchedRow:
    """The same row for the one target of all videos that were not compared with images yet."""
    names = tuple(dict.fromkeys(itertools.chain(*matched.names.values())))
    return matched._replace(names={NOT_COMPARED.target_id: names})


def title_hits(matched: MatchedRow, video_key: str, source: str) -> list[TitleHit]:
    """One hit for each target that the title names."""
    row = matched.row
    video = _shortened(row.video)
    sighting = Sighting(
        video_key=video_key, video=video, source=source, query=row.query, rank=row.rank
    )
    return [
        TitleHit(
            sighting,
            Match(
                target_id=target_id,
                names=names,
                title=video.title,
                query=row.query,
                rank=row.rank,
            ),
        )
        for target_id, names in matched.names.items()
    ]


def check_one_url(hits: Iterable[TitleHit]) -> None:
    """Raise UsageError if these hits, all of one video id, are of different videos.

    A row without a url does not say that its video is another one.
    """
    by_key: dict[str, Sighting] = {}
    for hit in sorted((each for each in hits if each.sighting.video.url), key=_order):
        by_key.setdefault(hit.sighting.video_key, hit.sighting)
    if len(by_key) > 1:
        first, second, *_ = by_key.values()
        raise UsageError(
            f"The catalogue gives the id {published_text(first.video.video_id)!r} to different "
            f"videos: {published(first.video.url)} in row {first.rank + 1} and "
            f"{published(second.video.url)} in row {second.rank + 1}; give each its own id."
        )


def take_quota(
    hits: Iterable[TitleHit], per_class: int
) -> tuple[list[TitleHit], list[TitleHit], int]:
    """The hits of the first `per_class` videos of one target, all others, and how many videos."""
    ordered = sorted(hits, key=_order)
    keys = list(dict.fromkeys(hit.sighting.video_key for hit in ordered))
    first = frozenset(keys[:per_class])
    taken = [hit for hit in ordered if hit.sighting.video_key in first]
    left = [hit for hit in ordered if hit.sighting.video_key not in first]
    return taken, left, len(keys)


def merge_hits(hits: Iterable[TitleHit], position: Callable[[str], int]) -> Candidate:
    """The candidate that all hits of one video make.

    `position` is that of a target in the run's list. What the source said first stands for the
    video; the names found in several titles are joined. The first targets of the list stay of which
    a record has room, some 40; `pairs_of` says how many there were.
    """
    ordered = sorted(hits, key=_order)
    first = ordered[0].sighting
    by_target: dict[str, Match] = {}
    for match in (hit.match for hit in ordered):
        before = by_target.get(match.target_id, match)
        names = tuple(dict.fromkeys(itertools.chain(before.names, match.names)))
        title = None if before.title == first.video.title else before.title
        by_target[match.target_id] = msgspec.structs.replace(before, names=names, title=title)
    return _within_record(
        Candidate(
            video_key=first.video_key,
            video=first.video,
            source=first.source,
            sha256=None,
            matches=tuple(sorted(by_target.values(), key=lambda each: position(each.target_id))),
        )
    )


def candidates(hits: Iterable[TitleHit], position: Callable[[str], int]) -> list[Candidate]:
    """The candidates that these hits make, each with all of its hits among them."""
    by_video: dict[str, list[TitleHit]] = {}
    for hit in hits:
        by_video.setdefault(hit.sighting.video_key, []).append(hit)
    return [merge_hits(own, position) for own in by_video.values()]


def pairs_of(hits: Iterable[TitleHit]) -> int:
    """How many pairs of video and target these hits speak of."""
    return len({(hit.sighting.video_key, hit.match.target_id) for hit in hits})


def largest_hosts(found: Iterable[Candidate]) -> dict[str, int]:
    """How many candidates are of the hosts that have most of these."""
    counts = Counter(host_of(each.video.url) for each in found if each.video.root is None)
    return dict(_largest(counts, _HOSTS))


def summed_hosts(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The hosts with many candidates over all parts of a list, those with most first.

    A host that is seldom among the largest of a part may have more, and never has fewer.
    """
    counts: Counter[str] = Counter()
    for each in parts:
        counts.update(each)
    return {host: number for host, number in _largest(counts, _MOST_HOSTS) if number >= _MANY}


def _largest(counts: Mapping[str, int], number: int) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:number]


def _shortened(video: VideoInfo) -> VideoInfo:
    """What records keep of a source's words."""
    kept = msgspec.structs.replace(
        video,
        title=video.title[:TITLE_LENGTH],
        channel=video.channel and video.channel[:NOTE_LENGTH],
        licence=video.licence and video.licence[:NOTE_LENGTH],
    )
    if kept.description is None:
        return kept
    # A hit has the title twice, and names.
    others = msgspec.structs.replace(kept, description=None)
    return fitted(kept, len(msgspec.json.encode(others)) + len(kept.title.encode()) + _OF_A_HIT)


def _within_record(candidate: Candidate) -> Candidate:
    """The same, if need be with fewer targets and less of its description.

    Among 22,000 classes a long title names dozens, and stages hand a candidate on as one record.
    """
    if len(candidate.to_json()) <= MOST_BYTES:
        return candidate
    video = msgspec.structs.replace(candidate.video, description=None)
    bare = msgspec.structs.replace(candidate, video=video, matches=())
    size, kept = len(bare.to_json()), list[Match]()
    for match in candidate.matches:
        size += len(match.to_json()) + 1
        if kept and size > MOST_BYTES:
            break
        kept.append(match)
    matches = tuple(kept)
    others = len(msgspec.structs.replace(bare, matches=matches).to_json())
    video = fitted(candidate.video, others + _DESCRIBED)
    return msgspec.structs.replace(candidate, video=video, matches=matches)


def _order(hit: TitleHit) -> tuple[int, str, str, str]:
    # Several searches have several results of one rank.
    found = hit.sighting
    return found.rank, found.query or "", found.video_key, hit.match.target_id
