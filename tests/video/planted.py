"""A decoder that does what no decoder should: what, the video says."""

import os
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction

from tests.cage import planted as crashes
from videonet.cage.server import Ask
from videonet.schemas.clip import Clip
from videonet.schemas.reason import Reason
from videonet.schemas.scan import Probe
from videonet.video.clips import CutReport
from videonet.video.messages import (
    CutClip,
    CutDone,
    Failed,
    Fill,
    FirstFramesRead,
    Foreseen,
    Measured,
    Probed,
    encoded,
)
from videonet.video.recordings import Recording

PROBE = Probe(
    width=64,
    height=48,
    fps=25.0,
    codec="h264",
    pixel_format="yuv420p",
    rotation=0,
    container="mov,mp4,m4a,3gp,3g2,mj2",
    video_streams=1,
    audio_streams=0,
)

CLIP = Clip(
    example_id="key#0",
    example_dataset_name="videonet",
    clip_data_path="https://example.org/v",
    clip_media_id="v",
    clip_start_timestamp=0,
    clip_end_timestamp=2_560_000,
    clip_label_index=(),
    clip_label_string=(),
    clip_label_text=(),
    image_format="jpeg",
    image_height=256,
    image_width=256,
    image_channels=3,
    image_colorspace="RGB",
    image_frame_rate=12.5,
    image_encoded=(b"\xff\xd8\xff\xd9",),
    image_timestamp=(0,),
)


def said(how: str) -> Iterator[bytes]:
    """The answers of a decoder that was taken over."""

    def probe(**other) -> bytes:
        return encoded(Probed(PROBE.from_row({**PROBE.to_row(), **other})))

    def clip(number: int = 0, **other) -> bytes:
        named = {"example_id": f"key#{number}", **other}
        return encoded(CutClip(Clip.from_row({**CLIP.to_row(), **named})))

    def measured(start: Fraction, length: Fraction, packet: int = 0) -> bytes:
        return encoded(Measured((Recording(packet, start, length),)))

    def done(clips: int = 1, **other) -> bytes:
        return encoded(CutDone(CutReport(first_durations=[0] * clips, **other)))

    known = {
        "a probe": lambda: [probe()],
        "two probes": lambda: [probe(), probe()],
        "nothing": list,
        "nonsense": lambda: [b"\xc1\xff"],
        "lists in lists": lambda: [b"\x91" * 100_000],
        "negative width": lambda: [probe(width=-1)],
        "escape codes": lambda: [probe(codec="\x1b[31m")],
        "a long name": lambda: [probe(codec="a" * 100_000)],
        "no number": lambda: [probe(pixel_aspect=float("nan"))],
        "another reason": lambda: [encoded(Failed(Reason.WITHDRAWN, "so there"))],
        "a frame": lambda: [encoded(FirstFramesRead(1, PROBE, 0))],
        "no frames": lambda: [encoded(FirstFramesRead(0, PROBE, 0))],
        "too many frames": lambda: [encoded(FirstFramesRead(1_000_000, PROBE, 0))],
        "fewer frames than none": lambda: [encoded(FirstFramesRead(-1, PROBE, 0))],
        "too many lost": lambda: [encoded(FirstFramesRead(2, PROBE, 99))],
        "a recording": lambda: [measured(Fraction(0), Fraction(12))],
        "no recordings": lambda: [encoded(Measured(()))],
        "negative length": lambda: [measured(Fraction(0), Fraction(-1))],
        "endless length": lambda: [measured(Fraction(0), Fraction(10**15))],
        "a number that fills all memory": lambda: [
            measured(Fraction(1, 3), Fraction(1)).replace(b"\xa31/3", b"\xac1e9999999999")
        ],
        "a clip": lambda: [clip(), done()],
        "clips without end": lambda: [clip(number) for number in range(100)],
        "a clip of another": lambda: [clip(example_id="other#0"), done()],
        "labels of its own": lambda: [clip(clip_label_index=(7,)), done()],
        "no picture": lambda: [clip(image_encoded=(b"GIF89a",)), done()],
        "more pictures than times": lambda: [clip(image_encoded=(b"\xff\xd8",) * 2), done()],
        "a time that fits no column": lambda: [
            clip(clip_start_timestamp=2**63, image_timestamp=(2**63,), clip_end_timestamp=2**63),
            done(),
        ],
        "times that stand still": lambda: [
            clip(image_encoded=(b"\xff\xd8",) * 2, image_timestamp=(0, 0)),
            done(),
        ],
        "a large picture": lambda: [clip(image_width=100_000), done()],
        "no report": lambda: [clip()],
        "a report of other clips": lambda: [clip(), done(3)],
        "fewer lost than none": lambda: [clip(), done(lost=-5)],
    }
    return iter(known[how]())


def _work(arguments: bytes, files: Sequence[int], ask: Ask) -> Iterator[bytes]:
    kind, _, how = os.pread(files[0], 1000, 0).decode().partition(": ")
    if kind == "asks":
        question = {
            "before the file": lambda: encoded(Fill(-5, 5)),
            "behind the file": lambda: encoded(Fill(0, 10**15)),
            "for nothing": lambda: encoded(Fill(5, 5)),
            "nonsense": lambda: b"\xc1",
            "what it was not asked to": lambda: encoded(Foreseen(10**18)),
        }[how]()
        ask(question)
        yield from said("a probe")
    if kind == "says":
        yield from said(how)
    if kind == "crashes":
        # It says first that it is here, which counts how often it was.
        ask(encoded(Fill(0, 1)))
        yield from getattr(crashes, how)(arguments, files, ask)
    if kind == "crashes once":
        if b"\xc0" in ask(encoded(Fill(0, 1))):
            os.abort()
        yield from said("a probe")
    if kind == "waits":
        ask(encoded(Foreseen(os.getpid())))
        time.sleep(100)


probe = first_frames = read_first_frames = recordings_in = cut_clips = _work
