"""layout: the number, the names and the members of shards."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videonet.shards.layout import number_of_shards, shard_of, shard_path


@given(video_key=st.text(), shards=st.integers(1, 100_000))
def test_every_video_belongs_to_one_of_the_shards(video_key, shards):
    assert 0 <= shard_of(video_key, shards) < shards
    assert shard_of(video_key, shards) == shard_of(video_key, shards)


def test_a_video_belongs_to_the_same_shard_on_every_machine():
    assert [shard_of(f"youtube:{number}", 8) for number in range(8)] == [3, 3, 7, 0, 2, 0, 3, 2]


@given(prefix=st.text(max_size=20))
def test_shards_are_of_about_equal_size(prefix):
    members = Counter(shard_of(f"{prefix}{number}", 8) for number in range(8_000))
    assert sorted(members) == list(range(8))
    assert all(800 < count < 1_200 for count in members.values())


@pytest.mark.parametrize(
    ("candidates", "shards"), [(0, 1), (1, 1), (252, 1), (253, 2), (5_000_000, 19_824)]
)
def test_a_shard_is_expected_to_hold_about_250_megabytes(candidates, shards):
    assert number_of_shards(candidates) == shards


def test_smaller_pictures_and_fewer_of_them_go_into_fewer_shards():
    assert number_of_shards(5_000_000, pixels=0.25) == math.ceil(number_of_shards(5_000_000) / 4)
    assert number_of_shards(10, pixels=0.01) == 1


def test_a_file_is_named_after_its_place_among_the_shards():
    assert shard_path("parquet", 0, 8) == "clips/parquet/clips-00000-of-00008.parquet"
    assert shard_path("tfrecord", 7, 8) == "clips/tfrecord/clips-00007-of-00008.tfrecord"
