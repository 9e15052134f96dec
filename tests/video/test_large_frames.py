"""The largest honest videos keep to the usual limits of decoding."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame

from videonet.cage.confinement import can_shut_in
from videonet.schemas.decode_limits import DecodeLimits
from videonet.video.clips import ClipOrigin, ClipSettings, CutReport
from videonet.video.container import VideoError
from videonet.video.decoder import Decoder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not can_shut_in(), reason="this system shuts no process in"),
]

# 8K in 10 bits. AV1 keeps eight frames for reference.
WIDTH, HEIGHT, FRAMES = 7680, 4320, 9


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "8k.mp4"
    with pytest.MonkeyPatch.context() as patch, av.open(str(path), "w") as output:
        patch.setenv("SVT_LOG", "0")
        stream = output.add_stream("libsvtav1", rate=3, options={"preset": "12"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p10le"
        frame = VideoFrame(WIDTH, HEIGHT, "yuv420p10le")
        for number in range(FRAMES):
            for plane in frame.planes:
                np.frombuffer(plane, np.uint16)[:] = 300 + 40 * number
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


def decoded(video: Path, limits: DecodeLimits) -> tuple[int, int]:
    """How many first frames and clips the video has under these limits."""
    decoder = Decoder(limits)
    try:
        first = decoder.first_frames(video, 100, 256, (224, 224))
        assert (first.probe.width, first.probe.pixel_format) == (WIDTH, "yuv420p10le")
        settings, report = ClipSettings(4), CutReport()
        origin = ClipOrigin("", "", "", "")
        clips = list(decoder.cut_clips(video, Fraction(3), origin, settings, None, report))
    finally:
        decoder.close()
    return len(first.images), len(clips)


def test_8k_in_10_bits_keeps_to_the_limits(video: Path):
    assert decoded(video, DecodeLimits()) == (FRAMES, 1)
    # It needs some 1.2 GB; HEVC with 16 such frames for reference 2.1 GB.
    assert decoded(video, DecodeLimits(memory=2_000_000_000)) == (FRAMES, 1)


def test_8k_breaks_a_small_limit(video: Path):
    limits = DecodeLimits(memory=600_000_000)
    with pytest.raises(VideoError) as caught:
        decoded(video, limits)
    assert caught.value.limits == limits
