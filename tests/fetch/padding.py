"""Makes a small mp4 as large as a long one, for tests of what is fetched of it."""

import struct
from pathlib import Path


def pad(path: Path, by: int) -> bytes:
    """Put a box of `by` bytes that means nothing behind the frames; the whole file, then."""
    data = path.read_bytes()
    at = 0
    frames_end = 0
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        at += size
        if kind == b"mdat":
            frames_end = at
    nothing = struct.pack(">I4s", by, b"free") + bytes(by - 8)
    path.write_bytes(data[:frames_end] + nothing + data[frames_end:])
    return path.read_bytes()
