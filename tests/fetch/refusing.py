"""A host that answers and refuses, as the tests of politeness play it."""

from tests.patience import PATIENCE
from videonet.fetch.rate_limit import HostState, Pace

HOST = "example.org"
PACE = Pace(requests_per_second=4, connections=4, patience=3, pause=8, longest_pause=64)

# Seconds; a wait that lasts as long has failed the test.
LONG = PATIENCE


class FakeClock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def turns_at(state: HostState, now: float) -> list[int]:
    """All turns that are to be had at one moment."""
    turns = []
    while (turn := state.take_turn(now)) is not None:
        turns.append(turn)
    return turns


def next_turn(state: HostState) -> tuple[int, float]:
    """The next turn, and when it was given: as soon as there was one."""
    now = max(0.0, state.next_turn())
    turn = state.take_turn(now)
    assert turn is not None
    return turn, now


def refuse(state: HostState, retry_after: float | None = None) -> float:
    """One more refusal, after the wait that was due; when it came."""
    turn, now = next_turn(state)
    state.refused(turn, retry_after, now)
    return now


def succeed(state: HostState, times: int) -> None:
    for _ in range(times):
        turn, _ = next_turn(state)
        state.succeeded(turn)
