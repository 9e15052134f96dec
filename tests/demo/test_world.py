"""demo.world, demo.videos: every kind of trouble is there, and the truth about it is known."""

import csv
from itertools import islice

import av
import pytest
import requests

from demo.behaviours import Redirect, Status
from demo.drawing import KINDS, SCENERY
from demo.videos import EXPECTED, KEPT, VIDEOS, Video
from demo.world import World
from tests.patience import PATIENCE
from videonet.schemas.reason import Reason

BY_ID = {each.id: each for each in VIDEOS}
DRAWN = [
    each
    for each in VIDEOS
    if each.make is None and each.truncated_at is None and each.id not in ("last", "members")
]


def opened(world: World, video: Video) -> av.container.InputContainer:
    return av.open(str(world.files / video.stored))


def test_ids_and_paths_are_unique():
    assert len(BY_ID) == len({each.path for each in VIDEOS}) == len(VIDEOS)


def test_every_class_has_kept_videos_and_the_world_has_all_its_troubles():
    kept = {target for (_, target), expected in EXPECTED.items() if expected == KEPT}
    assert kept == {*KINDS} - {SCENERY}
    assert {reason for _, reason in EXPECTED.values()} == {
        None,
        Reason.TOO_SHORT,
        Reason.NO_TOP1_MATCH,
        Reason.NOT_A_VIDEO,
        Reason.UNDECODABLE,
        Reason.UNAVAILABLE,
        Reason.REFUSED,
    }


def test_some_videos_are_due_for_two_classes_and_some_for_none():
    assert BY_ID["both"].expected == {"balloon": KEPT, "sailboat": KEPT}
    assert set(BY_ID["either"].expected) == {"mushroom", "lighthouse"}
    assert not BY_ID["rents"].expected
    assert "mushroom" in BY_ID["rents"].title.lower()


@pytest.mark.parametrize("video", DRAWN, ids=lambda video: video.id)
def test_what_was_drawn_plays_at_its_size_and_for_its_time(world: World, video: Video):
    with opened(world, video) as file:
        frames = [
            (each.width, each.height)[:: -1 if each.rotation % 180 else 1]
            for each in file.decode(video=0)
        ]
    assert set(frames) == {video.size}
    assert len(frames) == round(video.seconds * video.fps)


def test_the_interrupted_video_promises_150_frames_and_breaks_off_before_the_100th(world: World):
    with opened(world, BY_ID["interrupted"]) as file:
        assert file.streams.video[0].frames == 150
        with pytest.raises(av.InvalidDataError):
            list(islice(file.decode(video=0), 100))


def test_the_podcast_has_sound_and_no_picture(world: World):
    with opened(world, BY_ID["podcast"]) as file:
        assert (len(file.streams.audio), len(file.streams.video)) == (1, 0)


@pytest.mark.parametrize("name", ["plans", "restored"])
def test_a_page_and_noise_are_no_media_at_all(world: World, name: str):
    with pytest.raises(av.InvalidDataError):
        opened(world, BY_ID[name])


def test_the_catalogue_leads_to_every_video_on_the_running_server(world: World):
    with world.serve() as server:
        with world.catalogue.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [each["id"] for each in rows] == list(BY_ID)
        for row in rows:
            video = BY_ID[row["id"]]
            assert row["url"] == server.url(video.path)
            assert row["title"] == video.title
            assert row["duration"] == ("" if video.declared is None else str(video.declared))
            response = requests.head(row["url"], timeout=PATIENCE, allow_redirects=False)
            expected = (
                video.behaviour.status if isinstance(video.behaviour, Status | Redirect) else 200
            )
            assert response.status_code == expected


def test_a_server_that_is_busy_twice_then_works(world: World):
    with world.serve() as server:
        url = server.url(BY_ID["storm"].path)
        answers = [requests.get(url, timeout=PATIENCE) for _ in range(3)]
        assert [each.status_code for each in answers] == [503, 503, 200]
