"""A server that gives its videos only to those who know the secret in the address."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from demo.behaviours import Behaviour
from demo.drawing import draw_video
from demo.server import Handler, VideoServer
from tests.once import made_once

# Each is looked for in everything that a run leaves.
PASSWORD = "planted-passw0rd"
TOKEN = "planted-single-t0ken"
OWN_TOKEN = "planted-t0ken-in-an-id"
SIGNATURES = ("planted-signature-1", "planted-signature-2")
CREDENTIAL = "PLANTEDCREDENTIAL"
REFUSED = "planted-and-refused"
FTP_PASSWORD = "planted-ftp-passw0rd"
BARE_PASSWORD = "planted-bare-passw0rd"
BROKEN_PASSWORD = "planted-broken/passw0rd"
TITLE_TOKEN = "planted-t0ken-in-a-title"
FRAGMENT_TOKEN = "planted-t0ken-in-a-fragment"
SECRETS = (
    *(PASSWORD, TOKEN, OWN_TOKEN, *SIGNATURES, CREDENTIAL, REFUSED, FTP_PASSWORD, BARE_PASSWORD),
    *(*BROKEN_PASSWORD.split("/"), TITLE_TOKEN, FRAGMENT_TOKEN),
)

# What a file shows.
FILES = {
    "a.mp4": "balloon",
    "b.mp4": "sailboat",
    "user.mp4": "balloon",
    "token.mp4": "sailboat",
    "own.mp4": "balloon",
    "signed.mp4": "balloon",
    "open.mp4": "mushroom",
}


class _Guard(Handler):
    """Tells those whom it refuses what they have asked with, as some servers do."""

    def _answer(self, path: str, behaviour: Behaviour | None, nth: int) -> None:
        query = {name: each[0] for name, each in parse_qs(urlsplit(self.path).query).items()}
        user = base64.b64encode(f"someone:{PASSWORD}".encode()).decode()
        allowed = {
            "watch.mp4": query.get("key") in ("a", "b"),
            "user.mp4": self.headers.get("Authorization") == f"Basic {user}",
            "token.mp4": query == {"token": TOKEN},
            "own.mp4": query == {"access_token": OWN_TOKEN},
            "signed.mp4": query.get("X-Amz-Signature") in SIGNATURES,
            "open.mp4": True,
        }
        if not allowed.get(path):
            said = " ".join(query.values())
            self.send_response(403, f"Forbidden for {said}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        super()._answer(f"{query['key']}.mp4" if path == "watch.mp4" else path, behaviour, nth)


def guarded_files(temporary: Path) -> Path:
    """The folder of its videos, made once a session."""
    return made_once(temporary, "guarded", _draw)


def _draw(folder: Path) -> None:
    for name, shows in FILES.items():
        draw_video(folder / name, shows, 11, size=(96, 64), seed=name)


@contextmanager
def guarded(files: Path) -> Iterator[VideoServer]:
    """The server."""
    with VideoServer(files, handler=_Guard) as server:
        yield server


def signed(server: VideoServer, signature: str) -> str:
    """The address of a video as a store of files signs it."""
    return (
        f"{server.url('signed.mp4')}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={CREDENTIAL}"
        f"&X-Amz-Date={signature}&X-Amz-Expires=900&X-Amz-Signature={signature}"
    )


def catalogue(server: VideoServer, *, signature: str = SIGNATURES[0]) -> str:
    """A catalogue with all of them, and with some that cannot be had."""
    place = server.address.removeprefix("http://")
    rows = [
        ("keyed a", f"{server.url('watch.mp4')}?key=a", "A balloon, by key"),
        ("keyed b", f"{server.url('watch.mp4')}?key=b", "A yacht, by key"),
        ("user", f"http://someone:{PASSWORD}@{place}/user.mp4", "A balloon, by password"),
        ("token", f"{server.url('token.mp4')}?token={TOKEN}", "A yacht, by token"),
        (*2 * [f"{server.url('own.mp4')}?access_token={OWN_TOKEN}"], "A balloon by its address"),
        ("signed", signed(server, signature), "A balloon, signed"),
        ("signed", signed(server, SIGNATURES[1]), "A balloon, signed again"),
        (
            "open",
            f"{server.url('open.mp4')}#access_token={FRAGMENT_TOKEN}",
            f"A mushroom, see https://example.org/?auth={TITLE_TOKEN}",
        ),
        ("refused", f"{server.url('refused.mp4')}?sig={REFUSED}", "A balloon, refused"),
        ("ftp", f"ftp://someone:{FTP_PASSWORD}@{place}/user.mp4", "A balloon, by another way"),
        ("bare", f"someone:{BARE_PASSWORD}@{place}/user.mp4", "A balloon without a scheme"),
        ("broken", f"http://someone:{BROKEN_PASSWORD}@{place}/user.mp4", "A broken balloon"),
        ("", f"http://someone:{PASSWORD}@{place}/missing.mp4", "A balloon without an id"),
    ]
    return "id,url,title\n" + "".join(f'{each[0]},{each[1]},"{each[2]}"\n' for each in rows)
