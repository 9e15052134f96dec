"""Attempts at one url, through yt-dlp, repeated within one deadline."""

import math
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from schemas import Candidate, Licence, Reason
from videonet import stopping
from videonet.budget import DiskBudget
from videonet.fetch.failure import FetchError, NotAskedError, too_large
from videonet.fetch.formats import smallest_format
from videonet.fetch.limits import FetchLimits
from videonet.fetch.politeness import host_of
from videonet.fetch.session import Clock, Session, Web, repeatedly
from videonet.licence import is_creative_commons
from videonet.sources.row import encodable
from videonet.verdict import is_too_short

# Longest wait for one of a host's connections: others of this run hold them, and each has its own
# deadline, seconds.
_QUEUE = math.inf

# What records keep of a licence, characters.
_NOTE_LENGTH = 200

# Of streams like these, a page may state the length so far.
_PROVISIONAL = frozenset({"is_live", "is_upcoming", "post_live"})


class Download:
    """The attempts at one url, and what they share: a partial file, a deadline, room on disk."""

    def __init__(
        self, candidate: Candidate, folder: Path, budget: DiskBudget, limits: FetchLimits, web: Web
    ) -> None:
        self.attempts = 0
        # bytes taken from the budget
        self.taken = 0
        # what the video's page says, once it has answered: length in seconds, and licence
        self.declared_duration: float | None = None
        self.licence: str | None = None
        self._refusal: FetchError | None = None
        self._candidate = candidate
        self._folder = folder
        self._budget = budget
        self._limits = limits
        self._web = web

    def run(self) -> Path:
        """The downloaded file.

        Raises FetchError when attempts or time are used up, Stopped when the run is to end.
        """
        host = host_of(self._candidate.url)
        with ExitStack() as stack:
            with self._budget.aside():
                stack.enter_context(self._web.politeness.download(host, _QUEUE))
            self._clock = Clock(self._limits.deadline)
            return repeatedly(self._limits)(self._attempt)

    def _attempt(self) -> Path:
        stopping.check()
        self.attempts += 1
        file = self._folder / "video"
        session = Session(self._web, self._clock, self._limits, self._options(file))
        try:
            with session, session.outcome():
                session.extract_info(self._candidate.url, download=True)
                if self._refusal is not None:
                    raise self._refusal
        except NotAskedError:
            self.attempts -= not session.asked
            raise
        if not file.exists():
            raise FetchError(Reason.UNSUPPORTED, "nothing was downloaded")
        return file

    def _options(self, file: Path) -> dict[str, Any]:
        return {
            # The file alone: no side files, no fix-ups that need an ffmpeg.
            "outtmpl": {"default": str(file).replace("%", "%%")},
            "format": smallest_format,
            "noplaylist": True,
            "playlist_items": "1",
            "updatetime": False,
            "fixup": "never",
            # A video with a hole in it must not count as whole.
            "skip_unavailable_fragments": False,
            "hls_prefer_native": True,
            "match_filter": self._look,
            "progress_hooks": [self._check],
        }

    def _look(self, info: dict[str, Any], *, incomplete: bool) -> str | None:
        """yt-dlp asks this before it downloads: why not, if what the page says is enough."""
        if incomplete is True:
            # An entry of a list, of which only its own page says more.
            return None
        self.licence = encodable(str(info.get("license") or ""))[:_NOTE_LENGTH]
        if info.get("live_status") not in _PROVISIONAL:
            self.declared_duration = info.get("duration") or None
        self._refusal = self._refused(info)
        # An exception would come back without what it says.
        return None if self._refusal is None else str(self._refusal)

    def _refused(self, info: dict[str, Any]) -> FetchError | None:
        if info.get("live_status") == "is_upcoming":
            return FetchError(Reason.UPCOMING, "not streamed yet")
        if info.get("is_live") or info.get("live_status") == "is_live":
            return FetchError(Reason.LIVE, "still being streamed")
        # What the source said of these goes before what the page says, as in the verdict.
        duration = self._candidate.duration
        if duration is None:
            duration = self.declared_duration
        if is_too_short(duration, self._limits.min_seconds):
            return FetchError(Reason.TOO_SHORT, f"said to last {duration:g} s")
        licence = self._candidate.licence or self.licence
        if self._limits.licence is Licence.CC and not is_creative_commons(licence):
            return FetchError(Reason.LICENCE, licence or "no licence stated")
        return None

    def _check(self, progress: dict[str, Any]) -> None:
        """Stop a download that breaks a limit; called by yt-dlp for every block."""
        stopping.check()
        if self._clock.left <= 0:
            raise FetchError(Reason.TIMEOUT, f"not done within {self._clock.seconds:g} s")
        so_far = int(progress.get("downloaded_bytes") or 0)
        expected = max(so_far, int(progress.get("total_bytes") or 0))
        if expected > self._limits.max_bytes:
            raise too_large(expected, self._limits.max_bytes)
        if expected > self.taken:
            if not self._budget.take(expected - self.taken, self._clock.left):
                raise FetchError(Reason.DISK_FULL, f"no room for {expected} bytes in the budget")
            self.taken = expected
