"""videonet.fetch.disk_budget: never more bytes than allowed, and no wait without an end."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.patience import PATIENCE
from videonet.fetch.disk_budget import DiskBudget, reserve_of

# Seconds; a wait that lasts as long has failed the test.
LONG = PATIENCE


def budget_with(limit: int | None, used: int = 0, videos: int = 1) -> DiskBudget:
    budget = DiskBudget(limit, used)
    for _ in range(videos):
        budget.begin()
    return budget


def test_what_fits_is_taken():
    budget = budget_with(100)
    assert budget.take(60, 0)
    assert budget.take(40, 0)
    assert budget.used == 100


def test_the_last_byte_may_be_taken_and_none_beyond():
    budget = budget_with(100, used=40)
    assert budget.take(60, 0)
    assert not budget.take(1, 0)
    assert budget.used == 100


def test_without_a_limit_everything_fits_and_is_counted():
    budget = budget_with(None)
    assert budget.take(1 << 60, 0)
    assert budget.used == 1 << 60


def test_a_single_download_that_finds_no_room_is_told_so_although_time_is_left():
    budget = budget_with(100, used=90)
    assert not budget.take(20, LONG)
    assert budget.used == 90


def test_more_than_the_whole_budget_is_refused_although_others_are_undecided():
    budget = budget_with(100, videos=2)
    assert not budget.take(101, LONG)


def test_what_comes_from_another_machine_counts_whether_or_not_it_fits():
    budget = budget_with(100, used=90)
    budget.bring(20)
    assert budget.used == 110
    assert not budget.take(1, LONG)
    budget.settle(released=20)
    assert budget.used == 90


def test_time_up_is_an_answer():
    budget = budget_with(100, used=90, videos=2)
    assert not budget.take(20, 0.01)


def test_a_download_waits_until_another_video_is_rejected():
    budget = budget_with(100, used=90, videos=2)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(budget.take, 20, LONG)
        budget.settle(released=50)
        assert waiting.result()
    assert budget.used == 60


def test_a_download_waits_until_another_download_failed():
    budget = budget_with(100, used=90, videos=2)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(budget.take, 20, LONG)
        budget.give_back(50)
        assert waiting.result()
    assert budget.used == 60


def test_a_download_stops_waiting_when_all_others_are_kept():
    budget = budget_with(100, used=90, videos=3)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(budget.take, 20, LONG)
        budget.settle()
        budget.settle()
        assert not waiting.result()


def test_of_two_downloads_that_wait_for_each_other_one_gives_up_and_the_other_goes_on():
    budget = budget_with(100, videos=2)
    both_have_begun = threading.Barrier(2)

    def download() -> bool:
        assert budget.take(50, 0)
        both_have_begun.wait()
        fits = budget.take(50, LONG)
        if not fits:
            budget.give_back(50)
        budget.settle()
        return fits

    with ThreadPoolExecutor(2) as pool:
        results = [each.result() for each in [pool.submit(download) for _ in range(2)]]
    assert sorted(results) == [False, True]
    assert budget.used == 100


STEPS = st.lists(
    st.tuples(st.sampled_from(["take", "give back", "keep", "reject"]), st.integers(0))
)


@given(limit=st.integers(0, 1000), used=st.integers(0, 1000), steps=STEPS)
def test_the_budget_is_the_sum_of_what_was_taken_and_never_above_its_limit(limit, used, steps):
    budget = DiskBudget(limit, min(used, limit))
    before, mine = budget.used, 0
    budget.begin()
    for step, size in steps:
        size %= 700
        if step == "take":
            fits = before + mine + size <= limit
            assert budget.take(size, LONG) == fits
            mine += size if fits else 0
        elif step == "give back":
            budget.give_back(min(size, mine))
            mine -= min(size, mine)
        else:
            budget.settle(mine if step == "reject" else 0)
            before, mine = before + (mine if step == "keep" else 0), 0
            budget.begin()
        assert budget.used == before + mine <= limit


def test_many_downloads_at_once_all_end_and_never_pass_the_limit():
    limit, peaks = 1000, []
    budget = DiskBudget(limit)

    def download(number: int) -> int:
        """Bytes kept of it: every third video is."""
        budget.begin()
        mine = 0
        for size in (50, 100 + number):
            if not budget.take(size, LONG):
                budget.give_back(mine)
                budget.settle()
                return 0
            mine += size
            peaks.append(budget.used)
        kept = mine if number % 3 == 0 else 0
        budget.settle(mine - kept)
        return kept

    with ThreadPoolExecutor(16) as pool:
        kept = sum(pool.map(download, range(60)))
    assert max(peaks) <= limit
    assert budget.used == kept > 0


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
