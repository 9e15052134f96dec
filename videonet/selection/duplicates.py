"""Which videos are the same, and which of them stays.

Two videos are the same if they have the same bytes, or if what their clips show is: at least half
of the frames of the shorter one, and no fewer than `LEAST_FRAMES`, are like frames of the other
that follow each other in the same way. Frames that show too little do not count, so black videos
and still words are nobody's duplicates but those with the same bytes.

The best one stays: that of most pixels, then of most bytes a second, then the first. Whatever is
dropped was compared with the one that stays, so no chain of likenesses leads from one to another.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from videonet.selection.common_frames import Frames, frames_in_common
from videonet.selection.frame_index import pairs_to_compare
from videonet.selection.frame_table import FrameTable

# Frames that two videos must have in common at least: two seconds.
LEAST_FRAMES = 4

# Pairs of videos that are gone over at once, as Python's numbers take ten times an array's memory.
_AT_ONCE = 65_536


class KeptVideo(NamedTuple):
    """What of a kept video says how good it is."""

    video_key: str
    # of the whole file
    sha256: str
    # height times width, as shown; 0: not known
    pixels: int
    # of the whole file; 0: not known
    bytes_a_second: float
    # position in its source's order
    rank: int


class Duplicate(NamedTuple):
    """A video that is the same as another one, which stays."""

    video_key: str
    # key of the one that stays
    of: str
    # how that is known: a sentence
    why: str


def best_first(videos: Iterable[KeptVideo]) -> list[KeptVideo]:
    """Videos in the order in which they stay; of two that are equally good, the first by its key.

    A video that is there several times, for several classes, counts once, with its lowest rank.
    """
    ordered = sorted(videos, key=_how_good)
    seen = dict[str, KeptVideo]()
    for video in ordered:
        seen.setdefault(video.video_key, video)
    return list(seen.values())


def different_contents(videos: Sequence[KeptVideo]) -> list[KeptVideo]:
    """The first video of each content."""
    firsts = dict[str, KeptVideo]()
    for video in videos:
        firsts.setdefault(video.sha256, video)
    return list(firsts.values())


def duplicates(videos: Sequence[KeptVideo], table: FrameTable) -> Iterator[Duplicate]:
    """The videos that are the same as a better one, in order.

    `videos` are those of `best_first`; `table` has frames of `different_contents` of them.
    """
    contents = different_contents(videos)
    assert len(contents) == len(table)
    alike = _alike(table)
    positions = {video.sha256: place for place, video in enumerate(contents)}
    for video in videos:
        place = positions[video.sha256]
        like = alike.get(place)
        stays = contents[place if like is None else like.other]
        if stays.video_key == video.video_key:
            continue
        why = "the same bytes" if like is None else like.why
        said = f"{why} as {stays.video_key}, which stays"
        yield Duplicate(video.video_key, stays.video_key, said)


class _Like(NamedTuple):
    # position of the video that stays
    other: int
    # frames in common, of how many
    common: int
    of: int

    @property
    def why(self) -> str:
        return f"{self.common} of {self.of} frames show the same"


def _alike(table: FrameTable) -> dict[int, _Like]:
    """For each video that is like one that stays: which one, the best of them."""
    found = dict[int, _Like]()
    for later, pairs in groupby(pairs_to_compare(table), key=lambda pair: int(pair[0])):
        # One that does not stay brings the one that it is a duplicate of, which may be this one's.
        earlier = (int(pair[1]) for pair in pairs)
        staying = {found[each].other if each in found else each for each in earlier}
        own = _frames(table, later)
        for other in sorted(staying):
            like = _like(own, _frames(table, other), other)
            if like is not None:
                found[later] = like
                break
    return found


def pairs_alike(table: FrameTable) -> NDArray[np.int64]:
    """The pairs of videos that show the same, each by itself: int64 [pairs, 2].

    Of a video that is like very many, some are named; they are like each other.
    """
    pairs = pairs_to_compare(table)
    found = [np.empty((0, 2), np.int64)]
    for begin in range(0, len(pairs), _AT_ONCE):
        some = pairs[begin : begin + _AT_ONCE]
        like = [
            _like(_frames(table, one), _frames(table, other), other) is not None
            for one, other in some.tolist()
        ]
        found.append(some[np.array(like, bool)])
    return np.concatenate(found)


def _like(own: Frames, theirs: Frames, other: int) -> _Like | None:
    """How a video is like the one at position `other`; None: it is not."""
    due = min(len(own.times), len(theirs.times))
    common = frames_in_common(own, theirs)
    is_like = common >= LEAST_FRAMES and 2 * common >= due
    return _Like(other, common, due) if is_like else None


def _frames(table: FrameTable, video: int) -> Frames:
    span = slice(table.begins[video], table.ends[video])
    return Frames(np.ascontiguousarray(table.hashes[span]).view(np.uint64), table.times[span])


def _how_good(video: KeptVideo) -> tuple[int, float, int, str]:
    return -video.pixels, -video.bytes_a_second, video.rank, video.video_key
