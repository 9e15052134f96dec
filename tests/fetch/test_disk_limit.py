"""videonet.fetch.disk_limit: how many bytes of videos a store may hold."""

import pytest

from videonet.fetch.disk_limit import reserve_of


@pytest.mark.parametrize(
    ("disk", "reserve"),
    [
        (10**13, 10**9),
        (20 * 10**9, 10**9),
        (19 * 10**9, 950_000_000),
        (10**8, 5_000_000),
        (0, 0),
    ],
)
def test_a_disk_keeps_a_gigabyte_free_and_a_small_one_a_twentieth(disk: int, reserve: int):
    assert reserve_of(disk) == reserve
