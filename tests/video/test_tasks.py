"""videonet.video.tasks: a process that is shut in has all that it needs before it is."""

import subprocess
import sys
from pathlib import Path

import av
import pytest

from demo.drawing import draw_video

# Says which modules decoding a video loads after the tasks were loaded.
LATE = """
import sys
from pathlib import Path
from videonet.video import tasks, clips, decode
tasks.warm_up()
before = set(sys.modules)
file = Path(sys.argv[1])
decode.probe(file)
decode.first_frames(file, 10, 64, (56, 56))
length = decode.video_length(file)
origin, settings = clips.ClipOrigin("", "", "", ""), clips.ClipSettings(4)
list(clips.cut_clips(file, length, origin, settings))
print(*sorted(set(sys.modules) - before))
"""


def with_streams(file: Path) -> None:
    """A video with sound and subtitles."""
    with av.open(str(file), "w") as out:
        pictures = out.add_stream("mpeg4", rate=25)
        pictures.width, pictures.height, pictures.pix_fmt = 96, 64, "yuv420p"
        sound = out.add_stream("pcm_s16le", rate=44100, layout="stereo")
        out.add_mux_stream("subrip")
        for number in range(100):
            picture = av.VideoFrame(96, 64, "yuv420p")
            picture.pts = number
            out.mux(pictures.encode(picture))
        out.mux(pictures.encode())
        frame = av.AudioFrame(format="s16", layout="stereo", samples=1024)
        frame.sample_rate, frame.pts = 44100, 0
        out.mux(sound.encode(frame))


@pytest.mark.parametrize("kind", ["plain", "with sound and subtitles"])
def test_no_video_makes_a_decoder_load_more_code(tmp_path: Path, kind: str):
    file = tmp_path / "drawn.mkv"
    if kind == "plain":
        draw_video(file, "balloon", 4, size=(96, 64))
    else:
        with_streams(file)
        with av.open(str(file)) as container:
            assert {each.type for each in container.streams} == {"video", "audio", "subtitle"}
    said = subprocess.run(
        [sys.executable, "-c", LATE, file], capture_output=True, text=True, check=True
    )
    assert said.stdout.split() == []
