"""What yt-dlp sends requests with: http and https, over `Connections`, and nothing else.

Of yt-dlp's own handlers, those for WebSockets and for curl open connections that no deadline ends,
and the one for urllib asks by FTP too. So a session has these two alone.
"""

import socket
from collections.abc import Callable
from functools import partial
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection as PlainConnection
from urllib3.connection import HTTPSConnection as PlainSecureConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
)
from urllib3.util.retry import Retry
from yt_dlp.networking._requests import RequestsHTTPAdapter, SocksProxyManager
from yt_dlp.networking._requests import RequestsRH as TheirRequestsRH
from yt_dlp.networking._requests import SocksHTTPConnection as TheirSocksConnection
from yt_dlp.networking._requests import SocksHTTPConnectionPool as SocksPool
from yt_dlp.networking._requests import SocksHTTPSConnection as TheirSecureSocksConnection
from yt_dlp.networking._requests import SocksHTTPSConnectionPool as SecureSocksPool
from yt_dlp.networking._urllib import UrllibRH
from yt_dlp.socks import ProxyError as SocksError
from yt_dlp.socks import ProxyType, sockssocket
from yt_dlp.utils.networking import select_proxy

from videonet.fetch.connections import Connections

# What is private here, or not documented, as `videonet.fetch.ytdlp` describes it.
FUNCTIONS: tuple[tuple[Any, str, int, tuple[str, ...]], ...] = (
    (TheirRequestsRH, "_create_instance", 1, ("cookiejar", "legacy_ssl_support")),
    (RequestsHTTPAdapter, "init_poolmanager", 3, ()),
    (RequestsHTTPAdapter, "get_connection_with_tls_context", 5, ()),
    (RequestsHTTPAdapter, "proxy_manager_for", 2, ()),
    (PlainConnection, "_new_conn", 1, ()),
    (PlainSecureConnection, "_new_conn", 1, ()),
    (TheirSocksConnection, "_new_conn", 1, ()),
    (TheirSecureSocksConnection, "_new_conn", 1, ()),
    (sockssocket, "setproxy", 1, ("proxytype", "addr", "port", "rdns", "username", "password")),
)
ATTRIBUTES: tuple[tuple[Callable[[], Any], str, type], ...] = (
    (lambda: UrllibRH, "_SUPPORTED_URL_SCHEMES", tuple),
    (lambda: PlainConnection("host"), "_dns_host", str),
    (lambda: PlainConnection("host"), "socket_options", list),
    (lambda: PlainConnection("host"), "proxy", object),
    (lambda: urllib3.PoolManager(), "pool_classes_by_scheme", dict),
    (lambda: urllib3.HTTPSConnectionPool("host"), "ConnectionCls", type),
    (lambda: TheirSocksConnection({}, "host"), "_proxy_args", dict),
)


class RequestsRH(TheirRequestsRH):  # type: ignore[misc]
    """yt-dlp's handler for http and https, by the same name, with the session's connections."""

    def __init__(self, connections: Connections, **named: Any) -> None:
        """`named` are yt-dlp's."""
        self._connections = connections
        super().__init__(**named)

    def _create_instance(self, cookiejar: Any, legacy_ssl_support: object = None) -> Any:
        session = super()._create_instance(cookiejar, legacy_ssl_support)
        adapter = _Adapter(
            self._connections,
            ssl_context=self._make_sslcontext(legacy_ssl_support=legacy_ssl_support),
            source_address=self.source_address,
            max_retries=Retry(False),
        )
        session.adapters.clear()
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        return session


class DataRH(UrllibRH):  # type: ignore[misc]
    """yt-dlp's handler for addresses that hold the data themselves, such as a stream's key."""

    _SUPPORTED_URL_SCHEMES = ("data",)


