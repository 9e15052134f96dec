"""A list of videos to be taken out, as it is published: JSON, or plain text with an id a line.

It may be a stranger's, and it covers many data sets: what one of them does not know is no error.
"""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from videonet.errors import UsageError
from videonet.fetch.allowed_hosts import PUBLIC_WEB, AllowedHosts
from videonet.fetch.small_file import read_small
from videonet.files import read_bounded
from videonet.schemas.record import from_json
from videonet.schemas.withdrawal import MOST_ID, ListedVideo
from videonet.storage.inputs import local_input
from videonet.text import as_shown, number

# Of a list, unpacked. One of a million videos has some 150 MB.
MOST_BYTES = 256_000_000

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
    if given.lower().startswith(_WEB):
        return _parsed(given, read_small(given, MOST_BYTES, allowed))
    file = local_input(given)
    try:
        data = read_bounded(Path(file), MOST_BYTES)
    except OSError as error:
        raise UsageError(
            f"The list {given} cannot be read ({error.strerror}); give a file or an https address."
        ) from error
    return _parsed(given, data)


def _parsed(given: str, data: bytes) -> WithdrawalList:
    text = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text:
        raise _is_none(given, "it is empty")
    if text[:1] in (b"[", b"{"):
        return _of_json(given, text)
    return _of_lines(given, text)


def _of_json(given: str, text: bytes) -> WithdrawalList:
    try:
        videos = from_json(text, tuple[ListedVideo, ...])
    except msgspec.DecodeError as error:
        raise _is_none(given, as_shown(str(error))) from error
    drop = frozenset(each.video_key for each in videos if each.mark == "drop")
    keep = frozenset(each.video_key for each in videos if each.mark == "keep")
    both = sorted(drop & keep)
    if both:
        raise UsageError(
            f"The list {given} says of {number(len(both), 'video')} both keep and drop, such as "
            f"{as_shown(both[0])}; decide, and take one of the two entries out."
        )
    return WithdrawalList(keys=drop, to_keep=len(keep))


def _of_lines(given: str, text: bytes) -> WithdrawalList:
    try:
        lines = [each.strip() for each in text.decode().splitlines()]
    except UnicodeDecodeError as error:
        raise _is_none(given, "it is neither JSON nor UTF-8 text") from error
    ids = frozenset(each for each in lines if each and not each.startswith("#"))
    for each in ids:
        if each.startswith("<"):
            raise _is_none(given, "it looks like a web page")
        if len(each) > MOST_ID or not each.isprintable():
            raise _is_none(given, f"{as_shown(each[:40])}... is no id of a video")
    if not ids:
        raise _is_none(given, "it names no video")
    return WithdrawalList(keys=frozenset(), ids=ids)


def _is_none(given: str, why: str) -> UsageError:
    return UsageError(
        f"{given} is no list of videos to withdraw ({why}); give a withdrawn.json, the marks of a "
        "sample page, the proposals of videonet recheck, or a text with a video_id or video_key a "
        "line."
    )
