"""A finished OUT with clips of many small videos, and verdicts of one's own."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg

from demo.drawing import KINDS, Scene
from tests.report.made_up import ADDRESSES, HOSTILE
from tests.report.written import target, verdict, write
from videonet.report.sample.choose import Asked
from videonet.report.sample.gather import Sample, sample_of
from videonet.report.sample.render import render_sample
from videonet.schemas.clip import Clip
from videonet.schemas.verdict import Verdict
from videonet.shards.layout import shard_of
from videonet.shards.writer import write_shard

# Of a frame, and of a clip.
HEIGHT, WIDTH = 36, 48
FRAMES = 4
CLIP_MICROSECONDS = 10_240_000

CLASSES = tuple(target(kind) for kind in KINDS)


def sampled(out: Path, asked: Asked | None = None) -> Sample:
    return sample_of(out, asked or Asked(per_class=10, most=1_000))


def page_of(out: Path, asked: Asked | None = None) -> str:
    return render_sample(sampled(out, asked))


def kept(number: int, **changes: Any) -> Verdict:
    """A kept video; classes take turns, and the higher its number the surer it is."""
    kind = CLASSES[number % len(CLASSES)].target_id
    said = {
        "video_key": f"youtube:{number:05d}",
        "video_id": f"{number:05d}",
        "best_probability": (number + 1) / 2_000,
        "best_match": 0,
        "first_match": 0,
        "frames_matched": 40,
        "frames_scanned": 100,
        "fps": 25.0,
        "duration": 12.0,
        "seen": 1,
        "seen_frames": 60,
        "licence": None,
    }
    return verdict(number, kind, **said | changes)


def hostile(number: int) -> Verdict:
    """A kept video of which the worst is said."""
    worst = HOSTILE[number % len(HOSTILE)]
    return kept(
        number,
        title=worst,
        url=ADDRESSES[number % len(ADDRESSES)],
        channel=worst,
        licence=worst,
        video_id=f"{worst}{number}",
    )


def little_known(number: int) -> Verdict:
    """A kept video of a data set that was rebuilt: nothing was seen of it."""
    unknown = dict.fromkeys(
        (
            *("best_probability", "best_match", "first_match", "frames_matched", "frames_scanned"),
            *("fps", "duration", "seen", "seen_frames", "channel", "licence"),
        )
    )
    return kept(number, title="", **unknown)


def write_sampled(
    folder: Path,
    verdicts: Sequence[Verdict],
    *,
    shards: int = 2,
    formats: Sequence[str] = ("parquet",),
) -> Path:
    """OUT with these verdicts and all clips that they speak of; its folder."""
    write(folder, CLASSES, verdicts, labels=("container ship", "yacht"), shards=shards)
    by_key = {each.video_key: each for each in verdicts if each.clips}
    for index in range(shards):
        keys = sorted(key for key in by_key if shard_of(key, shards) == index)
        clips = (_clip(by_key[key], number) for key in keys for number in range(by_key[key].clips))
        write_shard(folder, index, shards, formats, clips)
    return folder


def _clip(verdict: Verdict, number: int) -> Clip:
    place = [each.target_id for each in CLASSES].index(verdict.target_id)
    begin = number * CLIP_MICROSECONDS
    ticks = range(begin, begin + CLIP_MICROSECONDS, CLIP_MICROSECONDS // FRAMES)
    return Clip(
        example_id=f"{verdict.video_key}#{number}",
        example_dataset_name="videonet",
        clip_data_path=verdict.video.url,
        clip_media_id=verdict.video.video_id,
        clip_start_timestamp=begin,
        clip_end_timestamp=begin + CLIP_MICROSECONDS,
        clip_label_index=(place,),
        clip_label_string=(verdict.target_id,),
        clip_label_text=(verdict.target_id,),
        image_format="jpeg",
        image_height=HEIGHT,
        image_width=WIDTH,
        image_channels=3,
        image_colorspace="RGB",
        image_frame_rate=12.5,
        image_encoded=_frames(verdict.target_id, shard_of(verdict.video_key, 3), number),
        image_timestamp=tuple(ticks),
    )


@functools.cache
def _frames(kind: str, scene: int, number: int) -> tuple[bytes, ...]:
    drawn = Scene(kind, (WIDTH, HEIGHT), scene)
    times = range(FRAMES * number, FRAMES * (number + 1))
    return tuple(simplejpeg.encode_jpeg(np.array(drawn.frame(time))) for time in times)
