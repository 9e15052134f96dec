"""One name for one video, whichever source found it: the key under which the store keeps it."""

import functools
import hashlib
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import yarl
from yt_dlp.extractor import get_info_extractor

from videonet.errors import UsageError
from videonet.fetch.published_address import published, published_video
from videonet.fetch.signed_address import unsigned
from videonet.files import below, is_file, sha256_of
from videonet.sources.source import Row

# What every signature has.
MAY_BE_SIGNED = re.compile("sig(nature)?=", re.IGNORECASE)


def video_key(row: Row) -> str:
    """`youtube:ID`, `url:<sha256 of the canonical url>` or `sha256:<of a local file's content>`.

    A local file that cannot or may not be read is named after its path; fetching it says what is
    wrong. Raises UsageError for a row without an id or url, and for a local file where no folder
    of such was given.
    """
    if row.video_key is not None:
        return row.video_key
    video = row.video
    if not video.video_id or not video.url:
        shown = published_video(video)
        raise UsageError(
            f"Row {row.rank + 1} lacks {'a url' if video.video_id else 'an id'}: it has the id "
            f"{shown.video_id!r}, the url {shown.url!r} and the title {shown.title!r:.200}."
        )
    if video.root is not None:
        file = below(video.root, video.url)
        if file is not None and is_file(file):
            with suppress(OSError):
                return f"sha256:{sha256_of(file)}"
        return f"url:{_hash(os.path.normpath(Path(video.root) / video.url))}"
    if "://" not in video.url:
        raise UsageError(
            f"Row {row.rank + 1} gives {published(video.url)!r}, which is no http(s) url; "
            "if it is a local file, say with --files-root DIR which folder it lies in."
        )
    return _key(canonical(video.url))


def keys_of(url: str) -> tuple[str, str]:
    """The key of the video behind an address, and the key that earlier versions gave to it.

    They took the signature of an address for a part of its name. Mostly both are the same.
    """
    parsed = _parsed(url)
    signed = url if parsed is None else "".join(parsed)
    short = canonical(url)
    key = _key(short)
    return key, key if signed == short else _key(signed)


def present_key(key: str, url: str) -> str:
    """What a video is called now that a run called `key`: by the rules of its own version."""
    if not MAY_BE_SIGNED.search(url):
        return key
    present, former = keys_of(url)
    return present if key == former else key


def with_identity(row: Row) -> Row:
    """`row` with what makes it a video of its own, where its source says too little for that.

    A row without an id is called after its url, or its place. A row without a url gets a key:
    fetching then says what is wrong with it, as of any other video.
    """
    video = row.video
    if video.video_id and video.url:
        return row
    video_id = video.video_id or video.url or f"row {row.rank + 1}"
    key = row.video_key if video.url else f"url:{_hash(f'no url, {video_id}')}"
    return row._replace(video=msgspec.structs.replace(video, video_id=video_id), video_key=key)


def key_without_address(url: str) -> str:
    """The key of a row whose url is no address, among rows of the web."""
    return f"url:{_hash(url)}"


def canonical(url: str) -> str:
    """`url` with its host in lower case, without default port, dot segments and fragment.

    User name and password are left out, and so is the signature of an address that a store of
    files signs for some hours: it is another one each time.
    """
    parsed = _parsed(url)
    if parsed is None:
        return url
    origin, rest = parsed
    path, mark, query = rest.partition("?")
    left = unsigned(query)
    return f"{origin}{path}{mark}{left}" if left or left == query else f"{origin}{path}"


def _parsed(url: str) -> tuple[str, str] | None:
    """Origin, and path with query, of an address; None for what is none."""
    try:
        parsed = yarl.URL(url)
        return str(parsed.origin()), parsed.raw_path_qs
    except (ValueError, IndexError):  # yarl raises the second for "//:"
        return None


def _key(url: str) -> str:
    youtube = _youtube_id(url)
    return f"youtube:{youtube}" if youtube else f"url:{_hash(url)}"


def _youtube_id(url: str) -> str | None:
    """The id of a video of YouTube's, also where it is named within a playlist."""
    found: str | None = _youtube().get_temp_id(url) if "youtu" in url else None
    return found


@functools.cache
def _youtube() -> Any:
    return get_info_extractor("Youtube")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
