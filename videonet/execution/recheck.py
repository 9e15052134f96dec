"""Asks what became of the kept videos of a data set, and proposes which to take out.

The answers lie in OUT/_state/recheck, a file a shard, and beside them when the call began. So an
interrupted call goes on, and a later one asks again what was asked long ago. Nothing is withdrawn.
"""

import logging
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from videonet.curation.addresses import has_no_address, with_address
from videonet.dataset.recheck_answers import (
    end_round,
    read_answers,
    read_round,
    write_answers,
    write_round,
)
from videonet.errors import UsageError
from videonet.fetch.failure import FetchError
from videonet.fetch.limits import FetchLimits
from videonet.fetch.published_address import published_text
from videonet.fetch.rate_limit import host_of
from videonet.fetch.still_there import licence_now
from videonet.fetch.web import Web
from videonet.files import below, drafted
from videonet.schemas.candidate import Candidate
from videonet.schemas.licence import is_creative_commons
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.recheck import Now, RecheckAnswer, Round
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

# Answers wait no longer than this to be written, seconds: a process that is killed loses them.
_WRITTEN_EVERY = 10.0

# An interrupted call is gone on with for so long: what it found is too old then.
_ROUND_LASTS = timedelta(days=30)

# A place of which so many videos went, and so many of all that are kept of it, may itself have
# gone: a host that has moved or is parked answers 404 or 410 to everything.
_MANY = 5
_NEARLY_ALL = 0.9


@dataclass(frozen=True)
class Deserted:
    """A host, or a folder of local files, of which nearly all kept videos are gone or private."""

    place: str
    is_folder: bool
    # kept videos of it: those that went, and all that were asked about
    went: int
    videos: int

    @property
    def warning(self) -> str:
        """What is to be thought of before its videos are taken out; the place is not named."""
        which = "folder may be another one now" if self.is_folder else "host may have moved"
        return f"{self.went:,} of {self.videos:,} videos of this place went, so the {which}"


@dataclass
class Rechecked:
    """What was found."""

    # kept videos, by how they were found last
    found: Counter[Now] = field(default_factory=Counter)
    # of those that could not be told, by reason
    untold: Counter[Reason] = field(default_factory=Counter)
    # videos that were asked about by this call
    asked: int = 0
    # those to be taken out if a person agrees, in the order of their keys
    proposed: list[ListedVideo] = field(default_factory=list)
    # places of which nearly all videos went, in the order of their names
    deserted: list[Deserted] = field(default_factory=list)


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
    goes on then: what the interrupted one was told is not asked again.
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
    done, found = Rechecked(), _Found()
    shards = manifest.settings.shards
    with (
        output.files.exclusive(),
        set_on_interrupt(web.stop),
        ThreadPoolExecutor(threads) as pool,
    ):
        before = _asked_before(output, older_than)
        for index in range(shards):
            known = read_answers(output, index)
            kept = {each.candidate.video_key: each for each in _kept(output, index, shards)}
            answers = {key: each for key, each in known.items() if key in kept}
            # The store is read for those alone that are asked about: it may be far away.
            due = [
                _with_store(each, store)
                for key, each in kept.items()
                if _is_due(answers.get(key), before)
            ]
            written, unwritten = time.monotonic(), answers != known
            try:
                for answer in _asked(pool, web, due):
                    answers[answer.video_key] = answer
                    done.asked, unwritten = done.asked + 1, True
                    if time.monotonic() - written > _WRITTEN_EVERY:
                        write_answers(output, index, answers.values())
                        written, unwritten = time.monotonic(), False
            finally:
                if unwritten:
                    write_answers(output, index, answers.values())
            _count(done, found, answers, kept)
            if due:
                say(f"{index + 1:,} of {shards:,} shards: {done.asked:,} videos asked about")
        end_round(output)
    done.deserted = found.deserted()
    done.proposed = found.proposed(done.deserted)
    return done


def _asked_before(output: DatasetDir, older_than: timedelta) -> datetime:
    """What was asked earlier than this is asked again; notes that a round of asking begins."""
    now, days = datetime.now(UTC), older_than / timedelta(days=1)
    begun = read_round(output)
    if begun is None or begun.older_than != days or not now - _ROUND_LASTS <= begun.begun <= now:
        begun = Round(begun=now, older_than=days)
        write_round(output, begun)
    try:
        return begun.begun - older_than
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


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


def _kept(output: DatasetDir, index: int, shards: int) -> Iterator[_Video]:
    """The kept videos of a shard, as far as OUT knows them."""
    licences = {
        each.video_key: each.video.licence
        for each in output.verdicts(index, shards)
        if each.outcome is Outcome.KEPT
    }
    for candidate in output.candidates(index, shards):
        if candidate.video_key in licences:
            yield _Video(candidate, licences[candidate.video_key], None)


def _with_store(video: _Video, store: Store | None) -> _Video:
    """The same with what the store knows: its whole address, and what its page stated."""
    if store is None:
        return video
    fetched = store.fetch(video.candidate.video_key)
    return replace(
        video,
        candidate=with_address(video.candidate, store),
        page_licence=fetched.licence if fetched else None,
    )


def _is_due(known: RecheckAnswer | None, before: datetime) -> bool:
    return known is None or known.now is Now.UNTOLD or known.asked < before


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
        asked=datetime.now(UTC),
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


# What is said of all of them.


class _Found:
    """What all shards brought, as far as it is proposed, and of how many videos of each place."""

    def __init__(self) -> None:
        # names of hosts, and folders of local files
        self._videos: Counter[tuple[str, bool]] = Counter()
        self._went: Counter[tuple[str, bool]] = Counter()
        self._proposed: defaultdict[tuple[str, bool], list[RecheckAnswer]] = defaultdict(list)

    def add(self, answer: RecheckAnswer, candidate: Candidate) -> None:
        root = candidate.video.root
        place = (host_of(candidate.video.url), False) if root is None else (root, True)
        self._videos[place] += 1
        self._went[place] += answer.now in (Now.GONE, Now.PRIVATE)
        if answer.now.is_proposed:
            self._proposed[place].append(answer)

    def deserted(self) -> list[Deserted]:
        return [
            Deserted(*place, went, self._videos[place])
            for place, went in sorted(self._went.items())
            if went >= max(_MANY, _NEARLY_ALL * self._videos[place])
        ]

    def proposed(self, deserted: Iterable[Deserted]) -> list[ListedVideo]:
        warnings = {(each.place, each.is_folder): f"; {each.warning}" for each in deserted}
        listed = [
            ListedVideo(
                video_key=each.video_key,
                video_id=each.video_id,
                reason=f"{each.asked:%Y-%m-%d}: {each.now}; {each.said}{warnings.get(place, '')}",
            )
            for place, answers in self._proposed.items()
            for each in answers
        ]
        return sorted(listed, key=lambda each: each.video_key)


def _count(
    done: Rechecked, found: _Found, answers: Mapping[str, RecheckAnswer], kept: Mapping[str, _Video]
) -> None:
    for key, each in answers.items():
        done.found[each.now] += 1
        if each.now is Now.UNTOLD and each.reason is not None:
            done.untold[each.reason] += 1
        found.add(each, kept[key].candidate)
