"""Attempts at one url, through yt-dlp, repeated within one deadline."""

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from videonet.cage.cage import InterruptionError
from videonet.fetch.caption_tracks import chosen_track
from videonet.fetch.clock import Clock
from videonet.fetch.details import details_of_page
from videonet.fetch.disk_budget import Room
from videonet.fetch.failure import FetchError, NotAskedError, too_large
from videonet.fetch.formats import smallest_format
from videonet.fetch.http_range import NotInPartsError, RemoteFile
from videonet.fetch.limits import FetchLimits, is_too_short
from videonet.fetch.page_limits import PageMeter
from videonet.fetch.range_probe import RangeProbe
from videonet.fetch.rate_limit import host_of
from videonet.fetch.retry import repeatedly
from videonet.fetch.session import Session
from videonet.fetch.sparse_file import PartFile, PartSource
from videonet.fetch.web import Web
from videonet.fetch.ytdlp import FileRequests, YtDlp, is_one_plain_file
from videonet.schemas.candidate import Candidate
from videonet.schemas.licence import is_creative_commons
from videonet.schemas.reason import Reason
from videonet.schemas.settings import Licence
from videonet.schemas.video_info import Details
from videonet.text import encodable
from videonet.video.container import VideoError
from videonet.video.decoder import Decoder

# Longest wait for one of a host's connections, seconds. Other downloads of this run hold them, and
# each has its own deadline.
_QUEUE = math.inf

# What records keep of a licence, characters.
_NOTE_LENGTH = 200

# The page of a stream like these may state the length that the stream has so far.
_PROVISIONAL = frozenset({"is_live", "is_upcoming", "post_live"})


class _NoRoomError(FetchError):
    """The budget has no room for so many more bytes."""

    def __init__(self, needed: int, likely: int) -> None:
        super().__init__(Reason.DISK_FULL, f"no room for {needed} more bytes in the budget")
        self.needed, self.likely = needed, likely


@contextmanager
def decoding() -> Iterator[None]:
    """Turns what a decoder says of a file into a FetchError."""
    try:
        yield
    except VideoError as error:
        raise FetchError(error.reason, str(error), limits=error.limits) from error
    except InterruptionError as error:
        raise FetchError(Reason.INTERRUPTED, str(error)) from error


