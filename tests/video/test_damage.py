"""videonet.video.damage: a damaged packet does not lose the video; what is lost is counted."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.video.files import CROP, SIZE, reason_of
from tests.video.test_clips import ORIGIN
from videonet.schemas.clip import Clip
from videonet.schemas.reason import Reason
from videonet.video.clips import ClipSettings, CutReport, cut_clips
from videonet.video.decode import VideoError, first_frames, shown_frames, video_length

ODD = Path(__file__).parents[1] / "fixtures" / "odd_videos"

# Codecs whose decoder refuses a damaged packet, with a keyframe every second at most.
CODECS = {"vp8": "libvpx", "vp9": "libvpx-vp9", "av1": "libsvtav1", "mjpeg": "mjpeg"}


def encoded(path: Path, codec: str, seconds: int = 11) -> Path:
    """Coloured squares, 25 frames a second, a keyframe every second."""
    with av.open(str(path), "w") as file:
        options = {"deadline": "realtime", "cpu-used": "8", "g": "25", "keyint_min": "25"}
        if codec == "mjpeg":
            options = {}
        if codec == "av1":
            # Packets in the order of their frames.
            options = {"preset": "12", "svtav1-params": "keyint=25:pred-struct=1:lp=1"}
        stream = file.add_stream(CODECS[codec], rate=25, options=options)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for index in range(25 * seconds):
            # So that no two packets are the same.
            noise = np.random.default_rng(index).integers(0, 256, (8, 12, 3), np.uint8)
            picture = noise.repeat(8, axis=0).repeat(8, axis=1)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        file.mux(stream.encode(None))
    return path


def damaged(path: Path, *numbers: int, wholly: bool = True) -> Path:
    """The file with these packets made unreadable, wholly or by one byte in the middle."""
    with av.open(str(path)) as file:
        packets = [bytes(each) for each in file.demux(video=0) if each.size]
    data = path.read_bytes()
    for number in numbers:
        at = data.index(packets[number])
        assert data.count(packets[number]) == 1
        packet = bytearray(b"\xff" * len(packets[number]) if wholly else packets[number])
        if not wholly:
            packet[len(packet) // 2] ^= 0xFF
        data = data[:at] + packet + data[at + len(packet) :]
    path.write_bytes(data)
    return path


def cut(path: Path, settings: ClipSettings | None = None) -> tuple[list[Clip], CutReport]:
    report = CutReport()
    settings = settings or ClipSettings(4)
    clips = list(cut_clips(path, video_length(path), ORIGIN, settings, report=report))
    return clips, report


@pytest.mark.parametrize(
    ("codec", "wholly", "lost"),
    [
        *(("vp8", True, range(30, 50)), ("vp9", True, range(30, 50))),
        *(("av1", True, range(30, 50)), ("av1", False, range(30, 50))),
        ("mjpeg", True, range(30, 31)),
    ],
)
def test_a_damaged_packet_loses_the_frames_up_to_the_next_keyframe(tmp_path, codec, wholly, lost):
    path = damaged(encoded(tmp_path / "v.mkv", codec), 30, wholly=wholly)
    first = first_frames(path, 100, 64, CROP)
    assert (len(first.images), first.lost) == (100 - len(lost), len(lost))
    frames = shown_frames(path)
    shown = [round(frame.time * 25) for frame in frames]
    assert shown == [number for number in range(275) if number not in lost]
    assert [round(time * 25) for _, time in frames.lost] == list(lost)
    assert video_length(path) == 11
    clips, report = cut(path)
    assert len(clips) == 1
    assert (report.frames, report.lost, report.left_out) == (255, len(lost), 0)
    times = {round(time / 40_000) for time in clips[0].image_timestamp}
    assert not times & set(lost)


def test_one_damaged_packet_of_a_real_one_loses_less_than_a_second():
    path = ODD / "vp9_one_damaged_packet.mkv"
    assert first_frames(path, 100, 64, CROP).lost == 0
    (clip,), report = cut(path)
    assert (report.frames, report.lost) == (255, 20)
    assert len(clip.image_encoded) == 119


def test_a_damaged_first_frame_leaves_the_rest(tmp_path):
    path = damaged(encoded(tmp_path / "v.mkv", "vp9"), 0)
    first = first_frames(path, 100, 64, CROP)
    assert (len(first.images), first.lost) == (75, 25)
    (clip,), report = cut(path)
    assert report.lost == 25
    # The first tick at which a whole frame has come.
    assert clip.image_timestamp[0] == 1_040_000
    assert clip.clip_end_timestamp == 10_240_000


def test_a_clip_with_a_long_hole_is_left_out_and_others_stay(tmp_path):
    path = encoded(tmp_path / "v.mkv", "mjpeg", 42)
    whole, _ = cut(path)
    # 2.56 s are a hole that stays, and one frame more is one too many.
    damaged(path, *range(30, 94), *range(300, 365))
    clips, report = cut(path)
    assert (len(whole), len(clips)) == (4, 3)
    assert (report.lost, report.left_out) == (129, 1)
    assert [clip.example_id[-2:] for clip in clips] == ["#0", "#1", "#2"]
    assert [clip.clip_start_timestamp for clip in clips] == [
        whole[index].clip_start_timestamp for index in (0, 2, 3)
    ]
    assert len(cut(path, ClipSettings(4, max_hole=3))[0]) == 4


def test_a_video_of_which_more_than_a_quarter_is_lost_is_undecodable(tmp_path):
    path = encoded(tmp_path / "v.mkv", "mjpeg")
    damaged(path, *range(0, 252, 4))
    assert len(cut(path)[0]) == 1
    damaged(path, 1)
    with pytest.raises(VideoError, match="64 of the 255 frames") as caught:
        cut(path)
    assert caught.value.reason is Reason.UNDECODABLE
    assert len(cut(path, ClipSettings(4, max_lost=0.5))[0]) == 1


def test_a_video_of_which_no_clip_is_left_is_undecodable(tmp_path):
    path = damaged(encoded(tmp_path / "v.mkv", "mjpeg"), *range(70, 200))
    with pytest.raises(VideoError):
        cut(path, ClipSettings(4, max_lost=1))


def test_a_video_without_a_whole_frame_is_undecodable(tmp_path):
    path = damaged(encoded(tmp_path / "v.mkv", "mjpeg", 1), *range(25))
    assert reason_of(first_frames, path, 100, 64, CROP) is Reason.UNDECODABLE
    assert reason_of(lambda each: list(shown_frames(each)), path) is Reason.UNDECODABLE


@settings(max_examples=15)
@given(numbers=st.sets(st.integers(0, 99), max_size=30))
def test_whole_and_lost_frames_add_up(tmp_path_factory, numbers):
    path = encoded(tmp_path_factory.mktemp("damage") / "v.mkv", "mjpeg", 4)
    if numbers:
        damaged(path, *numbers)
    frames = shown_frames(path)
    whole = {round(frame.time * 25) for frame in frames}
    assert whole == set(range(100)) - numbers
    assert {round(time * 25) for _, time in frames.lost} == numbers
    assert video_length(path) == Fraction(4)
