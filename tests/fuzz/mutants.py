"""Videos with something wrong: honest ones, changed where their formats are easily hurt.

A mutant is made of a number, so it can be made again.
"""

import functools
import os
import struct
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

# Of each: format, codec, options of the encoder, and of the container.
HONEST: dict[str, tuple[str, str, dict[str, str], dict[str, str]]] = {
    "mp4": ("mp4", "libx264", {"g": "12", "bf": "2"}, {}),
    "mp4 index first": ("mp4", "libx264", {"g": "12"}, {"movflags": "faststart"}),
    "mp4 fragments": ("mp4", "libx264", {"g": "6"}, {"movflags": "frag_keyframe+empty_moov"}),
    "mp4 hevc": ("mp4", "libx265", {"x265-params": "log-level=none:keyint=12"}, {}),
    "mp4 av1": ("mp4", "libsvtav1", {"preset": "12"}, {}),
    "mov mjpeg": ("mov", "mjpeg", {}, {}),
    "mov prores": ("mov", "prores_ks", {}, {}),
    "mkv": ("matroska", "libx264", {"g": "12", "bf": "2"}, {}),
    "webm vp9": ("webm", "libvpx-vp9", {"cpu-used": "8"}, {}),
    "webm vp8": ("webm", "libvpx", {"cpu-used": "8"}, {}),
    "ts": ("mpegts", "libx264", {"g": "12", "bf": "2"}, {}),
    "ts mpeg2": ("mpegts", "mpeg2video", {"g": "12"}, {}),
    "mpg": ("mpeg", "mpeg1video", {"g": "12"}, {}),
    "avi": ("avi", "mpeg4", {"g": "12", "bf": "2"}, {}),
    "flv": ("flv", "flv", {"g": "12"}, {}),
    "wmv": ("asf", "wmv2", {"g": "12"}, {}),
    "ogv": ("ogg", "libvpx", {"cpu-used": "8"}, {}),
    "rm": ("rm", "rv20", {"g": "12"}, {}),
    "gif": ("gif", "gif", {}, {}),
    "nut": ("nut", "ffv1", {}, {}),
    "y4m": ("yuv4mpegpipe", "rawvideo", {}, {}),
    "h264": ("h264", "libx264", {"g": "12"}, {}),
    "ivf": ("ivf", "libvpx-vp9", {"cpu-used": "8"}, {}),
    "mxf": ("mxf", "mpeg2video", {"g": "12"}, {}),
}
_FRAMES, _WIDTH, _HEIGHT = 70, 96, 64

# Numbers that programs are wrong about.
_ODD = (0, 1, 2, 3, 7, 8, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 50_000_000, 0x7FFFFFFF)
_LARGE = (0x80000000, 0x80000001, 0xFFFFFFFE, 0xFFFFFFFF, 16128, 65535)

Change = Callable[[bytes, Random], bytes]
Pattern = NDArray[np.int64]


class Mutant(NamedTuple):
    """A changed video."""

    # what it was made of, and how
    name: str
    data: bytes


@functools.cache
def honest(name: str) -> bytes:
    """A small video of a few seconds: a pattern that moves."""
    _, codec, _, _ = HONEST[name]
    # An encoder that greets.
    os.environ.setdefault("SVT_LOG", "0")
    size = (352, 288) if codec in {"mpeg1video", "mpeg2video"} else (_WIDTH, _HEIGHT)
    across = np.arange(size[0], dtype=np.uint16)[None, :, None] * np.array([3, 5, 7])
    down = np.arange(size[1], dtype=np.uint16)[:, None, None] * np.array([2, 4, 1])
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder) / "video", name, size, across + down)
        return (Path(folder) / "video").read_bytes()


def _write(path: Path, name: str, size: tuple[int, int], pattern: Pattern) -> None:
    container, codec, options, more = HONEST[name]
    with av.open(str(path), "w", format=container, container_options=more) as output:
        stream = output.add_stream(codec, rate=25, options={**options, "threads": "1"})
        stream.width, stream.height = size
        kinds = stream.codec_context.codec.video_formats
        stream.pix_fmt = kinds[0].name if kinds else "yuv420p"
        for number in range(_FRAMES):
            picture = (pattern + 9 * number) % 256
            frame = VideoFrame.from_ndarray(picture.astype(np.uint8), "rgb24")
            frame.pts = number
            output.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
        output.mux(stream.encode())


def mutant(seed: int, number: int) -> Mutant:
    """The mutant of this number: an honest video with one to three changes."""
    random = Random(f"{seed}/{number}")
    names = list(HONEST)
    name = names[number % len(names)]
    data = honest(name)
    fitting = [*_ANYWHERE, *_OF_FORMAT.get(HONEST[name][0], ()) * 3]
    changes = []
    for _ in range(random.choice((1, 1, 2, 3))):
        change = random.choice(fitting)
        changes.append(change.__name__)
        data = change(data, random)
    return Mutant(f"{number}: {name}, {', '.join(changes)}", data)


