"""On which side of a split each video stands, so that near-duplicates never stand on both.

A pure function of what is known of the videos and of where they stood before:

- What stood on a side stays there, with two exceptions. Where a near-duplicate is held out, a video
  that was to be trained on is dropped. And a video is dropped whose channel stands on the other
  side: the channel was not known before, or was another one.
- A new video whose channel counts stands where the hash of its channel says, or is dropped in the
  same way.
- Any other new video joins its near-duplicates. Where none has a side yet, the hash of the smallest
  of their keys decides for all of them.
"""

import hashlib
from collections.abc import Iterable, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from videonet.schemas.split import Side, Why

# As numbers in arrays: positions among these.
SIDES = tuple(Side)
WHYS = tuple(Why)
NEW = -1

_TRAIN, _VAL, _DROPPED = map(SIDES.index, (Side.TRAIN, Side.VAL, Side.DROPPED))


def held_out_share(train: float) -> float:
    """What is left of a share that is trained on, rounded once.

    >>> held_out_share(0.95)
    0.05
    """
    return float(1 - Fraction(str(train)))


def is_held_out(names: Iterable[str], share: float) -> NDArray[np.bool_]:
    """Whether each of these videos or channels is among the `share` that is held out: bool [n].

    The hash of its name, read as a number in [0, 1), lies below the share.
    """
    heads = b"".join(hashlib.sha256(name.encode()).digest()[:8] for name in names)
    return np.frombuffer(heads, ">u8") / 2.0**64 < share


def clusters_of(videos: int, alike: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of each of so many videos, the first one that it is joined with by pairs, int64 [pairs, 2].

    Chains count: what is like the same video is together.
    """
    from scipy.sparse import coo_matrix  # slow, and not needed for --help
    from scipy.sparse.csgraph import connected_components

    links = coo_matrix((np.ones(len(alike), bool), (alike[:, 0], alike[:, 1])), (videos, videos))
    _, parts = connected_components(links, directed=False)
    _, firsts = np.unique(parts, return_index=True)
    first: NDArray[np.int64] = firsts[parts].astype(np.int64)
    return first


def sides_of_videos(
    keys: Sequence[str],
    channels: Sequence[str | None],
    before: NDArray[np.int8],
    clusters: NDArray[np.int64],
    held_out: float,
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """The side of each of n videos, and why: positions among SIDES and WHYS, int8 [n].

    `keys` are in order. `channels` has the channel of each video that stands with its channel, and
    None for others. `before` is where each stood before, or NEW. `clusters` is that of
    `clusters_of`. What is dropped counts as held out for its near-duplicates. Why a video stands
    where it stood before is not said again: it is NEW.
    """
    own = before.copy()
    has_channel = np.array([each is not None for each in channels], bool)
    # of each video with a channel, the side of the channel
    due = np.full(len(keys), NEW, np.int8)
    held = is_held_out([each for each in channels if each is not None], held_out)
    due[has_channel] = np.where(held, _VAL, _TRAIN)
    by_channel = has_channel & (before == NEW)
    own[by_channel] = due[by_channel]
    left_behind = has_channel & np.isin(before, (_TRAIN, _VAL)) & (before != due)
    own[left_behind] = _DROPPED

    # Of each cluster, at the place of its first video. What is dropped is like what is held out.
    has_val, has_train = (np.zeros(len(keys), bool) for _ in range(2))
    has_val[clusters[np.isin(own, (_VAL, _DROPPED))]] = True
    has_train[clusters[own == _TRAIN]] = True
    firsts = np.unique(clusters[own == NEW])
    undecided = firsts[~has_val[firsts] & ~has_train[firsts]]
    has_val[undecided] = is_held_out((keys[each] for each in undecided), held_out)

    joined = np.where(has_val[clusters], _VAL, _TRAIN)
    side = np.where(own == NEW, joined, own).astype(np.int8)
    met = (own == _TRAIN) & has_val[clusters]
    side[met] = _DROPPED

    why = np.full(len(keys), NEW, np.int8)
    why[own == NEW] = WHYS.index(Why.CLUSTER)
    why[np.intersect1d(undecided, np.flatnonzero(own == NEW))] = WHYS.index(Why.VIDEO)
    why[by_channel | left_behind] = WHYS.index(Why.CHANNEL)
    why[met] = WHYS.index(Why.MET)
    return side, why
