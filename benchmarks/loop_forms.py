"""Forms in which a page may hold the loop of a clip: bytes, and processor time to make it.

    python -m benchmarks.loop_forms FOLDER [CLIPS]

takes the first ten seconds of the first CLIPS videos of a folder (20 if not given), and writes 12
small frames of each in each form, at about the same quality.
"""

import io
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from videonet.report.sample.loops import FRAME_MILLISECONDS, FRAMES, PIXELS

SECONDS = 10


def main(folder: Path, count: int) -> None:
    """Print a row for each form."""
    videos = (loop for file in sorted(folder.iterdir()) if (loop := small_frames(file)))
    loops = [loop for loop, _ in zip(videos, range(count), strict=False)]
    print(f"{len(loops)} clips\n{'form':24} {'mean kB':>8} {'most kB':>8} {'ms':>6}")
    for name, write in FORMS.items():
        begin = time.process_time()
        sizes = [len(write(loop)) for loop in loops]
        took = 1000 * (time.process_time() - begin) / len(loops)
        mean, most = sum(sizes) / len(sizes) / 1000, max(sizes) / 1000
        print(f"{name:24} {mean:8.1f} {most:8.1f} {took:6.0f}", flush=True)


def small_frames(file: Path) -> list[Image.Image]:
    """FRAMES frames of about PIXELS, with even sides as H.264 needs; none of other files."""
    try:
        with av.open(str(file)) as container:
            decoded: Iterator[Any] = container.decode(video=0)
            frames = [each.to_image() for each in decoded if (each.time or 0) < SECONDS]
    except (av.FFmpegError, IndexError):
        return []
    if len(frames) < FRAMES:
        return []
    scale = (PIXELS / (frames[0].width * frames[0].height)) ** 0.5
    size = 2 * round(frames[0].width * scale / 2), 2 * round(frames[0].height * scale / 2)
    places = np.linspace(0, len(frames) - 1, FRAMES).round().astype(int).tolist()
    return [frames[place].convert("RGB").resize(size) for place in places]


def strip(kind: str, **options: Any) -> Callable[[Sequence[Image.Image]], bytes]:
    """All frames side by side, as one picture."""

    def write(frames: Sequence[Image.Image]) -> bytes:
        width, height = frames[0].size
        picture = Image.new("RGB", (width * len(frames), height))
        for place, frame in enumerate(frames):
            picture.paste(frame, (place * width, 0))
        data = io.BytesIO()
        picture.save(data, kind, **options)
        return data.getvalue()

    return write


def animation(kind: str, **options: Any) -> Callable[[Sequence[Image.Image]], bytes]:
    """One animated picture."""

    def write(frames: Sequence[Image.Image]) -> bytes:
        first, *rest = frames
        data = io.BytesIO()
        first.save(
            data, kind, save_all=True, append_images=rest, duration=FRAME_MILLISECONDS, **options
        )
        return data.getvalue()

    return write


def h264(frames: Sequence[Image.Image]) -> bytes:
    """A video."""
    data = io.BytesIO()
    with av.open(data, "w", format="mp4") as container:
        stream: Any = container.add_stream("libx264", rate=Fraction(1000, FRAME_MILLISECONDS))
        stream.width, stream.height = frames[0].size
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "28", "preset": "slow"}
        for packet in _packets(stream, frames):
            container.mux(packet)
    return data.getvalue()


def _packets(stream: Any, frames: Sequence[Image.Image]) -> Iterator[Any]:
    for frame in frames:
        pixels = np.asarray(frame)
        yield from stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24"))
    yield from stream.encode()


FORMS = {
    "JPEG, side by side": strip("JPEG", quality=70),
    "WebP, side by side": strip("WEBP", quality=60),
    "AVIF, side by side": strip("AVIF", quality=50, speed=9, max_threads=1),
    "WebP, animated": animation("WEBP", quality=60),
    "AVIF, animated, speed 8": animation("AVIF", quality=50, speed=8, max_threads=1),
    "AVIF, animated, speed 9": animation("AVIF", quality=50, speed=9, max_threads=1),
    "H.264": h264,
}


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) == 3 else 20)