# Changes of bytes, wherever they are.


def flip_bits(data: bytes, random: Random) -> bytes:
    """Turn some bits."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 5, 50, 500))):
        if changed:
            changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def flip_bits_in_front(data: bytes, random: Random) -> bytes:
    """Turn some bits of the header."""
    return flip_bits(data[:2000], random) + data[2000:]


def flip_bits_at_the_end(data: bytes, random: Random) -> bytes:
    """Turn some bits of what is often an index."""
    return data[:-2000] + flip_bits(data[-2000:], random)


def overwrite(data: bytes, random: Random) -> bytes:
    """Put other bytes into a stretch."""
    begin, end = _stretch(data, random)
    with_what = random.choice((b"\0", b"\xff", None))
    filling = random.randbytes(end - begin) if with_what is None else with_what * (end - begin)
    return data[:begin] + filling + data[end:]


def cut_off(data: bytes, random: Random) -> bytes:
    """End early."""
    return data[: random.randrange(len(data) + 1)]


def leave_out(data: bytes, random: Random) -> bytes:
    """Leave out a stretch."""
    begin, end = _stretch(data, random)
    return data[:begin] + data[end:]


def repeat(data: bytes, random: Random) -> bytes:
    """Have a stretch there several times."""
    begin, end = _stretch(data, random)
    return data[:end] + data[begin:end] * random.choice((1, 2, 20)) + data[end:]


def splice(data: bytes, random: Random) -> bytes:
    """Go on with the rest of another video."""
    other = honest(random.choice(list(HONEST)))
    return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other)) :]


def put_number(data: bytes, random: Random) -> bytes:
    """Put an odd number somewhere into the header."""
    if len(data) < 8:
        return data
    changed = bytearray(data)
    place = random.randrange(min(len(data), random.choice((200, 2000, len(data)))) - 4 or 1)
    kind = random.choice((">I", "<I", ">H", "<H"))
    number = random.choice(_ODD + _LARGE) & (0xFFFFFFFF if kind.endswith("I") else 0xFFFF)
    struct.pack_into(kind, changed, place, number)
    return bytes(changed)


def _stretch(data: bytes, random: Random) -> tuple[int, int]:
    begin = random.randrange(len(data) + 1)
    return begin, min(len(data), begin + random.choice((1, 4, 16, 188, 1000)))


# ISO base media: boxes in boxes.

_HOLDS = frozenset(
    (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"moof", b"traf", b"mvex", b"dinf")
)


def boxes(data: bytes, begin: int = 0, end: int | None = None) -> Iterator[tuple[int, int, bytes]]:
    """Begin, end and kind of each box, those within others after these."""
    end = len(data) if end is None else end
    while begin + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, begin)
        until = begin + size
        if size < 8 or until > end:
            return
        yield begin, until, kind
        if kind in _HOLDS:
            yield from boxes(data, begin + 8, until)
        begin = until


def _box(data: bytes, random: Random) -> tuple[int, int, bytes] | None:
    found = [each for each in boxes(data) if each[2] != b"mdat"]
    return random.choice(found) if found else None


def resize_box(data: bytes, random: Random) -> bytes:
    """Have a box claim another size."""
    if (box := _box(data, random)) is None:
        return data
    begin, end, _ = box
    size = random.choice((*_ODD, *_LARGE, end - begin - 1, end - begin + 1, end - begin + 8))
    return data[:begin] + struct.pack(">I", size) + data[begin + 4 :]


def rename_box(data: bytes, random: Random) -> bytes:
    """Have a box be of another kind."""
    one, other = _box(data, random), _box(data, random)
    if one is None or other is None:
        return data
    return data[: one[0] + 4] + other[2] + data[one[0] + 8 :]


def move_box(data: bytes, random: Random) -> bytes:
    """Put a copy of a box into the place of another, or before it; sizes stay as they are."""
    one, other = _box(data, random), _box(data, random)
    if one is None or other is None:
        return data
    until = random.choice((other[0], other[1]))
    return data[: other[0]] + data[one[0] : one[1]] + data[until:]


def put_number_into_box(data: bytes, random: Random) -> bytes:
    """Change a number of a table or a header: counts, sizes, places, times, dimensions."""
    found = [each for each in boxes(data) if each[2] not in _HOLDS | {b"mdat"}]
    found = [each for each in found if each[1] - each[0] >= 16]
    if not found:
        return data
    begin, end, _ = random.choice(found)
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 4))):
        place = begin + 8 + 4 * random.randrange((end - begin - 8) // 4)
        near = struct.unpack_from(">I", data, place)[0]
        number = random.choice((*_ODD, *_LARGE, near + 1, near - 1, near * 1000, near // 2))
        struct.pack_into(">I", changed, place, number & 0xFFFFFFFF)
    return bytes(changed)


def edit_times(data: bytes, random: Random) -> bytes:
    """Put an edit list of many entries into the first track, with the sizes around it."""
    edits = [
        struct.pack(
            ">IiHH",
            random.choice((0, 1, 40, 1000, 0xFFFFFFFF)),
            random.choice((-1, 0, 1, 500, 0x7FFFFFFF, -5)),
            random.choice((0, 1, 1, 0x7FFF)),
            random.choice((0, 0, 0xFFFF)),
        )
        for _ in range(random.choice((1, 3, 100)))
    ]
    listed = struct.pack(">I4sII", 16 + 12 * len(edits), b"elst", 0, len(edits)) + b"".join(edits)
    listed = struct.pack(">I4s", 8 + len(listed), b"edts") + listed
    track = next((each for each in boxes(data) if each[2] == b"trak"), None)
    moov = next((each for each in boxes(data) if each[2] == b"moov"), None)
    if track is None or moov is None:
        return data
    changed = bytearray(data)
    for begin, end, _ in (track, moov):
        struct.pack_into(">I", changed, begin, end - begin + len(listed))
    return bytes(changed[: track[1]]) + listed + bytes(changed[track[1] :])


# Matroska: elements in elements.

_MASTERS = frozenset(
    (0x18538067, 0x1549A966, 0x1654AE6B, 0xAE, 0xE0, 0x1F43B675, 0xA0, 0x1C53BB6B, 0xBB, 0xB7)
)


def _elements(data: bytes, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Where the id, the size and the content of each element begin."""
    while begin < end:
        first = data[begin]
        length = 9 - first.bit_length()
        if not first or length > 4 or begin + length >= end:
            return
        kind = int.from_bytes(data[begin : begin + length], "big")
        at = begin + length
        width = 9 - data[at].bit_length()
        if not data[at] or at + width > end:
            return
        size = int.from_bytes(data[at : at + width], "big") & ((1 << 7 * width) - 1)
        content = at + width
        yield begin, at, content
        if kind in _MASTERS:
            yield from _elements(data, content, min(end, content + size))
        begin = content + size


