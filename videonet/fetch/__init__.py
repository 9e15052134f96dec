"""From a url to a video file in the store."""

from videonet.fetch.failure import ERROR_LENGTH, FetchError, explain, shortened
from videonet.fetch.limits import FetchLimits
from videonet.fetch.part import PartReader
from videonet.fetch.session import Web
from videonet.fetch.state import fetch, intact_part, is_here, part_here, release, worth_fetching

__all__ = [
    "ERROR_LENGTH",
    "FetchError",
    "FetchLimits",
    "PartReader",
    "Web",
    "explain",
    "fetch",
    "intact_part",
    "is_here",
    "part_here",
    "release",
    "shortened",
    "worth_fetching",
]
