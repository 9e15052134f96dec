"""Does with a mutant what a run does with a video, and says what came of it."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from tests.fuzz.mutants import Mutant
from videonet.cage.cage import NONSENSE
from videonet.fetch.sparse_file import PartFile, PartSource
from videonet.schemas.decode_limits import DecodeLimits
from videonet.schemas.reason import Reason
from videonet.video.clips import ClipOrigin, ClipSettings, CutReport
from videonet.video.container import VideoError
from videonet.video.decoder import Decoder, Part
from videonet.video.recordings import Recording

LIMITS = DecodeLimits(memory=1_000_000_000, seconds=20)

_COUNT, _RESIZE, _CROP = 50, 64, (56, 56)
_ORIGIN = ClipOrigin("videonet", "key", "v", "https://example.org/v")

# What is said of a decoder that says what none should: a fault of ours.
_FAULTS = (NONSENSE, "its decoder counts", "its decoder makes", "its decoder asks")


@dataclass
class Tally:
    """What came of the mutants."""

    mutants: int = 0
    # how operations ended: "success", "not_a_video", "undecodable", "crashed", "memory", "time"
    ends: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, str] = (0.0, "")
    # of a mutant that broke what must hold: which, and how
    faults: list[str] = field(default_factory=list)

    def line(self) -> str:
        """All of it in one line."""
        seconds, name = self.slowest
        return (
            f"{self.mutants:,} mutants, {sum(self.ends.values()):,} operations: "
            f"{len(self.faults)} faults, {self.ends['crashed']} crashes, "
            f"{self.ends['time']} timeouts, {self.ends['memory']} out of memory, "
            f"{self.ends['success']:,} read, {self.ends['undecodable']:,} undecodable, "
            f"{self.ends['not_a_video']:,} no videos; slowest {seconds:.1f} s ({name})"
        )


def try_mutant(mutant: Mutant, decoder: Decoder, folder: Path, tally: Tally) -> None:
    """Do all with a mutant, and note how that ended."""
    path, begin = folder / "mutant", time.monotonic()
    path.write_bytes(mutant.data)
    try:
        faults = list(_faults(path, len(mutant.data), decoder, tally))
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the finding
        faults = [f"{type(error).__name__}: {error}"]
    tally.mutants += 1
    tally.slowest = max(tally.slowest, (time.monotonic() - begin, mutant.name))
    tally.faults += [f"{mutant.name}: {fault}" for fault in faults]


def _faults(path: Path, size: int, decoder: Decoder, tally: Tally) -> Sequence[str]:
    """What does not hold of the file."""

    def ended(operation: Callable[[], Any]) -> Any:
        """What an operation returns, or what it says is wrong."""
        try:
            found = operation()
        except VideoError as error:
            tally.ends[_end(error)] += 1
            if any(str(error).startswith(fault) for fault in _FAULTS):
                faults.append(str(error))
            if error.reason not in {Reason.NOT_A_VIDEO, Reason.UNDECODABLE}:
                faults.append(f"ends as {error.reason}")
            return error.reason, error.limits
        tally.ends["success"] += 1
        return found

    def first_frames(source: Path | Part) -> Any:
        found = decoder.first_frames(source, _COUNT, _RESIZE, _CROP)
        return found.images.tobytes(), found.probe, found.lost

    def compare(one: Any, other: Any, what: str) -> None:
        broke_limits = any(
            isinstance(each, tuple) and each[1:] == (LIMITS,) for each in (one, other)
        )
        if one != other and not broke_limits:
            faults.append(f"{what}: {_short(one)} and {_short(other)}")

    faults: list[str] = []
    everything = PartSource(PartFile(path, size, None, [(0, size)] if size else []))
    probe = ended(lambda: decoder.probe(path))
    compare(probe, ended(lambda: decoder.probe(everything)), "a whole part is probed otherwise")
    first = ended(lambda: first_frames(path))
    compare(first, ended(lambda: first_frames(path)), "other frames the second time")
    compare(first, ended(lambda: first_frames(everything)), "a whole part has other frames")
    recordings = ended(lambda: decoder.recordings_in(path))
    if isinstance(recordings, list):
        one, again = (ended(lambda: _clips(path, recordings, decoder)) for _ in range(2))
        compare(one, again, "other clips the second time")
    _read_in_parts(path, size, decoder, ended, faults)
    return faults


def _read_in_parts(
    path: Path, size: int, decoder: Decoder, ended: Callable[..., Any], faults: list[str]
) -> None:
    """Read the beginning as it comes from a server, and what is foreseen of it."""
    data = path.read_bytes()
    part = PartFile.begun(path.with_name("part"), size, None)

    def fill(begin: int, end: int) -> None:
        if not 0 <= begin < end <= size:
            faults.append(f"asks for bytes {begin} to {end} of {size}")
        part.write(begin, data[begin:end])

    def foresee(end: int) -> None:
        if not 0 <= end <= size:
            faults.append(f"foresees byte {end} of {size}")

    source = PartSource(part, fill)
    ended(lambda: decoder.read_first_frames(source, _COUNT, foresee))
    if source.failure is not None:
        faults.append(f"{type(source.failure).__name__}: {source.failure}")


def _clips(path: Path, recordings: list[Recording], decoder: Decoder) -> Any:
    length = sum((each.length for each in recordings), Fraction(0))
    report = CutReport()

    def attempt() -> Any:
        clips = decoder.cut_clips(path, length, _ORIGIN, ClipSettings(2), recordings, report)
        return list(clips)

    return decoder.twice(attempt), report


def _end(error: VideoError) -> str:
    if error.limits is None:
        return error.reason.value
    if "memory" in str(error):
        return "memory"
    return "time" if "of a processor" in str(error) else "crashed"


def _short(found: Any) -> str:
    return str(found) if len(str(found)) < 300 else str(found)[-300:]
