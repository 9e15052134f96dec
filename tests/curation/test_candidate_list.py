"""videonet.curation.candidate_list: which videos are to be looked at, and for which targets."""

import random
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videonet.curation.candidate_list import (
    TITLE_LENGTH,
    TitleHit,
    candidate,
    candidates,
    found,
    named,
    one_url_each,
    within_quota,
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


def row(rank: int, title: str, url: str = "", video_id: str = "", **changes: object) -> Row:
    url = url or f"https://example.org/{rank}"
    return Row(rank, video_id or url, url, None, title, **changes)


def finds_of(*rows: Row) -> list[TitleHit]:
    """What the titles of these rows bring; the url is the key."""
    return [
        find
        for each in named(Rows(rows), TITLES)
        for find in found(each, f"url:{each.row.url}", "store")
    ]


def for_target(finds: Sequence[TitleHit], target_id: str) -> list[TitleHit]:
    return [find for find in finds if find.match.target_id == target_id]


def urls(finds: Sequence[TitleHit]) -> list[str]:
    return [find.sighting.url.rpartition("/")[2] for find in finds]


# Titles.


def test_only_rows_whose_titles_name_a_target_go_on():
    rows = Rows((row(0, "My dog"), row(1, "My catalogue"), row(2, "Two cats")))
    assert [(each.row.rank, dict(each.names)) for each in named(rows, TITLES)] == [
        (0, {"dog": ("dog",)}),
        (2, {"cat": ("cat",)}),
    ]


def test_a_title_that_names_two_targets_is_found_for_both():
    finds = finds_of(row(3, "Dog, hound and kitten", query="pets"))
    assert {find.match.target_id: find.match.names for find in finds} == {
        "dog": ("dog", "hound"),
        "cat": ("kitten",),
    }
    assert all((find.match.rank, find.match.query) == (3, "pets") for find in finds)


def test_what_the_source_said_is_kept_with_the_find():
    said = row(3, "A dog", duration=7.5, channel="Dogs", licence="CC0", query="dogs")
    (find,) = finds_of(said)
    assert {name: getattr(find.sighting, name) for name in Row._fields if name != "video_key"} == {
        name: getattr(said, name) for name in Row._fields if name != "video_key"
    }
    assert find.sighting.video_key == "url:https://example.org/3"
    assert find.sighting.source == "store"


# The quota.


def test_a_quota_takes_the_first_videos_in_the_order_of_the_source():
    finds = finds_of(*(row(rank, "dog") for rank in (5, 1, 9, 3)))
    taken, matched = within_quota(finds, 2)
    assert urls(taken) == ["1", "3"]
    assert matched == 4


def test_a_video_takes_one_place_however_often_it_is_found():
    twice = "https://example.org/twice"
    finds = finds_of(row(0, "dog", twice), row(1, "a dog", twice), row(2, "dog"), row(3, "dog"))
    taken, matched = within_quota(finds, 2)
    assert urls(taken) == ["twice", "twice", "2"]
    assert matched == 3


def test_a_second_title_of_a_video_within_the_quota_is_taken_wherever_it_stands():
    first = "https://example.org/first"
    finds = finds_of(row(0, "dog", first), row(1, "dog"), row(2, "hound", first))
    taken, _ = within_quota(finds, 1)
    assert [find.match.names for find in taken] == [("dog",), ("hound",)]


def test_a_quota_that_is_not_filled_takes_all():
    finds = finds_of(row(0, "dog"), row(1, "dog"))
    assert within_quota(finds, 5000) == (finds, 2)
    assert within_quota([], 5000) == ([], 0)


# One video.


def test_the_same_id_with_different_urls_is_refused_naming_both():
    finds = finds_of(
        row(7, "dog", "https://x/b", "same"), row(2, "dog and cat", "https://x/a", "same")
    )
    with pytest.raises(UsageError) as caught:
        one_url_each(finds)
    assert str(caught.value) == (
        "The catalogue gives the id 'same' to different videos: https://x/a in row 3 and "
        "https://x/b in row 8; give each its own id."
    )


def test_the_same_id_with_the_same_url_is_one_video():
    finds = finds_of(row(0, "dog", "https://x/a", "same"), row(1, "cat", "https://x/a", "same"))
    assert one_url_each(finds) == finds


def made(finds: Sequence[TitleHit]) -> Candidate:
    return candidate(finds, TARGETS.index)


def everything(finds: Iterable[TitleHit]) -> list[Candidate]:
    return candidates(finds, TARGETS.index)


def test_a_video_for_several_targets_is_one_candidate_in_the_order_of_the_target_list():
    one = made(finds_of(row(4, "bird, cat and dog")))
    assert [match.target_id for match in one.matches] == ["dog", "cat", "bird"]


def test_names_from_several_titles_are_joined_and_the_first_title_stands():
    url = "https://example.org/x"
    one = made(finds_of(row(8, "a dog, a hound", url), row(3, "hound!", url), row(5, "cat", url)))
    assert one.title == "hound!"
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
    one = made(finds_of(late, early))
    assert (one.video_id, one.duration, one.channel, one.licence) == ("early", 7.0, None, "CC0")


def test_each_video_makes_one_candidate_of_all_its_finds():
    one, two = "https://example.org/1", "https://example.org/2"
    finds = finds_of(row(8, "dog", one), row(3, "dog and cat", two), row(5, "cat", one))
    made_of = {each.url: [match.target_id for match in each.matches] for each in everything(finds)}
    assert made_of == {one: ["dog", "cat"], two: ["dog", "cat"]}


def test_only_the_part_of_a_title_that_is_kept_is_looked_at():
    assert finds_of(row(0, "x" * (TITLE_LENGTH - 4) + " dog"))
    assert not finds_of(row(0, "x" * TITLE_LENGTH + " dog"))


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

    def result(finds: list[TitleHit]) -> object:
        quotas = {target: within_quota(for_target(finds, target), per_class) for target in TARGETS}
        taken = [find for group, _ in quotas.values() for find in group]
        shuffled = chance.sample(taken, len(taken))
        return quotas, sorted(everything(shuffled), key=lambda each: each.video_key)

    finds = finds_of(*rows)
    assert result(finds) == result(chance.sample(finds, len(finds)))


@given(_ROWS, st.integers(1, 4))
def test_no_target_has_more_candidates_than_its_quota_and_none_fewer_than_there_are(
    cells: list[tuple[str, str, float | None]], per_class: int
):
    finds = finds_of(
        *(row(rank, each[0], f"https://x/{each[1]}") for rank, each in enumerate(cells))
    )
    for target in TARGETS:
        taken, matched = within_quota(for_target(finds, target), per_class)
        assert matched == len({find.sighting.video_key for find in for_target(finds, target)})
        assert len({find.sighting.video_key for find in taken}) == min(matched, per_class)
