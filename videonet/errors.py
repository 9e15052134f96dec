"""The one exception that a user is meant to read."""


class UsageError(Exception):
    """What was asked for cannot be done; the message says what was given, expected, and to do.

    The command line prints the message as one sentence and exits with code 2.
    """
