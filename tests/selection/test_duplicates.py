"""Which videos are the same, and which of them stays: plain functions."""

import tracemalloc
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from videonet.schemas.clip_hashes import ClipHashes
from videonet.selection import frame_index
from videonet.selection.common_frames import LIKE_BITS, Frames, frames_in_common
from videonet.selection.duplicates import (
    LEAST_FRAMES,
    Duplicate,
    KeptVideo,
    best_first,
    different_contents,
    duplicates,
)
from videonet.selection.frame_index import pairs_to_compare
from videonet.selection.frame_table import FrameTable, frame_table
from videonet.video.frame_hash import LEAST_QUALITY

HALF_A_SECOND = 500_000


def random_frames(number: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (number, 32), np.uint8)


def flipped(hashes: np.ndarray, bits: int) -> np.ndarray:
    """The same with so many bits flipped, other ones in each frame."""
    unpacked = np.unpackbits(hashes, axis=1)
    for number, frame in enumerate(unpacked):
        frame[np.random.default_rng(number).permutation(256)[:bits]] ^= 1
    return np.packbits(unpacked, axis=1)


def hashed(hashes: np.ndarray, *, begin: int = 0, quality: int = 100) -> ClipHashes:
    """As the store has them: of one clip, from `begin` on, microseconds."""
    number = len(hashes)
    return ClipHashes(
        video_key="",
        sha256="",
        cut_key="",
        version=1,
        clips=(0,) * number,
        times=tuple(begin + HALF_A_SECOND * place for place in range(number)),
        hashes=hashes.tobytes(),
        qualities=bytes([quality] * number),
    )


def video(name: str, *, content: str = "", pixels: int = 1, rate: float = 1.0, rank: int = 0):
    return KeptVideo(name, content or f"of {name}", pixels, rate, rank)


def found(shown: Sequence[ClipHashes | None], videos: Sequence[KeptVideo] = ()) -> dict[str, str]:
    """Who is dropped for whom; without `videos`, those that are called a, b, c and on."""
    videos = videos or [video(chr(ord("a") + place)) for place in range(len(shown))]
    table = frame_table(
        len(shown), [(place, each) for place, each in enumerate(shown) if each is not None]
    )
    return {each.video_key: each.of for each in duplicates(best_first(videos), table)}


def frames(hashes: np.ndarray, times: Sequence[int]) -> Frames:
    return Frames(np.ascontiguousarray(hashes).view(np.uint64), np.array(times, np.int64))


def test_more_pixels_stay_then_more_bytes_a_second_then_the_first():
    small, large = video("a", pixels=100), video("b", pixels=200)
    thick, late = video("c", pixels=200, rate=9.0, rank=7), video("d", pixels=200, rate=9.0, rank=8)
    assert best_first([small, late, large, thick]) == [thick, late, large, small]
    assert best_first([video("b"), video("a")]) == [video("a"), video("b")]


def test_a_video_of_several_classes_counts_once_with_its_lowest_rank():
    assert best_first([video("a", rank=4), video("a", rank=2)]) == [video("a", rank=2)]


def test_the_same_bytes_need_no_frames():
    videos = [video("a", content="x"), video("b", content="x"), video("c", content="y")]
    assert [each.video_key for each in different_contents(videos)] == ["a", "c"]
    assert found([None, None], videos) == {"b": "a"}


def test_a_video_encoded_again_makes_way_for_the_better_one():
    shown = random_frames(20, 1)
    again = flipped(shown, 10)
    assert found([hashed(shown), hashed(again), hashed(random_frames(20, 2))]) == {"b": "a"}
    (duplicate,) = duplicates(
        [video("a"), video("b")], frame_table(2, [(0, hashed(shown)), (1, hashed(again))])
    )
    assert duplicate == Duplicate("b", "a", "20 of 20 frames show the same as a, which stays")


def test_copies_of_a_dropped_video_with_the_same_bytes_name_the_one_that_stays():
    shown = random_frames(20, 1)
    videos = [video("a"), video("b", content="x"), video("c", content="x")]
    assert found([hashed(shown), hashed(flipped(shown, 8))], videos) == {"b": "a", "c": "a"}


