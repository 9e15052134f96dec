"""Generated videos as a data set folder OUT, such as `videonet curate` leaves behind.

There are the shards, the manifest and the list of classes: what a trainer reads. Nothing was
looked up or judged, so there are no candidates and no verdicts.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import simplejpeg

from benchmarks.moving_objects.kinds import KINDS
from benchmarks.moving_objects.scene import FRAME, Scene
from videonet.dataset.manifest import VERSION
from videonet.schemas.clip import Clip
from videonet.schemas.manifest import ClassifierCard, Counts, Manifest, ManifestSettings, Totals
from videonet.schemas.target import Target
from videonet.shards.layout import shard_of
from videonet.shards.writer import write_shard
from videonet.storage.dataset_dir import DatasetDir
from videonet.versions import clip_versions
from videonet.video.clips import CLIP_SECONDS, MICROSECONDS, ClipSettings

DATASET = "moving_objects"

JPEG_QUALITY = 85

# Frames of a second.
FRAME_RATE = ClipSettings(1).rate


def write_dataset(
    out: Path, videos: int, seed: int, seconds: Fraction = CLIP_SECONDS, shards: int = 4
) -> None:
    """Write a data set of so many videos, one clip of `seconds` each, as many of each kind.

    Equal arguments give equal files. Videos of different seeds have different objects.
    """
    numbers: list[list[int]] = [[] for _ in range(shards)]
    for number in range(videos):
        numbers[shard_of(_key(seed, number), shards)].append(number)
    files = []
    for index, group in enumerate(numbers):
        clips = (_clip(seed, number, seconds) for number in group)
        files += write_shard(out, index, shards, ["parquet"], clips)
    names = list(KINDS)
    by_kind = {name: len(range(place, videos, len(names))) for place, name in enumerate(names)}
    output = DatasetDir(out)
    output.write_targets(tuple(_target(place, name) for place, name in enumerate(names)))
    output.write_manifest(
        Manifest(
            version=VERSION,
            dataset=DATASET,
            settings=ManifestSettings(
                source=f"{DATASET}:{seed}",
                targets="",
                scan_key="",
                shards=shards,
                formats=("parquet",),
            ),
            versions=clip_versions(),
            classifier=ClassifierCard(name="none", sha256="", input_size=(), outputs=len(names)),
            totals=Totals(
                titles=videos,
                candidates=videos,
                kept_videos=videos,
                kept_without_clip=0,
                clips=videos,
                verdicts=_kept(videos),
            ),
            targets={name: _kept(by_kind[name]) for name in sorted(names)},
            shards=tuple(files),
        )
    )


def _key(seed: int, number: int) -> str:
    return f"{DATASET}:{seed}-{number:05d}"


def _clip(seed: int, number: int, seconds: Fraction) -> Clip:
    """The one clip of a video; the kinds take turns."""
    label = number % len(KINDS)
    name = list(KINDS)[label]
    scene = Scene(name, np.random.default_rng((seed, number)))
    times = [index / FRAME_RATE for index in range(int(seconds * FRAME_RATE))]
    key = _key(seed, number)
    return Clip(
        example_id=f"{key}#0",
        example_dataset_name=DATASET,
        clip_data_path="",
        clip_media_id=key.partition(":")[2],
        clip_start_timestamp=0,
        clip_end_timestamp=round(seconds * MICROSECONDS),
        clip_label_index=(label,),
        clip_label_string=(name,),
        clip_label_text=(name,),
        image_format="jpeg",
        image_height=FRAME,
        image_width=FRAME,
        image_channels=3,
        image_colorspace="RGB",
        image_frame_rate=float(FRAME_RATE),
        image_encoded=tuple(_jpegs(scene, times)),
        image_timestamp=tuple(round(time * MICROSECONDS) for time in times),
    )


def _jpegs(scene: Scene, times: list[Fraction]) -> Iterator[bytes]:
    for time in times:
        pixels = np.asarray(scene.frame(float(time)))
        yield simplejpeg.encode_jpeg(pixels, quality=JPEG_QUALITY, colorspace="RGB")


def _kept(videos: int) -> Counts:
    return Counts(pairs=videos, kept=videos, rejected={}, failed={})


def _target(place: int, name: str) -> Target:
    return Target(target_id=name, name=name, synonyms=(), wnid=None, outputs=(place,), senses=())
