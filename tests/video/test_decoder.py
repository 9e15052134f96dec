"""Decoders that crash, hang, lie or were taken over: what becomes of the video, and of the run."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import psutil
import pytest

from tests.cage.test_cage import gone
from videonet.cage.cage import InterruptionError
from videonet.schemas.decode_limits import DecodeLimits
from videonet.schemas.reason import Reason
from videonet.video.clips import ClipOrigin, ClipSettings, CutReport
from videonet.video.container import VideoError
from videonet.video.decoder import Decoder
from videonet.video.part_reader import Span

LIMITS = DecodeLimits(memory=128 << 20, seconds=1)
ORIGIN = ClipOrigin("videonet", "key", "v", "https://example.org/v")


class Countable:
    """A file that says what its decoder is to do, and counts how often it is asked for bytes."""

    def __init__(self, path: Path, what: str) -> None:
        path.write_text(what)
        self.path, self.size = path, len(what)
        self.spans: Sequence[Span] = ((0, self.size),)
        self.asked = 0
        # the first answer: bytes cannot be had
        self.answers: list[Sequence[Span] | None] = [None]

    def bring(self, *_: int) -> Sequence[Span] | None:
        self.asked += 1
        return self.answers.pop() if self.answers else self.spans


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    decoder = Decoder(LIMITS, tasks="tests.video.planted")
    yield decoder
    decoder.close()


def clips_of(decoder: Decoder, path: Path) -> list:
    def attempt() -> list:
        settings = ClipSettings(4)
        return list(decoder.cut_clips(path, Fraction(12), ORIGIN, settings, None, CutReport()))

    return decoder.twice(attempt)


OPERATIONS: dict[str, Callable[[Decoder, Path], object]] = {
    "probe": lambda decoder, path: decoder.probe(path),
    "first_frames": lambda decoder, path: decoder.first_frames(path, 4, 16, (16, 16)),
    "recordings_in": lambda decoder, path: decoder.recordings_in(path),
    "cut_clips": clips_of,
}


def failure_of(function: Callable[..., object], *arguments: object) -> VideoError:
    with pytest.raises(VideoError) as caught:
        function(*arguments)
    return caught.value


@pytest.mark.parametrize("how", ["segfault", "abort", "spin", "allocate", "die", "babble", "fill"])
def test_what_kills_its_decoder_is_undecodable_after_one_retry(
    decoder: Decoder, tmp_path: Path, how: str
):
    part = Countable(tmp_path / "video", f"crashes: {how}")
    error = failure_of(decoder.probe, part)
    assert (error.reason, error.limits) == (Reason.UNDECODABLE, LIMITS)
    assert part.asked == 2


def test_what_kills_its_decoder_once_is_a_video(decoder: Decoder, tmp_path: Path):
    part = Countable(tmp_path / "video", "crashes once")
    assert decoder.probe(part).codec == "h264"
    assert part.asked == 2


@pytest.mark.parametrize(
    ("operation", "says"),
    [
        *(("probe", says) for says in ("nothing", "two probes", "nonsense", "lists in lists")),
        *(("probe", says) for says in ("a frame", "a clip", "a recording", "another reason")),
        *(("probe", says) for says in ("negative width", "escape codes", "a long name")),
        *(("probe", says) for says in ("no number",)),
        *(("first_frames", says) for says in ("nothing", "a probe", "no frames")),
        *(("first_frames", says) for says in ("too many frames", "fewer frames than none")),
        *(("first_frames", says) for says in ("too many lost",)),
        *(("recordings_in", says) for says in ("nothing", "no recordings", "negative length")),
        *(("recordings_in", says) for says in ("endless length", "a number that fills all memory")),
        *(("cut_clips", says) for says in ("clips without end", "a clip of another")),
        *(("cut_clips", says) for says in ("labels of its own", "no picture", "no report")),
        *(("cut_clips", says) for says in ("more pictures than times", "a large picture")),
        *(("cut_clips", says) for says in ("a time that fits no column", "nothing")),
        *(("cut_clips", says) for says in ("a report of other clips", "fewer lost than none")),
        *(("cut_clips", says) for says in ("times that stand still",)),
    ],
)
def test_what_no_decoder_says_is_not_believed(
    decoder: Decoder, tmp_path: Path, operation: str, says: str
):
    (tmp_path / "video").write_text(f"says: {says}")
    error = failure_of(OPERATIONS[operation], decoder, tmp_path / "video")
    assert (error.reason, error.limits) == (Reason.UNDECODABLE, LIMITS)


@pytest.mark.parametrize(
    ("operation", "says"),
    [
        *(("probe", "a probe"), ("first_frames", "a frame")),
        *(("recordings_in", "a recording"), ("cut_clips", "a clip")),
    ],
)
def test_what_a_decoder_may_say_is_believed(
    decoder: Decoder, tmp_path: Path, operation: str, says: str
):
    (tmp_path / "video").write_text(f"says: {says}")
    assert OPERATIONS[operation](decoder, tmp_path / "video")


@pytest.mark.parametrize("asks", ["before the file", "behind the file", "for nothing", "nonsense"])
def test_a_decoder_gets_no_bytes_but_those_of_its_file(decoder: Decoder, tmp_path: Path, asks: str):
    part = Countable(tmp_path / "video", f"asks: {asks}")
    error = failure_of(decoder.probe, part)
    assert (error.reason, error.limits) == (Reason.UNDECODABLE, LIMITS)
    assert not part.asked


@pytest.mark.parametrize(
    "asks", ["before the file", "behind the file", "nonsense", "what it was not asked to"]
)
def test_a_decoder_that_has_its_file_may_ask_for_nothing(
    decoder: Decoder, tmp_path: Path, asks: str
):
    (tmp_path / "video").write_text(f"asks: {asks}")
    error = failure_of(decoder.probe, tmp_path / "video")
    assert (error.reason, error.limits) == (Reason.UNDECODABLE, LIMITS)


def test_bytes_behind_the_file_are_not_foreseen(decoder: Decoder, tmp_path: Path):
    part = Countable(tmp_path / "video", "asks: what it was not asked to")
    foreseen: list[int] = []
    failure_of(decoder.read_first_frames, part, 4, foreseen.append)
    assert foreseen == [part.size, part.size]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_decoder_that_is_killed_from_outside_counts_against_nobody(
    decoder: Decoder, tmp_path: Path, number: int
):
    (tmp_path / "other").write_text("says: a probe")
    decoder.probe(tmp_path / "other")
    before = set(_children())

    def kill() -> None:
        while not (found := [each for each in _children() if each not in before]):
            time.sleep(0.05)
        os.kill(found[0], number)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(InterruptionError):
        decoder.probe(Countable(tmp_path / "video", "waits"))
    killer.join()
    assert decoder.probe(tmp_path / "other")


def _children() -> list[int]:
    return [each.pid for each in psutil.Process().children(recursive=True)]


def test_closing_ends_what_decodes(tmp_path: Path):
    own = Decoder(LIMITS, tasks="tests.video.planted")
    (tmp_path / "video").write_text("says: a probe")
    before = set(_children())
    own.probe(tmp_path / "video")
    started = [psutil.Process(each) for each in _children() if each not in before]
    assert started
    own.close()
    assert all(gone(each) for each in started)
