"""tests.site.videos: the world is as it says, and so are the verdicts that it calls for."""

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from demo.train_classifier import MODEL
from tests.site import CLASSES, KINDS, Condition, SiteVideo, deserved, make_videos, shared_films
from tests.site.videos import NAMES, Films
from videonet.classifier.model import load_classifier
from videonet.schemas.reason import Outcome, Reason
from videonet.targets.title_matcher import TitleMatcher
from videonet.video.decode import VideoError, first_frames, video_length

KEPT = (Outcome.KEPT, None)


@pytest.fixture
def films(tmp_path_factory: pytest.TempPathFactory) -> Films:
    return shared_films(tmp_path_factory.getbasetemp())


@pytest.fixture
def videos(films: Films) -> list[SiteVideo]:
    return make_videos(films, 1000)


@pytest.fixture
def kept(films: Films) -> SiteVideo:
    """A video that is kept for its target; each test says what is the matter with another."""
    return SiteVideo(
        "-_0123456aA", "A balloon", films[("balloon",), 12], declared=12, names=("balloon",)
    )


def test_every_frame_of_every_film_is_classified_as_what_was_drawn(films: Films) -> None:
    classifier = load_classifier(str(MODEL))
    names = [label.name for label in classifier.labels]
    for (shows, seconds), film in films.items():
        for each in film.formats:
            if each.vcodec == "none":
                with pytest.raises(VideoError):
                    video_length(each.file)
                continue
            assert video_length(each.file) == seconds
            images = first_frames(each.file, 100, classifier.resize, classifier.crop).images
            top1, _ = classifier.classify(images)
            assert {names[output] for output in np.unique(top1)} == {*shows}, each.file


def test_titles_name_what_they_are_said_to(videos: list[SiteVideo]) -> None:
    matcher = TitleMatcher(NAMES)
    for video in videos:
        assert tuple(matcher.match(video.title)) == video.names


def test_the_classes_are_those_of_the_demo() -> None:
    assert [line.split(":")[0] for line in CLASSES.splitlines()] == [*KINDS] == [*NAMES]
    assert NAMES["balloon"] == ("balloon", "hot air balloon", "montgolfière")


def test_ids_are_youtubes_and_unique_and_titles_too(videos: list[SiteVideo]) -> None:
    assert all(re.fullmatch(r"[\w-]{11}", video.id, re.ASCII) for video in videos)
    assert len({video.id for video in videos}) == len({video.title for video in videos}) == 1000


def test_the_world_has_everything_in_it(videos: list[SiteVideo]) -> None:
    due = Counter(deserved(video, target) for video in videos for target in video.names)
    assert due[KEPT] > 200
    assert {reason for _, reason in due} == {
        None,
        Reason.TOO_SHORT,
        Reason.NO_TOP1_MATCH,
        Reason.UNAVAILABLE,
        Reason.PRIVATE,
        Reason.GEO_BLOCKED,
        Reason.AGE_GATED,
        Reason.LIVE,
        Reason.UPCOMING,
        Reason.UNDECODABLE,
        Reason.NOT_A_VIDEO,
        Reason.REFUSED,
    }
    assert {video.condition for video in videos} == {*Condition}
    for kind in KINDS:
        assert any(kind in each.names and deserved(each, kind) == KEPT for each in videos)
    assert any(len(video.names) == 2 for video in videos)
    assert any(not video.names for video in videos)
    assert {video.declared for video in videos} == {None, 3, 4, 12}


def test_equal_seeds_make_equal_worlds_and_more_is_more_of_the_same(films: Films) -> None:
    assert make_videos(films, 50) == make_videos(films, 200)[:50]
    assert make_videos(films, 50) != make_videos(films, 50, seed=1)
    calm = make_videos(films, 50, troubled=0)
    assert {video.condition for video in calm} == {Condition.AVAILABLE}


def test_a_video_that_shows_what_its_title_names_is_kept(kept: SiteVideo) -> None:
    assert deserved(kept, "balloon") == KEPT
    assert deserved(replace(kept, declared=None), "balloon") == KEPT
    assert deserved(replace(kept, declared=9), "balloon") == KEPT


def test_a_declared_length_that_is_too_short_comes_first(kept: SiteVideo) -> None:
    brief = replace(kept, declared=8, condition=Condition.PRIVATE)
    assert deserved(brief, "balloon") == (Outcome.REJECTED, Reason.TOO_SHORT)
    assert deserved(brief, "balloon", min_seconds=9) == (Outcome.FAILED, Reason.PRIVATE)
    live = replace(brief, condition=Condition.LIVE)
    assert deserved(live, "balloon") == (Outcome.FAILED, Reason.LIVE)


def test_a_lie_comes_before_a_measured_length(kept: SiteVideo, films: Films) -> None:
    lie = replace(kept, film=films[("mushroom",), 3], declared=None)
    assert deserved(lie, "balloon") == (Outcome.REJECTED, Reason.NO_TOP1_MATCH)
    brief = replace(lie, film=films[("balloon",), 3])
    assert deserved(brief, "balloon") == (Outcome.REJECTED, Reason.TOO_SHORT)
    assert deserved(brief, "balloon", min_seconds=3) == KEPT


def test_what_passes_is_kept_if_it_passes_in_time(kept: SiteVideo) -> None:
    busy = replace(kept, condition=Condition.SERVER_ERROR_THEN_FINE, times=2)
    assert deserved(busy, "balloon", attempts=3) == KEPT
    assert deserved(busy, "balloon", attempts=2) == (Outcome.FAILED, Reason.SERVER_ERROR)


def test_a_licence_is_on_the_page_and_counts_before_the_file(kept: SiteVideo) -> None:
    gone = replace(kept, condition=Condition.MEDIA_GONE)
    assert deserved(gone, "balloon") == (Outcome.FAILED, Reason.REFUSED)
    licensed = deserved(gone, "balloon", creative_commons_only=True)
    assert licensed == (Outcome.REJECTED, Reason.LICENCE)
    removed = replace(kept, condition=Condition.REMOVED)
    unread = deserved(removed, "balloon", creative_commons_only=True)
    assert unread == (Outcome.FAILED, Reason.UNAVAILABLE)
