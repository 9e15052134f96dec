"""The exceptions that leave a room: one for what a user gave, one for a fault of ours."""

from videonet.schemas.shown import printable


class UsageError(Exception):
    """What was asked for cannot be done; the message says what was given, expected, and to do.

    The command line prints the message as one sentence and exits with code 2. The message may
    quote strangers: what acts on a terminal is taken out.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class AccountError(Exception):
    """Counts that must balance do not: something was lost or counted twice. It ends the run."""
