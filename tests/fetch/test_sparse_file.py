"""videonet.fetch.sparse_file: a file of which some bytes are here."""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videonet.fetch.sparse_file import MissingBytesError, PartFile, PartSource, digest_of
from videonet.stop_signal import Stopped
from videonet.video.part_reader import PartReader

SIZE = 60
WHOLE = bytes(range(1, SIZE + 1))

stretches = st.lists(
    st.tuples(st.integers(0, SIZE - 1), st.integers(1, SIZE)).map(
        lambda pair: (pair[0], min(SIZE, pair[0] + pair[1]))
    ),
    max_size=8,
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("part") / "file"


def with_stretches(place: Path, written: list[tuple[int, int]]) -> PartFile:
    part = PartFile.begun(place, SIZE, "etag")
    for begin, end in written:
        part.write(begin, WHOLE[begin:end])
    return part


@given(stretches, st.integers(0, SIZE), st.integers(0, SIZE))
def test_its_holes_are_the_bytes_that_were_never_written(place, written, begin, end):
    part = with_stretches(place, written)
    here = {at for start, stop in written for at in range(start, stop)}
    holes = [at for start, stop in part.holes(begin, end) for at in range(start, stop)]
    assert holes == [at for at in range(begin, end) if at not in here]
    assert part.local_bytes == len(here)
    assert part.is_complete == (len(here) == SIZE)


@given(stretches)
def test_its_record_names_each_stretch_once_and_opens_it_again(place, written):
    part = with_stretches(place, written)
    record = part.part()
    flat = [edge for span in record.spans for edge in span]
    assert flat == sorted(set(flat))
    content = b"".join(WHOLE[begin:end] for begin, end in record.spans)
    assert record.sha256 == hashlib.sha256(content).hexdigest()
    again = PartFile.opened(place, record)
    assert (again.spans, again.size, again.validator) == (part.spans, SIZE, "etag")
    place.write_bytes(WHOLE)
    assert digest_of(place, record.spans) == record.sha256


@contextmanager
def reading(source: PartSource) -> Iterator[PartReader]:
    """A reader as a decoder has it, in this process."""
    with source.path.open("rb") as file:
        yield PartReader(file.fileno(), source.size, tuple(source.spans), source.bring)


@given(stretches, st.lists(st.tuples(st.integers(0, SIZE + 5), st.integers(0, SIZE)), max_size=6))
def test_a_reader_that_can_fill_reads_what_the_whole_file_says(place, written, reads):
    part = with_stretches(place, written)

    def fill(begin: int, end: int) -> None:
        for start, stop in list(part.holes(begin, end)):
            part.write(start, WHOLE[start:stop])

    source = PartSource(part, fill)
    with reading(source) as reader:
        for at, size in reads:
            assert reader.seek(at) == reader.tell() == at
            assert reader.read(size) == WHOLE[at : at + size]
        assert reader.seek(0, os.SEEK_END) == SIZE
        assert reader.read(1) == b""
        assert source.failure is None


@pytest.mark.parametrize("place", [-1, 1 << 62, (1 << 63) - 1, 1 << 64])
def test_a_reader_goes_nowhere_where_the_system_would_not(tmp_path, place):
    part = with_stretches(tmp_path / "file", [(0, SIZE)])
    with reading(PartSource(part)) as reader, part.path.open("rb") as whole:
        reader.seek(7)
        try:
            expected = os.lseek(whole.fileno(), place, os.SEEK_SET)
        except (OSError, OverflowError):
            expected = -errno.EINVAL
        assert reader.seek(place) == expected
        assert reader.tell() == (7 if expected < 0 else place)


@given(stretches, st.integers(0, SIZE - 1), st.integers(1, SIZE))
def test_a_reader_that_cannot_fill_reads_what_is_here_and_remembers_what_is_not(
    place, written, at, size
):
    part = with_stretches(place, written)
    is_local = not list(part.holes(at, at + size))
    source = PartSource(part)
    with reading(source) as reader:
        reader.seek(at)
        if is_local:
            assert reader.read(size) == WHOLE[at : at + size]
            assert source.failure is None
        else:
            assert reader.read(size) == b""
            assert isinstance(source.failure, MissingBytesError)


def test_after_a_failure_nothing_more_is_asked_for(place):
    asked = []

    def fill(begin: int, end: int) -> None:
        asked.append((begin, end))
        raise Stopped

    source = PartSource(with_stretches(place, [(0, 10)]), fill)
    with reading(source) as reader:
        assert reader.read(10) == WHOLE[:10]
        for _ in range(3):
            assert reader.read(10) == b""
            reader.seek(0)
        assert isinstance(source.failure, Stopped)
    assert source.bring(10, 20) is None
    assert asked == [(10, 20)]


def test_a_download_that_broke_off_is_a_part_from_the_first_byte_on(place):
    place.write_bytes(WHOLE[:7])
    part = PartFile.broken_off(place, SIZE)
    assert part is not None
    assert part.spans == [(0, 7)]
    assert place.stat().st_size == SIZE
    assert PartFile.broken_off(place.with_name("nothing"), SIZE) is None
