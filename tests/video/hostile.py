"""Small files that claim much: what a decoder pays for a few kilobytes of a stranger's."""

import itertools
import struct
import zlib
from collections.abc import Callable, Iterator

from tests.video.containers import (
    FTYP,
    avi,
    box,
    element,
    encoded,
    entry,
    full,
    ivf,
    matroska,
    matroska_track,
    moov,
    mp4,
    riff,
    tables,
    track,
    uint,
)

# Pixels of a side of large frames: FFmpeg has none of 16384 and more (av_image_check_size).
WIDE = 16128

# ISO base media.


def claimed_samples(tracks: int = 1, samples: int = 50_000_000) -> bytes:
    """An index that claims so many samples for each of its tracks."""
    picture = encoded("mjpeg", "mjpeg", strict="unofficial")
    place = len(FTYP) + 8
    description = entry(b"jpeg", 16, 16)
    claims = tables(samples, len(picture), place)
    every = [track(1 + number, description, claims) for number in range(tracks)]
    return FTYP + box(b"mdat", picture) + moov(*every)


def claimed_fragment(runs: int = 1, samples: int = 50_000_000) -> bytes:
    """Fragments that claim so many samples each, and give a size to none of them."""
    description = entry(b"jpeg", 16, 16)
    extends = full(b"trex", struct.pack(">5I", 1, 1, 40, 100, 0))
    empty = moov(track(1, description, tables(0, 0, 0)), box(b"mvex", extends))
    header = full(b"tfhd", struct.pack(">I", 1), flags=0x20000)
    run = full(b"trun", struct.pack(">I", samples))
    fragment = box(b"moof", full(b"mfhd", struct.pack(">I", 1)), box(b"traf", header, run * runs))
    return FTYP + empty + fragment + box(b"mdat", bytes(100))


def edits_without_end(edits: int = 200_000, samples: int = 100_000) -> bytes:
    """An edit list that shows all samples again and again."""
    one = struct.pack(">IIHH", 1000, 0, 1, 0)
    listed = box(b"edts", full(b"elst", struct.pack(">I", edits), one * edits))
    picture = encoded("mjpeg", "mjpeg", strict="unofficial")
    claims = tables(samples, len(picture), len(FTYP) + 8)
    description = entry(b"jpeg", 16, 16)
    return FTYP + box(b"mdat", picture) + moov(track(1, description, claims, edits=listed))


def claimed_edits() -> bytes:
    """An edit list that claims more entries than it has."""
    listed = box(b"edts", full(b"elst", struct.pack(">I", 0xFFFFFFF), bytes(24)))
    claims = tables(10, 10, len(FTYP) + 8)
    return (
        FTYP
        + box(b"mdat", bytes(100))
        + moov(track(1, entry(b"jpeg", 16, 16), claims, edits=listed))
    )


def nested_boxes(deep: int = 5000) -> bytes:
    """Boxes in boxes in boxes."""
    return FTYP + b"".join(
        struct.pack(">I4s", 8 * (deep - number), kind)
        for number, kind in zip(range(deep), itertools.cycle((b"moov", b"trak")), strict=False)
    )


def claimed_extradata() -> bytes:
    """A description of samples that claims a gigabyte of data for its decoder."""
    claim = struct.pack(">I4s", 0x3FFFFFF0, b"avcC")
    return FTYP + moov(track(1, entry(b"avc1", 16, 16, claim), tables(1, 10, 40)))


def claimed_tables() -> bytes:
    """Tables that claim four billion entries and end."""
    most = struct.pack(">I", 0xFFFFFFF0)
    none = (full(b"stts", most), full(b"stsc", most), full(b"stco", most), full(b"ctts", most))
    sizes = full(b"stsz", struct.pack(">I", 0), most)
    return FTYP + moov(track(1, entry(b"jpeg", 16, 16), *none, sizes))


def claimed_sample() -> bytes:
    """A sample of two gigabytes."""
    claims = tables(3, 0x7FFFFFF0, 40)
    return FTYP + box(b"mdat", bytes(100)) + moov(track(1, entry(b"jpeg", 16, 16), claims))


