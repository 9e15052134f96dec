"""The extras `train` and `evaluate`: what a user without them is told."""

from collections.abc import Iterator
from contextlib import contextmanager

from videonet.errors import UsageError


@contextmanager
def needed_for(what: str, extra: str = "train") -> Iterator[None]:
    """Import parts of the trainer in here. Raises UsageError if what they need is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{what} needs PyTorch, and {error.name} is not installed: "
            f"pip install -c constraints.txt '.[{extra}]'"
        ) from error
