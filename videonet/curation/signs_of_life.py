"""Whether processes of a run are at work, by what they have told the store."""

import os
import platform
from datetime import datetime

from videonet.curation.progress import SIGN_OF_LIFE, namespace_here
from videonet.schemas.progress import ProcessProgress

# Of a process that has shown no sign of life for so long it is said that it may have been killed,
# seconds; one of this machine that is not there any more is missed sooner.
SILENCE = 30.0
MISSED = 2 * SIGN_OF_LIFE


def silence_of(process: ProcessProgress, now: datetime) -> float:
    """For how long a process has said nothing, seconds."""
    return seconds_since(process.updated, now)


def seconds_since(timestamp: str, now: datetime) -> float:
    """How long ago it was. The clocks of two machines may differ a little."""
    return max(0.0, (now - datetime.fromisoformat(timestamp)).total_seconds())


def is_gone(process: ProcessProgress, silent: float) -> bool:
    """Whether a process that was `silent` for so many seconds is at work no more."""
    if process.ended or silent > SILENCE or is_dead(process):
        return True
    # Where it is not known whose process numbers are meant, that takes a while to be sure.
    return silent > MISSED and not process.namespace and _is_missing(process)


def is_dead(process: ProcessProgress) -> bool:
    """Whether this machine, or container, had the process, and has it no more."""
    is_ours = bool(process.namespace) and process.namespace == namespace_here()
    return is_ours and _is_missing(process)


def _is_missing(process: ProcessProgress) -> bool:
    host, _, pid = process.process.rpartition("-")
    return host == platform.node() and pid.isdigit() and not _is_there(int(pid))


def _is_there(pid: int) -> bool:
    """Whether this machine has a process of that number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
