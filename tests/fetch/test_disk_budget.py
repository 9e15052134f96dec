"""videonet.fetch.disk_budget: never more bytes than allowed, and no wait without an end.

In one process here; see `test_disk_ledger` for several.
"""

import threading
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from tests.patience import PATIENCE
from videonet.fetch.disk_budget import DiskBudget, Room

# Seconds; a wait that lasts as long has failed the test.
LONG = PATIENCE


def budget_with(limit: int | None, used: int = 0, videos: int = 1) -> tuple[DiskBudget, list[Room]]:
    budget = DiskBudget(limit, used)
    return budget, [budget.begin() for _ in range(videos)]


def test_what_fits_is_taken():
    budget, (room,) = budget_with(100)
    assert room.take(60, 0)
    assert room.take(40, 0)
    assert budget.used == 100


def test_the_last_byte_may_be_taken_and_none_beyond():
    budget, (room,) = budget_with(100, used=40)
    assert room.take(60, 0)
    assert not room.take(1, 0)
    assert budget.used == 100


def test_without_a_limit_everything_fits_and_is_counted():
    budget, (room,) = budget_with(None)
    assert room.take(1 << 60, 0)
    assert budget.used == 1 << 60


def test_a_single_download_that_finds_no_room_is_told_so_although_time_is_left():
    budget, (room,) = budget_with(100, used=90)
    assert not room.take(20, LONG)
    assert budget.used == 90


def test_more_than_the_whole_budget_is_refused_although_others_are_undecided():
    _, (room, _) = budget_with(100, videos=2)
    assert not room.take(101, LONG)


def test_what_comes_from_another_machine_counts_whether_or_not_it_fits():
    budget, (room,) = budget_with(100, used=90)
    room.bring(20)
    assert budget.used == 110
    assert not room.take(1, LONG)
    room.settle(released=20)
    assert budget.used == 90


def test_time_up_is_an_answer():
    _, (room, _) = budget_with(100, used=90, videos=2)
    assert not room.take(20, 0.01)


def test_a_download_waits_until_another_video_is_rejected():
    budget, (room, other) = budget_with(100, used=90, videos=2)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(room.take, 20, LONG)
        other.settle(released=50)
        assert waiting.result()
    assert budget.used == 60


def test_a_download_waits_until_another_download_failed():
    budget, (room, other) = budget_with(100, used=90, videos=2)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(room.take, 20, LONG)
        other.give_back(50)
        assert waiting.result()
    assert budget.used == 60


def test_a_download_stops_waiting_when_all_others_are_kept():
    _, (room, *others) = budget_with(100, used=90, videos=3)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(room.take, 20, LONG)
        for other in others:
            other.settle()
        assert not waiting.result()


def test_who_waits_for_something_else_is_not_waited_for():
    _, (room, other) = budget_with(100, used=90, videos=2)
    with other.aside():
        assert not room.take(20, LONG)


def test_of_two_downloads_that_wait_for_each_other_one_gives_up_and_the_other_goes_on():
    budget, rooms = budget_with(100, videos=2)
    both_have_begun = threading.Barrier(2)

    def download(room: Room) -> bool:
        assert room.take(50, 0)
        both_have_begun.wait()
        fits = room.take(50, LONG)
        if not fits:
            room.give_back(50)
        room.settle()
        return fits

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(download, rooms))
    assert sorted(results) == [False, True]
    assert budget.used == 100


def test_who_wants_too_much_waits_in_vain_only_when_nobody_else_can_go_on():
    """Two wait, and there is room for one of them when a third is decided."""
    budget, (small, large, third) = budget_with(100, used=50, videos=3)
    assert third.take(50, 0)
    with ThreadPoolExecutor(2) as pool:
        waiting = {
            room: pool.submit(room.take, size, LONG) for room, size in ((large, 60), (small, 40))
        }
        third.settle(released=50)
        assert waiting[small].result()
        small.settle(released=40)
        assert not waiting[large].result()
    assert budget.used == 50


STEPS = st.lists(
    st.tuples(st.sampled_from(["take", "give back", "keep", "reject"]), st.integers(0))
)


@given(limit=st.integers(0, 1000), used=st.integers(0, 1000), steps=STEPS)
def test_the_budget_is_the_sum_of_what_was_taken_and_never_above_its_limit(limit, used, steps):
    budget = DiskBudget(limit, min(used, limit))
    before, mine = budget.used, 0
    room = budget.begin()
    for step, size in steps:
        size %= 700
        if step == "take":
            fits = before + mine + size <= limit
            assert room.take(size, LONG) == fits
            mine += size if fits else 0
        elif step == "give back":
            room.give_back(min(size, mine))
            mine -= min(size, mine)
        else:
            room.settle(mine if step == "reject" else 0)
            before, mine = before + (mine if step == "keep" else 0), 0
            room = budget.begin()
        assert budget.used == before + mine <= limit


def test_many_downloads_at_once_all_end_and_never_pass_the_limit():
    limit, peaks = 1000, []
    budget = DiskBudget(limit)

    def download(number: int) -> int:
        """Bytes kept of it: every third video is."""
        room = budget.begin()
        mine = 0
        for size in (50, 100 + number):
            if not room.take(size, LONG):
                room.give_back(mine)
                room.settle()
                return 0
            mine += size
            peaks.append(budget.used)
        kept = mine if number % 3 == 0 else 0
        room.settle(mine - kept)
        return kept

    with ThreadPoolExecutor(16) as pool:
        kept = sum(pool.map(download, range(60)))
    assert max(peaks) <= limit
    assert budget.used == kept > 0