class _Adapter(RequestsHTTPAdapter):  # type: ignore[misc]
    """Makes pools whose connections are the session's, with or without a proxy."""

    def __init__(self, connections: Connections, **named: Any) -> None:
        self._connections = connections
        super().__init__(**named)

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, **named)
        self._take_over(self.poolmanager)

    def get_connection_with_tls_context(
        self, request: Any, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        # Called for each step of a redirection.
        url = urllib3.util.parse_url(request.url)
        if url.host and select_proxy(url.url, proxies):
            self._connections.check(url.host)
        return super().get_connection_with_tls_context(request, verify, proxies, cert)

    def proxy_manager_for(self, proxy: str, **named: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **named)
        self._take_over(manager)
        return manager

    def _take_over(self, manager: Any) -> None:
        kinds = _THROUGH_SOCKS if isinstance(manager, SocksProxyManager) else _PLAIN
        manager.pool_classes_by_scheme = {
            scheme: partial(_pool, self._connections, *kind) for scheme, kind in kinds.items()
        }


def _pool(
    connections: Connections, pool: Any, connection: Any, *arguments: Any, **named: Any
) -> Any:
    made = pool(*arguments, **named)
    made.ConnectionCls = partial(connection, connections)
    return made


class _Guarded:
    """A connection of urllib3's that is opened by `Connections`, and watched from then on."""

    # Of urllib3. The name as it was written: a dot at its end matters where it is looked up.
    _dns_host: str
    host: str
    port: int
    # the proxy that it leads to, if any
    proxy: Any
    sock: Any
    timeout: Any
    source_address: tuple[str, int] | None
    socket_options: Any

    def __init__(self, connections: Connections, *arguments: Any, **named: Any) -> None:
        self._connections = connections
        self._copy: socket.socket | None = None
        super().__init__(*arguments, **named)

    def connect(self) -> None:
        try:
            super().connect()  # type: ignore[misc]
            self._connections.watch(self.sock)
        finally:
            if self._copy is not None:
                self._copy.close()
                self._copy = None

    def _new_conn(self) -> socket.socket:
        try:
            made = self._open()
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error  # type: ignore[arg-type]
        except TimeoutError as error:
            said = f"Connection to {self.host} timed out. (connect timeout={self.timeout})"
            raise ConnectTimeoutError(self, said) from error
        except SocksError as error:
            raise ProxyError(str(error), error) from error
        except UnicodeError as error:
            raise LocationParseError(f"{self.host!r}, label empty or too long") from error
        except OSError as error:
            said = f"Failed to establish a new connection: {error}"
            raise NewConnectionError(self, said) from error  # type: ignore[arg-type]
        for option in self.socket_options or ():
            made.setsockopt(*option)
        # The TLS handshake takes the socket into another object, which nobody has until it is done.
        self._copy = made.dup()
        self._connections.watch(self._copy)
        return made

    def _open(self) -> socket.socket:
        return self._connections.open(
            self._dns_host.strip("[]"),
            self.port,
            self.timeout,
            of_user=self.proxy is not None,
            source=self._source,
        )

    @property
    def _source(self) -> str | None:
        return self.source_address[0] if self.source_address else None


class HTTPConnection(_Guarded, PlainConnection):
    """By the name that it has in messages."""


class HTTPSConnection(_Guarded, PlainSecureConnection):
    """By the name that it has in messages."""


class _ThroughSocks(_Guarded):
    """A connection through a SOCKS proxy."""

    # of yt-dlp
    _proxy_args: dict[str, Any]

    def _open(self) -> socket.socket:
        host = self.host
        if not self._proxy_args["rdns"]:
            # Of these kinds of proxies, the client looks up the name.
            host = self._looked_up()

        def connect(made: Any, place: Any) -> None:
            made.setproxy(**self._proxy_args | {"addr": place[0], "port": place[1]})
            made.connect((host, self.port))

        return self._connections.open(
            self._proxy_args["addr"],
            self._proxy_args["port"],
            self.timeout,
            of_user=True,
            source=self._source,
            make=sockssocket,
            connect=connect,
        )

    def _looked_up(self) -> str:
        found = self._connections.look_up(self._dns_host.strip("[]"), self.port, self.timeout)
        if self._proxy_args["proxytype"] == ProxyType.SOCKS4:
            found = [each for each in found if each[0] == socket.AF_INET]
        if not found:
            raise OSError(f"{self.host} has no address that a SOCKS4 proxy can reach")
        return str(found[0][4][0])


class SocksHTTPConnection(_ThroughSocks, TheirSocksConnection):  # type: ignore[misc]
    """By the name that it has in messages."""


class SocksHTTPSConnection(_ThroughSocks, TheirSecureSocksConnection):  # type: ignore[misc]
    """By the name that it has in messages."""


_PLAIN = {
    "http": (urllib3.HTTPConnectionPool, HTTPConnection),
    "https": (urllib3.HTTPSConnectionPool, HTTPSConnection),
}
_THROUGH_SOCKS = {
    "http": (SocksPool, SocksHTTPConnection),
    "https": (SecureSocksPool, SocksHTTPSConnection),
}
