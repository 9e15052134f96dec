"""Neighbours of images with STORE and OUT in a bucket: the data set is that of a run here."""

from pathlib import Path

import pytest

from tests.curated import videonet
from tests.neighbours.runs import material_once, typed, whole_once
from tests.published import published
from videonet.dataset.verify import verify

pytestmark = pytest.mark.slow


def test_neighbours_in_a_bucket_are_those_of_a_folder(
    place: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
):
    temporary = tmp_path_factory.getbasetemp()
    material, here = material_once(temporary), whole_once(temporary)
    asked = typed(material, place, "--scratch", tmp_path / "scratch")
    ended = videonet(*asked)
    assert ended.code == 0, ended
    assert published(f"{place}/out") == published(here / "out")
    assert verify(f"{place}/out").problems == []
    # The features lie in the bucket: fewer videos are chosen there without a look at any.
    fewer = typed(
        material, place, "--per-target", "1", "--scratch", tmp_path / "scratch", out="few"
    )
    ended = videonet(*fewer)
    assert ended.code == 0, ended
    assert "2 targets of 2 have the 1 videos that were asked for" in ended.stdout
