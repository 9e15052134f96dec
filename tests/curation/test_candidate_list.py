"""videonet.curation.candidate_list: which videos are to be looked at, and for which targets."""

import random
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sources.rows import row_of
from videonet.curation.candidate_list import (
    TITLE_LENGTH,
    TitleHit,
    candidates,
    check_one_url,
    largest_hosts,
    match_rows,
    merge_hits,
    summed_hosts,
    take_quota,
    title_hits,
)
from videonet.errors import UsageError
from videonet.schemas.candidate import Candidate
from videonet.schemas.target import Target
from videonet.sources.source import Row, Rows
from videonet.targets.title_matcher import target_matcher

TARGETS = ("dog", "cat", "bird")
TITLES = target_matcher(
    [
        Target(target_id=name, name=name, synonyms=synonyms, wnid=None, outputs=(0,), senses=())
        for name, synonyms in (("dog", ("hound",)), ("cat", ("kitten",)), ("bird", ()))
    ]
)


def row(rank: int, title: str, url: str = "", video_id: str = "", **changes: Any) -> Row:
    url = url or f"https://example.org/{rank}"
    return row_of(rank, video_id or url, url, None, title, **changes)


def hits_of(*rows: Row) -> list[TitleHit]:
    """What the titles of these rows bring; the url is the key."""
    return [
        hit
        for each in match_rows(Rows(rows), TITLES)
        for hit in title_hits(each, f"url:{each.row.video.url}", "store")
    ]


def for_target(hits: Sequence[TitleHit], target_id: str) -> list[TitleHit]:
    return [hit for hit in hits if hit.match.target_id == target_id]


def urls(hits: Sequence[TitleHit]) -> list[str]:
    return [hit.sighting.video.url.rpartition("/")[2] for hit in hits]


# Titles.


def test_only_rows_whose_titles_name_a_target_go_on():
    rows = Rows((row(0, "My dog"), row(1, "My catalogue"), row(2, "Two cats")))
    assert [(each.row.rank, dict(each.names)) for each in match_rows(rows, TITLES)] == [
        (0, {"dog": ("dog",)}),
        (2, {"cat": ("cat",)}),
    ]


def test_a_title_that_names_two_targets_is_found_for_both():
    hits = hits_of(row(3, "Dog, hound and kitten", query="pets"))
    assert {hit.match.target_id: hit.match.names for hit in hits} == {
        "dog": ("dog", "hound"),
        "cat": ("kitten",),
    }
    assert all((hit.match.rank, hit.match.query) == (3, "pets") for hit in hits)


def test_what_the_source_said_is_kept_with_the_find():
    said = row(3, "A dog", duration=7.5, channel="Dogs", licence="CC0", query="dogs")
    (hit,) = hits_of(said)
    assert hit.sighting.video == said.video
    assert (hit.sighting.query, hit.sighting.rank) == ("dogs", 3)
    assert hit.sighting.video_key == "url:https://example.org/3"
    assert hit.sighting.source == "store"


# The quota.


def test_a_quota_takes_the_first_videos_in_the_order_of_the_source():
    hits = hits_of(*(row(rank, "dog") for rank in (5, 1, 9, 3)))
    taken, _, matched = take_quota(hits, 2)
    assert urls(taken) == ["1", "3"]
    assert matched == 4


def test_a_video_takes_one_place_however_often_it_is_found():
    twice = "https://example.org/twice"
    hits = hits_of(row(0, "dog", twice), row(1, "a dog", twice), row(2, "dog"), row(3, "dog"))
    taken, _, matched = take_quota(hits, 2)
    assert urls(taken) == ["twice", "twice", "2"]
    assert matched == 3


def test_a_second_title_of_a_video_within_the_quota_is_taken_wherever_it_stands():
    first = "https://example.org/first"
    hits = hits_of(row(0, "dog", first), row(1, "dog"), row(2, "hound", first))
    taken, left, _ = take_quota(hits, 1)
    assert [hit.match.names for hit in taken] == [("dog",), ("hound",)]
    assert [hit.sighting.rank for hit in left] == [1]


def test_a_quota_that_is_not_filled_takes_all():
    hits = hits_of(row(0, "dog"), row(1, "dog"))
    assert take_quota(hits, 5000) == (hits, [], 2)
    assert take_quota([], 5000) == ([], [], 0)


# One video.


def test_the_same_id_with_different_urls_is_refused_naming_both():
    hits = hits_of(
        row(7, "dog", "https://x/b", "same"), row(2, "dog and cat", "https://x/a", "same")
    )
    with pytest.raises(UsageError) as caught:
        check_one_url(hits)
    assert str(caught.value) == (
        "The catalogue gives the id 'same' to different videos: https://x/a in row 3 and "
        "https://x/b in row 8; give each its own id."
    )


def test_what_is_refused_is_named_without_its_secrets():
    urls = ("https://me:secret@x/a?token=b", "https://x/c?sig=d")
    hits = hits_of(*(row(rank, "a dog", url, urls[0]) for rank, url in enumerate(urls)))
    with pytest.raises(UsageError) as caught:
        check_one_url(hits)
    assert str(caught.value) == (
        "The catalogue gives the id 'https://REDACTED@x/a?token=REDACTED' to different videos: "
        "https://REDACTED@x/a?token=REDACTED in row 1 and https://x/c?sig=REDACTED in row 2; give "
        "each its own id."
    )


