"""What an evaluation says of itself: read without PyTorch, and written into each result."""

from typing import Literal

import msgspec

# How near a protocol is to the paper's. "paper": every setting is printed, or is in the code that
# the paper names, and a published checkpoint gives the paper's row within its interval. "published
# stand-in": the recipe of another publication. "ours": nobody's but ours.
Mark = Literal["paper", "published stand-in", "ours"]

UNCONFIRMED = (
    "No protocol here is confirmed as the paper's: a published checkpoint has not been seen to "
    "give the paper's row on the full data."
)


class About(msgspec.Struct, frozen=True, kw_only=True):
    """A protocol: what is done, after whom, and what was assumed where nobody says."""

    # such as "davis2017-vfs"; results of protocols of other names do not stand in one column
    name: str
    mark: Mark
    # where the rules are written down
    source: str
    # what the sources leave open, a sentence each
    assumptions: tuple[str, ...] = ()
    # whose published numbers would confirm it, on the full data; or "nothing published", and why
    confirmed_by: str = ""
    # of the data or the task, worth knowing beside the numbers
    notes: tuple[str, ...] = ()
    # names of the numbers that a comparison shows
    main: tuple[str, ...] = ()


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """The data that an evaluation wants, and what it costs."""

    # what the data set is called
    data: str
    # files and folders below DIR, a line each
    layout: tuple[str, ...]
    # of the model
    model: str
    # whether that is a classifier of ImageNet, its own or a head
    classifies: bool = False
    # on one large GPU. By arithmetic, not measured
    cost: str
