"""What is said in kept videos: their captions, which a run may be asked to keep.

No verdict depends on them. What could not be had is noted with a reason, and the video stays.
"""

import functools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from videonet.curation.context import ReadContext, RunContext
from videonet.errors import UsageError
from videonet.fetch.caption_tracks import is_related_language, is_same_language
from videonet.fetch.captions import CAPTIONS_VERSION, Text, decoded, fetch_captions, text_of
from videonet.fetch.failure import FetchError
from videonet.fetch.published_address import published_video, secrets_of
from videonet.files import below
from videonet.schemas.candidate import Candidate
from videonet.schemas.captions import Captions, StoredCaptions
from videonet.schemas.fetch import Fetch
from videonet.schemas.reason import Policy, Reason
from videonet.sources.video_names import is_named_like_a_video
from videonet.storage.stored_captions import stored_captions, write_captions

# What another run may have, by other settings: it asks again.
_BY_SETTINGS = frozenset({Reason.PAGE_TOO_LARGE, Reason.REFUSED_ADDRESS})

# Endings of files of captions beside that of a video, the best first.
_ENDINGS = (".vtt", ".srt")

# What stands between the name of a video and such an ending: the tag of a language as BCP 47 builds
# them (RFC 5646, 2.1): "en", "pt-BR", "zh-Hant", "es-419", "sl-rozaj-biske". No numbers of parts.
_LANGUAGE_TAG = re.compile(
    r"[a-z]{2,3}(?:-[a-z]{3}){0,3}(?:-[a-z]{4})?(?:-(?:[a-z]{2}|\d{3}))?"
    r"(?:-(?:[a-z\d]{5,8}|\d[a-z\d]{3}))*",
    re.ASCII | re.IGNORECASE,
)


def are_wanted(context: ReadContext, candidate: Candidate) -> bool:
    """Whether a run is to ask for the captions of a kept video: it is, once, unless they are known.

    What went wrong for the time being is tried again by the next run. Files beside a video are
    looked at by each run.
    """
    if not context.plan.settings.captions:
        return False
    known = stored_captions(context.store, candidate.video_key)
    if known is None or known.version != CAPTIONS_VERSION:
        return True
    if candidate.video.root is not None:
        return known.run_id != context.plan.run_id
    reason = known.captions.reason
    may_pass = reason in _BY_SETTINGS or (reason and reason.policy is not Policy.NEVER)
    return bool(may_pass) and known.run_id != context.plan.run_id


def collect(context: RunContext, candidate: Candidate, fetched: Fetch | None) -> None:
    """Put the captions of a video into the store, or why they could not be had.

    `fetched` is what is known of its file. Raises UsageError and MachineError, as steps do.
    """
    context.look_for_withdrawal(candidate.video_key)
    if context.is_withdrawn(candidate):
        return
    said = Captions(
        video_key=candidate.video_key, video_id=published_video(candidate.video).video_id
    )
    try:
        text = _looked_for(context, candidate, fetched)
        if text is not None:
            said = msgspec.structs.replace(said, **text._asdict())
    except Exception as error:  # what is wrong with captions must not end a run over millions
        if isinstance(error, UsageError):
            raise
        if (lacking := context.machine_error(error)) is not None:
            raise lacking from error
        is_known = isinstance(error, FetchError)
        shown = str(error) if is_known else f"{type(error).__name__}: {error}"
        redaction = context.web.redaction.and_of(secrets_of(candidate.video.url))
        said = msgspec.structs.replace(
            said,
            reason=error.reason if isinstance(error, FetchError) else Reason.INTERNAL,
            error=redaction.error_text(shown),
        )
    write_captions(
        context.store,
        StoredCaptions(captions=said, version=CAPTIONS_VERSION, run_id=context.plan.run_id),
    )


def _looked_for(context: RunContext, candidate: Candidate, fetched: Fetch | None) -> Text | None:
    """The captions of a video, from its page or from beside its file; None: there are none."""
    page = fetched.page if fetched is not None else None
    language = candidate.video.language or (page.language if page is not None else None)
    if candidate.video.root is not None:
        file = below(candidate.video.root, candidate.video.url)
        most = context.fetch_limits.max_page_bytes
        return None if file is None else captions_beside(file, language, most)
    if page is not None and page.has_captions is False:
        # The page said so when the video was downloaded.
        return None
    with context.progress.at_work("captions"):
        return fetch_captions(candidate.video.url, language, context.fetch_limits, context.web)


def captions_beside(video: Path, language: str | None, most_bytes: int) -> Text | None:
    """The captions in a file beside that of a video: NAME.vtt, or NAME.en.vtt, or as .srt.

    Where the language of the video is known, those in it, then in a form of it, then those whose
    name says none; else the first: WebVTT first, then by name. Raises FetchError.
    """
    try:
        by_ending = _captions_in(video.parent, video.parent.stat().st_mtime_ns)
        found = [
            (middle.removeprefix("."), video.with_name(f"{video.stem}{middle}{ending}"))
            for ending in _ENDINGS
            for middle in by_ending[ending].get(video.stem, ())
        ]
        chosen = _in_language(found, language) if language else next(iter(found), None)
        if chosen is None:
            return None
        name, file = chosen
        with file.open("rb") as stream:
            data = stream.read(most_bytes + 1)
        if len(data) > most_bytes:
            said = f"captions of {file.stat().st_size} bytes, the limit is {most_bytes}"
            raise FetchError(Reason.PAGE_TOO_LARGE, said)
    except OSError as error:
        raise FetchError(Reason.MISSING, error.strerror or str(error)) from error
    return text_of(name or language, None, decoded(data))


def _in_language(found: Sequence[tuple[str, Path]], language: str) -> tuple[str, Path] | None:
    """Of files by the tags in their names, the one for a video in this language."""
    for same in (is_same_language, is_related_language):
        for name, file in found:
            if name and same(name, language):
                return name, file
    return next((each for each in found if not each[0]), None)


@functools.lru_cache(maxsize=4)
def _captions_in(folder: Path, _mtime_ns: int) -> Mapping[str, Mapping[str, Sequence[str]]]:
    """The files of captions in a folder, in the order of their names.

    By ending, then by the name of the video: what stands between, "" or a language such as ".en".
    What has all of the name of a video, as "a.no.vtt" where there is "a.no.mp4", is that video's
    alone. A folder is read once, however many videos it has.
    """
    found: dict[str, dict[str, list[str]]] = {ending: {} for ending in _ENDINGS}
    names = sorted(each.name for each in folder.iterdir() if each.is_file())
    videos = {Path(name).stem for name in names if is_named_like_a_video(name)}
    for name in names:
        ending = name[-4:]
        if ending in found:
            whole = name[:-4]
            stem, dot, language = whole.rpartition(".")
            found[ending].setdefault(whole, []).append("")
            if stem and whole not in videos and _LANGUAGE_TAG.fullmatch(language.replace("_", "-")):
                found[ending].setdefault(stem, []).append(f"{dot}{language}")
    return found
