"""A web of hostile and broken servers, and what a run is to say of each address in it."""

import gzip
import io
import random
import socketserver
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from demo.drawing import draw_video
from tests.video.hostile import HOSTILE
from videonet.schemas.reason import Reason

KEPT = None

Verdicts = frozenset[Reason | None]

# Bytes that a page may have in this run, and seconds that a candidate may take.
PAGE_BYTES, DEADLINE = 1_000_000, 60

# What no server of the web may send a run to.
REFUSED = (
    "http://169.254.169.254/v.mp4",
    "http://[fd00:ec2::254]/v.mp4",
    "http://10.9.8.7/v.mp4",
    "http://[::ffff:10.1.2.3]/v.mp4",
)

# Of a file that is damaged at random: whatever is true of what is left of it.
_DAMAGED: Verdicts = frozenset(
    {KEPT, Reason.NO_TOP1_MATCH, Reason.TOO_SHORT, Reason.UNDECODABLE, Reason.NOT_A_VIDEO}
)
_NO_VIDEO: Verdicts = frozenset({Reason.NOT_A_VIDEO, Reason.UNDECODABLE, Reason.UNSUPPORTED})
_LATE: Verdicts = frozenset({Reason.TIMEOUT})
_BROKEN: Verdicts = frozenset({Reason.NETWORK, Reason.TIMEOUT})
_LARGE: Verdicts = frozenset({Reason.PAGE_TOO_LARGE})
_BAD: Verdicts = frozenset({Reason.BAD_ADDRESS})


class Connection(NamedTuple):
    """A request, and the way to answer it."""

    path: str
    # first and last byte that is asked for, as far as that is said
    wanted: tuple[int, int] | None
    send: Callable[[bytes], None]
    # waits so many seconds; raises when the server closes
    wait: Callable[[float], None]


Answer = Callable[[Connection], None]


class Case(NamedTuple):
    """A kind of candidate: its address, how the server answers, and the verdicts that are right."""

    url: str
    verdicts: Verdicts
    answer: Answer | None = None
    title: str = "a balloon"


def head(status: str = "200 OK", kind: str = "video/mp4", *more: str) -> bytes:
    """The head of an answer that ends with the connection."""
    lines = (f"HTTP/1.1 {status}", f"Content-Type: {kind}", "Connection: close", *more, "", "")
    return "\r\n".join(lines).encode("latin-1")


def whole(content: bytes, kind: str = "video/mp4") -> Answer:
    """A file as honest servers send it: in ranges, where these are asked for."""

    def answer(to: Connection) -> None:
        if to.wanted is None or to.wanted[0] >= len(content):
            to.send(head("200 OK", kind, f"Content-Length: {len(content)}") + content)
            return
        begin, last = to.wanted[0], min(to.wanted[1], len(content) - 1)
        told = f"Content-Range: bytes {begin}-{last}/{len(content)}"
        length = f"Content-Length: {last - begin + 1}"
        to.send(head("206 Partial Content", kind, told, length) + content[begin : last + 1])

    return answer


def sends(*blocks: bytes) -> Answer:
    """These bytes, whatever they are, and the end."""
    return lambda to: [to.send(block) for block in blocks] and None


def drips(start: bytes, byte: bytes) -> Answer:
    """A beginning, and then one byte after the other without an end."""

    def answer(to: Connection) -> None:
        to.send(start)
        while True:
            to.wait(0.1)
            to.send(byte)

    return answer


