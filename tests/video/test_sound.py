"""The sound of a stretch: sample by sample, in the time of the frames."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from demo.drawing import draw_video
from tests.exporting import TONES, add_sound
from videonet.video.container import VideoError
from videonet.video.decoder import shared_decoder
from videonet.video.sound import CHANNELS, RATE, sound_between


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("heard") / "a.mp4"
    draw_video(file, "balloon", 6, size=(64, 48))
    add_sound(file, 6)
    return file


def pitch(samples: np.ndarray, second: float, begin: float) -> float:
    """The loudest tone in 100 ms around a moment of the video, Hz."""
    at = round((second - begin) * RATE)
    block = samples[at - 2400 : at + 2400, 0] * np.hanning(4800)
    return float(np.argmax(np.abs(np.fft.rfft(block)))) * 10


@pytest.mark.parametrize("begin", [0, 1_300_000, 3_000_001])
def test_a_stretch_has_the_sound_of_its_time(heard: Path, begin: int):
    found = sound_between(heard, begin, begin + 2_500_000)
    assert found is not None
    assert found.shape == (round(2.5 * RATE), CHANNELS)
    start = begin / 1_000_000
    for second in range(6):
        if start + 0.1 < second + 0.5 < start + 2.4:
            assert pitch(found, second + 0.5, start) == pytest.approx(TONES[second], abs=20)


def test_a_later_stretch_is_a_part_of_a_longer_one(heard: Path):
    whole = sound_between(heard, 0, 5_000_000)
    part = sound_between(heard, 2_000_000, 4_000_000)
    assert whole is not None
    assert part is not None
    # Where a decoder begins has a part in its first samples, and a resampler rounds.
    assert np.abs(whole[2 * RATE : 4 * RATE].astype(int) - part).mean() < 60


def test_a_process_that_is_shut_in_hears_the_same(heard: Path):
    found = shared_decoder().sound_between(heard, 1_000_000, 3_000_000)
    assert np.array_equal(found, sound_between(heard, 1_000_000, 3_000_000))


def test_beyond_the_end_there_is_silence_and_no_sound_at_all(heard: Path):
    found = sound_between(heard, 5_000_000, 8_000_000)
    assert found is not None
    assert np.any(found[: RATE // 2])
    assert not np.any(found[round(1.2 * RATE) :])
    assert sound_between(heard, 20_000_000, 21_000_000) is None
    assert sound_between(heard, -3_000_000, -2_000_000) is None


def test_a_video_without_sound_has_none(tmp_path: Path):
    draw_video(tmp_path / "a.mp4", "balloon", 1, size=(64, 48))
    assert sound_between(tmp_path / "a.mp4", 0, 1_000_000) is None


def test_what_is_no_video_is_an_error(tmp_path: Path):
    (tmp_path / "a.mp4").write_bytes(b"no video" * 100)
    with pytest.raises(VideoError):
        shared_decoder().sound_between(tmp_path / "a.mp4", 0, 1_000_000)


def test_damaged_sound_leaves_the_rest(heard: Path, tmp_path: Path):
    """Packets that cannot be decoded are silent; the others stay in their places."""
    file = tmp_path / "b.mkv"
    with av.open(str(heard)) as given, av.open(str(file), "w") as made:
        streams = {each.index: made.add_stream_from_template(each) for each in given.streams}
        for packet in given.demux():
            if packet.dts is None:
                continue
            kind, time = packet.stream.type, packet.pts * packet.time_base
            new = packet
            if kind == "audio" and Fraction(1) < time < Fraction(3, 2):
                new = av.Packet(b"\xff" * packet.size)
                new.pts, new.dts, new.duration = packet.pts, packet.dts, packet.duration
                new.time_base = packet.time_base
            new.stream = streams[packet.stream.index]
            made.mux(new)
    found = sound_between(file, 0, 5_000_000)
    assert found is not None
    assert pitch(found, 3.5, 0) == pytest.approx(TONES[3], abs=20)
