"""sampling: which clip each example of the endless stream is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videonet.errors import UsageError
from videonet.training.data.sampling import EXAMPLES, PASSES, Stream, generator_of, positions_of

fewer_examples = settings(max_examples=60)
SEEDS = st.integers(0, 2**63 - 1)
WAYS = st.sampled_from(["one", "all"])


@st.composite
def data_sets(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, as some of a data set, their videos and the shards of those, in the shards' order."""
    shard_of_video = draw(st.lists(st.integers(0, 5), min_size=1, max_size=12))
    counts = draw(st.lists(st.integers(1, 4), min_size=12, max_size=12))
    pairs = [
        (shard, video) for video, shard in enumerate(shard_of_video) for _ in range(counts[video])
    ]
    shards, videos = np.array(sorted(pairs)).T
    rows = np.arange(len(videos)) * 2 + 7
    return rows, videos, shards


def stream_of(data_set: tuple[np.ndarray, ...], seed: int = 0, **changes: object) -> Stream:
    how = {"clips_per_video": "one", "shuffle_shards": 2, "seed": seed} | changes
    return Stream(*data_set, **how)


def many(videos: int, shards: int, clips: int = 1) -> tuple[np.ndarray, ...]:
    """A data set of as many videos in each shard."""
    of = np.repeat(np.arange(videos), clips)
    return np.arange(len(of)), of, of * shards // videos


@fewer_examples
@given(data=data_sets(), seed=SEEDS, number=st.integers(0, 5))
def test_a_pass_over_one_clip_a_video_holds_each_video_exactly_once(data, seed, number):
    stream = stream_of(data, seed)
    rows, videos, _ = data
    assert stream.length == len(set(videos))
    seen = stream.at(range(number * stream.length, (number + 1) * stream.length))
    assert set(seen) <= set(rows)
    assert sorted(videos[np.searchsorted(rows, seen)]) == sorted(set(videos))


@fewer_examples
@given(data=data_sets(), seed=SEEDS, number=st.integers(0, 5))
def test_a_pass_over_all_clips_holds_each_clip_exactly_once(data, seed, number):
    stream = stream_of(data, seed, clips_per_video="all")
    seen = stream.at(range(number * stream.length, (number + 1) * stream.length))
    assert sorted(seen) == sorted(data[0])


@fewer_examples
@given(data=data_sets(), seed=SEEDS, way=WAYS, begin=st.integers(0, 200), count=st.integers(0, 99))
def test_beginning_anywhere_gives_what_going_there_gives(data, seed, way, begin, count):
    gone = stream_of(data, seed, clips_per_video=way)
    one_by_one = [gone.at(range(at, at + 1))[0] for at in range(begin + count)]
    begun = stream_of(data, seed, clips_per_video=way).at(range(begin, begin + count))
    assert begun.tolist() == one_by_one[begin:]


@fewer_examples
@given(
    data=data_sets(),
    way=WAYS,
    ranks=st.integers(1, 4),
    share=st.integers(1, 5),
    steps=st.integers(1, 8),
)
def test_the_ranks_of_all_steps_are_the_stream_without_overlap_or_gap(
    data, way, ranks, share, steps
):
    batch = ranks * share
    parts = [
        positions_of(step, batch, rank, ranks) for step in range(steps) for rank in range(ranks)
    ]
    assert [position for part in parts for position in part] == list(range(batch * steps))
    each = [stream_of(data, clips_per_video=way).at(part).tolist() for part in parts]
    whole = stream_of(data, clips_per_video=way).at(range(batch * steps))
    assert [row for part in each for row in part] == whole.tolist()


def test_a_batch_that_ranks_cannot_divide_is_refused_by_name():
    with pytest.raises(UsageError, match=r"train\.batch=10 .*among 4 ranks; give a multiple of 4"):
        positions_of(0, 10, 0, 4)


@pytest.mark.parametrize("way", ["one", "all"])
def test_the_seed_and_the_pass_decide_the_order(way):
    once, again, other = (
        stream_of(many(50, 5, clips=3), seed, clips_per_video=way) for seed in (1, 1, 2)
    )
    first, second = range(once.length), range(once.length, 2 * once.length)
    assert once.at(first).tolist() == again.at(first).tolist()
    assert once.at(first).tolist() != other.at(first).tolist()
    assert once.at(first).tolist() != once.at(second).tolist()


def test_all_clips_of_a_video_are_as_probable():
    rows, videos, shards = many(400, 4, clips=3)
    stream = stream_of((rows, videos, shards))
    seen = stream.at(range(10 * stream.length)) % 3
    assert np.bincount(seen).min() > 1_200  # of 4,000, 1,333 expected
    assert np.bincount(seen).max() < 1_460


@pytest.mark.parametrize("way", ["one", "all"])
def test_only_the_shards_of_a_block_are_open_at_a_time(way):
    rows, videos, shards = many(120, 12, clips=2)
    stream = stream_of((rows, videos, shards), clips_per_video=way, shuffle_shards=3)
    of_block = stream.at(range(stream.length)).reshape(4, -1)
    opened = [set(shards[block]) for block in of_block]
    assert [len(block) for block in opened] == [3, 3, 3, 3]
    assert set.union(*opened) == set(range(12))
    # Within a block, rows of its shards are mixed.
    assert len(set(shards[of_block[0, :10]])) > 1
    # The shards of the next pass come together otherwise.
    next_pass = stream.at(range(stream.length, 2 * stream.length)).reshape(4, -1)
    assert [set(shards[block]) for block in next_pass] != opened


def test_within_a_block_every_order_is_as_probable():
    stream = stream_of(many(3, 3), shuffle_shards=3)
    seen = stream.at(range(3 * 3_000)).reshape(-1, 3)
    _, counts = np.unique(seen, axis=0, return_counts=True)
    assert len(counts) == 6
    assert counts.min() > 400  # 500 expected


def test_passes_and_examples_of_one_number_have_other_random_numbers():
    drawn = [generator_of(5, kind, 7).random() for kind in (PASSES, EXAMPLES)]
    assert drawn[0] != drawn[1]
    assert drawn[0] == generator_of(5, PASSES, 7).random()
