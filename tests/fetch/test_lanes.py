"""videonet.fetch.lanes: however processes come and go, a host is asked within its pace."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fetch.refusing import HOST, FakeClock
from tests.storage.memory_objects import MemoryObjects
from videonet.fetch.host_state import Pace
from videonet.fetch.lane_keeper import RENEW, LaneKeeper
from videonet.fetch.lanes import LanedState, Share, Wish, share_of
from videonet.schemas.host_lanes import Claimant, HostLanes

STORAGE = Path(__file__).parents[2] / "docs/storage.md"

PACE = Pace(requests_per_second=5, connections=4, patience=3, pause=8, longest_pause=64)


def claimants(**lanes: tuple[int, ...]) -> dict[str, Claimant]:
    return {name: Claimant(sign=1, seconds=30, lanes=held) for name, held in lanes.items()}


def lanes_of(wanted: int, *, held: int = 0, turn_is_over: bool = False, **others) -> Share:
    """What "me" has of four lanes."""
    return share_of("me", Wish(wanted, held, turn_is_over), claimants(**others), 4)


# who has which lanes


def test_who_comes_first_has_as_many_lanes_as_are_of_use():
    assert lanes_of(2) == Share((0, 1), 2)
    assert lanes_of(9) == Share((0, 1, 2, 3), 4)


def test_a_lane_is_in_one_hand():
    assert lanes_of(4, other=(0, 2)) == Share((1, 3), 2)


def test_lanes_that_are_not_wanted_any_more_are_given_back_but_for_connections_in_use():
    assert lanes_of(0, me=(0, 1, 2, 3)) == Share((), 0)
    assert lanes_of(0, held=1, me=(2, 3)) == Share((2,), 1)


def test_who_has_more_than_a_fair_part_gives_one_to_each_that_waits():
    assert lanes_of(4, me=(0, 1, 2, 3), other=()) == Share((0, 1, 2), 3)
    assert lanes_of(4, me=(0, 1, 2, 3), one=(), two=()) == Share((0, 1), 2)
    assert lanes_of(4, me=(0, 1, 2), one=(3,), two=()) == Share((0, 1), 2)


def test_while_all_lanes_have_connections_in_use_no_further_one_is_begun():
    assert lanes_of(4, held=4, me=(0, 1, 2, 3), other=()) == Share((0, 1, 2, 3), 2)


def test_those_that_wait_are_served_in_their_order():
    held = {"a": (0,), "b": (1,), "c": (2,)}
    assert lanes_of(1, **held, first=(), me=()) == Share((), 0)
    assert lanes_of(1, **held, me=(), second=()) == Share((3,), 1)
    assert lanes_of(2, **held, first=(), second=(), me=()) == Share((), 0)


def test_a_newcomer_takes_no_lane_that_somebody_waits_for():
    assert lanes_of(1, a=(0, 1, 2), first=()) == Share((), 0)
    assert lanes_of(1, a=(0, 1), first=()) == Share((2,), 1)


def test_where_each_has_one_lane_turns_are_taken():
    held = {"a": (0,), "b": (1,), "c": (2,), "waits": ()}
    assert lanes_of(1, me=(3,), **held) == Share((3,), 1)
    assert lanes_of(1, me=(3,), **held, turn_is_over=True) == Share((), 0)
    # a connection in use is not broken off
    assert lanes_of(1, me=(3,), **held, turn_is_over=True, held=1) == Share((3,), 0)
    # as long as somebody has two, it is that one's turn to give
    held["a"] = (0, 2)
    del held["c"]
    assert lanes_of(1, me=(3,), **held, turn_is_over=True) == Share((3,), 1)


@given(
    wish=st.builds(Wish, st.integers(0, 9), st.just(0), st.booleans()),
    owners=st.lists(st.sampled_from(["me", "a", "b", "c", None]), min_size=1, max_size=9),
    waiting=st.lists(st.sampled_from(["me", "x", "y", "z"]), unique=True),
)
def test_whatever_others_have_a_share_takes_nothing_from_them(wish, owners, waiting):
    held = {name: tuple(i for i, own in enumerate(owners) if own == name) for name in owners}
    held.pop(None, None)
    before = claimants(**held, **{name: () for name in waiting if name not in held})
    share = share_of("me", wish, before, len(owners))
    others = {lane for name, each in before.items() if name != "me" for lane in each.lanes}
    assert not others & set(share.lanes)
    assert set(share.lanes) <= set(range(len(owners)))
    assert len(share.lanes) <= max(wish.wanted, 0)
    assert 0 <= share.connections <= len(share.lanes)


# what a process may ask


class Process:
    """A process that keeps the pace with others over one place, step by step."""

    def __init__(self, objects: MemoryObjects, clock: FakeClock, pace: Pace = PACE) -> None:
        self.state, self.clock = LanedState(pace), clock
        self.keeper = LaneKeeper(objects, self.of, clock, pace.connections, clock)
        # it always wants more than there is
        self.state.waiting["permit"] = 9

    @contextmanager
    def of(self, _: str) -> Iterator[LanedState]:
        yield self.state

    def look(self) -> None:
        self.keeper.look(HOST)

    def ask(self) -> int | None:
        return self.state.take_permit(self.clock())

    def lanes(self) -> int:
        return len(self.state.lanes) if self.clock() < self.state.until else 0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def objects() -> MemoryObjects:
    return MemoryObjects()


def test_without_a_lane_nothing_is_asked(objects, clock):
    process = Process(objects, clock)
    assert process.ask() is None
    assert process.state.take_connection(clock()) is None


def test_a_new_lane_is_asked_in_after_as_long_as_lies_between_two_requests(objects, clock):
    process = Process(objects, clock)
    process.state.waiting["permit"] = 1
    process.look()
    assert process.lanes() == 1
    begin = clock.now
    times = []
    while len(times) < 4:
        clock.now += 0.01
        if process.ask():
            times.append(clock.now - begin)
    assert times == pytest.approx([0.81, 1.62, 2.43, 3.24], abs=0.05)


def test_a_lane_saves_up_nothing_while_nobody_asks(objects, clock):
    process = Process(objects, clock, Pace(requests_per_second=1, connections=1))
    process.look()
    clock.now += 20
    assert process.ask()
    clock.now += 0.9
    assert process.ask() is None
    # a thread that woke up late makes good a tenth of a second
    clock.now += 0.02
    assert process.ask()


def test_a_lane_that_came_with_an_older_sign_holds_as_long_as_that_sign(objects, clock):
    pace = Pace(requests_per_second=5, connections=1)
    first, second, third = (Process(objects, clock, pace) for _ in range(3))
    for process in (first, second, third):
        process.look()
    clock.now += 0.8 * RENEW
    first.keeper.close()
    second.look()
    assert second.lanes() == 1
    asked = 0.0
    for _ in range(400):
        clock.now += 0.25
        third.look()
        if second.ask():
            asked = clock.now
        if third.lanes():
            break
    assert 0 < asked < clock.now
    assert third.lanes() == 1
    assert second.ask() is None


def test_a_process_that_gives_no_sign_asks_nothing_before_others_may_take_its_lanes(objects, clock):
    stopped, other = Process(objects, clock), Process(objects, clock)
    stopped.look()
    other.look()
    assert (stopped.lanes(), other.lanes()) == (4, 0)
    asked = taken = None
    begin = clock.now
    while taken is None and clock.now < begin + 100:
        clock.now += 0.5
        other.look()
        if stopped.ask():
            asked = clock.now
        if other.lanes():
            taken = clock.now
    assert asked is not None
    assert asked < taken
    assert taken - begin <= 3 * RENEW + 1
    # It goes on, and learns that all are taken.
    assert stopped.ask() is None
    stopped.look()
    assert stopped.lanes() == 0


def test_while_the_store_is_out_of_reach_lanes_end_and_come_back_with_it(objects, clock):
    process = Process(objects, clock)
    process.look()

    def away(*_: str) -> None:
        raise OSError("no route")

    there, objects.step = objects.step, away
    clock.now += RENEW
    with pytest.raises(OSError, match="no route"):
        process.look()
    assert process.ask()
    clock.now += 2 * RENEW
    assert process.ask() is None
    objects.step = there
    process.look()
    assert process.lanes() == 4


def test_a_refusal_slows_all_down_and_answers_bring_the_lanes_back(objects, clock):
    one, other = Process(objects, clock), Process(objects, clock)
    for process in (one, other, one, other):
        process.look()
        clock.now += RENEW
    assert (one.lanes(), other.lanes()) == (3, 1)
    permits = [one.ask(), other.ask()]
    assert all(permits)
    # Both have met the same burst: it counts once.
    for process, permit in zip((one, other), permits, strict=True):
        process.state.refused(permit, None, clock.now)
        process.look()
    one.look()
    other.look()
    assert (one.state.rate, other.state.rate) == (2.5, 2.5)
    assert (one.lanes(), other.lanes()) == (1, 1)
    assert one.ask() is None
    for _ in range(200):
        clock.now += RENEW
        for process in (one, other):
            process.look()
            while permit := process.ask():
                process.state.succeeded(permit)
    assert (one.state.rate, other.state.rate) == (5, 5)
    assert one.lanes() + other.lanes() == 4


def test_who_wants_nothing_any_more_does_not_stand_among_those_that_wait(objects, clock):
    one, other = Process(objects, clock), Process(objects, clock)
    one.look()
    other.look()
    (written,) = objects.held.values()
    assert [name for name, _ in HostLanes.from_json(written.data).claimants] != []
    other.state.waiting.clear()
    assert other.keeper.look(HOST) is None
    (written,) = objects.held.values()
    assert len(HostLanes.from_json(written.data).claimants) == 1
    # Where that changes while it writes, it looks again.
    other.state.waiting["permit"] = 1
    objects.step = lambda verb, _: other.state.waiting.clear() if verb == "write if" else None
    assert other.keeper.look(HOST) is not None
    assert other.keeper.look(HOST) is None
    (written,) = objects.held.values()
    assert len(HostLanes.from_json(written.data).claimants) == 1


def test_of_processes_that_want_more_than_there_is_each_has_its_turn(objects, clock):
    processes = [Process(objects, clock) for _ in range(9)]
    asked = dict.fromkeys(range(9), 0)
    due = dict.fromkeys(range(9), clock.now)
    end = clock.now + 400
    while clock.now < end:
        clock.now += 0.1
        for number, process in enumerate(processes):
            if clock.now >= due[number]:
                due[number] = clock.now + (process.keeper.look(HOST) or 1)
            while process.ask():
                asked[number] += 1
    assert min(asked.values()) > 0.3 * max(asked.values())
    assert sum(asked.values()) > 0.8 * 5 * 400


def test_a_host_costs_as_many_operations_a_minute_as_the_docs_say(objects, clock):
    holder, waiting = Process(objects, clock), Process(objects, clock)
    holder.state.held = 4
    processes = {"holder": holder, "waiting": waiting}
    counts: dict[str, Counter[str]] = {name: Counter() for name in processes}
    due = dict.fromkeys(processes, clock.now)
    end, minutes = clock.now + 600, 10
    while (first := min(due, key=due.__getitem__)) and due[first] < end:
        clock.now = due[first]
        objects.step = lambda verb, _, of=counts[first]: of.update([verb])
        due[first] += processes[first].keeper.look(HOST) or 1
    assert (holder.lanes(), waiting.lanes()) == (4, 0)
    assert counts["holder"].pop("write once") == 1
    assert counts["holder"] <= Counter({"read": 6 * minutes + 2, "write if": 6 * minutes + 2})
    assert counts["waiting"] <= Counter({"read": 30 * minutes + 2, "write if": 6 * minutes + 2})
    last: Counter[str] = Counter()
    objects.step = lambda verb, _: last.update([verb])
    holder.keeper.close()
    waiting.keeper.close()
    assert last == {"read": 2, "write if": 1, "delete": 1}
    text = " ".join(STORAGE.read_text().split())
    assert "6 reads and 6 writes a minute and host" in text
    assert "30 reads and 6 writes" in text


STEP = st.tuples(
    st.integers(0, 3),
    st.sampled_from(["ask", "ask", "ask", "look", "look", "end", "refused"]),
    # seconds that pass before it
    st.sampled_from([0.0, 0.0, 0.1, 0.5, 2.0, 9.0, 26.0, 31.0]),
)


@given(steps=st.lists(STEP, max_size=120), lanes=st.integers(1, 5))
def test_whoever_is_stopped_or_comes_in_between_all_together_keep_the_pace(steps, lanes):
    """Between the reading and the writing of one process, others do what comes next."""
    pace = Pace(requests_per_second=2, connections=lanes, patience=10**6, pause=0.5)
    clock, objects = FakeClock(), MemoryObjects()
    processes = [Process(objects, clock, pace) for _ in range(4)]
    times: list[float] = []
    coming = iter(steps)
    inside: set[int] = set()

    def go(step: tuple[int, str, float]) -> None:
        number, what, seconds = step
        clock.now += seconds
        process = processes[number]
        if number in inside:
            return
        inside.add(number)
        if what == "look":
            process.look()
        elif what == "end":
            process.state.waiting["permit"] = 0 if process.state.waiting["permit"] else 9
        else:
            while (permit := process.ask()) is not None:
                times.append(clock.now)
                if what == "refused":
                    process.state.refused(permit, None, clock.now)
        inside.discard(number)

    def between(verb: str, _: str) -> None:
        if verb != "read" and (step := next(coming, None)) is not None:
            go(step)

    objects.step = between  # type: ignore[method-assign]
    for step in coming:
        go(step)
    for first in range(len(times)):
        for last in range(first, len(times)):
            window = times[last] - times[first]
            allowed = 2 * (window + 0.1) / 1.01 + lanes
            assert last - first + 1 <= allowed + 1e-6
