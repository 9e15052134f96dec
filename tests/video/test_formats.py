"""What a file is, its content says: videos are read, all else is not, and nothing is opened."""

import io
import os
import re
import shutil
import struct
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from tests.video import containers
from tests.video.containers import FTYP, box, encoded, entry, full, moov, tables, track
from tests.video.files import draw, reason_of
from videonet.schemas.reason import Reason
from videonet.video.container import FORMATS, VideoError
from videonet.video.decode import probe
from videonet.video.decoder import shared_decoder

# As people publish videos: what writes the container and the frames, and what reads the container.
PUBLISHED = {
    "mp4": ("mp4", "libx264", "mov,mp4,m4a,3gp,3g2,mj2"),
    "m4v": ("ipod", "libx264", "mov,mp4,m4a,3gp,3g2,mj2"),
    "mov": ("mov", "prores_ks", "mov,mp4,m4a,3gp,3g2,mj2"),
    "mov of GoPro": ("mov", "cfhd", "mov,mp4,m4a,3gp,3g2,mj2"),
    "3gp": ("3gp", "h263", "mov,mp4,m4a,3gp,3g2,mj2"),
    "3g2": ("3g2", "mpeg4", "mov,mp4,m4a,3gp,3g2,mj2"),
    "f4v": ("f4v", "libx264", "mov,mp4,m4a,3gp,3g2,mj2"),
    "ismv": ("ismv", "libx264", "mov,mp4,m4a,3gp,3g2,mj2"),
    "mkv": ("matroska", "libx265", "matroska,webm"),
    "webm": ("webm", "libvpx-vp9", "matroska,webm"),
    "webm of AV1": ("webm", "libsvtav1", "matroska,webm"),
    "avi": ("avi", "mpeg4", "avi"),
    "divx": ("avi", "msmpeg4", "avi"),
    "wmv": ("asf", "wmv2", "asf"),
    "flv": ("flv", "flv", "flv"),
    "ts": ("mpegts", "libx264", "mpegts"),
    "mpg": ("mpeg", "mpeg1video", "mpeg"),
    "vob": ("vob", "mpeg2video", "mpeg"),
    "m2v": ("mpeg2video", "mpeg2video", "mpegvideo"),
    "264": ("h264", "libx264", "h264"),
    "265": ("hevc", "libx265", "hevc"),
    "raw m4v": ("m4v", "mpeg4", "m4v"),
    "ivf": ("ivf", "libvpx", "ivf"),
    "obu": ("obu", "libsvtav1", "obu"),
    "ogv": ("ogg", "libvpx", "ogg"),
    "rm": ("rm", "rv20", "rm"),
    "mxf": ("mxf", "mpeg2video", "mxf"),
    "dv": ("dv", "dvvideo", "dv"),
    "y4m": ("yuv4mpegpipe", "rawvideo", "yuv4mpegpipe"),
    "nut": ("nut", "ffv1", "nut"),
    "wtv": ("wtv", "mpeg2video", "wtv"),
    "gif": ("gif", "gif", "gif"),
}


@pytest.mark.parametrize("kind", PUBLISHED)
def test_videos_are_read_in_the_formats_that_people_publish(kind: str, tmp_path: Path):
    container, codec, read_by = PUBLISHED[kind]
    # The ending lies.
    path = tmp_path / "video.txt"
    path.write_bytes(encoded(codec, container, frames=10, size=64))
    assert probe(path).container == read_by
    assert shared_decoder().probe(path) == probe(path)
    with path.open("rb") as file:
        assert probe(file) == probe(path)


def test_the_discs_and_cameras_form_of_transport_streams_is_read(tmp_path: Path):
    plain = encoded("libx264", "mpegts", frames=10, size=64)
    packets = (plain[place : place + 188] for place in range(0, len(plain), 188))
    (tmp_path / "00001.mts").write_bytes(b"".join(bytes(4) + each for each in packets))
    assert probe(tmp_path / "00001.mts").container == "mpegts"


def test_each_format_that_is_read_is_shown_here():
    shown = {read_by for _, _, read_by in PUBLISHED.values()}
    # Live streams of nginx, as a file; nothing writes these any more.
    assert set(FORMATS) - shown == {"live_flv"}


@pytest.mark.parametrize(
    "name",
    [
        *("concat:beside.mp4|beside.mp4", "subfile,,start,0,end,9,,:beside.mp4", "lavfi"),
        *("frame%03d.png", "pipe:0", "-", "video.mp4?x=y", "data:video.mp4", "x.m3u8", "x.sdp"),
    ],
)
def test_a_name_says_nothing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "beside.mp4", size=(96, 64))
    draw(tmp_path / "video.mp4", size=(128, 64)).rename(tmp_path / name)
    assert probe(Path(name)).width == 128
    with Path(name).open("rb") as file:
        assert probe(file).width == 128