def test_frames_that_show_too_little_do_not_count():
    black = np.zeros((20, 32), np.uint8)
    dark = hashed(black, quality=LEAST_QUALITY - 1)
    assert found([dark, dark]) == {}
    assert found([hashed(black), hashed(black)]) == {"b": "a"}


@pytest.mark.parametrize(("shared", "same"), [(10, True), (9, False)])
def test_half_of_the_shorter_ones_frames_must_be_the_same(shared: int, same: bool):
    one, other = random_frames(40, 1), random_frames(20, 2)
    other[:shared] = one[:shared]
    assert found([hashed(one), hashed(other)]) == ({"b": "a"} if same else {})


@pytest.mark.parametrize(("number", "same"), [(LEAST_FRAMES, True), (LEAST_FRAMES - 1, False)])
def test_a_few_frames_say_too_little(number: int, same: bool):
    shown = hashed(random_frames(number, 1))
    assert found([shown, shown]) == ({"b": "a"} if same else {})


def test_parts_of_one_long_video_are_the_same_where_they_overlap_enough():
    whole = random_frames(60, 1)
    apart = [hashed(whole[:30]), hashed(whole[30:], begin=0)]
    overlapping = [hashed(whole[:30]), hashed(whole[14:44], begin=0)]
    assert found(apart) == {}
    assert found(overlapping) == {"b": "a"}


def test_an_opening_that_two_videos_share_does_not_make_them_the_same():
    opening = random_frames(8, 1)
    one, other = (np.concatenate([opening, random_frames(32, seed)]) for seed in (2, 3))
    assert found([hashed(one), hashed(other)]) == {}


def test_no_chain_of_likenesses_leads_from_one_to_another():
    """b is like a and c; c is not like a, and stays though it is like a dropped one."""
    whole = random_frames(40, 1)
    a, b, c = whole[:20], whole[10:30], whole[20:40]
    assert found([hashed(a), hashed(b), hashed(c)]) == {"b": "a"}
    assert found([hashed(b), hashed(a), hashed(c)]) == {"b": "a", "c": "a"}


def test_times_may_differ_by_any_span_but_all_by_the_same():
    shown = random_frames(10, 1)
    times = [HALF_A_SECOND * place for place in range(10)]
    later = [90_000_000 + each for each in times]
    assert frames_in_common(frames(shown, times), frames(shown, later)) == 10
    backwards = frames(shown[::-1], times)
    assert frames_in_common(frames(shown, times), backwards) <= 2


def test_which_is_named_first_makes_no_difference():
    one = frames(random_frames(12, 1), [HALF_A_SECOND * each for each in range(12)])
    other = frames(flipped(random_frames(12, 1)[3:], 9), [HALF_A_SECOND * e for e in range(9)])
    assert frames_in_common(one, other) == frames_in_common(other, one) == 9


FEW = random_frames(3, 5)


@given(
    st.integers(0, 8).flatmap(
        lambda number: st.tuples(
            *[st.lists(st.integers(0, 2), min_size=number, max_size=number)] * 2
        )
    )
)
@example(([0, 1], [0, 0]))
def test_of_two_with_equally_many_frames_neither_is_the_first(shown: tuple[list[int], list[int]]):
    one, other = (
        frames(FEW[each], [HALF_A_SECOND * place for place in range(len(each))]) for each in shown
    )
    common = frames_in_common(one, other)
    assert common == frames_in_common(other, one)
    for own, theirs in (shown, shown[::-1]):
        assert common <= sum(each in theirs for each in own)


def test_frames_are_alike_up_to_so_many_bits():
    shown, times = random_frames(6, 1), [HALF_A_SECOND * place for place in range(6)]
    for bits, common in ((LIKE_BITS, 6), (LIKE_BITS + 1, 0)):
        other = frames(flipped(shown, bits), times)
        assert frames_in_common(frames(shown, times), other) == common
        assert len(found([hashed(shown), hashed(flipped(shown, bits))])) == (common > 0)


def test_the_index_of_many_frames_finds_what_comparing_all_of_them_does(monkeypatch):
    number = 300
    shown = [random_frames(16, seed) for seed in range(number)]
    for place in range(0, number, 3):
        shown[place + 1] = flipped(shown[place], 10)
    table = frame_table(number, [(place, hashed(each)) for place, each in enumerate(shown)])
    pairs = pairs_to_compare(table)
    assert pairs.tolist() == [[place + 1, place] for place in range(0, number, 3)]
    monkeypatch.setattr(frame_index, "_OF_A_CELL", 100)
    monkeypatch.setattr(frame_index, "_MOST", 500)
    monkeypatch.setattr(frame_index, "_AT_ONCE", 100)
    monkeypatch.setattr(frame_index, "_PAIRS_AT_ONCE", 7)
    assert pairs_to_compare(table).tolist() == pairs.tolist()