def resize_element(data: bytes, random: Random) -> bytes:
    """Have an element claim another size."""
    found = list(_elements(data, 0, len(data)))
    if not found:
        return data
    _, at, content = random.choice(found)
    width = content - at
    size = random.choice((0, 1, 2, 8, 127, (1 << 7 * width) - 1, (1 << 7 * width) - 2, 1 << 20))
    size &= (1 << 7 * width) - 1
    return data[:at] + (1 << 7 * width | size).to_bytes(width, "big") + data[content:]


def change_element(data: bytes, random: Random) -> bytes:
    """Change what is in an element, or which it is."""
    found = list(_elements(data, 0, len(data)))
    if not found:
        return data
    begin, at, content = random.choice(found)
    if random.random() < 0.3:
        other = random.choice(found)
        return data[:begin] + data[other[0] : other[1]] + data[at:]
    length = random.choice((1, 2, 4, 8))
    return data[:content] + random.randbytes(length) + data[content + length :]


# Transport streams: packets of 188 bytes.


def _packets(data: bytes) -> list[bytes]:
    return [data[place : place + 188] for place in range(0, len(data), 188)]


def shuffle_packets(data: bytes, random: Random) -> bytes:
    """Leave packets out, repeat them, put them elsewhere."""
    packets = _packets(data)
    for _ in range(random.choice((1, 5, 50))):
        if not packets:
            break
        one = packets.pop(random.randrange(len(packets)))
        for _ in range(random.choice((0, 1, 1, 2))):
            packets.insert(random.randrange(len(packets) + 1), one)
    return b"".join(packets)


def change_packet_headers(data: bytes, random: Random) -> bytes:
    """Change whose packets they are, their counters, their times, what they begin with."""
    packets = [bytearray(each) for each in _packets(data)]
    for _ in range(random.choice((1, 5, 50))):
        packet = random.choice(packets)
        if len(packet) > 30:
            packet[random.choice((1, 2, 3, 4, 5, 6, 8, 10, 13, 14, 18))] = random.randrange(256)
    return b"".join(packets)


def jump_clock(data: bytes, random: Random) -> bytes:
    """Join the video with itself, or with one whose beginning is missing."""
    packets = _packets(data)
    return data + b"".join(packets[random.randrange(len(packets) or 1) :])


_ANYWHERE: tuple[Change, ...] = (
    *(flip_bits, flip_bits_in_front, flip_bits_at_the_end, overwrite, cut_off, leave_out),
    *(repeat, splice, put_number),
)
_BOXES = (resize_box, rename_box, move_box, put_number_into_box, put_number_into_box, edit_times)
_OF_FORMAT: dict[str, tuple[Change, ...]] = {
    "mp4": _BOXES,
    "mov": _BOXES,
    "matroska": (resize_element, change_element),
    "webm": (resize_element, change_element),
    "mpegts": (shuffle_packets, change_packet_headers, jump_clock),
}