def picture(kind: str, **options) -> bytes:
    file = io.BytesIO()
    pictures = [Image.new("RGB", (64, 48), colour) for colour in ("red", "green", "blue")]
    more = {"save_all": True, "append_images": pictures[1:]} if options.pop("moves", 0) else {}
    pictures[0].save(file, kind, **more)
    return file.getvalue()


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("video.mp4", encoded("libx264", "mp4", frames=10))
    return file.getvalue()


def referring(kind: bytes) -> bytes:
    """A film whose frames are in the file beside it."""
    target = b"beside.mp4\0" if kind == b"url " else _alias(b"beside.mp4")
    refers = box(b"dinf", full(b"dref", struct.pack(">I", 1), full(kind, target, flags=0)))
    return FTYP + moov(track(1, entry(b"avc1", 16, 16), tables(5, 100, 40), refers=refers))


def _alias(name: bytes) -> bytes:
    """A Macintosh alias (version 2) for a file in the same folder."""
    head = struct.pack(">IHHH", 0, 150, 2, 0) + bytes([6]) + b"volume".ljust(27, b"\0")
    head += bytes(12) + bytes([len(name)]) + name.ljust(63, b"\0") + bytes(16)
    head += struct.pack(">hh", 1, 1) + bytes(16)
    path = b"./" + name
    return head + struct.pack(">HH", 2, len(path)) + path + bytes(len(path) % 2) + b"\xff\xff\0\0"


def linked_matroska() -> bytes:
    """A segment that says that another file goes before it and another behind."""
    other = containers.element(0x3C83AB, b"beside.mp4") + containers.element(
        0x3E83BB, b"beside.mp4"
    )
    info = containers.element(0x1549A966, other)
    return containers.matroska(containers.matroska_track(16, b"V_MJPEG"), info)


SDP = """v=0
o=- 0 0 IN IP4 127.0.0.1
s=x
c=IN IP4 127.0.0.1
t=0 0
m=video 5004 RTP/AVP 96
a=rtpmap:96 H264/90000
"""
SRT = "".join(f"{n}\n00:00:0{n},000 --> 00:00:0{n},900\nword\n\n" for n in range(9))
ASS = (
    "[Script Info]\nScriptType: v4.00+\n\n[Events]\nDialogue: 0,0:00:01.00,0:00:05.00,,,,,,,word\n"
)
HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXT-X-MEDIA-SEQUENCE:0\n"
DASH = """<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"
 mediaPresentationDuration="PT9S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period>
 <AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="9"><BaseURL>beside.mp4
 </BaseURL></Representation></AdaptationSet></Period></MPD>"""
ART = "\x1b[2J\x1b[1;31m" + "".join(f"\x1b[{n % 40};{n % 90}H\x1b[3{n % 8}m@" for n in range(3000))
XSPF = (
    "<?xml version='1.0'?><playlist version='1'><trackList><track><location>beside.mp4</location>"
)

