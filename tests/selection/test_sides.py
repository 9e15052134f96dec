"""On which side of a split each video stands: a plain function, and how it grows."""

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videonet.schemas.split import Side, Why
from videonet.selection.sides import (
    NEW,
    SIDES,
    WHYS,
    clusters_of,
    held_out_share,
    is_held_out,
    sides_of_videos,
)

KEYS = [f"url:{number:02d}" for number in range(24)]
CHANNELS = [None, "ours", "theirs", "another", "a fourth", "a fifth"]

# Of each video: when it comes, its channel, and when the channel becomes another one, and which.
CHANNEL = st.sampled_from(CHANNELS)
VIDEOS = st.lists(
    st.tuples(st.integers(0, 3), CHANNEL, st.integers(0, 5), CHANNEL), min_size=24, max_size=24
)
ALIKE = st.lists(st.tuples(st.integers(0, 23), st.integers(0, 23)), max_size=16)
SHARES = st.sampled_from((0.1, 0.5, 0.9))


def divided(
    keys: list[str],
    channels: list[str | None],
    before: dict[str, Side],
    alike: Iterable[tuple[str, str]],
    train: float,
) -> dict[str, tuple[Side, Why | None]]:
    """Where each video stands, and why; None: it stood there before."""
    places = {key: place for place, key in enumerate(keys)}
    pairs = [(places[one], places[other]) for one, other in alike]
    stood = np.array([SIDES.index(before[key]) if key in before else NEW for key in keys], np.int8)
    clusters = clusters_of(len(keys), np.array(pairs, np.int64).reshape(-1, 2))
    sides, whys = sides_of_videos(keys, channels, stood, clusters, held_out_share(train))
    return {
        key: (SIDES[side], None if why == NEW else WHYS[why])
        for key, side, why in zip(keys, sides.tolist(), whys.tolist(), strict=True)
    }


@given(VIDEOS, ALIKE, SHARES, st.booleans())
def test_a_split_survives_growth(videos, alike, train, by_channel):
    arrived = dict(zip(KEYS, [when for when, *_ in videos], strict=True))
    before: dict[str, Side] = {}
    for now in range(4):
        keys = [key for key in KEYS if arrived[key] <= now]
        pairs = [
            (KEYS[one], KEYS[other])
            for one, other in alike
            if max(arrived[KEYS[one]], arrived[KEYS[other]]) <= now
        ]
        channels = {
            key: (new if changed <= now else first) if by_channel else None
            for key, (_, first, changed, new) in zip(KEYS, videos, strict=True)
        }
        named = [channels[key] for key in keys]
        found = divided(keys, named, before, pairs, train)
        after = {key: side for key, (side, _) in found.items()}
        # In whatever order pairs are found.
        assert divided(keys, named, before, [pair[::-1] for pair in pairs[::-1]], train) == found
        # Nothing moves, but what is dropped: it is like what is held out, or its channel is on the
        # other side.
        for key in before:
            if after[key] is before[key]:
                continue
            assert found[key] in {(Side.DROPPED, Why.MET), (Side.DROPPED, Why.CHANNEL)}
            if found[key][1] is Why.MET:
                assert before[key] is Side.TRAIN
            else:
                (held,) = is_held_out([channels[key]], held_out_share(train)).tolist()
                assert before[key] is (Side.TRAIN if held else Side.VAL)
        for one, other in pairs:
            assert {after[one], after[other]} != {Side.TRAIN, Side.VAL}
            assert {after[one], after[other]} != {Side.TRAIN, Side.DROPPED}
        # A channel is on one side.
        for name in set(named) - {None}:
            of_it = {after[key] for key, each in zip(keys, named, strict=True) if each == name}
            assert not {Side.TRAIN, Side.VAL} <= of_it
        # Made again, it is the same.
        assert {
            key: side for key, (side, _) in divided(keys, named, after, pairs, train).items()
        } == after
        before = after


