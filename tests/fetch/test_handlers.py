"""videonet.fetch.handlers: whatever yt-dlp asks for comes over the session's connections."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from yt_dlp.networking.exceptions import RequestError

from tests.fetch.fetching import fetch
from tests.fetch.stalling import Stalling, sends
from tests.fetch.visiting import LIMITS, candidate, quick_web
from tests.local import ALLOWED
from tests.patience import PATIENCE
from videonet.fetch.clock import Clock
from videonet.fetch.credentials import Credentials
from videonet.fetch.disk_budget import DiskBudget
from videonet.fetch.host_state import Pace
from videonet.fetch.limits import FetchLimits
from videonet.fetch.session import Session
from videonet.fetch.web import Web
from videonet.schemas.fetch import Fetch
from videonet.schemas.reason import Reason
from videonet.storage.store import Store

MPEGURL = "application/vnd.apple.mpegurl"

# A way of encryption that yt-dlp does not know, and leaves to ffmpeg.
SAMPLE_AES = b"""#EXTM3U
#EXT-X-TARGETDURATION:2
#EXT-X-KEY:METHOD=SAMPLE-AES,URI="/key"
#EXTINF:2,
/fragment
#EXT-X-ENDLIST
"""

# It answers as ffmpeg does when it is asked for its version, and else takes note that it was run.
FFMPEG = """#!/bin/sh
case "$*" in
  *-bsfs*) echo "ffmpeg version 6.0"; echo "  libavformat    60.  3.100 / 60.  3.100" ;;
  *) echo "$0 $*" >> {notes} ;;
esac
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEONET_CACHE", str(tmp_path / "cache"))


def programs(folder: Path, notes: Path) -> Path:
    folder.mkdir()
    for name in ("ffmpeg", "ffprobe", "rtmpdump"):
        (folder / name).write_text(FFMPEG.format(notes=notes))
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where it stands what programs were run, of which there are some now."""
    notes = tmp_path / "notes"
    monkeypatch.setenv("PATH", str(programs(tmp_path / "bin", notes)), prepend=os.pathsep)
    return notes


@pytest.mark.parametrize("options", [{}, {"ffmpeg_location": "given"}, {"check_formats": True}])
def test_ffmpeg_downloads_nothing_that_a_playlist_names(options, notes, tmp_path, store):
    if "ffmpeg_location" in options:
        options = {"ffmpeg_location": str(programs(tmp_path / "given", notes))}
    web = Web(Pace(requests_per_second=1000), Credentials(options=options), allowed_hosts=ALLOWED)
    with Stalling({"/v.m3u8": sends(SAMPLE_AES, MPEGURL)}) as server:
        record = visit(f"http://{server.place}/v.m3u8", store, web)
        assert server.paths
    assert not notes.exists(), notes.read_text()
    assert record.reason is Reason.EXTRACTION, record.error


@pytest.mark.parametrize("address", ["rtmp://{}/app/mp4:v", "mms://{}/v.wmv", "rtsp://{}/v"])
def test_no_program_downloads_what_a_page_names(address, notes, store):
    with listening() as (place, connected):
        page = f"""<script>jwplayer("a").setup(
            {{"sources": [{{"file": "{address.format(place)}"}}]}});</script>"""
        with Stalling({"/v": sends(page.encode())}) as server:
            record = visit(f"http://{server.place}/v", store)
            assert server.paths
        assert not connected.is_set()
    assert not notes.exists(), notes.read_text()
    assert record.reason in {Reason.EXTRACTION, Reason.BAD_ADDRESS, Reason.UNSUPPORTED}


@pytest.mark.parametrize("scheme", ["ftp", "ftps", "ws", "wss", "file", "gopher"])
def test_only_http_and_https_are_asked_by(scheme, store):
    with listening() as (place, connected):
        page = f'<video src="{scheme}://{place}/v.mp4"></video>'
        with Stalling({"/v": sends(page.encode())}) as server:
            record = visit(f"http://{server.place}/v", store)
            assert server.paths
        with (
            session() as ours,
            pytest.raises(RequestError, match=r"nsupported|through a WebSocket"),
        ):
            ours.urlopen(f"{scheme}://{place}/v.mp4")
        assert not connected.is_set()
    assert record.reason in {Reason.BAD_ADDRESS, Reason.UNSUPPORTED}


def test_what_stands_in_an_address_needs_no_connection():
    with session() as ours:
        assert ours.urlopen("data:text/plain;base64,YWJj").read() == b"abc"


def test_a_page_cannot_have_yt_dlp_look_like_a_browser_by_other_means():
    with session() as ours:
        assert set(ours._request_director.handlers) == {"Requests", "Data"}


def session() -> Session:
    return Session(quick_web(), Clock(PATIENCE), FetchLimits(), {})


def visit(url: str, store: Store, web: Web | None = None) -> Fetch:
    return fetch(candidate(url), store, DiskBudget(None), LIMITS, web or quick_web(), "run")


@contextmanager
def listening() -> Iterator[tuple[str, threading.Event]]:
    """The place of a server, and whether anybody has connected to it."""
    connected = threading.Event()

    def accept() -> None:
        with suppress(OSError):
            server.accept()[0].close()
            connected.set()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}", connected
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
