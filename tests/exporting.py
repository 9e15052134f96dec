"""A small data set with licences, sound and captions, for the tests of exports."""

import csv
import importlib
import sys
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import av
import numpy as np

from demo.drawing import draw_video
from tests.conftest import WITHOUT
from tests.curating import curate
from tests.once import made_once
from videonet.dataset.finished_dataset import open_dataset
from videonet.export.write import export
from videonet.schemas.clip import Clip
from videonet.schemas.export import ExportForm

# Id; what it shows; seconds; whether there is sound; and the licence that the catalogue states.
VIDEOS = [
    ("free", "balloon", 16, True, "CC BY 4.0"),
    ("silent", "sailboat", 5, False, "Creative Commons Attribution license (reuse allowed)"),
    ("whole", "balloon", 3, False, "CC BY-ND 4.0"),
    ("unsaid", "sailboat", 3, False, ""),
    ("other", "balloon", 3, False, "Standard YouTube License"),
    ("short", "sailboat", 2, False, "CC0"),
]

# Hertz: the tone of the sound goes up from one second to the next.
TONES = [400 + 100 * second for second in range(16)]

VTT = "WEBVTT\n\n00:01.000 --> 00:02.000\nup and away\n"


def dataset_once(temporary: Path) -> Path:
    """A folder with `out` and `store`, made once a session: to be read only."""
    return made_once(temporary, "exporting", _make)


def export_once(temporary: Path, made: Path, form: str) -> Path:
    """The data set in a form, made once a session: to be read only."""

    def make(folder: Path) -> None:
        export(made / "out", folder / "to", ExportForm(form))

    return made_once(temporary, f"export_{form}", make) / "to"


def clips_of(out: Path) -> dict[str, Clip]:
    """The clips of a data set, by their ids."""
    return {clip.example_id: clip for clip in open_dataset(out).clips()}


def exported_clips(out: Path) -> dict[str, Clip]:
    """Those of the videos whose licence lets them be handed on."""
    return {
        name: clip
        for name, clip in clips_of(out).items()
        if clip.clip_media_id in ("free", "silent")
    }


def _make(folder: Path) -> None:
    (folder / "videos").mkdir()
    with (folder / "videos.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "url", "title", "channel", "licence"])
        for name, shows, seconds, is_heard, licence in VIDEOS:
            video = folder / "videos" / f"{name}.mp4"
            draw_video(video, shows, seconds, size=(160, 120), seed=name)
            if is_heard:
                add_sound(video, seconds)
            rows.writerow([name, video.name, f"=a {shows}, {name}", f"Channel {name}", licence])
    (folder / "videos/free.en.vtt").write_text(VTT)
    (folder / "classes.txt").write_text("balloon: hot air balloon\nsailboat: yacht\n")
    curate(
        f"catalogue:{folder / 'videos.csv'}",
        folder / "classes.txt",
        folder,
        files_root=str(folder / "videos"),
        shards=2,
        min_seconds=0,
        captions=True,
    )


def add_sound(video: Path, seconds: int) -> None:
    """Give a video a tone for each second of it, in mono, 44,100 samples a second."""
    rate = 44_100
    moments = np.arange(seconds * rate)
    tone = np.array(TONES[:seconds])[moments // rate]
    samples = (8000 * np.sin(2 * np.pi * tone * moments / rate)).astype(np.int16).reshape(1, -1)
    silent = video.rename(video.with_suffix(".silent.mp4"))
    with av.open(silent) as given, av.open(video, "w") as made:
        frames = made.add_stream_from_template(given.streams.video[0])
        heard = made.add_stream("aac", rate=rate, layout="mono")
        for packet in given.demux(video=0):
            if packet.dts is not None:
                packet.stream = frames
                made.mux(packet)
        for at in range(0, samples.shape[1], 1024):
            block = np.ascontiguousarray(samples[:, at : at + 1024])
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
            made.mux(heard.encode(frame))
        made.mux(heard.encode())
    silent.unlink()


def hugging_face_datasets() -> ModuleType:
    """The library `datasets`, with the pandas that it wants: `tests/without` hides pandas."""
    hidden = [place for place in sys.path if place == WITHOUT]
    sys.path[:] = [place for place in sys.path if place != WITHOUT]
    try:
        return importlib.import_module("datasets")
    finally:
        sys.path[:0] = hidden
