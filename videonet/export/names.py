"""What the files of a clip are called in an export."""

import hashlib
import re

# Of a kind and an own part, such as "youtube:dQw4w9WgXcQ": what stays as it is.
_PLAIN = re.compile(r"([a-z0-9]+):([A-Za-z0-9_-]{1,64})")


def name_of(video_key: str, number: int) -> str:
    """What the files of a clip are called: without dots, and as every file system takes it.

    "youtube-dQw4w9WgXcQ-0" for clip 0 of "youtube:dQw4w9WgXcQ". No two clips have the same name.
    """
    return f"{stem_of(video_key)}-{number}"


def stem_of(video_key: str) -> str:
    """What the names of all clips of a video begin with, up to the last "-"."""
    plain = _PLAIN.fullmatch(video_key)
    if plain is not None and plain[1] != "key":
        return f"{plain[1]}-{plain[2]}"
    return f"key-{hashlib.sha256(video_key.encode()).hexdigest()}"


def stem_in(file: str) -> str:
    """The stem in the name of a file of a clip; "" where there is none."""
    name = file.rpartition("/")[2].partition(".")[0]
    return name.rpartition("-")[0]
