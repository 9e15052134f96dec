"""videonet.video.recordings: clocks that start again or jump, and frames that are shown long."""

from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.video.files import draw
from videonet.schemas.clip import Clip
from videonet.video.clips import (
    CLIP_SECONDS,
    MICROSECONDS,
    WINDOW,
    ClipOrigin,
    ClipSettings,
    CutReport,
    clip_spans,
    cut_clips,
)
from videonet.video.decode import recordings_in, shown_frames, video_length
from videonet.video.recordings import Clock, Stamp, recordings_of

ODD = Path(__file__).parents[1] / "fixtures" / "odd_videos"

# Ticks of a millisecond.
MP4 = Clock(Fraction(1, 1000), may_jump=False, has_dts=True)
MATROSKA = Clock(Fraction(1, 1000), may_jump=False, has_dts=False)
TS = Clock(Fraction(1, 1000), may_jump=True, has_dts=True)


def even(count: int, start: int = 0, step: int = 40, duration: int = 40) -> list[Stamp]:
    """Packets in the order in which they are shown."""
    times = (start + index * step for index in range(count))
    return [Stamp(time, time, duration) for time in times]


def lengths(stamps: list[Stamp], clock: Clock) -> list[Fraction]:
    return [each.length for each in recordings_of(stamps, clock)]


@pytest.mark.parametrize("clock", [MP4, MATROSKA, TS])
def test_a_clock_that_runs_on_is_one_recording(clock):
    assert lengths(even(100), clock) == [4]


@pytest.mark.parametrize("clock", [MP4, MATROSKA, TS])
@pytest.mark.parametrize("start", [0, 400, 2000])
def test_a_clock_that_starts_again_is_another_recording(clock, start):
    stamps = even(100) + even(50, start)
    assert lengths(stamps, clock) == [4, 2]
    assert [each.packet for each in recordings_of(stamps, clock)] == [0, 100]


@pytest.mark.parametrize("clock", [MP4, TS])
def test_a_step_back_within_a_frames_time_is_rounding(clock):
    stamps = even(100)
    stamps[50] = Stamp(2000, 1930, 40)
    assert len(recordings_of(stamps, clock)) == 1


@pytest.mark.parametrize("clock", [MP4, MATROSKA, TS])
def test_a_clock_that_jumps_over_what_no_frame_covers_is_another_recording(clock):
    assert lengths(even(100) + even(50, 6_672_000), clock) == [4, 2]


@pytest.mark.parametrize("clock", [MP4, MATROSKA, TS])
def test_a_short_gap_is_a_frame_that_is_shown_long(clock):
    assert lengths(even(100) + even(50, 13_000), clock) == [15]


@pytest.mark.parametrize("duration", [20_000, 0])
@pytest.mark.parametrize("clock", [MP4, MATROSKA])
def test_slides_keep_their_length(clock, duration):
    assert lengths(even(10, step=20_000, duration=duration), clock) == [200]


def test_a_long_frame_between_short_ones_keeps_its_length():
    stamps = [*even(100), Stamp(4000, 4000, 60_000), *even(50, 64_000)]
    assert lengths(stamps, MP4) == lengths(stamps, MATROSKA) == [66]
    assert lengths(stamps, TS) == [64, 2]


@given(
    st.lists(st.integers(2, 60), min_size=1, max_size=5),
    st.lists(st.sampled_from([-1, 12_000, 9_000_000]), min_size=5, max_size=5),
)
def test_lengths_add_up_whatever_the_clock_does_between(counts, jumps):
    stamps: list[Stamp] = []
    start = 0
    for count, jump in zip(counts, jumps, strict=False):
        stamps += even(count, start)
        start = 0 if jump < 0 else start + count * 40 + jump
    found = lengths(stamps, TS)
    assert found == [Fraction(count * 40, 1000) for count in counts]


@given(
    st.lists(st.fractions(0, 60), min_size=1, max_size=6),
    st.integers(1, 6),
)
def test_no_clip_spans_two_recordings(lengths, most):
    spans = clip_spans(lengths, most)
    assert len(spans) <= most
    assert spans == sorted(spans)
    for recording, begin, end in spans:
        assert 0 <= begin < end <= lengths[recording]
        assert WINDOW <= end - begin <= CLIP_SECONDS