def endless(start: bytes, filling: bytes) -> Answer:
    """A beginning, and the same again and again."""

    def answer(to: Connection) -> None:
        to.send(start)
        while True:
            to.send(filling * (65536 // len(filling)))

    return answer


def redirects(to_url: str) -> Answer:
    """To another address."""
    return lambda to: to.send(head("302 Found", "text/html", f"Location: {to_url}"))


def mutated(content: bytes, seed: int) -> bytes:
    """A file with damage at a few places, or cut off."""
    chance = random.Random(seed)
    data = bytearray(content)
    for _ in range(chance.randint(1, 8)):
        place = chance.randrange(len(data))
        match chance.randrange(5):
            case 0:
                data[place] ^= 1 << chance.randrange(8)
            case 1:
                data[place : place + 4] = chance.randbytes(4)
            case 2:
                data[place : place + 200] = bytes(len(data[place : place + 200]))
            case 3:
                del data[place : place + chance.randint(1, 2000)]
            case _:
                data[place:place] = chance.randbytes(chance.randint(1, 300))
        if len(data) < 100:
            break
    return bytes(data)


def no_videos() -> dict[str, bytes]:
    """What is served as a video and is none."""
    picture, moving, packed = io.BytesIO(), io.BytesIO(), io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(picture, "jpeg")
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    frames[0].save(moving, "gif", save_all=True, append_images=frames[1:])
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("video.mp4", b"0" * 1000)
    sdp = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    return {
        "sdp": (sdp + "m=video 5004 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n").encode(),
        "ffconcat": b"ffconcat version 1.0\nfile /etc/passwd\n",
        "concat of a file beside it": b"ffconcat version 1.0\nfile video.mp4\n",
        "text": b"It is a truth universally acknowledged\n" * 100,
        "ansi": b"\x1b[31mred\x1b[0m\n" * 400,
        "zip": packed.getvalue(),
        "jpeg": picture.getvalue(),
        "subtitles": b"1\n00:00:00,000 --> 00:00:20,000\na balloon\n" * 10,
        "noise": random.Random(1).randbytes(20_000),
        "nothing": b"",
        "zeros": bytes(100_000),
    }


def _kinds(good: bytes, web: str) -> Iterator[Callable[[int], Case]]:
    """All kinds of hostile candidates, once: each makes the case of a number."""

    def at(number: int, name: str = "v.mp4") -> str:
        # Each its own host, so that none of them is to blame for another one.
        host = f"127.{1 + number // 60000}.{number // 250 % 240}.{1 + number % 250}"
        return f"http://{host}:{web}/{number}/{name}"

    def served(verdicts: Verdicts, answer: Answer, name: str = "v.mp4") -> Callable[[int], Case]:
        return lambda number: Case(at(number, name), verdicts, answer)

    # Servers that stall, in each phase.
    page, video = head(kind="text/html"), head("200 OK", "video/mp4", f"Content-Length: {10**6}")
    yield served(_LATE, lambda to: to.wait(3600))
    yield served(_LATE, drips(b"HTTP/1.1 200 OK\r\nX-Long: ", b"a"))
    yield served(_BROKEN, drips(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"))
    yield served(_LATE, drips(page + b"<html>", b" "), "page.html")
    yield served(_LATE, drips(video + good[:500], b"a"))
    yield served(_LATE, drips(head(kind="application/vnd.apple.mpegurl") + b"#EXTM3U\n", b"#"))

    # Pages, playlists and packed pages without an end.
    packed = gzip.compress(b"<html>" + b" " * 50_000_000)
    as_gzip = head("200 OK", "text/html", "Content-Encoding: gzip")
    yield served(_LARGE, endless(page + b"<html>", b"<p>more</p>"), "page.html")
    yield served(_LARGE, sends(as_gzip + packed), "page.html")
    playlist = head(kind="application/vnd.apple.mpegurl") + b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n"
    yield served(_LARGE, endless(playlist, b"#EXTINF:10,\ns.ts\n"), "list.m3u8")

    # Redirects.
    yield lambda number: Case(at(number), _BROKEN | {Reason.REFUSED}, redirects(at(number)))
    for target in ("file:///etc/passwd", "ftp://127.0.0.1/v.mp4", "data:video/mp4,x"):
        yield served(_BAD, redirects(target))
    refused: Verdicts = frozenset({Reason.REFUSED_ADDRESS})
    for target in REFUSED:
        yield served(refused, redirects(target))
        yield lambda _, url=target: Case(url, refused)

    # Lengths and bodies that do not agree.
    cut = good[: len(good) // 2]
    length = f"Content-Length: {len(good)}"
    yield served(_BROKEN, sends(head("200 OK", "video/mp4", length) + cut))
    yield served(
        _DAMAGED | _BROKEN, sends(head("200 OK", "video/mp4", f"Content-Length: {len(cut)}") + good)
    )
    yield served(
        _DAMAGED | _BROKEN, sends(head("200 OK", "video/mp4", "Content-Length: -5") + good)
    )
    yield served(_DAMAGED | _BROKEN, sends(head() + cut))
    yield served(
        _BROKEN, sends(head("200 OK", "video/mp4", "Transfer-Encoding: chunked") + b"zz\r\nno\r\n")
    )
    lie = ("Content-Range: bytes 0-99/99999999999999", "Content-Length: 100")
    yield served(
        _BROKEN | {Reason.TOO_LARGE},
        sends(head("206 Partial Content", "video/mp4", *lie) + good[:100]),
    )

    # Heads that are none.
    yield served(_BROKEN | _NO_VIDEO, sends(b"\0\1\2\3" * 1000))
    yield served(_BROKEN, sends(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n"))
    yield served(_BROKEN, sends(b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 1000 + b"\r\n"))
    yield served(_BROKEN, sends())

    # Refusals that are honest.
    yield served(frozenset({Reason.UNAVAILABLE}), sends(head("404 Not Found", "text/html")))
    yield served(frozenset({Reason.UNAVAILABLE}), sends(head("410 Gone", "text/html")))
    yield served(frozenset({Reason.REFUSED}), sends(head("403 Forbidden", "text/html")))
    yield served(frozenset({Reason.SERVER_ERROR}), sends(head("500 \x1b[31mred", "text/html")))

    # Files that claim much, or are no videos.
    for content in no_videos().values():
        yield served(_NO_VIDEO if content else _BROKEN, whole(content))
    yield served(_NO_VIDEO, whole(b"<html><body>no video</body></html>", "text/html"), "v.html")
    for make in HOSTILE.values():
        yield served(_DAMAGED - {KEPT}, whole(make()))

    # Real files that are damaged: each another one.
    for _ in range(6):
        yield lambda number: Case(at(number), _DAMAGED, whole(mutated(good, number)))

    # Addresses for which no server is needed, and texts of strangers.
    for url in ("ftp://127.0.0.1/v.mp4", "javascript:alert(1)", "http://", "http://[::1/v.mp4"):
        yield lambda _, url=url: Case(url, _BAD)
    kept: Verdicts = frozenset({KEPT})
    for title in ("a balloon \x1b[2J\x07", "a balloon \u202egpj", "a balloon " + "x" * 5000):
        yield lambda number, title=title: Case(at(number), kept, whole(good), title)


@contextmanager
def hostile_web(folder: Path, count: int) -> Iterator[list[Case]]:
    """So many cases, served while this lasts: all kinds in turn, a good video among each ten."""
    draw_video(folder / "good.mp4", "balloon", 11, size=(96, 64))
    good = (folder / "good.mp4").read_bytes()
    answers: dict[str, Answer] = {}
    closing = threading.Event()
    with _Server(("0.0.0.0", 0), answers, closing) as server:
        port = str(server.server_address[1])
        kinds = cycle(list(_kinds(good, port)))
        cases = []
        for number in range(count):
            if number % 10 == 9:
                url = f"http://127.0.0.1:{port}/{number}/good.mp4"
                case = Case(url, frozenset({KEPT}), whole(good))
            else:
                case = next(kinds)(number)
            if case.answer is not None:
                answers[str(number)] = case.answer
            # Two candidates at one address would be one video.
            more = "&" if "?" in case.url else "?"
            url = case.url if case.answer else f"{case.url}{more}{number}"
            cases.append(case._replace(url=url))
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield cases
        finally:
            closing.set()
            server.shutdown()


class _Server(socketserver.ThreadingTCPServer):
    """Answers the first number in a path as that case says."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256

    def __init__(
        self, place: tuple[str, int], answers: Mapping[str, Answer], closing: threading.Event
    ) -> None:
        super().__init__(place, _Handler)
        self.answers, self.closing = answers, closing


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        with suppress(OSError, ValueError, IndexError):
            path = self.rfile.readline(65536).split()[1].decode("latin-1")
            wanted = None
            while line := self.rfile.readline(65536).strip().lower():
                if line.startswith(b"range: bytes="):
                    first, _, last = line.partition(b"=")[2].partition(b"-")
                    wanted = int(first or 0), int(last or 1 << 62)
            answer = self.server.answers[path.split("/")[1]]
            answer(Connection(path, wanted, self.wfile.write, self._wait))

    def _wait(self, seconds: float) -> None:
        if self.server.closing.wait(seconds):
            raise ConnectionAbortedError
