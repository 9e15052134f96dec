"""Asks what became of the kept videos of a data set, and proposes which to take out.

The answers lie in OUT/_state/recheck, a file a shard. So an interrupted call goes on, and a later
one asks again what was asked long ago. Nothing is withdrawn.
"""

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from videonet.curation.addresses import has_no_address, with_address
from videonet.errors import UsageError
from videonet.fetch.failure import FetchError
from videonet.fetch.limits import FetchLimits
from videonet.fetch.published_address import published_text
from videonet.fetch.still_there import licence_now
from videonet.fetch.web import Web
from videonet.files import below, drafted
from videonet.schemas.candidate import Candidate
from videonet.schemas.licence import is_creative_commons
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.recheck import Now, RecheckAnswer
from videonet.schemas.record import from_json
from videonet.schemas.withdrawal import ListedVideo
from videonet.stop_signal import set_on_interrupt
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.places import absolute
from videonet.storage.store import Store, store_at_hand
from videonet.text import shortened

_LOG = logging.getLogger(__name__)

# What one video may cost. What does not answer is asked again by the next call.
LIMITS = FetchLimits(deadline=120.0, attempts=2)

# What says surely that a video is not there for everybody any more. All other reasons may be the
# site's, the network's or ours, and say nothing of the video.
_SURELY = {Reason.UNAVAILABLE: Now.GONE, Reason.PRIVATE: Now.PRIVATE}

# Bytes of the answers of one shard, which has some 250 videos.
_MOST_BYTES = 64_000_000


@dataclass
class Rechecked:
    """What was found."""

    # kept videos, by how they were found last
    found: Counter[Now] = field(default_factory=Counter)
    # of those that could not be told, by reason
    untold: Counter[Reason] = field(default_factory=Counter)
    # videos that were asked about by this call
    asked: int = 0
    # those to be taken out if a person agrees, in the order of their shards
    proposed: list[ListedVideo] = field(default_factory=list)


def recheck(
    out: Path | str,
    web: Web,
    older_than: timedelta,
    *,
    threads: int = 8,
    say: Callable[[str], object] = _LOG.info,
) -> Rechecked:
    """Ask about the kept videos of the finished data set `out` whose answers are `older_than` that.

    What could not be told is always asked again. A host is asked at the pace of `web`. Raises
    UsageError where there is no finished data set, Stopped once `web.stop` is set; the same call
    goes on then.
    """
    output = DatasetDir(absolute(out))
    manifest = output.manifest()
    if manifest is None:
        raise UsageError(
            f"{out} holds no finished data set (manifest.json is missing or damaged); give the "
            "OUT of a finished run."
        )
    plan = output.plan()
    store = store_at_hand(plan.store) if plan else None
    before = datetime.now(UTC) - older_than
    done = Rechecked()
    shards = manifest.settings.shards
    with (
        output.files.exclusive(),
        set_on_interrupt(web.stop),
        ThreadPoolExecutor(threads) as pool,
    ):
        for index in range(shards):
            known = _answers(output, index)
            videos = list(_kept(output, store, index, shards))
            keys = {each.candidate.video_key for each in videos}
            answers = {key: each for key, each in known.items() if key in keys}
            due = [each for each in videos if _is_due(answers, each, before)]
            try:
                for answer in _asked(pool, web, due):
                    answers[answer.video_key] = answer
                    done.asked += 1
            finally:
                if answers != known:
                    _write(output, index, answers.values())
            _count(done, answers.values())
            if due:
                say(f"{index + 1:,} of {shards:,} shards: {done.asked:,} videos asked about")
    return done


def write_proposed(file: Path, proposed: Iterable[ListedVideo]) -> None:
    """Write a list that `videonet withdraw --from` takes. Raises OSError."""
    with drafted(file) as draft, draft.open("wb") as written:
        written.write(b"[")
        for number, video in enumerate(proposed):
            written.write((b",\n " if number else b"\n ") + msgspec.json.encode(video))
        written.write(b"\n]\n")


@dataclass(frozen=True)
class _Video:
    """A kept video, and what is known of its licence."""

    candidate: Candidate
    # as its verdict has it: of its source, or else of its page
    licence: str | None
    # what its page stated when it was fetched; "": none; None: not known
    page_licence: str | None


def _kept(output: DatasetDir, store: Store | None, index: int, shards: int) -> Iterator[_Video]:
    licences = {
        each.video_key: each.video.licence
        for each in output.verdicts(index, shards)
        if each.outcome is Outcome.KEPT
    }
    for candidate in output.candidates(index, shards):
        key = candidate.video_key
        if key not in licences:
            continue
        fetched = store.fetch(key) if store else None
        whole = with_address(candidate, store) if store else candidate
        yield _Video(whole, licences[key], fetched.licence if fetched else None)