def test_a_video_alone_stands_where_the_hash_of_its_key_says():
    held = dict(zip(KEYS, is_held_out(KEYS, 0.3).tolist(), strict=True))
    found = divided(KEYS, [None] * len(KEYS), {}, [], 0.7)
    assert found == {key: (Side.VAL if held[key] else Side.TRAIN, Why.VIDEO) for key in KEYS}
    assert 0 < sum(held.values()) < len(KEYS)


def test_a_new_video_joins_its_near_duplicates_whatever_its_hash_says():
    for side in (Side.TRAIN, Side.VAL):
        found = divided(KEYS, [None] * len(KEYS), {KEYS[3]: side}, [(KEYS[3], KEYS[0])], 0.5)
        assert found[KEYS[0]] == (side, Why.CLUSTER)
        assert found[KEYS[3]] == (side, None)


def test_of_new_near_duplicates_the_first_decides():
    train = [key for key, held in zip(KEYS, is_held_out(KEYS, 0.5), strict=True) if not held]
    held = [key for key in KEYS if key not in train]
    for first, later in ((train[0], held[-1]), (held[0], train[-1])):
        assert first < later
        found = divided(KEYS, [None] * len(KEYS), {}, [(later, first)], 0.5)
        assert found[first][1] is Why.VIDEO
        assert found[later] == (found[first][0], Why.CLUSTER)


def test_where_both_sides_meet_what_was_to_be_trained_on_is_dropped():
    stood = {"a": Side.TRAIN, "b": Side.TRAIN, "c": Side.VAL}
    found = divided(["a", "b", "c", "new"], [None] * 4, stood, [("a", "new"), ("new", "c")], 0.9)
    assert found == {
        "a": (Side.DROPPED, Why.MET),
        "b": (Side.TRAIN, None),
        "c": (Side.VAL, None),
        "new": (Side.VAL, Why.CLUSTER),
    }
    # What is like one that was dropped is like one that was held out, and perhaps withdrawn since.
    later = divided(["a", "later"], [None] * 2, {"a": Side.DROPPED}, [("a", "later")], 0.9)
    assert later == {"a": (Side.DROPPED, None), "later": (Side.VAL, Why.CLUSTER)}


def test_a_video_stays_with_its_channel_and_is_dropped_if_a_near_duplicate_is_held_out():
    held = dict(zip("abcdefgh", is_held_out("abcdefgh", 0.5).tolist(), strict=True))
    ours = next(name for name in held if not held[name])
    theirs = next(name for name in held if held[name])
    found = divided(["1", "2", "3"], [ours, theirs, ours], {}, [("1", "2")], 0.5)
    assert found == {
        "1": (Side.DROPPED, Why.MET),
        "2": (Side.VAL, Why.CHANNEL),
        "3": (Side.TRAIN, Why.CHANNEL),
    }


def test_a_video_whose_channel_turns_out_to_stand_on_the_other_side_is_dropped():
    held = dict(zip("abcdefgh", is_held_out("abcdefgh", 0.5).tolist(), strict=True))
    ours = next(name for name in held if not held[name])
    theirs = next(name for name in held if held[name])
    stood = {"1": Side.TRAIN, "2": Side.TRAIN, "3": Side.VAL, "4": Side.VAL, "5": Side.TRAIN}
    found = divided([*"12345"], [theirs, ours, ours, theirs, None], stood, [("1", "5")], 0.5)
    assert found == {
        "1": (Side.DROPPED, Why.CHANNEL),
        "2": (Side.TRAIN, None),
        "3": (Side.DROPPED, Why.CHANNEL),
        "4": (Side.VAL, None),
        "5": (Side.DROPPED, Why.MET),
    }


@pytest.mark.parametrize(("train", "held"), [(0.95, 0.05), (0.9, 0.1), (0.7, 0.3), (1e-3, 0.999)])
def test_what_is_left_of_a_share_is_what_somebody_would_type(train, held):
    assert held_out_share(train) == held
