"""One session with yt-dlp: at the pace of each host, and never longer than is allowed.

Every request of yt-dlp's extractors and downloaders goes through `Session.urlopen`.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from yt_dlp.networking import Response
from yt_dlp.utils import DownloadError

from videonet.errors import MachineError, machine_error
from videonet.fetch.clock import Clock
from videonet.fetch.connections import Connections
from videonet.fetch.failure import FetchError, NotAskedError, RefusedAddressError, explain
from videonet.fetch.limits import FetchLimits
from videonet.fetch.page_limits import PageMeter
from videonet.fetch.proxies import is_proxy_fault
from videonet.fetch.range_probe import RangeProbe
from videonet.fetch.rate_limit import Permit, host_of
from videonet.fetch.retry import PASSING
from videonet.fetch.web import Web
from videonet.fetch.ytdlp import FileRequests, YtDlp
from videonet.schemas.reason import Reason

# An extractor could not read a page, or gave a text that is not known.
_UNEXPLAINED = frozenset({Reason.EXTRACTION, Reason.INTERNAL})

# These do not show how a host takes the requests.
_NO_ANSWER = frozenset({Reason.SERVER_ERROR, Reason.NETWORK, Reason.TIMEOUT, Reason.INTERNAL})


class Session(YtDlp):
    """yt-dlp for one attempt: waits for a permit of each host, and ends when its time is up."""

    def __init__(
        self,
        web: Web,
        clock: Clock,
        limits: FetchLimits,
        options: Mapping[str, Any],
        probe: RangeProbe | None = None,
        take: Callable[[YtDlp, dict[str, Any]], bool] | None = None,
        meter: PageMeter | None = None,
    ) -> None:
        """`options` are yt-dlp's; `probe` and `take`: see `YtDlp`. `meter`: else a new one."""
        self._web = web
        self._clock = clock
        # whether any host was asked
        self.asked = False
        self._failure: Exception | None = None
        # what the machine lacked for a request; an extractor may go on without the answer
        self._lacking: MachineError | None = None
        # the failure of the latest request that another attempt may help, or that was not sent
        self.setback: FetchError | None = None
        # by host, the latest last
        self._permits: dict[str, Permit] = {}
        self._connections = Connections(clock, web.stop, web.lookups, web.allowed_hosts)
        self._proxy = web.proxies.take()
        silence = {"socket_timeout": max(0.1, min(limits.silence, clock.left))}
        parameters = silence | dict(options) | web.credentials.parameters(self._proxy)
        meter = meter or PageMeter(limits)
        super().__init__(parameters, web.cookies, web.shared, self._connections, probe, take, meter)

    def __enter__(self) -> Self:
        """Begin to watch the clock."""
        self._connections.begin()
        super().__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        """Close the connections."""
        self._connections.end()
        super().__exit__(*error)

    def urlopen(self, request: Any) -> Response:
        """Send a request, once its host may be asked. Raises what yt-dlp raises, and FetchError."""
        host = host_of(request if isinstance(request, str) else request.url)
        self._failure = None
        permit = self._web.rate_limiter.permit(host, self._clock.left)
        self._permits.pop(host, None)
        self._permits[host] = permit
        self.asked = True
        try:
            response: Response = super().urlopen(request)
        except Exception as error:
            self._failure = error
            try:
                failure = explain(error)
            except MachineError as lacking:
                self._lacking = lacking
                raise
            overloaded = failure.reason is Reason.SERVER_ERROR and failure.retry_after is not None
            if failure.reason is Reason.RATE_LIMITED or overloaded:
                # The extractor may go on without this answer, and not report the refusal.
                permit.refused(failure.retry_after)
            if failure.reason in PASSING or failure.reason is Reason.REFUSED_ADDRESS:
                self.setback = failure
            raise
        return response

    def read_file(self, info: Mapping[str, Any]) -> bytes:
        """All of a file that a page names and that is no video, such as captions; it is metered.

        `info` is yt-dlp's of the file. Raises as `urlopen` does.
        """
        # No extractor reads it, so none has to read it elsewhere first.
        self.end_rehearsal()
        content: bytes = FileRequests(self, info).ask(0, None).read()
        return content

    @contextmanager
    def outcome(self) -> Iterator[None]:
        """Report how the work inside ends to hosts and proxies.

        Raises nothing but FetchError, and MachineError.
        """
        try:
            yield
        except DownloadError as error:
            if error.__context__ is None:
                # yt-dlp's downloaders report the cause of a broken transfer as text alone.
                error.__context__ = self._failure
            raise self._failed(error) from error
        except Exception as error:
            raise self._failed(error) from error
        # To yt-dlp, a connection that was broken off may look like the end of the file.
        self._web.stop.check()
        if self._lacking is not None:
            raise self._lacking
        if self._connections.are_broken_off:
            raise self._late()
        self._went_well()

    def _failed(self, error: BaseException) -> FetchError:
        self._web.stop.check()
        if self._lacking is not None:
            raise self._lacking from error
        if (lacking := machine_error(error)) is not None:
            raise lacking from error
        late = self._clock.left <= 0 and not isinstance(error, FetchError)
        if late or self._connections.are_broken_off:
            # What came may have been cut off: a playlist without its end is that of a live stream.
            return self._late()
        failure = explain(error)
        if isinstance(failure, NotAskedError):
            return failure
        if isinstance(self._failure, RefusedAddressError) and not isinstance(error, FetchError):
            # yt-dlp has words of its own for the end of what it could not go on with.
            return explain(self._failure)
        if self._proxy is not None and is_proxy_fault(self._failure or error):
            self._web.proxies.rest(self._proxy)
            # The video is not at fault: another attempt takes another proxy.
            return FetchError(Reason.NETWORK, str(failure))
        if failure.reason in _UNEXPLAINED and self.setback is not None:
            # Extractors go on without a page that was refused, and end with another text. The
            # limit of the host that refused knows already.
            return self.setback
        if failure.reason is Reason.RATE_LIMITED:
            self._refused(failure)
        elif failure.reason not in _NO_ANSWER:
            self._went_well()
        return failure

    def _refused(self, failure: FetchError) -> None:
        """Slow down the host that was asked last: it answered 429, or its page wants no bots."""
        if self._permits:
            self._permits.popitem()[1].refused(failure.retry_after)
        if self._proxy is not None:
            self._web.proxies.rest(self._proxy)

    def _went_well(self) -> None:
        for permit in self._permits.values():
            permit.succeeded()
        self._permits.clear()
        if self._proxy is not None:
            self._web.proxies.worked(self._proxy)

    def _late(self) -> FetchError:
        return FetchError(Reason.TIMEOUT, f"not done within {self._clock.seconds:g} s")
