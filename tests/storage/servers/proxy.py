"""A proxy before a server of objects: it fails by script, counts, and refuses what is stale.

The service honours what fake-gcs-server ignores, so the proxy does: the conditions of deletes and
of resumable uploads, the generation that a read or a delete asks for, that a piece may be sent
twice, what a bucket keeps of what is deleted for good, and until when it lets no version be
deleted. moto looks at conditions, but not in one step with the write; so the proxy sends such
requests alone.
"""

import http.client
import json
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

Verb = Literal["insert", "piece", "get", "list", "delete", "bucket"]

CLASS_A = frozenset({"insert", "list", "bucket"})
CLASS_B = frozenset({"get"})

Kind = Literal["status", "reset", "lost", "broken", "slow"]


@dataclass
class Fault:
    """What becomes of the next `times` requests of a verb.

    status: answered with that status, without asking the server. reset: the connection is reset,
    likewise. lost: the server does what it is asked, and its answer is lost. broken: half of its
    answer comes. slow: it comes after `seconds`.
    """

    verb: Verb
    kind: Kind
    times: int = 1
    status: int = 503
    seconds: float = 2.0


@dataclass
class Proxy:
    """Listens on a port of this machine, and forwards to another one.

    Writes may go side by side; where the proxy looks at a condition, nothing is written meanwhile.
    """

    port: int
    dialect: Literal["gcs", "s3"]
    upstream: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)
    # what was injected
    injected: Counter[tuple[str, str]] = field(default_factory=Counter)
    # every so many requests fail, in turns of all kinds; 0: none
    every: int = 0
    # by the name of a resumable upload: the address of its object, and what it must find there
    sessions: dict[str, tuple[str, str]] = field(default_factory=dict)
    # by the name of a resumable upload: how many bytes have come, and what was answered then
    pieces: dict[str, tuple[int, Any]] = field(default_factory=dict)

    # for how long the bucket keeps what is deleted for good, seconds
    soft_delete: int = 0
    # until when no earlier version may be deleted, as the service writes times; "": until somebody
    # ends that; None: it may be
    retained: str | None = None
    # addresses and generations of earlier versions that are deleted for good
    destroyed: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._gate = _Gate()
        self._seen = 0
        self._held = "", threading.Event()
        self._goes_on = threading.Event()
        handler = type("Handler", (_Handler,), {"proxy": self})
        self._server = _Server(("127.0.0.1", self.port), handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fail(self, verb: Verb, kind: Kind, times: int = 1, **details: Any) -> None:
        """Let the next requests of a verb fail."""
        with self._lock:
            self.faults.append(Fault(verb, kind, times, **details))

    @contextmanager
    def holding(self, place: str) -> Iterator[threading.Event]:
        """Hold up the first write of an object whose name has `place` in it, until this ends.

        The event says that it is held. What writes meanwhile goes by.
        """
        held, self._goes_on = threading.Event(), threading.Event()
        self._held = place, held
        try:
            yield held
        finally:
            self._held = "", held
            self._goes_on.set()

    def wait_if_held(self, method: str, path: str) -> None:
        """Let a request wait that is to be held up."""
        with self._lock:
            place, held = self._held
            if not place or method not in ("POST", "PUT") or held.is_set():
                return
            if place not in unquote(urlsplit(path).path):
                return
            held.set()
        self._goes_on.wait()

    def clear(self) -> None:
        """Forget counts and faults."""
        with self._lock:
            self.counts = Counter()
            self.injected.clear()
            self.faults.clear()
            self.every = 0
            self.soft_delete = 0
            self.retained = None

    @property
    def operations(self) -> tuple[int, int]:
        """How many operations of class A and of class B were asked for."""
        return sum(self.counts[v] for v in CLASS_A), sum(self.counts[v] for v in CLASS_B)

    @property
    def requests(self) -> int:
        """How many requests have come."""
        return self._seen

    def take(self, verb: Verb) -> Fault | None:
        """Count a request; what is to become of it."""
        with self._lock:
            self.counts[verb] += 1
            self._seen += 1
            for fault in self.faults:
                if fault.verb == verb and fault.times > 0:
                    fault.times -= 1
                    self.injected[verb, fault.kind] += 1
                    return fault
            if self.every and self._seen % self.every == 0 and verb != "bucket":
                kinds = (
                    *(Fault(verb, "status", status=429), Fault(verb, "status", status=503)),
                    *(Fault(verb, "reset"), Fault(verb, "lost"), Fault(verb, "broken")),
                    Fault(verb, "slow", seconds=0.5),
                )
                fault = kinds[self._seen // self.every % len(kinds)]
                self.injected[verb, fault.kind] += 1
                return fault
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is none of the proxy's."""


class _Gate:
    """Any number of writers, or one that is alone."""

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._writers = 0
        self._taken = False

    @contextmanager
    def shared(self) -> Iterator[None]:
        with self._turn:
            self._turn.wait_for(lambda: not self._taken)
            self._writers += 1
        try:
            yield
        finally:
            with self._turn:
                self._writers -= 1
                self._turn.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        with self._turn:
            self._turn.wait_for(lambda: not self._taken and self._writers == 0)
            self._taken = True
        try:
            yield
        finally:
            with self._turn:
                self._taken = False
                self._turn.notify_all()


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    proxy: Proxy

    def log_message(self, *_: Any) -> None:
        """Nothing is printed."""

    def do_any(self) -> None:
        body = self._body()
        self.proxy.wait_if_held(self.command, self.path)
        verb = _verb(self.proxy.dialect, self.command, self.path)
        fault = self.proxy.take(verb)
        if fault is not None and fault.kind == "status":
            self._answer(_Answer(fault.status, [("Content-Type", "text/plain")], b"by script"))
            return
        if fault is not None and fault.kind == "reset":
            self._reset()
            return
        try:
            answer = self._ask(verb, body)
        except (OSError, http.client.HTTPException):
            # The server is not there, or ended in the middle.
            self._reset()
            return
        if fault is not None and fault.kind == "slow":
            time.sleep(fault.seconds)
        if fault is not None and fault.kind == "lost":
            self._reset()
            return
        self._answer(answer, broken=fault is not None and fault.kind == "broken")

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = do_any  # noqa: N815

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            pieces = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(pieces)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _ask(self, verb: Verb, body: bytes) -> _Answer:
        if self.proxy.dialect == "gcs":
            (wanted,) = parse_qs(urlsplit(self.path).query).get("generation", [None])
            if verb == "get" and wanted is not None:
                answer = self._forward(self.command, self.path, body)
                is_it = dict(answer.headers).get("X-Goog-Generation", wanted) == wanted
                return answer if is_it else _Answer(404, [], b"replaced")
            if verb == "piece":
                return self._piece(body)
            if verb == "delete" and wanted is not None:
                return self._delete_version(wanted)
            if verb == "list" and "versions=" in self.path:
                return self._versions()
            if verb == "bucket" and self.command == "GET":
                return self._bucket()
        return self._write(verb, body)

    def _delete_version(self, generation: str) -> _Answer:
        """The server would delete what is there now."""
        place = unquote(urlsplit(self.path).path)
        if self.proxy.retained is not None:
            return _Answer(403, [("Content-Type", "text/plain")], b"retentionPolicyNotMet")
        self.proxy.destroyed.add((place, generation))
        return _Answer(204, [], b"")

    def _versions(self) -> _Answer:
        """A list of versions. The server wants that asked for in small letters."""
        split = urlsplit(self.path)
        asked = {name: each[0] for name, each in parse_qs(split.query).items() if name != "fields"}
        query = urlencode(asked | {"versions": "true"})
        found = json.loads(self._forward("GET", f"{split.path}?{query}", b"", plain=True).body)
        left = []
        for each in found.get("items", ()):
            if (f"{split.path}/{each['name']}", each["generation"]) not in self.proxy.destroyed:
                if self.proxy.retained and "timeDeleted" in each:
                    each["retentionExpirationTime"] = self.proxy.retained
                left.append(each)
        headers = [("Content-Type", "application/json")]
        return _Answer(200, headers, json.dumps(found | {"items": left}).encode())

    def _bucket(self) -> _Answer:
        """What a bucket is, with what the server does not know of it."""
        answer = self._forward("GET", self.path, b"", plain=True)
        if answer.status != 200:
            return answer
        policy = {"retentionDurationSeconds": str(self.proxy.soft_delete)}
        known = json.loads(answer.body) | {"softDeletePolicy": policy}
        return _Answer(200, [("Content-Type", "application/json")], json.dumps(known).encode())

    def _piece(self, body: bytes) -> _Answer:
        """A piece of an upload, which may have come before."""
        session = parse_qs(urlsplit(self.path).query).get("upload_id", [""])[0]
        begin = re.match(r"bytes (\d+)-", self.headers.get("Content-Range", ""))
        have, said = self.proxy.pieces.get(session, (0, None))
        if begin is not None and int(begin[1]) < have and said is not None:
            return said
        answer = self._write("piece", body)
        if answer.status < 400:
            self.proxy.pieces[session] = (have + len(body), answer)
        return answer

    def _write(self, verb: Verb, body: bytes) -> _Answer:
        """What may change something, with its conditions."""
        gate = self.proxy._gate
        if "If-Match" in self.headers or "If-None-Match" in self.headers:
            # moto looks first and writes then, while others write.
            with gate.alone():
                return self._forward(self.command, self.path, body)
        condition = self._condition(verb, body)
        if condition is not None:
            # The server ignores it: it is looked at here, and nothing is written meanwhile.
            place, generation = condition
            with gate.alone():
                state = self._forward("GET", place, b"", plain=True)
                if state.status == 404 and verb == "delete":
                    return state
                found = "0" if state.status == 404 else json.loads(state.body)["generation"]
                if found != generation:
                    return _Answer(412, [("Content-Type", "text/plain")], b"conditionNotMet")
                answer = self._forward(self.command, self.path, body)
            self._remember(answer, condition)
            return answer
        with gate.shared() if verb in ("insert", "piece") else nullcontext():
            return self._forward(self.command, self.path, body)

    def _condition(self, verb: Verb, body: bytes) -> tuple[str, str] | None:
        """The address of an object, and the generation that it must have, where that is open."""
        if self.proxy.dialect != "gcs":
            return None
        split = urlsplit(self.path)
        query = parse_qs(split.query)
        if verb == "piece":
            return self.proxy.sessions.get(query.get("upload_id", [""])[0])
        (asked,) = query.get("ifGenerationMatch", [None])
        if asked is None:
            return None
        if verb == "delete":
            return split.path, asked
        before, _, place = split.path.partition("/rewriteTo")
        if place:
            return f"{before[: before.index('/b/')]}{place}", asked
        if verb == "insert" and query.get("uploadType") == ["resumable"]:
            place = split.path.partition("/upload")[2]
            return f"{place}/{quote(json.loads(body)['name'], safe='')}", asked
        return None

    def _remember(self, answer: _Answer, condition: tuple[str, str]) -> None:
        """The condition of an upload holds at its end, too."""
        for name, value in answer.headers:
            if name.lower() == "location":
                (session,) = parse_qs(urlsplit(value).query)["upload_id"]
                self.proxy.sessions[session] = condition

    def _forward(self, method: str, path: str, body: bytes, plain: bool = False) -> _Answer:
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in ("connection", "transfer-encoding", "content-length")
            and not plain
        }
        if body or method in ("PUT", "POST"):
            headers["Content-Length"] = str(len(body))
        upstream = http.client.HTTPConnection("127.0.0.1", self.proxy.upstream, timeout=60)
        try:
            upstream.request(method, path, body, headers)
            response = upstream.getresponse()
            return _Answer(response.status, response.getheaders(), response.read())
        finally:
            upstream.close()

    def _answer(self, answer: _Answer, broken: bool = False) -> None:
        self.send_response_only(answer.status)
        length = None
        for name, value in answer.headers:
            if name.lower() == "content-length":
                length = value
            elif name.lower() not in ("connection", "transfer-encoding"):
                self.send_header(name, value)
        is_head = self.command == "HEAD"
        self.send_header("Content-Length", length if is_head and length else str(len(answer.body)))
        self.end_headers()
        if broken:
            self.wfile.write(answer.body[: len(answer.body) // 2])
            self.wfile.flush()
            self._reset()
        elif not is_head:
            self.wfile.write(answer.body)

    def _reset(self) -> None:
        """Let the client see its connection reset."""
        self.close_connection = True
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        # The handler holds files over the socket; the reset comes when it is closed, now.
        self.connection.shutdown(socket.SHUT_RD)
        self.wfile.close()
        self.rfile.close()
        self.connection.close()


_OBJECT = re.compile(r"/b/([^/]+)/o(?:/(.+))?$")


def _verb(dialect: str, method: str, path: str) -> Verb:
    """Which operation a request is."""
    split = urlsplit(path)
    query = parse_qs(split.query, keep_blank_values=True)
    if dialect == "s3":
        key = split.path.lstrip("/").partition("/")[2]
        if not key:
            return "list" if method == "GET" else "delete" if "delete" in query else "bucket"
        if method == "PUT" and "partNumber" in query:
            return "piece"
        named: dict[str, Verb] = {"GET": "get", "HEAD": "get", "DELETE": "delete"}
        return named.get(method, "insert")
    if "upload_id" in query and method == "PUT":
        return "piece"
    found = _OBJECT.search(split.path)
    if found is None:
        # Sessions of fake-gcs-server have addresses of their own.
        return "piece" if "/upload/" in split.path else "bucket"
    if method == "POST" or "/upload/" in split.path:
        return "insert"
    if method == "DELETE":
        return "delete"
    return "get" if found[2] else "list"