def test_a_frame_that_is_in_many_videos_brings_the_best_of_them(monkeypatch):
    monkeypatch.setattr(frame_index, "_BEST", 2)
    shown = hashed(random_frames(8, 1))
    assert found([shown] * 9) == dict.fromkeys("bcdefghi", "a")


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 99)), max_size=30), max_size=5)
)
def test_the_first_hits_of_all_parts_are_among_the_first_of_each(parts):
    """So what comes later may be dropped after each part; `number` is 100 here."""
    codes = [np.array([100 * query + video for query, video in each], int) for each in parts]
    kept = np.empty(0, int)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frame_index, "_BEST", 3)
        for each in codes:
            kept = frame_index._first_of_each(np.concatenate([kept, each]), 100)
    hits = {code for each in codes for code in each.tolist()}
    first = (sorted(code for code in hits if code // 100 == query)[:3] for query in range(4))
    assert kept.tolist() == [code for own in first for code in own]


def test_a_frame_that_is_in_very_many_videos_takes_little_memory(monkeypatch):
    """However many hits a query has: kept are the first of them, and those of some pairs."""
    number, asked = 1_500, 64
    monkeypatch.setattr(frame_index, "_AT_ONCE", asked)
    monkeypatch.setattr(frame_index, "_PAIRS_AT_ONCE", 2_048)
    shown = hashed(random_frames(1, 1))
    table = frame_table(number, [(place, shown) for place in range(number)])
    index = frame_index._Index(table.hashes, np.arange(number))
    tracemalloc.start()
    try:
        hits = frame_index._hits(index, table, 0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # All hits would be 1,023 of each frame in ten parts, of eight bytes: 5.2 MB.
    assert peak < 2_000_000
    best = frame_index._BEST
    first = ([other for other in range(best + 1) if other != own][:best] for own in range(asked))
    pairs = {
        max(own, other) * number + min(own, other)
        for own, others in enumerate(first)
        for other in others
    }
    assert hits.tolist() == sorted(pairs)


def test_there_may_be_no_videos_and_none_with_frames():
    assert found([]) == {}
    assert found([None, None]) == {}
    empty = FrameTable(
        np.empty((0, 32), np.uint8), np.empty(0, np.int64), np.zeros(0, int), np.zeros(0, int)
    )
    assert pairs_to_compare(empty).shape == (0, 2)


WHOLES = [flipped(random_frames(24, seed), bits) for seed in range(2) for bits in (0, 10)]


@st.composite
def many(draw) -> list[ClipHashes]:
    """Videos that show stretches of two longer ones, two encodings each."""
    stretches = st.tuples(st.integers(0, 3), st.integers(0, 20), st.integers(0, 24))
    drawn = draw(st.lists(stretches, max_size=8))
    return [hashed(WHOLES[which][begin : begin + number]) for which, begin, number in drawn]


@given(many())
@settings(max_examples=25)
def test_whatever_is_dropped_is_like_the_one_that_stays_and_no_two_that_stay_are_alike(shown):
    dropped = found(shown)
    names = [chr(ord("a") + place) for place in range(len(shown))]
    all_frames = {
        name: Frames(np.frombuffer(each.hashes, np.uint64).reshape(-1, 4), np.array(each.times))
        for name, each in zip(names, shown, strict=True)
    }

    def are_alike(one: str, other: str) -> bool:
        common = frames_in_common(all_frames[one], all_frames[other])
        least = min(len(all_frames[each].times) for each in (one, other))
        return common >= LEAST_FRAMES and Fraction(common, max(1, least)) >= Fraction(1, 2)

    staying = [name for name in names if name not in dropped]
    for name, stays in dropped.items():
        assert stays in staying
        assert stays < name
        assert are_alike(name, stays)
    for place, one in enumerate(staying):
        assert not any(are_alike(one, other) for other in staying[place + 1 :])