# Frames that are large.


class Bits:
    """Bits, the first of a byte being its highest."""

    def __init__(self) -> None:
        self._bits = ""

    def add(self, value: int, count: int) -> "Bits":
        """A number of so many bits."""
        self._bits += f"{value:0{count}b}"
        return self

    def ue(self, *values: int) -> "Bits":
        """Exponential Golomb codes, as H.264 writes numbers."""
        for value in values:
            binary = f"{value + 1:b}"
            self._bits += "0" * (len(binary) - 1) + binary
        return self

    def bytes(self) -> bytes:
        """All of them, a one after them, and zeros up to a whole byte."""
        bits = self._bits + "1"
        bits += "0" * (-len(bits) % 8)
        return int(bits, 2).to_bytes(len(bits) // 8, "big")


def large_h264(side: int = WIDE) -> bytes:
    """H.264 of large frames, which are made of nothing."""
    macroblocks = side // 16 - 1
    # Baseline, level 6.2.
    sequence = Bits().add(66, 8).add(0, 8).add(62, 8).ue(0, 0, 2, 16).add(0, 1)
    sequence.ue(macroblocks, macroblocks).add(0b1100, 4)
    picture = Bits().ue(0, 0).add(0, 2).ue(0, 0, 0).add(0, 3).ue(0, 0, 0).add(0, 3)
    units = [b"\x67" + sequence.bytes(), b"\x68" + picture.bytes()]
    for number in range(20):
        slice_ = Bits().ue(0, 7, 0).add(0, 4).ue(number % 2).add(0, 2).ue(0, 0, 0)
        units.append(b"\x65" + slice_.bytes() + bytes(range(1, 200)))
    return b"".join(b"\0\0\0\1" + unit.replace(b"\0\0\0", b"\0\0\3\0") for unit in units)


def _at_bit(data: bytes, place: int, value: int, count: int) -> bytes:
    """The data with a number of so many bits put at a place."""
    whole = int.from_bytes(data, "big")
    shift = 8 * len(data) - place - count
    whole = whole & ~(((1 << count) - 1) << shift) | value << shift
    return whole.to_bytes(len(data), "big")


def _ivf_frame(data: bytes) -> bytes:
    (size,) = struct.unpack_from("<I", data, 32)
    return data[44 : 44 + size]


def vp8_frame(side: int) -> bytes:
    """A key frame of VP8 that says that it is so large."""
    small = _ivf_frame(encoded("libvpx", "ivf"))
    return small[:6] + struct.pack("<HH", side, side) + small[10:]


def large_vp8(side: int = WIDE) -> bytes:
    """VP8 of large frames."""
    return ivf(b"VP80", [vp8_frame(side)] * 30, side)


def large_vp9(side: int = WIDE) -> bytes:
    """VP9 of large frames."""
    small = _ivf_frame(encoded("libvpx-vp9", "ivf"))
    frame = _at_bit(_at_bit(small, 36, side - 1, 16), 52, side - 1, 16)
    return ivf(b"VP90", [frame] * 30, side)


def large_av1(side: int = WIDE) -> bytes:
    """AV1 of one large grey picture."""
    head = Bits().add(0, 3).add(0b11, 2).add(31, 5).add(15, 4).add(15, 4)
    head.add(side - 1, 16).add(side - 1, 16).add(0, 6).add(0b0100, 4).add(0, 1)
    sequence = head.bytes()
    frame = bytes(400)
    return ivf(
        b"AV01",
        [b"\x12\0" + b"\x0a" + bytes([len(sequence)]) + sequence + b"\x32\x90\x03" + frame] * 30,
        side,
    )


def sizes_that_change(frames: int = 100) -> bytes:
    """VP8 whose every second frame is large."""
    small, large = vp8_frame(16), vp8_frame(WIDE)
    return ivf(b"VP80", [small, large] * (frames // 2), WIDE)


def large_png(side: int = WIDE) -> bytes:
    """PNG pictures in MP4, each all black."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        ends = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + ends

    packer = zlib.compressobj(9, wbits=-15)
    rows = packer.compress(bytes(64 * (1 + 3 * side))) + packer.flush(zlib.Z_FULL_FLUSH)
    data = b"\x78\x9c" + rows * (side // 64) + b"\3\0" + bytes(4)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    picture = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return mp4([picture] * 3, entry(b"png ", side, side))


def large_jpeg(side: int = WIDE) -> bytes:
    """JPEG pictures in MP4 that say that they are large."""
    small = bytearray(encoded("mjpeg", "mjpeg", strict="unofficial"))
    place = small.index(b"\xff\xc0")
    small[place + 5 : place + 9] = struct.pack(">HH", side, side)
    return mp4([bytes(small)] * 30, entry(b"jpeg", 16, 16))


def large_gif(side: int = 65535) -> bytes:
    """A GIF of many large frames, each a few bytes."""
    screen = b"GIF89a" + struct.pack("<HHBBB", side, side, 0x80, 0, 0) + bytes(6)
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, side, side, 0) + b"\x02\x02\x4c\x01\x00"
    return screen + (b"\x21\xf9\x04\0\x04\0\0\0" + frame) * 100 + b";"


# AVI.


def raw_avi(side: int = WIDE) -> bytes:
    """Frames without compression, of which there are no bytes."""
    return avi(1, side, bytes(4), riff(b"00db", bytes(100)) * 20)


def large_index_of_avi(entries: int = 500_000) -> bytes:
    """An index in which each entry is the same frame."""
    picture = encoded("mjpeg", "mjpeg", strict="unofficial")
    one = struct.pack("<4sIII", b"00dc", 0x10, 4, len(picture))
    return avi(1, 16, b"MJPG", riff(b"00dc", picture), riff(b"idx1", one * entries))


def index_of_itself(entries: int = 1000) -> bytes:
    """An index of indexes, all of which are itself."""
    picture = encoded("mjpeg", "mjpeg", strict="unofficial")
    plain = avi(1, 16, b"MJPG", riff(b"00dc", picture))
    place = plain.index(b"LIST", plain.index(b"strf") + 40)

    def index(at: int) -> bytes:
        head = struct.pack("<HBBI4sIII", 4, 0, 0, entries, b"00dc", 0, 0, 0)
        return riff(b"indx", head + struct.pack("<QII", at, 24 + 16 * entries, 1) * entries)

    return avi(1, 16, b"MJPG", riff(b"00dc", picture), index=index(place))


def many_avi_streams(streams: int = 5000) -> bytes:
    """An AVI file of thousands of streams."""
    return avi(streams, 16, b"MJPG", riff(b"00dc", bytes(20)))


# Matroska.


def absurd_sizes() -> bytes:
    """Elements that claim more than any file has."""
    private = element(0x63A2, bytes(10), 0x7FFFFFFF)
    return matroska(
        matroska_track(16, b"V_MPEG4/ISO/AVC", private), element(0x1F43B675, b"", 1 << 50)
    )


def huge_block() -> bytes:
    """A frame that claims to be two gigabytes."""
    block = element(0xA3, b"\x81\0\0\x80" + bytes(100), 0x7FFFFFFF)
    cluster = element(0x1F43B675, uint(0xE7, 0) + block, 1 << 40)
    return matroska(matroska_track(16, b"V_MJPEG"), cluster)


def packed_blocks(blocks: int = 50) -> bytes:
    """Frames that are packed a thousandfold, as Matroska allows."""
    packed = zlib.compress(bytes(9_000_000), 9)
    encoding = uint(0x5031, 0) + uint(0x5032, 3) + element(0x5034, uint(0x4254, 0))
    encodings = element(0x6D80, element(0x6240, encoding))
    block = element(0xA3, b"\x81\0\0\x80" + packed)
    cluster = element(0x1F43B675, uint(0xE7, 0) + block * blocks)
    return matroska(matroska_track(16, b"V_MJPEG", encodings), cluster)


def nested_elements(deep: int = 4000) -> bytes:
    """Tags in tags, as Matroska allows."""
    tags = b""
    for _ in range(deep):
        tags = element(0x67C8, element(0x45A3, b"a") + tags)
    return matroska(matroska_track(16, b"V_MJPEG"), element(0x1254C367, element(0x7373, tags)))


def many_tracks(tracks: int = 20_000) -> bytes:
    """A Matroska file of thousands of tracks."""
    every = (
        element(0xAE, uint(0xD7, 1 + number) + uint(0x83, 1) + element(0x86, b"V_MPEG4/ISO/AVC"))
        for number in range(tracks)
    )
    return matroska(b"".join(every))


def large_frames_of_matroska(side: int = WIDE) -> bytes:
    """Frames of a codec that believes what the container says."""
    kind = element(
        0x63A2, struct.pack("<IiiHH4sIIIII", 40, side, side, 1, 24, b"HFYU", 0, 0, 0, 0, 0)
    )
    block = element(0xA3, b"\x81\0\0\x80" + bytes(range(200)))
    cluster = element(0x1F43B675, uint(0xE7, 0) + block * 20)
    return matroska(matroska_track(side, b"V_MS/VFW/FOURCC", kind), cluster)


# MPEG transport streams: packets of 188 bytes.


def _section(pid: int, table: int, number: int, content: bytes) -> Iterator[bytes]:
    body = struct.pack(">BHHBBB", table, 0xB000 | 9 + len(content), number, 0xC1, 0, 0) + content
    crc = 0xFFFFFFFF
    for byte in body:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7 if crc >> 31 else crc << 1) & 0xFFFFFFFF
    data = b"\0" + body + struct.pack(">I", crc)
    for place in range(0, len(data), 184):
        part = data[place : place + 184].ljust(184, b"\xff")
        begins = 0x4000 if not place else 0
        yield struct.pack(">BHB", 0x47, begins | pid, 0x10 | place // 184 % 16) + part


def many_pids(programs: int = 240, streams: int = 30) -> bytes:
    """Programs with thousands of streams, all of which have to be looked at."""
    listed = b"".join(struct.pack(">HH", 1 + each, 0xE000 | 32 + each) for each in range(programs))
    packets = list(_section(0, 0, 1, listed))
    pid = 32 + programs
    for each in range(programs):
        content = struct.pack(">HH", 0xE000 | 256, 0xF000)
        for stream in range(streams):
            content += struct.pack(">BHH", 0x1B, 0xE000 | pid + each * streams + stream, 0xF000)
        packets += _section(32 + each, 2, 1 + each, content)
    begin = b"\0\0\1\xe0\0\0\x80\x80\x05\x21\0\1\0\1" + bytes(170)
    for stream in range(programs * streams):
        packets.append(struct.pack(">BHB", 0x47, 0x4000 | pid + stream, 0x10) + begin)
    return b"".join(packets)


HOSTILE: dict[str, Callable[[], bytes]] = {
    "claimed samples": claimed_samples,
    "ten tracks of claimed samples": lambda: claimed_samples(10),
    "claimed samples of a fragment": claimed_fragment,
    "ten runs of claimed samples": lambda: claimed_fragment(10),
    "edits without end": edits_without_end,
    "claimed edits": claimed_edits,
    "nested boxes": nested_boxes,
    "claimed extradata": claimed_extradata,
    "claimed tables": claimed_tables,
    "claimed sample": claimed_sample,
    "large H.264": large_h264,
    "large VP8": large_vp8,
    "large VP9": large_vp9,
    "large AV1": large_av1,
    "large PNG": large_png,
    "large JPEG": large_jpeg,
    "large GIF": large_gif,
    "large GIF of moderate size": lambda: large_gif(WIDE),
    "sizes that change": sizes_that_change,
    "raw AVI": raw_avi,
    "large index of AVI": large_index_of_avi,
    "index of itself": index_of_itself,
    "many AVI streams": many_avi_streams,
    "absurd sizes": absurd_sizes,
    "huge block": huge_block,
    "packed blocks": packed_blocks,
    "nested elements": nested_elements,
    "many tracks": many_tracks,
    "large frames of Matroska": large_frames_of_matroska,
    "many PIDs": many_pids,
}
