"""What fetching one candidate may cost."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FetchLimits:
    """What one candidate may cost. Times in seconds."""

    max_bytes: int = 2_000_000_000
    deadline: float = 600.0
    attempts: int = 5
    # waits between attempts grow from `wait` to `longest_wait`, with jitter
    wait: float = 1.0
    longest_wait: float = 60.0
    # longest silence of a server
    silence: float = 20.0
