"""Ask a service again whose fault may pass."""

from collections.abc import Callable
from typing import TypeVar

import tenacity

T = TypeVar("T")

# Seconds between two attempts: up to the first after the first, growing up to the second.
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 15.0


def patiently(act: Callable[[], T], may_pass: Callable[[BaseException], bool], seconds: float) -> T:
    """Do something that can be done again, until it is done or `seconds` have passed.

    Raises what it raised last, and at once what may not pass.
    """
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(may_pass),
        stop=tenacity.stop_after_delay(seconds),
        wait=tenacity.wait_random_exponential(_FIRST_PAUSE, max=_LONGEST_PAUSE),
        reraise=True,
    )(act)