def listed(lengths: list[Fraction], most: int) -> list[tuple[int, Fraction, Fraction]]:
    """The spans, chosen from a list of all that are possible."""
    possible = [
        (recording, index * CLIP_SECONDS, min((index + 1) * CLIP_SECONDS, length))
        for recording, length in enumerate(lengths)
        for index in range(int(length // CLIP_SECONDS) + 1)
        if length - index * CLIP_SECONDS >= WINDOW
    ]
    if len(possible) <= most:
        return possible
    full = [each for each in possible if each[2] - each[1] == CLIP_SECONDS]
    pool = full if len(full) >= most else possible
    if most == 1:
        return [pool[(len(pool) - 1) // 2]]
    return [pool[round(Fraction(i * (len(pool) - 1), most - 1))] for i in range(most)]


@given(st.lists(st.fractions(0, 200), max_size=6), st.integers(1, 6))
def test_clips_are_chosen_evenly_from_all_that_are_possible(lengths, most):
    assert clip_spans(lengths, most) == listed(lengths, most)


def test_a_video_that_claims_a_thousand_years_has_few_clips_all_the_same():
    spans = clip_spans([Fraction(12), Fraction(10**11), Fraction(10**12, 7)], 4)
    assert [each.recording for each in spans] == [0, 1, 2, 2]


# Files.


def joined(path: Path, *parts: Path) -> Path:
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def clocked(path: Path, times: list[float], rate: int | Fraction = 10) -> Path:
    """A video with frames at these times, seconds, each of a grey of its own."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=rate, options={"bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for index, time in enumerate(times):
            grey = np.full((48, 64, 3), 40 + index % 160, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, "rgb24")
            frame.pts, frame.time_base = round(time * 1000), Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def cut(path: Path, most: int = 4) -> list[Clip]:
    """Its clips. Each spans its ticks and what its first frame was shown before; times go on."""
    report = CutReport()
    origin = ClipOrigin("videonet", "k", "i", "u")
    clips = list(cut_clips(path, video_length(path), origin, ClipSettings(most), report=report))
    for clip, first in zip(clips, report.first_durations, strict=True):
        span = clip.clip_end_timestamp - clip.clip_start_timestamp
        assert span <= CLIP_SECONDS * MICROSECONDS + first + 2
    for before, after in pairwise(clips):
        assert before.image_timestamp[-1] <= after.image_timestamp[0]
    return clips


def test_two_recordings_that_were_joined_are_as_long_as_both():
    path = ODD / "joined.ts"
    assert video_length(path) == Fraction("12.08")
    clips = cut(path)
    assert [len(clip.image_encoded) for clip in clips] == [76, 75]


def test_time_goes_on_where_a_clock_starts_again(tmp_path):
    part = draw(tmp_path / "part.ts", 4, fps=25)
    path = joined(tmp_path / "v.ts", part, part, part)
    recordings = recordings_in(path)
    assert [each.length for each in recordings] == [4, 4, 4]
    frames = list(shown_frames(path, recordings=recordings))
    times = [frame.time for frame in frames]
    assert times == [times[0] + Fraction(index, 25) for index in range(300)]
    assert [frame.recording for frame in frames] == [0] * 100 + [1] * 100 + [2] * 100
    clips = cut(path)
    assert [len(clip.image_encoded) for clip in clips] == [50, 50, 50]
    assert clips[0].image_encoded == clips[1].image_encoded == clips[2].image_encoded
    assert len(cut(path, 2)) == 2


def test_videos_that_are_decoded_at_the_same_time_keep_their_own_clocks(tmp_path):
    part = draw(tmp_path / "part.ts", 2, fps=25)
    path = joined(tmp_path / "v.ts", part, part)
    recordings = recordings_in(path)
    alone = [frame.time for frame in shown_frames(path, recordings=recordings)]
    # Each is some frames ahead of the one before.
    videos = [shown_frames(path, recordings=recordings) for _ in range(8)]
    times = [[frame.time for frame in islice(video, ahead)] for ahead, video in enumerate(videos)]
    for _ in alone:
        for seen, video in zip(times, videos, strict=True):
            seen += [frame.time for frame in islice(video, 1)]
    assert times == [alone] * len(videos)


def test_a_clock_that_jumps_ahead_leaves_no_time_between(tmp_path):
    times = [index / 10 for index in range(60)]
    later = [6672 + time for time in times]
    path = clocked(tmp_path / "v.ts", times + later)
    assert video_length(path) == 12
    clips = cut(path)
    assert [len(clip.image_encoded) for clip in clips] == [60, 60]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_slides_in_a_file_keep_their_length(tmp_path, suffix):
    path = clocked(tmp_path / f"v{suffix}", [20 * index for index in range(6)], Fraction(1, 20))
    assert video_length(path) == 120
    clips = cut(path, 12)
    assert len(clips) == 12
    assert max(c.clip_end_timestamp - c.clip_start_timestamp for c in clips) > 20_000_000


@pytest.mark.parametrize("suffix", [".webm", ".mkv"])
def test_matroska_files_one_after_the_other_are_recordings(tmp_path, suffix):
    times = [index / 10 for index in range(40)]
    part = clocked(tmp_path / "part.mkv", times)
    path = joined(tmp_path / f"v{suffix}", part, part)
    assert video_length(path) == 8
    assert len(cut(path)) == 2
