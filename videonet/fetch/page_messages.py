"""What is said between a process that reads pages and the one that has it read them."""

from typing import Any

import msgspec


class Page(msgspec.Struct, frozen=True):
    """What a server gave, as text."""

    url: str
    text: str


class Extraction(msgspec.Struct, frozen=True):
    """What an extractor of yt-dlp is to begin with."""

    # its name
    key: str
    url: str
    # yt-dlp's arguments for extractors
    arguments: dict[str, Any]


class Asked(msgspec.Struct, frozen=True):
    """What it wants next: to ask for an address, or what the answer of one holds."""

    url: str
    is_body: bool


class Answer(msgspec.Struct, frozen=True):
    """How an address answered, or what the answer holds."""

    url: str
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


# Not asked: the extractor has to go on without.
NO_ANSWER = None
