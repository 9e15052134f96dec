"""Candidates as OUT lists them, without secrets, and as they are fetched, with their addresses.

All of OUT is published. So a candidate list has no secrets, and the store keeps the addresses that
had some.
"""

from collections.abc import Iterable, Iterator

import msgspec

from videonet.fetch.published_address import is_redacted, published_text, published_video
from videonet.schemas.candidate import Candidate, Match
from videonet.storage.store import Store


def without_secrets(
    candidates: Iterable[Candidate], store: Store, *, renewed: bool = True
) -> Iterator[Candidate]:
    """Candidates as a list in OUT has them; whole addresses go into the store.

    Where these are not `renewed`, such as those of earlier runs, the store's own are newer.
    """
    for candidate in candidates:
        shown = _published(candidate)
        if shown.video.url != candidate.video.url and (
            renewed or store.address(candidate.video_key) is None
        ):
            store.write_address(candidate.video_key, candidate.video.url)
        yield shown


def with_address(candidate: Candidate, store: Store) -> Candidate:
    """A listed candidate with its whole address, if the store has it."""
    if not has_no_address(candidate):
        return candidate
    url = store.address(candidate.video_key)
    if url is None:
        return candidate
    return msgspec.structs.replace(
        candidate, video=msgspec.structs.replace(candidate.video, url=url)
    )


def has_no_address(candidate: Candidate) -> bool:
    """Whether what is there in its place is redacted."""
    return candidate.video.root is None and is_redacted(candidate.video.url)


def has_secrets(candidate: Candidate) -> bool:
    """Whether it is not as a list in OUT has it."""
    return _published(candidate) is not candidate


def _published(candidate: Candidate) -> Candidate:
    video = published_video(candidate.video)
    matches = tuple(map(_published_match, candidate.matches))
    if video is candidate.video and matches == candidate.matches:
        return candidate
    return msgspec.structs.replace(candidate, video=video, matches=matches)


def _published_match(match: Match) -> Match:
    if match.title is None:
        return match
    return msgspec.structs.replace(match, title=published_text(match.title))
