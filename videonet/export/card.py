"""DIR/README.md of an export: what it is, whose videos these are, and how it is read.

It has Hugging Face's header. Nothing in it is of the clock or the machine.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from videonet.dataset.card.header import KIND, LICENCE, size_category
from videonet.dataset.card.markdown import plain
from videonet.export.attribution import licences_in
from videonet.export.folder import ATTRIBUTION, CAPTIONS, CARD, EXPORT
from videonet.export.huggingface import exported_schema
from videonet.schemas.export import Export, ExportForm, LeftOut, Sound
from videonet.schemas.shown import printable
from videonet.shards.parquet import FRAMES
from videonet.storage.dataset_files import DatasetFiles
from videonet.text import number

# Licences that are shown one by one; sources word the same one in many ways.
_LICENCES = 30

_WHY = {
    LeftOut.WITHDRAWN: "withdrawn",
    LeftOut.DROPPED: "dropped by the split, as near-duplicates of what is held out",
    LeftOut.NO_CLIP: "too short for a clip",
    LeftOut.NO_LICENCE: "no licence is stated",
    LeftOut.NO_DERIVATIVES: "the licence forbids to share adaptations (ND)",
    LeftOut.OTHER_LICENCE: "the licence does not say that clips may be handed on",
}

_SOUND = {
    Sound.WITH: "in the clips",
    Sound.SILENT: "none: the video has none, or none there",
    Sound.NOT_HERE: "none: the whole video was not in the store",
    Sound.NO_STORE: "none: no store was at hand",
    Sound.UNREADABLE: "none: it cannot be decoded",
    Sound.CLOCK: "none: the clock of the video does not tell when it is heard",
}

_LOADING = {
    ExportForm.WEBDATASET: """\
Each sample has `json` (labels, times) and its frames, `000.jpg`, `001.jpg` and so on.

```python
import webdataset

shards = "{side}/clips-{{00000..{last:05d}}}-of-{shards:05d}.tar"
for sample in webdataset.WebDataset(shards, shardshuffle=False).decode("pil"):
    frames = [sample[name] for name in sorted(sample) if name.endswith(".jpg")]
    print(sample["__key__"], sample["json"]["clip_label_text"], len(frames))
```
""",
    ExportForm.MP4: """\
Beside each `NAME.mp4` stands `NAME.json` with labels and times. The frames are shown at the times
`image_timestamp`, counted from the first one.

```python
import json
from pathlib import Path

import av

for file in sorted(Path("{side}").glob("*/*.mp4")):
    said = json.loads(file.with_suffix(".json").read_text())
    with av.open(file) as video:
        frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    print(file.name, said["clip_label_text"], len(frames))
```
""",
    ExportForm.HUGGINGFACE: """\
```python
import os

import datasets

clips = datasets.load_dataset(os.getcwd(), "clips", split="{side}", streaming=True)
for clip in clips:
    print(clip["example_id"], clip["clip_label_text"], len(clip["image_encoded"]), "frames")
```
""",
    ExportForm.LIST: """\
It shows nothing of the videos. `videonet rebuild` fetches them again from where they are:

    videonet rebuild videos.lock.parquet --store store --out out

`videos.jsonl` says the same to other tools, a line a video.

