"""How often a request is repeated, and for how long."""

import tenacity

from videonet.fetch.failure import FetchError, NoConnectionError, NotAskedError
from videonet.fetch.limits import FetchLimits
from videonet.schemas.reason import Reason
from videonet.stop_signal import StopSignal

# Failures for which another attempt within the same run is worth while.
PASSING = frozenset({Reason.RATE_LIMITED, Reason.SERVER_ERROR, Reason.NETWORK, Reason.TIMEOUT})


def repeatedly(limits: FetchLimits, stop: StopSignal) -> tenacity.Retrying:
    """Calls a function until it works, fails for good, or has used up attempts and time.

    Between attempts it waits with jitter, or as long as the server asked; `stop` ends a wait.
    After a refusal it does not wait: the rate limit of the host makes the next request wait.
    """
    jitter = tenacity.wait_exponential_jitter(limits.wait, limits.longest_wait, jitter=limits.wait)

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if not isinstance(error, FetchError):
            return 0.0
        if error.reason is Reason.RATE_LIMITED:
            return 0.0
        return jitter(state) if error.retry_after is None else error.retry_after

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(_may_pass),
        wait=wait,
        # A wait that would pass the deadline is not begun.
        stop=tenacity.stop_after_attempt(limits.attempts)
        | tenacity.stop_before_delay(limits.deadline),
        sleep=tenacity.sleep_using_event(stop),
        reraise=True,
    )


def _may_pass(error: BaseException) -> bool:
    return (
        isinstance(error, FetchError)
        and not isinstance(error, NotAskedError | NoConnectionError)
        and error.reason in PASSING
    )
