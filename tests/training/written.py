"""Small data sets for the trainer, written by hand."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import simplejpeg

from tests.shards.conftest import make_clip
from videonet.dataset.manifest import VERSION
from videonet.schemas.clip import Clip
from videonet.schemas.manifest import ClassifierCard, Counts, Manifest, ManifestSettings, Totals
from videonet.schemas.shard_form import OLDEST_FORM, ShardForm
from videonet.shards.writer import write_shard
from videonet.storage.dataset_dir import DatasetDir

NOTHING = Counts(pairs=0, kept=0, rejected={}, failed={})


def clip_of(video: str, number: int, frames: int = 40, **changes: object) -> Clip:
    """A clip of noise, other noise for each video and number."""
    noise = sum(video.encode()) * 100 + number
    return make_clip(noise, frames, **{"example_id": f"{video}#{number}"} | changes)


def clips_of(videos: Iterable[tuple[str, int]], frames: int = 40) -> list[Clip]:
    """So many clips of each video."""
    return [clip_of(video, number, frames) for video, count in videos for number in range(count)]


def turned(clip: Clip) -> Clip:
    """The same clip on its side: 24 pixels high and 16 wide."""
    frames = [simplejpeg.decode_jpeg(jpeg).transpose(1, 0, 2).copy() for jpeg in clip.image_encoded]
    return msgspec.structs.replace(
        clip,
        image_height=clip.image_width,
        image_width=clip.image_height,
        image_encoded=tuple(map(simplejpeg.encode_jpeg, frames)),
    )


def write_out(
    out: Path,
    shards: Sequence[Iterable[Clip]],
    formats: Iterable[str] = ("parquet",),
    *,
    form: ShardForm = OLDEST_FORM,
) -> Path:
    """A folder OUT with these clips: its shards and their manifest, and nothing else."""
    files = [
        file
        for index, clips in enumerate(shards)
        for file in write_shard(out, index, len(shards), formats, clips, form)
    ]
    manifest = Manifest(
        version=VERSION,
        dataset="videonet",
        settings=ManifestSettings(
            source="catalogue",
            targets="",
            scan_key="",
            formats=tuple(formats),
            shards=len(shards),
            **form._asdict(),
        ),
        versions={},
        classifier=ClassifierCard(name="none", sha256="", input_size=(8, 8), outputs=1),
        totals=Totals(
            titles=0,
            candidates=0,
            kept_videos=0,
            kept_without_clip=0,
            clips=sum(file.rows for file in files),
            verdicts=NOTHING,
        ),
        targets={},
        shards=tuple(sorted(files, key=lambda each: each.path)),
    )
    DatasetDir(out).write_manifest(manifest)
    return out


def restate(out: Path, **changes: object) -> None:
    """Let the manifest say something else."""
    manifest = DatasetDir(out).manifest()
    assert manifest is not None
    DatasetDir(out).write_manifest(msgspec.structs.replace(manifest, **changes))


def restate_shards(out: Path, **changes: object) -> None:
    """Let the manifest say what sizes its files have now, or something else of them."""
    manifest = DatasetDir(out).manifest()
    assert manifest is not None
    shards = (
        msgspec.structs.replace(shard, **{"bytes": (out / shard.path).stat().st_size} | changes)
        for shard in manifest.shards
    )
    restate(out, shards=tuple(shards))