def _is_due(answers: dict[str, RecheckAnswer], video: _Video, before: datetime) -> bool:
    known = answers.get(video.candidate.video_key)
    return known is None or known.now is Now.UNTOLD or known.asked <= before


def _asked(pool: ThreadPoolExecutor, web: Web, videos: Iterable[_Video]) -> Iterator[RecheckAnswer]:
    """The answers as they come. After a stop, those that were on their way are lost."""
    waiting: set[Future[RecheckAnswer]] = {pool.submit(_ask, web, each) for each in videos}
    try:
        while waiting:
            ended, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for each in ended:
                yield each.result()
    finally:
        for each in waiting:
            each.cancel()


def _ask(web: Web, video: _Video) -> RecheckAnswer:
    """What became of one video."""
    web.stop.check()
    candidate = video.candidate
    try:
        if candidate.video.root is not None:
            now, reason, said = _of_file(candidate.video.root, candidate.video.url)
        elif has_no_address(candidate):
            now, reason, said = Now.UNTOLD, Reason.REDACTED, Reason.REDACTED.explanation
        else:
            licence = licence_now(candidate.video.url, LIMITS, web)
            said = _other_licence(video, licence)
            now, reason = (Now.OTHER_LICENCE if said else Now.HERE), None
    except FetchError as error:
        now, reason = _SURELY.get(error.reason, Now.UNTOLD), error.reason
        said = web.redaction.error_text(str(error))
    return RecheckAnswer(
        video_key=candidate.video_key,
        video_id=candidate.video.video_id,
        asked=datetime.now(UTC).replace(microsecond=0),
        now=now,
        reason=reason,
        said=shortened(published_text(said)),
    )


def _of_file(root: str, path: str) -> tuple[Now, Reason | None, str]:
    """What became of a local file. Where its folder is gone, a disk may just not be there."""
    if not Path(root).is_dir():
        return Now.UNTOLD, Reason.MISSING, "its folder is not there"
    file = below(root, path)
    if file is None or not file.is_file():
        return Now.GONE, Reason.MISSING, "the file is not there"
    return Now.HERE, None, ""


def _other_licence(video: _Video, now: str | None) -> str:
    """How the licence has changed, for people; "" where it has not, or that cannot be told.

    What the page stated when it was fetched is compared word by word. Where that is not known, a
    catalogue may have had words of its own: then the kinds of licences are compared.
    """
    if now is None:
        return ""
    before = video.page_licence
    if before is not None:
        differs = before != "" and _words(before) != _words(now)
    else:
        before = video.licence or ""
        differs = bool(before and now) and _terms(before) != _terms(now)
    stated = f"{now!r} is stated now" if now else "none is stated now"
    return f"the licence was {before!r}, and {stated}" if differs else ""


def _words(licence: str) -> str:
    return " ".join(licence.casefold().split())


def _terms(licence: str) -> tuple[bool, frozenset[str]]:
    """Whether it is one of Creative Commons, and its restrictions."""
    said = licence.casefold()
    known = {"nc": r"\bnc\b|non ?-?commercial", "nd": r"\bnd\b|no ?-?deriv", "sa": r"\bsa\b|alike"}
    terms = frozenset(name for name, words in known.items() if re.search(words, said))
    return is_creative_commons(licence), terms


def _count(done: Rechecked, answers: Iterable[RecheckAnswer]) -> None:
    for each in answers:
        done.found[each.now] += 1
        if each.now is Now.UNTOLD and each.reason is not None:
            done.untold[each.reason] += 1
        if each.now.is_proposed:
            why = f"{each.asked:%Y-%m-%d}: {each.now}; {each.said}"
            done.proposed.append(
                ListedVideo(video_key=each.video_key, video_id=each.video_id, reason=why)
            )


# The answers.


def _place(index: int) -> str:
    return f"_state/recheck/{index:05d}.json"


def _answers(output: DatasetDir, index: int) -> dict[str, RecheckAnswer]:
    """What was answered of the videos of a shard; what cannot be read is asked again."""
    try:
        answers = from_json(
            output.files.read(_place(index), _MOST_BYTES), tuple[RecheckAnswer, ...]
        )
    except (OSError, msgspec.DecodeError):
        return {}
    return {each.video_key: each for each in answers}


def _write(output: DatasetDir, index: int, answers: Iterable[RecheckAnswer]) -> None:
    ordered = sorted(answers, key=lambda each: each.video_key)
    output.files.write(_place(index), msgspec.json.encode(ordered))
