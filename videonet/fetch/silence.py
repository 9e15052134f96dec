"""yt-dlp that prints nothing: what it prints may hold secrets."""

import copy
import logging
from collections.abc import Mapping
from typing import Any

import yt_dlp

# A logger for yt-dlp that takes nothing, and that does not have the console's as its parent.
SILENCE = logging.Logger("silence", logging.CRITICAL + 1)


def silent_yt_dlp(parameters: Mapping[str, Any]) -> yt_dlp.YoutubeDL:
    """yt-dlp that prints nothing. Raises what yt-dlp raises for parameters that it cannot use."""
    # yt-dlp changes the parameters that it is given.
    return yt_dlp.YoutubeDL({**copy.deepcopy(dict(parameters)), "logger": SILENCE})
