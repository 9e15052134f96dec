"""Containers of videos, written by hand so that they can be wrong, and by FFmpeg."""

import struct
from io import BytesIO

import av
from av.video.frame import VideoFrame

Bytes = bytes | bytearray

# Sizes that an encoder wants.
_SIZES = {
    "dvvideo": (720, 576),
    "h263": (176, 144),
    "mpeg1video": (352, 288),
    "mpeg2video": (352, 288),
}


def encoded(codec: str, container: str, frames: int = 1, size: int = 16, **options: str) -> bytes:
    """A video of black frames, as FFmpeg writes it."""
    file = BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=25, options=options)
        stream.width, stream.height = _SIZES.get(codec, (size, size))
        kinds = stream.codec_context.codec.video_formats
        stream.pix_fmt = (kinds[0] if kinds else av.VideoFormat("yuv420p")).name
        for number in range(frames):
            frame = VideoFrame(stream.width, stream.height, stream.pix_fmt)
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return file.getvalue()


# ISO base media: boxes with a size and a name.


def box(kind: bytes, *parts: Bytes) -> bytes:
    """A box with these contents."""
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def full(kind: bytes, *parts: Bytes, version: int = 0, flags: int = 0) -> bytes:
    """A box with a version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


FTYP = box(b"ftyp", b"isom", bytes(4), b"isommp42")
_MATRIX = struct.pack(">9I", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)


def entry(kind: bytes, width: int, height: int, *more: Bytes) -> bytes:
    """The description of video samples."""
    fields = struct.pack(">6xH16xHHIIIH32xHh", 1, width, height, 72 << 16, 72 << 16, 0, 1, 24, -1)
    return box(kind, fields, *more)


def track(
    number: int, description: bytes, *tables: Bytes, edits: bytes = b"", refers: bytes = b""
) -> bytes:
    """A video track with these tables of samples."""
    return box(
        b"trak",
        full(
            b"tkhd",
            struct.pack(">IIIIIQHHHH", 0, 0, number, 0, 90000, 0, 0, 0, 0, 0),
            _MATRIX,
            struct.pack(">II", 16 << 16, 16 << 16),
            flags=3,
        ),
        edits,
        box(
            b"mdia",
            full(b"mdhd", struct.pack(">IIIIHH", 0, 0, 1000, 90000, 0, 0)),
            full(b"hdlr", bytes(4), b"vide", bytes(13)),
            box(
                b"minf",
                full(b"vmhd", bytes(8), flags=1),
                refers,
                box(b"stbl", full(b"stsd", struct.pack(">I", 1), description), *tables),
            ),
        ),
    )


def moov(*parts: Bytes) -> bytes:
    """The index of a file."""
    head = struct.pack(">IIIIIH10x", 0, 0, 1000, 90000, 1 << 16, 1 << 8)
    return box(b"moov", full(b"mvhd", head, _MATRIX, bytes(24), struct.pack(">I", 99)), *parts)


def tables(samples: int, size: int, place: int, *, of_chunk: int | None = None) -> bytes:
    """Tables that claim so many samples of `size` bytes, from `place` on."""
    return b"".join(
        (
            full(b"stts", struct.pack(">III", 1, samples, 40)),
            full(b"ctts", struct.pack(">III", 1, samples, 1)),
            full(b"stsc", struct.pack(">IIII", 1, 1, of_chunk or samples, 1)),
            full(b"stsz", struct.pack(">II", size, samples)),
            full(b"stco", struct.pack(">II", 1, place)),
        )
    )


def mp4(samples: list[bytes], description: bytes) -> bytes:
    """A file of these samples."""
    place = len(FTYP) + 8
    sizes = struct.pack(f">II{len(samples)}I", 0, len(samples), *map(len, samples))
    tables = (
        full(b"stts", struct.pack(">III", 1, len(samples), 40)),
        full(b"stsc", struct.pack(">IIII", 1, 1, len(samples), 1)),
        full(b"stsz", sizes),
        full(b"stco", struct.pack(">II", 1, place)),
    )
    return FTYP + box(b"mdat", *samples) + moov(track(1, description, *tables))


def ivf(codec: bytes, frames: list[bytes], side: int) -> bytes:
    """An IVF file of these frames."""
    head = struct.pack("<4sHH4sHHIIII", b"DKIF", 0, 32, codec, side, side, 25, 1, len(frames), 0)
    packets = (struct.pack("<IQ", len(each), place) + each for place, each in enumerate(frames))
    return head + b"".join(packets)


# AVI.


def riff(kind: bytes, data: Bytes) -> bytes:
    """A chunk of a RIFF file."""
    return struct.pack("<4sI", kind, len(data)) + data + bytes(len(data) % 2)


def avi(
    streams: int, side: int, codec: bytes, movi: bytes, *more: Bytes, index: bytes = b""
) -> bytes:
    """An AVI file."""
    main = struct.pack("<14I", 40000, 0, 0, 0x10, 1 << 30, 0, streams, 0, side, side, 0, 0, 0, 0)
    head = struct.pack("<4s4sIIIIIIIIIIQ", b"vids", codec, 0, 0, 0, 1, 25, 0, 9999, 0, 0, 0, 0)
    picture = struct.pack("<IiiHH4sIIIII", 40, side, side, 1, 24, codec, 0, 0, 0, 0, 0)
    stream = riff(b"LIST", b"strl" + riff(b"strh", head) + riff(b"strf", picture) + index)
    headers = riff(b"LIST", b"hdrl" + riff(b"avih", main) + stream * streams)
    return riff(b"RIFF", b"AVI " + headers + riff(b"LIST", b"movi" + movi) + b"".join(more))


# Matroska: elements with an id and a size.


def element(kind: int, data: Bytes, size: int | None = None) -> bytes:
    """An element, which may claim to be of another size than it is."""
    length = len(data) if size is None else size
    number = kind.to_bytes((kind.bit_length() + 7) // 8, "big")
    return number + (1 << 56 | length).to_bytes(8, "big") + data


def uint(kind: int, value: int) -> bytes:
    """An element that is a number."""
    return element(kind, value.to_bytes(8, "big"))


_EBML = element(0x1A45DFA3, element(0x4282, b"matroska"))


def matroska_track(side: int, codec: bytes, *more: Bytes) -> bytes:
    """A video track."""
    shown = element(0xE0, uint(0xB0, side) + uint(0xBA, side))
    parts = (uint(0xD7, 1), uint(0x73C5, 1), uint(0x83, 1), element(0x86, codec), shown, *more)
    return element(0xAE, b"".join(parts))


def matroska(tracks: bytes, *more: Bytes) -> bytes:
    """A Matroska file."""
    info = element(0x1549A966, uint(0x2AD7B1, 1_000_000))
    return _EBML + element(0x18538067, info + element(0x1654AE6B, tracks) + b"".join(more))
