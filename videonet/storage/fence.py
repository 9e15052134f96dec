"""Who may change a data set: the command that took OUT up last, and no earlier one.

An earlier command may still have processes on other machines, or be held up and go on. Whatever it
writes, it looks whether it was overtaken when that is complete, and before it appears. Whoever
takes OUT up first changes the number that is looked at, and then deletes all drafts. So a draft
that was complete before is gone, and of a later one the look comes after the number has changed:
nothing of the earlier command appears from then on, wherever it was held up.

A bucket has no drafts: there, a write replaces the state that was known before the look. What a
later command has written is another one. A file that it left as it was can still be replaced by an
earlier command that was held up in that very write; the manifest stage and `videonet verify` see
that.
"""

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
        self._ours = None if plan is None else TakenUp(number=plan.number, run_id=plan.run_id)

    def take_up(self, run_id: str = "") -> int:
        """Let only this command change OUT from here on; its number, which no earlier one had."""
        before = self._last()
        number = 1 + (before.number if before else 0)
        self._files.write(_NAME, TakenUp(number=number, run_id=run_id).to_json())
        self._files.delete_drafts()
        return number

    def check(self) -> None:
        """Raise OvertakenError where another command has taken OUT up."""
        if self._ours is not None and self._last() != self._ours:
            raise OvertakenError(
                f"Another command has taken over {self._files.address} since this run was begun; "
                "this run changes nothing there any more."
            )

    def _last(self) -> TakenUp | None:
        try:
            return TakenUp.from_json(self._files.read(_NAME, _MOST_BYTES))
        except (*MISSING, msgspec.DecodeError):
            return None
