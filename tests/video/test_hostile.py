"""Small files that claim much end as a verdict within the limits, and cost nothing besides."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import psutil
import pytest

from tests.video.files import draw
from tests.video.hostile import HOSTILE
from videonet.cage.confinement import can_shut_in
from videonet.schemas.decode_limits import DecodeLimits
from videonet.schemas.reason import Reason
from videonet.video.clips import ClipOrigin, ClipSettings, CutReport
from videonet.video.container import VideoError
from videonet.video.decoder import Decoder

pytestmark = pytest.mark.skipif(not can_shut_in(), reason="this system shuts no process in")

LIMITS = DecodeLimits(memory=600_000_000, seconds=10)

# What needs more memory than that for its first frames.
BREAKS = {
    *("claimed samples", "ten tracks of claimed samples", "claimed samples of a fragment"),
    *("ten runs of claimed samples", "large H.264", "large VP8", "large VP9", "large PNG"),
    *("large GIF of moderate size", "sizes that change"),
}
# These take seconds even so.
SLOW = {
    *("ten tracks of claimed samples", "ten runs of claimed samples", "edits without end"),
    *("large H.264", "large VP9", "large PNG", "packed blocks", "large GIF of moderate size"),
}


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    decoder = Decoder(LIMITS)
    yield decoder
    decoder.close()


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw(tmp_path_factory.mktemp("honest") / "video.mp4")


def failure(decoder: Decoder, path: Path, operation: str) -> VideoError | None:
    """What the decoder says of a file, if it cannot do this with it."""
    origin, settings = ClipOrigin("", "", "", ""), ClipSettings(1)
    try:
        match operation:
            case "probe":
                decoder.probe(path)
            case "first_frames":
                decoder.first_frames(path, 100, 256, (224, 224))
            case "recordings_in":
                decoder.recordings_in(path)
            case "cut_clips":
                decoder.twice(
                    lambda: list(
                        decoder.cut_clips(path, Fraction(3), origin, settings, None, CutReport())
                    )
                )
    except VideoError as error:
        found = error
    else:
        return None
    assert found.reason in {Reason.NOT_A_VIDEO, Reason.UNDECODABLE}
    assert found.limits in (None, LIMITS)
    return found


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in HOSTILE]
)
def test_a_small_file_that_claims_much_costs_one_verdict(
    decoder: Decoder, honest: Path, tmp_path: Path, name: str
):
    decoder.probe(honest)
    before = psutil.Process().memory_info().rss
    path = tmp_path / "hostile.mp4"
    path.write_bytes(HOSTILE[name]())
    assert path.stat().st_size < 9_000_000
    error = failure(decoder, path, "first_frames")
    assert (error is not None and error.limits == LIMITS) == (name in BREAKS), error
    assert psutil.Process().memory_info().rss - before < 100_000_000
    assert decoder.probe(honest).codec == "h264"


@pytest.mark.slow
@pytest.mark.parametrize("operation", ["probe", "recordings_in", "cut_clips"])
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.thorough] * (name in SLOW)) for name in HOSTILE]
)
def test_whatever_is_done_with_it(
    decoder: Decoder, honest: Path, tmp_path: Path, name: str, operation: str
):
    path = tmp_path / "hostile.mp4"
    path.write_bytes(HOSTILE[name]())
    failure(decoder, path, operation)
    assert decoder.probe(honest).codec == "h264"


def test_what_breaks_a_small_limit_may_keep_to_a_large_one(tmp_path: Path):
    path = tmp_path / "samples.mp4"
    path.write_bytes(HOSTILE["large VP8"]())
    errors = []
    for memory in (200_000_000, 2_000_000_000):
        decoder = Decoder(DecodeLimits(memory=memory, seconds=60))
        try:
            decoder.probe(path)
            errors.append(None)
        except VideoError as error:
            errors.append(error.limits)
        finally:
            decoder.close()
    assert errors == [DecodeLimits(memory=200_000_000, seconds=60), None]
