"""A list of videos to be taken out, as it is published: JSON, or plain text with an id a line.

It may be a stranger's, and it covers many data sets: what one of them does not know is no error.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import msgspec

from videonet.errors import UsageError
from videonet.fetch.allowed_hosts import PUBLIC_WEB, AllowedHosts
from videonet.fetch.published_address import published
from videonet.fetch.small_file import read_small
from videonet.files import is_file, read_bounded
from videonet.schemas.record import from_json
from videonet.schemas.withdrawal import MOST_ID, ListedVideo
from videonet.storage.inputs import local_input
from videonet.text import as_shown, number

# Of a list, unpacked. One of a million videos has some 150 MB.
MOST_BYTES = 256_000_000

# Videos in a list: what is known of each in memory is more than its bytes in a file.
MOST_VIDEOS = 1_000_000

_WEB = ("http://", "https://")


@dataclass(frozen=True)
class WithdrawalList:
    """Which videos a list names."""

    # by what we call them, which is the same in all data sets
    keys: frozenset[str]
    # by either name: plain text does not say which it is
    ids: frozenset[str] = frozenset()
    # how many it names that are to stay
    to_keep: int = 0

    def __len__(self) -> int:
        """How many videos are to be taken out."""
        return len(self.keys) + len(self.ids)

    @property
    def names(self) -> frozenset[str]:
        """What may be a video_key."""
        return self.keys | self.ids


def read_list(given: str, allowed: AllowedHosts = PUBLIC_WEB) -> WithdrawalList:
    """The list in a file, at an https address, or in a bucket. Raises UsageError for what is none.

    A video that is named twice counts once. Where one entry says that a video stays and another one
    that it goes, a person has to decide: that is an error.
    """
    shown = as_shown(published(given) if "://" in given else given)
    if given.lower().startswith(_WEB):
        return _parsed(shown, read_small(given, MOST_BYTES, allowed))
    file = Path(local_input(given))
    try:
        # A device has no end, and a pipe may never begin.
        if file.exists() and not is_file(file):
            raise UsageError(
                f"The list {shown} cannot be read (it is no regular file); give a file or an https "
                "address."
            )
        data = read_bounded(file, MOST_BYTES)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or as_shown(str(error))
        raise UsageError(
            f"The list {shown} cannot be read ({why}); give a file or an https address."
        ) from error
    return _parsed(shown, data)


def _parsed(shown: str, data: bytes) -> WithdrawalList:
    """The list in these bytes; `shown` is where they are from, without secrets."""
    text = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text:
        raise _is_none(shown, "it is empty")
    if text[:1] in (b"[", b"{"):
        return _of_json(shown, text)
    # Blank lines at the begin count as lines, too.
    return _of_lines(shown, data.removeprefix(b"\xef\xbb\xbf"))


def _of_json(shown: str, text: bytes) -> WithdrawalList:
    # Every entry has one at least. Whether there are too many is known before they take memory.
    if text.count(b"{") > MOST_VIDEOS:
        raise _too_many(shown)
    try:
        videos = from_json(text, tuple[ListedVideo, ...])
    except msgspec.DecodeError as error:
        raise _is_none(shown, as_shown(str(error))) from error
    drop = frozenset(each.video_key for each in videos if each.mark == "drop")
    keep = frozenset(each.video_key for each in videos if each.mark == "keep")
    both = sorted(drop & keep)
    if both:
        raise UsageError(
            f"The list {shown} says of {number(len(both), 'video')} both keep and drop, such as "
            f"{as_shown(both[0])}; decide, and take one of the two entries out."
        )
    return WithdrawalList(keys=drop, to_keep=len(keep))


def _of_lines(shown: str, text: bytes) -> WithdrawalList:
    ids: set[str] = set()
    for count, line in enumerate(io.BytesIO(text), start=1):
        try:
            found = line.strip().decode()
        except UnicodeDecodeError as error:
            raise _is_none(shown, "it is neither JSON nor UTF-8 text") from error
        if not found or found.startswith("#"):
            continue
        if found.startswith("<"):
            raise _is_none(shown, "it looks like a web page")
        # No id of a source is in quotes: they are of another form, such as CSV.
        if len(found) > MOST_ID or not found.isprintable() or found[0] == found[-1] == '"':
            some = as_shown(found[:40]) + ("..." if len(found) > 40 else "")
            raise _is_none(shown, f"{some} in line {count:,} is no id of a video")
        ids.add(found)
        if len(ids) > MOST_VIDEOS:
            raise _too_many(shown)
    if not ids:
        raise _is_none(shown, "it names no video")
    return WithdrawalList(keys=frozenset(), ids=frozenset(ids))


def _too_many(shown: str) -> UsageError:
    return UsageError(
        f"The list {shown} has more than {MOST_VIDEOS:,} entries; divide it, and give one part "
        "after the other."
    )


def _is_none(shown: str, why: str) -> UsageError:
    return UsageError(
        f"{shown} is no list of videos to withdraw ({why}); give a withdrawn.json, the marks of a "
        "sample page, the proposals of videonet recheck, or a text with a video_id or video_key a "
        "line."
    )
