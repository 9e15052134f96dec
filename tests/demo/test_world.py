"""demo.world, demo.videos: every kind of trouble is there, and the truth about it is known."""

import csv
from itertools import pairwise

import av
import pytest
import requests

from demo.behaviours import Redirect, Status
from demo.videos import BAD, EXPECTED, KEPT, OTHER, TRUE, VIDEOS, Video
from demo.world import World
from schemas import Outcome, Reason

PLAYABLE = [each for each in VIDEOS if each.make is None and each.behaviour not in (Status(404), Status(403))]


def the(**properties: object) -> Video:
    """The one video with these properties."""
    (video,) = (
        each
        for each in VIDEOS
        if all(getattr(each, name) == value for name, value in properties.items())
    )
    return video


def test_ids_and_paths_are_unique():
    for values in [each.id for each in VIDEOS], [each.path for each in VIDEOS]:
        assert len(set(values)) == len(VIDEOS)


def test_every_class_is_kept_and_every_reason_of_the_demo_occurs():
    kept = {target for (_, target), expected in EXPECTED.items() if expected == KEPT}
    assert kept == {"balloon", "sailboat", "butterfly", "locomotive", "mushroom", "lighthouse"}
    assert {reason for _, reason in EXPECTED.values()} == {
        None,
        Reason.TOO_SHORT,
        Reason.NO_TOP1_MATCH,
        Reason.NOT_A_VIDEO,
        Reason.UNDECODABLE,
        Reason.UNAVAILABLE,
        Reason.REFUSED,
    }
    ...
