"""Who may change a data set: the command that took OUT up last, and no earlier one.

An earlier command may still have processes on other machines, or be held up and go on. Whatever it
writes, it looks whether it was overtaken when that is complete, and before it appears. Whoever
takes OUT up first changes the number that is looked at, and then deletes all drafts. So a draft
that was complete before is gone, and of a later one the look comes after the number has changed:
nothing of the earlier command appears from then on, wherever it was held up.

In a bucket, a draft is an object, and its place gets its content by a copy within the bucket. The
copy of a draft that is gone changes nothing, however late the request for it comes.
"""

import uuid

import msgspec

from videonet.errors import UsageError
from videonet.schemas.run import Plan, TakenUp
from videonet.storage.dataset_files import MISSING, DatasetFiles

_NAME = "_state/taken_up.json"
_MOST_BYTES = 1_000


class OvertakenError(UsageError):
    """Another command has taken OUT up since: this one changes nothing there any more."""


class DatasetFence:
    """Lets one run write into OUT, as long as no other command has taken it up."""

    def __init__(self, files: DatasetFiles, plan: Plan | None = None) -> None:
        """Without a plan, whoever writes is the last one: it keeps other commands out of OUT."""
        self._files = files
        self._ours = None if plan is None else (plan.number, plan.run_id)

    def take_up(self, run_id: str = "") -> int:
        """Let only this command change OUT from here on; its number, which no earlier one had."""
        ours = TakenUp(number=0, run_id=run_id, nonce=uuid.uuid4().hex)

        def after(data: bytes | None) -> bytes:
            nonlocal ours
            before = _decoded(data)
            ours = msgspec.structs.replace(ours, number=1 + (before.number if before else 0))
            return ours.to_json()

        self._files.change(_NAME, _MOST_BYTES, after)
        self._files.delete_drafts()
        return ours.number

    def check(self) -> None:
        """Raise OvertakenError where another command has taken OUT up."""
        if self._ours is not None and self.last() != self._ours:
            raise OvertakenError(
                f"Another command has taken over {self._files.address} since this run was begun; "
                "this run changes nothing there any more."
            )

    def last(self) -> tuple[int, str] | None:
        """Number and run of the command that took OUT up last; None: not known."""
        try:
            last = _decoded(self._files.read(_NAME, _MOST_BYTES))
        except MISSING:
            return None
        return None if last is None else (last.number, last.run_id)


def _decoded(data: bytes | None) -> TakenUp | None:
    try:
        return None if data is None else TakenUp.from_json(data)
    except msgspec.DecodeError:
        return None
