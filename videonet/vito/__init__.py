"""The trainer: VITO (Parthasarathy et al. 2023), contrastive learning between frames of one video.

Its parts need PyTorch, which the extra `train` brings; nothing outside this folder imports it
but within `needed_for`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from videonet.errors import UsageError


@contextmanager
def needed_for(what: str) -> Iterator[None]:
    """Import parts of the trainer in here. Raises UsageError if what they need is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{what} needs PyTorch, and {error.name} is not installed: "
            f"pip install -c constraints.txt '.[train]'"
        ) from error