class Download:
    """The attempts at one url, and what they share: a partial file, a deadline, room on disk."""

    def __init__(
        self,
        candidate: Candidate,
        folder: Path,
        room: Room,
        limits: FetchLimits,
        web: Web,
        decoder: Decoder,
        part: PartFile | None = None,
        frames: int | None = None,
    ) -> None:
        """`part`: the local part of the file, to go on from; its size is taken already.

        With `frames`, the bytes that so many first frames need are enough; else all are fetched.
        """
        self.attempts = 0
        # Bytes taken from the budget: all of a file has room, so that a download can be finished.
        self.taken = part.size if part else 0
        # the local part of the file, if it is fetched in parts
        self.part = part
        # the file that yt-dlp writes, if it is not fetched in parts
        self.file = folder / "video"
        # bytes of the file as the server states them; None: not stated yet
        self.announced: int | None = None
        # what the video's page states, once it has answered: length in seconds, and licence
        self.declared_duration: float | None = None
        self.licence: str | None = None
        # what else it says; None: nothing, or there was no answer
        self.page: Details | None = None
        self._frames = frames
        # whether the file is to be fetched in parts, as far as that is known
        self._in_parts = part is not None or frames is not None
        self._refusal: FetchError | None = None
        self._candidate = candidate
        self._folder = folder
        self._room = room
        self._limits = limits
        self._web = web
        self._decoder = decoder
        self._clock: Clock | None = None
        self._meter = PageMeter(limits)

    @property
    def partial_file(self) -> Path:
        """The file that yt-dlp writes to until a download is complete."""
        return self.file.with_name(self.file.name + ".part")

    def run(self) -> None:
        """Fetch the bytes that are needed: into `part`, or if that is None all of them into `file`.

        Raises FetchError when attempts or time are used up, Stopped when the run is to end.
        """
        while True:
            try:
                self._run()
            except _NoRoomError as none:
                # This waits for room outside `_run`, without a connection of the host: the
                # downloads that make room may wait for one. The next `_run` asks again.
                assert self._clock is not None
                size = none.likely
                if not self._room.take(size, 0):
                    size = none.needed
                    if not self._room.take(size, self._clock.left):
                        self.attempts += 1
                        raise
                self.taken += size
            else:
                return

    def _run(self) -> None:
        host = host_of(self._candidate.video.url)
        with ExitStack() as stack:
            # A part keeps its room until its video is decided.
            waiting = nullcontext() if self.taken else self._room.aside()
            with waiting:
                stack.enter_context(self._web.rate_limiter.download(host, _QUEUE))
                stack.enter_context(self._web.downloads)
            self._clock = self._clock or Clock(self._limits.deadline)
            repeatedly(self._limits, self._web.stop)(self._attempt)

    def _attempt(self) -> None:
        self._web.stop.check()
        assert self._clock is not None
        self.attempts += 1
        missing = () if self.part is None else next(self.part.holes(), ())
        probe = RangeProbe(*missing) if self._in_parts else None
        take = self._take if self._in_parts else None
        session = Session(
            self._web, self._clock, self._limits, self._options(), probe, take, self._meter
        )
        try:
            with session, session.outcome():
                session.extract_info(self._candidate.video.url, download=True)
                if self._refusal is not None:
                    raise self._refusal
        except NotAskedError:
            self.attempts -= not session.asked
            raise
        except _NoRoomError:
            self.attempts -= 1
            raise
        if self.part is None and not self.file.exists():
            raise FetchError(Reason.UNSUPPORTED, "nothing was downloaded")

    def _take(self, session: YtDlp, info: dict[str, Any]) -> bool:
        """Fetch the bytes that are needed in parts; False if that is not possible."""
        probe = session.probe
        assert probe is not None
        if (
            self._in_parts
            and info["url"] not in probe.refused
            and is_one_plain_file(info, session.params)
        ):
            requests = FileRequests(session, info)
            remote = RemoteFile(requests, self.part, self._begun, self._on_bytes, probe)
            with suppress(NotInPartsError):
                if self._frames is None:
                    remote.fill_all()
                else:
                    self._read(remote, self._frames)
                self.part = remote.part
                return True
        self._in_parts = False
        if self.part is not None:
            self.part.path.unlink(missing_ok=True)
            self.part = None
        return False

    def _read(self, remote: RemoteFile, frames: int) -> None:
        """Decode the first frames, so that all bytes that they need are fetched."""
        source = PartSource(remote.part, remote.fill)
        try:
            with decoding():
                self._decoder.read_first_frames(source, frames, remote.prefetch_until)
        finally:
            if source.failure is not None:
                raise source.failure

    def _begun(self, size: int, validator: str | None) -> PartFile:
        self.part = PartFile.begun(self._folder / "part", size, validator)
        return self.part

    def _options(self) -> dict[str, Any]:
        return {
            # The file alone: no side files, no fix-ups that need an ffmpeg.
            "outtmpl": {"default": str(self.file).replace("%", "%%")},
            "format": smallest_format,
            "noplaylist": True,
            "playlist_items": "1",
            "updatetime": False,
            "fixup": "never",
            # A video that lacks a fragment must not count as complete.
            "skip_unavailable_fragments": False,
            "hls_prefer_native": True,
            "match_filter": self._look,
            "progress_hooks": [self._check],
        }

    def _look(self, info: dict[str, Any], *, incomplete: bool) -> str | None:
        """Called by yt-dlp before it downloads: why it should not, from what the page states."""
        if incomplete is True:
            # An entry of a list: its own page states more.
            return None
        if info.get("requested_formats"):
            # These formats are downloaded one by one and then merged.
            self._in_parts = False
        self.licence = encodable(str(info.get("license") or ""))[:_NOTE_LENGTH]
        if info.get("live_status") not in _PROVISIONAL:
            self.declared_duration = info.get("duration") or None
        # Of a file itself, yt-dlp takes the time of its last change for that of a publication.
        if not info.get("direct") and (said := details_of_page(info)):
            asked = datetime.now(UTC).isoformat(timespec="seconds")
            self.page = Details(**said, asked=asked)
        if self._web.offers is not None:
            video = self._candidate.video
            self._web.offers.note(video.url, chosen_track(info, video.language))
        self._refusal = self._refused(info)
        # yt-dlp would drop the reason of an exception.
        return None if self._refusal is None else str(self._refusal)

    def _refused(self, info: dict[str, Any]) -> FetchError | None:
        if info.get("live_status") == "is_upcoming":
            return FetchError(Reason.UPCOMING, "not streamed yet")
        if info.get("is_live") or info.get("live_status") == "is_live":
            return FetchError(Reason.LIVE, "still being streamed")
        # The source's statements go before those of the page, as in the verdict.
        duration = self._candidate.video.duration
        if duration is None:
            duration = self.declared_duration
        if is_too_short(duration, self._limits.min_seconds):
            return FetchError(Reason.TOO_SHORT, f"said to last {duration:g} s")
        licence = self._candidate.video.licence or self.licence
        if self._limits.licence is Licence.CC and not is_creative_commons(licence):
            return FetchError(Reason.LICENCE, licence or "no licence stated")
        return None

    def _check(self, progress: dict[str, Any]) -> None:
        """Called by yt-dlp for every block."""
        self.announced = int(progress.get("total_bytes") or 0) or None
        self._on_bytes(int(progress.get("downloaded_bytes") or 0), self.announced or 0)

    def _on_bytes(self, so_far: int, announced: int) -> None:
        """Stop a download that breaks a limit, or that the budget has no room for."""
        self._web.stop.check()
        assert self._clock is not None
        if self._clock.left <= 0:
            raise FetchError(Reason.TIMEOUT, f"not done within {self._clock.seconds:g} s")
        expected = max(so_far, announced)
        if expected > self._limits.max_bytes:
            raise too_large(expected, self._limits.max_bytes)
        wanted = max(0, expected - self.taken)
        # What was taken is taken again where this process was held up until others had it.
        if wanted or not self._room.is_held:
            if not self._room.take(wanted, 0):
                # If the size is not announced, twice as much is asked for, so that the download
                # does not have to wait again soon.
                raise _NoRoomError(wanted, wanted if announced else max(wanted, self.taken))
            self.taken += wanted
