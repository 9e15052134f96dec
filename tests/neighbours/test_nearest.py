"""Which candidates are taken: a function of the whole list, in whatever order it comes."""

from hypothesis import given
from hypothesis import strategies as st

from videonet.curation.nearest import Compared, digest_of, in_order, nearest_target, placed
from videonet.curation.verdict import Evidence, Limits, Place, decide
from videonet.schemas.candidate import Candidate, Match
from videonet.schemas.reason import Reason
from videonet.schemas.scan import Scan
from videonet.schemas.target import Target
from videonet.schemas.video_info import VideoInfo


def compared(key: str, similarity: float) -> Compared:
    match = Match(target_id="(not compared)", names=(), title=None, query=None, rank=0)
    candidate = Candidate(
        video_key=key,
        video=VideoInfo(video_id=key, url=f"https://host/{key}", title=key),
        source="catalogue",
        sha256=None,
        matches=(match,),
    )
    return Compared(0, similarity, "content", candidate)


def scanned(*frames: tuple[int, float]) -> Scan:
    return Scan(
        video_key="a",
        sha256="",
        reason=None,
        error=None,
        top1=tuple(target for target, _ in frames),
        probability=tuple(cosine for _, cosine in frames),
        probe=None,
        phash=(),
        seconds=0.0,
    )


found = st.dictionaries(st.text(min_size=1), st.sampled_from([-0.5, 0.0, 0.25, 0.5, 0.9999]))


@given(found, st.integers(1, 5), st.randoms(use_true_random=False))
def test_the_order_in_which_videos_come_does_not_matter(found, quota, random):
    rows = [compared(*each) for each in found.items()]
    shuffled = random.sample(rows, len(rows))
    one, other = in_order(rows), in_order(shuffled)
    assert one == other
    assert digest_of(one) == digest_of(other)
    taken = list(placed(one, "red", quota))
    assert sorted(each.candidate.video_key for each in taken) == sorted(found)
    assert {match.target_id for each in taken for match in each.candidate.matches} <= {"red"}
    assert [each.place.rank for each in taken if each.place] == [*range(1, len(found) + 1)]


@given(found.filter(lambda each: len(each) > 1), st.integers(1, 5))
def test_no_video_that_is_left_is_nearer_than_one_that_is_taken(found, quota):
    listed = list(placed(in_order([compared(*each) for each in found.items()]), "red", quota))
    nearness = [found[each.candidate.video_key] for each in listed]
    taken, left = nearness[:quota], nearness[quota:]
    assert min(taken) >= max(left, default=-1.0)


def test_equally_near_videos_are_taken_in_the_order_of_their_keys():
    rows = [compared("b", 0.5), compared("c", 0.5), compared("a", 0.5)]
    assert [each.candidate.video_key for each in in_order(rows)] == ["a", "b", "c"]


def test_what_videos_were_chosen_from_is_told_by_key_content_and_nearness():
    rows = [compared("a", 0.5), compared("b", 0.25)]
    others = [
        [compared("c", 0.5), rows[1]],
        [compared("a", 0.75), rows[1]],
        [rows[0]._replace(sha256="another"), rows[1]],
        rows[:1],
    ]
    assert digest_of(rows) not in {digest_of(each) for each in others}


def test_a_video_is_for_the_target_of_its_nearest_frame():
    assert nearest_target(scanned((2, 0.25), (1, 0.75), (2, 0.5))) == (1, 0.75)


def test_of_two_targets_that_are_equally_near_the_first_counts():
    assert nearest_target(scanned((2, 0.5), (1, 0.5))) == (1, 0.5)


def test_a_video_that_is_far_from_all_targets_is_chosen_by_its_place_alone():
    """Cosines may be negative."""
    candidate = compared("a", -0.5).candidate
    red = Target(target_id="red", name="red", synonyms=(), wnid=None, outputs=(0,), senses=())
    limits = Limits(min_seconds=10, max_bytes=1, neighbours=True)
    for place, reason in ((Place(1, 3, 2), None), (Place(3, 3, 2), Reason.NOT_SELECTED)):
        decision = decide(candidate, red, Evidence(scan=scanned((0, -0.5)), place=place), limits)
        assert (decision and decision.reason) == reason
