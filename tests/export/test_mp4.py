"""Clips as mp4: their frames, times and sound, as PyAV and ffprobe read them."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import msgspec
import numpy as np
import pytest

from tests.exporting import TONES, exported_clips
from videonet.export.mp4 import write_mp4
from videonet.export.names import name_of
from videonet.schemas.clip import Clip
from videonet.shards.jpeg import decode

# Mean difference of two pictures, levels of 0 to 255: what H.264 and half the colour take.
NEARLY = 3.0


def files(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Each clip, and what is said of it."""
    for file in sorted(folder.glob("train/*/*.mp4")):
        yield file, json.loads(file.with_suffix(".json").read_text())


def frames(file: Path) -> list[tuple[int, np.ndarray]]:
    """The time of each frame, microseconds, and its picture."""
    with av.open(str(file)) as video:
        return [
            (round(frame.pts * frame.time_base * 1_000_000), frame.to_ndarray(format="rgb24"))
            for frame in video.decode(video=0)
        ]


def sound(file: Path) -> np.ndarray:
    """The left channel, 48,000 samples a second."""
    with av.open(str(file)) as video:
        return np.concatenate([frame.to_ndarray()[0] for frame in video.decode(audio=0)])


def test_each_clip_has_its_frames_at_their_own_times(out: Path, mp4: Path):
    due = exported_clips(out)
    found = {said["example_id"]: (file, said) for file, said in files(mp4)}
    assert found.keys() == due.keys()
    for name, (file, said) in found.items():
        clip = due[name]
        key, _, number = name.rpartition("#")
        assert file.stem == name_of(key, int(number))
        assert said["image_timestamp"] == list(clip.image_timestamp)
        seen = frames(file)
        assert [time for time, _ in seen] == [
            time - clip.clip_start_timestamp for time in clip.image_timestamp
        ]
        for jpeg, (_, picture) in zip(clip.image_encoded[::30], seen[::30], strict=True):
            size = (clip.image_height, clip.image_width)
            even = decode(jpeg, size)[: size[0] // 2 * 2, : size[1] // 2 * 2]
            assert picture.shape == even.shape
            assert np.abs(picture.astype(int) - even).mean() < NEARLY


def test_the_sound_is_that_of_the_span(out: Path, mp4: Path):
    heard = {said["example_id"]: (file, said) for file, said in files(mp4) if said["sound"]}
    clips = {name: each for name, each in exported_clips(out).items() if name in heard}
    assert {each.clip_media_id for each in clips.values()} == {"free"}
    assert len(clips) == 2
    for name, clip in clips.items():
        samples = sound(heard[name][0])
        begin, end = (
            each / 1_000_000 for each in (clip.clip_start_timestamp, clip.clip_end_timestamp)
        )
        assert len(samples) / 48_000 == pytest.approx(end - begin, abs=0.05)
        # The tone in the middle of each second of the video, 50 ms around it.
        for second in range(int(begin) + 1, int(end) - 1):
            at = round((second + 0.5 - begin) * 48_000)
            spectrum = np.abs(np.fft.rfft(samples[at - 1200 : at + 1200] * np.hanning(2400)))
            assert np.argmax(spectrum) * 20 == pytest.approx(TONES[second], abs=20)
        # It goes up just where it does in the video.
        second = int(begin) + 2
        edge = round((second - begin) * 48_000)
        for offset, tone in ((-2000, TONES[second - 1]), (2000, TONES[second])):
            around = samples[edge + offset - 1200 : edge + offset + 1200] * np.hanning(2400)
            assert np.argmax(np.abs(np.fft.rfft(around))) * 20 == pytest.approx(tone, abs=20)


def test_a_video_without_sound_gives_clips_without(mp4: Path):
    silent = [(file, said) for file, said in files(mp4) if not said["sound"]]
    assert len(silent) == 1
    with av.open(str(silent[0][0])) as video:
        assert not video.streams.audio
    assert json.loads((mp4 / "export.json").read_text())["counts"]["sound"] == {
        "silent": 1,
        "with": 1,
    }


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="needs ffprobe")
def test_ffprobe_finds_h264_in_the_usual_form(out: Path, mp4: Path):
    for file, said in files(mp4):
        ended = subprocess.run(
            ["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(file)],
            capture_output=True,
            check=True,
        )
        assert ended.stderr == b""
        video, *more = json.loads(ended.stdout)["streams"]
        assert (video["codec_name"], video["pix_fmt"]) == ("h264", "yuv420p")
        assert float(video["start_time"]) == 0
        length = (said["clip_end_timestamp"] - said["clip_start_timestamp"]) / 1_000_000
        assert float(video["duration"]) == pytest.approx(length, abs=1e-5)
        assert [each["codec_name"] for each in more] == (["aac"] if said["sound"] else [])


def short(clip: Clip, *times: int) -> Clip:
    """The first frames of a clip, at these times."""
    return msgspec.structs.replace(
        clip,
        image_encoded=clip.image_encoded[: len(times)],
        image_timestamp=times,
        clip_start_timestamp=times[0],
        clip_end_timestamp=times[-1] + 80_000,
    )


@pytest.mark.parametrize(
    "times", [(-1_000_000, -900_000, 1), (7, 8, 9_000_000), (10**13, 10**13 + 1, 10**13 + 10**7)]
)
def test_odd_times_stay_as_they_are(out: Path, tmp_path: Path, times: tuple[int, ...]):
    clip = short(next(iter(exported_clips(out).values())), *times)
    write_mp4(tmp_path / "a.mp4", clip, None)
    assert [time for time, _ in frames(tmp_path / "a.mp4")] == [each - times[0] for each in times]


def test_the_same_clip_and_sound_give_the_same_bytes(out: Path, tmp_path: Path):
    clip = short(next(iter(exported_clips(out).values())), 0, 80_000, 160_000)
    tone = (8000 * np.sin(np.arange(11_520) / 9)).astype(np.int16)
    for name in ("a.mp4", "b.mp4"):
        write_mp4(tmp_path / name, clip, np.stack([tone, tone], 1))
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    with av.open(str(tmp_path / "a.mp4")) as video:
        assert video.streams.audio[0].rate == 48_000
        assert Fraction(video.duration, av.time_base) == pytest.approx(0.24, abs=0.03)


def test_a_frame_that_is_no_jpeg_is_an_error(out: Path, tmp_path: Path):
    clip = short(next(iter(exported_clips(out).values())), 0, 80_000)
    broken = msgspec.structs.replace(clip, image_encoded=(b"no", b"jpeg"))
    with pytest.raises(ValueError, match="JPEG"):
        write_mp4(tmp_path / "a.mp4", broken, None)