# Served as videos: what they are, and what else lies in the folder: beside.mp4 and frames in PNG.
REFUSED: dict[str, bytes] = {
    "SDP": SDP.encode(),
    "ffconcat": b"ffconcat version 1.0\nfile beside.mp4\nfile beside.mp4\n",
    "ffconcat of the machine": b"ffconcat version 1.0\nfile /etc/passwd\n",
    "ffconcat of an open file": b"ffconcat version 1.0\nfile fd:\n",
    "HLS": (HLS + "#EXTINF:9,\nbeside.mp4\n#EXT-X-ENDLIST\n").encode(),
    "HLS of an address": (HLS + "#EXTINF:9,\nhttp://127.0.0.1:1/a.ts\n#EXT-X-ENDLIST\n").encode(),
    "HLS with a key": (
        HLS + '#EXT-X-KEY:METHOD=AES-128,URI="k"\n#EXTINF:9,\nbeside.mp4\n'
    ).encode(),
    "DASH": DASH.encode(),
    "XSPF": XSPF.encode(),
    "SRT": SRT.encode(),
    "ASS": ASS.encode(),
    "WebVTT": b"WEBVTT\n\n00:01.000 --> 00:04.000\nword\n",
    "ANSI art": ART.encode(),
    "plain text": ("All work and no play. \n" * 300).encode(),
    "names of sources": b"testsrc=size=320x240:rate=25\n",
    "HTML": b"<!doctype html><html><body><video src=beside.mp4></video></body></html>",
    "PDF": b"%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\nendobj\ntrailer<</Root 1 0 R>>\n%%EOF",
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="beside.mp4"/></svg>',
    "ZIP": archive(),
    "PNG": picture("PNG"),
    "JPEG": picture("JPEG"),
    "WebP": picture("WEBP"),
    "BMP": picture("BMP"),
    "TIFF": picture("TIFF"),
    "PPM": picture("PPM"),
    "moving PNG": picture("PNG", moves=True),
    "moving WebP": picture("WEBP", moves=True),
    "moving JPEG": picture("JPEG") * 20,
    "sound": b"RIFF" + struct.pack("<I", 2036) + b"WAVEfmt \x10\0\0\0\1\0\1\0" + bytes(2000),
    "nothing": b"",
    "noise": bytes(n * n * 7919 % 251 for n in range(5000)),
}
# Read as what they are, and without what they refer to they show nothing.
INCOMPLETE: dict[str, bytes] = {
    "film of references": referring(b"url "),
    "film of aliases": referring(b"alis"),
    "linked segments": linked_matroska(),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("refused")
    for name, content in (REFUSED | INCOMPLETE).items():
        (folder / f"{name}.mp4").write_bytes(content)
    draw(folder / "beside.mp4")
    (folder / "k").write_bytes(bytes(16))
    for number in range(1, 20):
        (folder / f"frame{number:03}.png").write_bytes(picture("PNG"))
    (folder / "frame%03d.png").write_bytes(picture("PNG"))
    return folder


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_video_is_refused(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(folder)
    path = Path(f"{name}.mp4")
    assert reason_of(probe, path) is Reason.NOT_A_VIDEO
    assert reason_of(shared_decoder().probe, path) is Reason.NOT_A_VIDEO
    with path.open("rb") as file:
        assert reason_of(probe, file) is Reason.NOT_A_VIDEO


@pytest.mark.parametrize("name", INCOMPLETE)
def test_what_a_file_refers_to_is_not_read(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(folder)
    with pytest.raises(VideoError):
        probe(Path(f"{name}.mp4"))


def test_a_pattern_is_no_name_of_pictures(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(folder)
    assert reason_of(probe, Path("frame%03d.png")) is Reason.NOT_A_VIDEO


@pytest.mark.parametrize("ending", ["m3u8", "sdp", "ffconcat", "txt", "srt", "png", "mpd", "gif"])
def test_an_ending_makes_no_video(folder: Path, ending: str, tmp_path: Path):
    for name in ("HLS", "SDP", "ffconcat", "plain text", "SRT", "PNG", "DASH", "noise"):
        path = Path(shutil.copy(folder / f"{name}.mp4", tmp_path / f"x.{ending}"))
        assert reason_of(probe, path) is Reason.NOT_A_VIDEO
        with path.open("rb") as file:
            assert reason_of(probe, file) is Reason.NOT_A_VIDEO


# Reads each file by its path and as a file object; `how` is who opens it.
TRACED = """
import io, os, sys
from pathlib import Path
import av
from videonet.video.decode import probe, first_frames, recordings_in
how, *names = sys.argv[1:]
def freely(source):
    with av.open(source if hasattr(source, "read") else str(source), timeout=1) as file:
        next(file.decode(video=0))
ways = [freely] if how == "freely" else [probe, recordings_in]
def attempt(way, source):
    try:
        way(source)
    except Exception:
        pass
attempt(ways[0], Path("beside.mp4"))
Path("begin").exists()
for name in names:
    content = Path(name).read_bytes()
    for way in ways:
        attempt(way, Path(name))
        attempt(way, io.BytesIO(content))
"""
CALLS = ("open", "openat", "creat", "socket", "connect", "bind", "stat", "newfstatat", "execve")


def calls_for(folder: Path, how: str, names: Sequence[str]) -> list[str]:
    """What was asked of the system after all was loaded, but for the files themselves."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    log = folder / f"{how}.log"
    trace = [strace, "-f", "-qq", "-e", f"trace={','.join(CALLS)}", "-o", str(log)]
    done = subprocess.run(
        [*trace, sys.executable, "-c", TRACED, how, *names],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    if "ptrace" in done.stderr.lower():
        pytest.skip(f"strace may not trace here: {done.stderr.splitlines()[0]}")
    assert done.returncode == 0, done.stderr
    lines = log.read_text(errors="replace").splitlines()
    (begin,) = (place for place, line in enumerate(lines) if '"begin"' in line)
    own = re.compile("|".join(re.escape(f'"{name}"') for name in names) + r'|AT_EMPTY_PATH|"",')
    return [line for line in lines[begin + 1 :] if "(" in line and not own.search(line)]


def test_no_file_opens_another_or_a_socket(folder: Path):
    names = [f"{name}.mp4" for name in (*REFUSED, *INCOMPLETE)]
    assert calls_for(folder, "as we do", names) == []


def test_some_of_them_would(folder: Path):
    calls = "\n".join(calls_for(folder, "freely", ["SDP.mp4", "ffconcat.mp4"]))
    assert "SOCK_DGRAM" in calls
    assert "bind(" in calls
    assert "beside.mp4" in calls
