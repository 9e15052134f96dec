"""One name for one video, whoever found it: the key under which the store keeps it."""

import functools
import hashlib
from pathlib import Path
from typing import Any

import yarl
from yt_dlp.extractor import get_info_extractor

from videonet.fetch import sha256_of
from videonet.sources.row import Row


def video_key(row: Row) -> str:
    """`youtube:ID`, `url:<sha256 of the canonical url>` or `sha256:<of a local file's content>`.

    A local file that cannot be read is named after its path; fetching it says what is wrong.
    """
    if row.video_key is not None:
        return row.video_key
    if row.root is not None:
        try:
            return f"sha256:{sha256_of(Path(row.root) / row.url)}"
        except OSError:
            return f"url:{_hash(f'{row.root}/{row.url}')}"
    youtube = _youtube_id(row.url)
    return f"youtube:{youtube}" if youtube else f"url:{_hash(canonical(row.url))}"


def canonical(url: str) -> str:
    """`url` with its host in lower case, without default port, dot segments and fragment."""
    try:
        return str(yarl.URL(url).with_fragment(None))
    except ValueError:
        return url


def _youtube_id(url: str) -> str | None:
    extractor = _youtube()
    if "youtu" not in url or not extractor.suitable(url):
        return None
    return str(extractor._match_id(url))


@functools.cache
def _youtube() -> Any:
    return get_info_extractor("Youtube")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
