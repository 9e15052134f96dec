"""How long a test waits for something that must come."""

import time
from collections.abc import Callable

PATIENCE = 300.0
"""Seconds after which a test takes what it waits for as hanging.

It bounds hanging, not slowness: on a machine that is busy with other work, the slowest wait takes a
tenth of it. A deadline that a test hands to the program and that must not pass is as long.
"""


def wait_for(seen: Callable[[], bool], pause: float = 0.01) -> None:
    """Look every `pause` seconds until `seen`; fails if that hangs."""
    give_up = time.monotonic() + PATIENCE
    while not seen():
        assert time.monotonic() < give_up, "what was waited for never appeared"
        time.sleep(pause)
