"""A host that answers and refuses, as the tests of the rate limit play it."""

from tests.patience import PATIENCE
from videonet.fetch.host_state import HostState, Pace

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


def permits_at(state: HostState, now: float) -> list[int]:
    """All permits that are to be had at one moment."""
    permits = []
    while (permit := state.take_permit(now)) is not None:
        permits.append(permit)
    return permits


def next_permit(state: HostState) -> tuple[int, float]:
    """The next permit, and when it was given: as soon as there was one."""
    now = max(0.0, state.next_permit())
    permit = state.take_permit(now)
    assert permit is not None
    return permit, now


def refuse(state: HostState, retry_after: float | None = None) -> float:
    """One more refusal, after the wait that was due; when it came."""
    permit, now = next_permit(state)
    state.refused(permit, retry_after, now)
    return now


def succeed(state: HostState, times: int) -> None:
    for _ in range(times):
        permit, _ = next_permit(state)
        state.succeeded(permit)