def test_the_same_id_with_the_same_url_is_one_video():
    hits = hits_of(row(0, "dog", "https://x/a", "same"), row(1, "cat", "https://x/a", "same"))
    check_one_url(hits)


def test_the_same_id_without_a_url_is_no_contradiction():
    hits = hits_of(row(0, "dog", "https://x/a", "same"), row_of(1, "same", "", None, "cat"))
    assert len(hits) == 2
    check_one_url(hits)


def made(hits: Sequence[TitleHit]) -> Candidate:
    return merge_hits(hits, TARGETS.index)


def everything(hits: Iterable[TitleHit]) -> list[Candidate]:
    return candidates(hits, TARGETS.index)


def test_a_video_for_several_targets_is_one_candidate_in_the_order_of_the_target_list():
    one = made(hits_of(row(4, "bird, cat and dog")))
    assert [match.target_id for match in one.matches] == ["dog", "cat", "bird"]


def test_names_from_several_titles_are_joined_and_the_first_title_stands():
    url = "https://example.org/x"
    one = made(hits_of(row(8, "a dog, a hound", url), row(3, "hound!", url), row(5, "cat", url)))
    assert one.video.title == "hound!"
    assert [(each.target_id, each.names, each.title, each.rank) for each in one.matches] == [
        ("dog", ("hound", "dog"), None, 3),
        ("cat", ("cat",), "cat", 5),
    ]


def test_what_was_said_first_stands_for_the_video():
    url = "https://example.org/x"
    late, early = (
        row(8, "dog", url, "late", duration=5.0, channel="Late"),
        row(3, "dog", url, "early", duration=7.0, licence="CC0"),
    )
    assert made(hits_of(late, early)).video == early.video


def test_each_video_makes_one_candidate_of_all_its_finds():
    one, two = "https://example.org/1", "https://example.org/2"
    hits = hits_of(row(8, "dog", one), row(3, "dog and cat", two), row(5, "cat", one))
    made_of = {
        each.video.url: [match.target_id for match in each.matches] for each in everything(hits)
    }
    assert made_of == {one: ["dog", "cat"], two: ["dog", "cat"]}


def test_only_the_part_of_a_title_that_is_kept_is_looked_at():
    assert hits_of(row(0, "x" * (TITLE_LENGTH - 4) + " dog"))
    assert not hits_of(row(0, "x" * TITLE_LENGTH + " dog"))


_ROWS = st.lists(
    st.tuples(
        st.sampled_from(["dog", "a hound", "cat and dog", "bird", "bread", "kitten, dog, bird"]),
        st.sampled_from(["a", "b", "c", "d"]),
        st.sampled_from([None, 5.0, 12.0]),
    ),
    max_size=12,
)


@given(_ROWS, st.integers(1, 4), st.randoms())
def test_the_result_does_not_depend_on_the_order_in_which_finds_arrive(
    cells: list[tuple[str, str, float | None]], per_class: int, chance: random.Random
):
    rows = [
        row(rank, title, f"https://x/{name}", duration=duration)
        for rank, (title, name, duration) in enumerate(cells)
    ]

    def result(hits: list[TitleHit]) -> object:
        quotas = {target: take_quota(for_target(hits, target), per_class) for target in TARGETS}
        taken = [hit for group, *_ in quotas.values() for hit in group]
        shuffled = chance.sample(taken, len(taken))
        return quotas, sorted(everything(shuffled), key=lambda each: each.video_key)

    hits = hits_of(*rows)
    assert result(hits) == result(chance.sample(hits, len(hits)))


@given(_ROWS, st.integers(1, 4))
def test_no_target_has_more_candidates_than_its_quota_and_none_fewer_than_there_are(
    cells: list[tuple[str, str, float | None]], per_class: int
):
    hits = hits_of(*(row(rank, each[0], f"https://x/{each[1]}") for rank, each in enumerate(cells)))
    for target in TARGETS:
        taken, left, matched = take_quota(for_target(hits, target), per_class)
        assert len(taken) + len(left) == len(for_target(hits, target))
        assert matched == len({hit.sighting.video_key for hit in for_target(hits, target)})
        assert len({hit.sighting.video_key for hit in taken}) == min(matched, per_class)


def test_hosts_with_many_candidates_are_counted_over_all_parts_of_a_list():
    large = [row(n, "a dog", f"https://large.example/{n}") for n in range(60)]
    small = [row(n, "a dog", f"https://s{n}.example/{n}") for n in range(100, 120)]
    part = largest_hosts(candidates(hits_of(*large, *small), TARGETS.index))
    assert part["large.example"] == 60
    assert len(part) == 8
    # Those that have few are not worth a word.
    assert summed_hosts([part, part, {"other.example": 130}]) == {
        "other.example": 130,
        "large.example": 120,
    }
    assert list(summed_hosts([{"a.example": 100, "b.example": 101}])) == ["b.example", "a.example"]
