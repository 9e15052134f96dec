"""Files of text as people have them: compressed or not, in UTF-8 or another form of Unicode."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pyarrow as pa

# What the name of a compressed file ends with.
COMPRESSED = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}

# What compressed bytes begin with.
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2"}


def form_of(file: Path) -> str:
    """What the name of `file` ends with, as if it were not compressed: ".csv", in lower case."""
    name = file.name.lower()
    for ending in COMPRESSED:
        name = name.removesuffix(ending)
    return Path(name).suffix


@contextmanager
def open_text(file: Path, newline: str) -> Iterator[TextIO]:
    """The text of `file`; `newline` is as `open` takes it.

    Its bytes say how they are compressed and encoded: a file that was unpacked may keep its name.
    Without a mark at the beginning, the encoding is that in which the first characters are ASCII.
    Raises OSError for damaged compression, and UnicodeDecodeError for text in another encoding.
    """
    with file.open("rb") as raw:
        head = raw.peek(4)
        method = next((each for magic, each in _MAGIC.items() if head.startswith(magic)), None)
        bytes_in = raw if method is None else io.BufferedReader(_unpacked(raw, method))
        encoding = json.detect_encoding(bytes_in.peek(4)[:4])
        # A text can be cut within one of its 16-bit units: that is no fault of the whole file.
        errors = "strict" if encoding.startswith("utf-8") else "surrogatepass"
        with io.TextIOWrapper(bytes_in, encoding, errors, newline) as text:
            yield text


def _unpacked(raw: io.BufferedReader, method: str) -> io.RawIOBase:
    stream: io.RawIOBase = pa.CompressedInputStream(pa.PythonFile(raw, "r"), method)
    return stream
