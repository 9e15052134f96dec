"""The exceptions that leave a room: one for what a user gave, one for a fault of ours."""


class UsageError(Exception):
    """What was asked for cannot be done; the message says what was given, expected, and to do.

    The command line prints the message as one sentence and exits with code 2.
    """


class AccountError(Exception):
    """Counts that must balance do not: something was lost or counted twice. It ends the run."""