```python
import json

with open("videos.jsonl") as lines:
    for line in lines:
        video = json.loads(line)
        print(video["url"], [label["target_id"] for label in video["labels"]], video["clips"])
```
""",
}


def write_card(files: DatasetFiles, export: Export) -> None:
    """Write the card of an export whose other files are there. Raises UsageError."""
    text = "\n".join(_card(files, export)).rstrip("\n") + "\n"
    files.write(CARD, printable(text).encode())


def _card(files: DatasetFiles, export: Export) -> Iterator[str]:
    request, counts = export.request, export.counts
    title = f"{number(counts.clips, 'clip')} of {number(counts.exported, 'video')}"
    yield f"---\n{_header(export)}\n---\n"
    yield f"# VideoNet: {title}\n"
    yield (
        f"An export of a data set that `videonet` made, in the form `{request.form}`. Of "
        f"{number(counts.kept, 'video')} of the data set it has {counts.exported:,}.\n"
    )
    if counts.refused:
        yield "| left out, since | videos |\n| --- | ---: |"
        for reason, videos in counts.refused.items():
            yield f"| {_WHY[LeftOut(reason)]} | {videos:,} |"
        yield ""
    if len(counts.sides) > 1 or request.options.split is not None:
        sides = ", ".join(f"{videos:,} in `{side}`" for side, videos in counts.sides.items())
        yield f"The videos stand on the sides of a split: {sides}.\n"
    if counts.sound is not None:
        yield "| sound | videos |\n| --- | ---: |"
        for what, videos in counts.sound.items():
            yield f"| {_SOUND[Sound(what)]} | {videos:,} |"
        yield ""
    yield "## How to load it\n"
    shards = sum(each.side == _side(export) for each in export.shards)
    yield _LOADING[request.form].format(side=_side(export), last=shards - 1, shards=shards)
    if any(each.path.startswith(f"{CAPTIONS}/") for each in export.tables):
        yield (
            f"`{CAPTIONS}/` has what is said in the videos, a row a video, by `video_key`: what "
            "stands before the `#` of `example_id`.\n"
        )
    yield from _licences(files, export)
    yield "## Taking videos out\n"
    yield (
        "A person who has a say in a video can have it taken out: ask the publisher of this copy, "
        "with the video's address. `videonet verify` says whether the files are those of "
        f"`{EXPORT}`."
    )


def _licences(files: DatasetFiles, export: Export) -> Iterator[str]:
    yield "## Whose videos these are\n"
    yield (
        f"The videos belong to their makers. `{ATTRIBUTION}` names channel, title, address and "
        "licence of each; texts that begin like a formula have a `'` in front. What a source "
        "states of a licence was not compared with what the maker says. Whoever hands clips on "
        "names the "
        "makers (BY), uses the same licence where that is asked (SA), and has no commercial "
        "advantage in mind where that is asked (NC).\n"
    )
    if export.request.options.i_have_the_rights:
        yield (
            "**The exporter has stated to have the rights that licences do not give "
            "(`--i-have-the-rights`): licences were not asked for this export.**\n"
        )
    licences = licences_in(files)
    yield "| licence as stated | videos |\n| --- | ---: |"
    shown = sorted(licences.items(), key=lambda each: (-each[1], each[0]))
    for licence, videos in shown[:_LICENCES]:
        yield f"| {plain(licence) or '*none*'} | {videos:,} |"
    if len(shown) > _LICENCES:
        rest = sum(videos for _, videos in shown[_LICENCES:])
        yield f"| *{len(shown) - _LICENCES:,} other texts* | {rest:,} |"
    yield ""


def _header(export: Export) -> str:
    """The metadata that Hugging Face reads, as YAML."""
    # Slow, and asks nothing of the network.
    from huggingface_hub.repocard_data import DatasetCardData

    counts = export.counts
    videos = number(counts.exported, "video")
    metadata: dict[str, Any] = {
        "pretty_name": f"VideoNet, {videos}",
        **LICENCE,
        "license_details": f"The videos belong to their makers; see {ATTRIBUTION}.",
        **KIND,
        "size_categories": [size_category(counts.clips)],
    }
    if export.request.form is ExportForm.HUGGINGFACE:
        metadata |= _configs(export)
    return DatasetCardData(**metadata).to_yaml(original_order=[*metadata])


def _configs(export: Export) -> dict[str, Any]:
    sides = [*export.counts.sides]
    configs = [_config("clips", "data", sides) | {"default": True}]
    if any(each.path.startswith(f"{CAPTIONS}/") for each in export.tables):
        configs.append(_config(CAPTIONS, CAPTIONS, sides))
    schema = exported_schema(motion=export.request.motion)
    return {
        "configs": configs,
        "dataset_info": [{"config_name": "clips", "features": [*map(_feature, schema)]}],
    }


def _config(name: str, folder: str, sides: Sequence[str]) -> dict[str, Any]:
    files = [{"split": side, "path": f"{folder}/{side}-*.parquet"} for side in sides]
    return {"config_name": name, "data_files": files}


def _feature(field: pa.Field) -> dict[str, str]:
    if field.name == FRAMES:
        return {"name": field.name, "list": "image"}
    if pa.types.is_list(field.type):
        return {"name": field.name, "list": _dtype(field.type.value_type)}
    return {"name": field.name, "dtype": _dtype(field.type)}


def _dtype(kind: pa.DataType) -> str:
    return "float64" if pa.types.is_float64(kind) else str(kind)


def _side(export: Export) -> str:
    return next(iter(export.counts.sides), "train")
