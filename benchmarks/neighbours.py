"""How many of the videos that are taken show what was wanted: neighbours, classifier, title alone.

    python -m benchmarks.neighbours --shared DIR --embedding FILE [--store DIR] [--json FILE]

`--shared` is the folder of test material: its real videos, with what a person and a classifier saw
in each of them, and one image of every fifth ImageNet class. Wanted are the classes that both the
images and the videos have (`SHOWS`). All videos of the folder are candidates. With `--store`,
features that a curation of this folder by the same embedding has left there are taken from it.

- *neighbours*: all 200 images are targets; of each wanted class, the videos that are nearest to its
  image of all, the nearest first.
- *classifier*: of each wanted class, the videos with a frame whose top-1 class it is, those with
  the most such frames first; of MobileNetV2, as the material notes it of the first 100 frames.
- *title*: of each wanted class, the videos whose file's name names it, in alphabetical order.

Two are compared at an equal number of pairs of class and video that either keeps: *of each class*,
the best of either, as many as both have of it; or *of all*, the best of all classes together, as
many as both have. What is right of them is pooled over the classes. The interval holds the middle
95 % of what other classes of the same kind would have given (classes are drawn 10,000 times, with
replacement).
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from videonet.classifier.neighbours import Neighbours, centres_of, embedding_key
from videonet.classifier.shared import shared_embedding
from videonet.classifier.target_images import image_clusters
from videonet.curation.nearest import nearest_target
from videonet.curation.scan import embed_video
from videonet.schemas.scan import Scan
from videonet.storage.embedded_videos import embedded_video
from videonet.storage.store import Store
from videonet.targets.imagenet1k import imagenet1k_senses
from videonet.targets.title_matcher import TitleMatcher
from videonet.video.decoder import shared_decoder

SHOWS = {
    "n01860187": ("samtrack_blackswan.mp4", "v2v_black-swan.mp4"),
    "n02007558": ("vidtome_flamingo.mp4",),
    "n02099267": ("dinov3_dog.mp4",),
    "n02110185": ("panda70m_HE9yMw393Oo.21.mp4",),
    "n02325366": ("v2v_rabbit-watermelon.mp4",),
    "n03063689": ("sam2_04_coffee.mp4",),
    "n03642806": ("decord_video_0.mov", "decord_video_90.mov", "decord_video_180.mov"),
    "n04099969": ("dinov3_cat.mp4",),
    "n04254680": ("clipvideo_football.mp4", "sam2_05_default_juggle.mp4"),
    "n04399382": ("cotracker_teddy.mp4",),
    "n04540053": ("panda70m_vGmnTxev7bo.3.mp4",),
    "n07720875": ("vl2_sample_demo_9.mp4",),
    "n09193705": ("cotracker_paragliding-launch.mp4",),
}
"""Which videos show a class that the images have, by what a person has written of each."""

FRAMES = 100
"""First frames that are looked at."""

DRAWN = 10_000

# What the material says of a video.
Note = Mapping[str, Any]

# Wanted classes and videos, the best pair first.
Ranking = Sequence[tuple[str, str]]


class Precision(NamedTuple):
    """What is right of what is kept, and the interval of that."""

    value: float
    low: float
    high: float


class Comparison(NamedTuple):
    """Neighbours beside another way, at an equal number kept."""

    other: str
    equal: str
    # pairs kept of all classes, and how many classes are wanted
    kept: int
    classes: int
    neighbours: Precision
    of_other: Precision
    # of neighbours less the other
    difference: Precision


def main() -> None:
    """Rank the videos in the three ways, and print how they compare."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--embedding", required=True)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    data = given.shared / "data"
    rows = map(json.loads, (data / "videos" / "videos.jsonl").read_text().splitlines())
    notes = sorted(rows, key=lambda row: row["file"])
    clusters = image_clusters(data / "evaluation" / "imagenet_sample")
    embedding = shared_embedding(given.embedding, "cpu")
    neighbours = Neighbours(embedding, centres_of(embedding, clusters))
    store = Store(given.store) if given.store else None
    near = by_nearness(data / "videos", notes, neighbours, store)
    others = {"classifier": by_classifier(notes), "title": by_title(notes)}
    compared = [
        comparison(name, near, other, equal)
        for equal in ("of each class", "of all")
        for name, other in others.items()
    ]
    show(compared)
    if given.json:
        given.json.write_bytes(msgspec.json.encode(compared))


def by_nearness(
    folder: Path, notes: Sequence[Note], neighbours: Neighbours, store: Store | None
) -> Ranking:
    """The videos that are nearest to each target, by the cosine of the nearest frame."""
    key = embedding_key(neighbours.embedding, FRAMES)
    found: list[tuple[float, str, str]] = []
    for note in notes:
        video_key = f"sha256:{note['sha256']}"
        known = embedded_video(store, video_key, key) if store else None
        scan = neighbours.compared(known) if known else _compared(folder / note["file"], neighbours)
        if scan.top1:
            target, cosine = nearest_target(scan)
            found.append((-cosine, neighbours.centres.names[target], note["file"]))
    return [(wnid, video) for _, wnid, video in sorted(found) if wnid in SHOWS]


def _compared(video: Path, neighbours: Neighbours) -> Scan:
    decoder = shared_decoder()
    return embed_video(
        video, neighbours, FRAMES, video_key=video.name, sha256="", decoder=decoder
    ).scan


def by_classifier(notes: Sequence[Note]) -> Ranking:
    """The videos that show each class, those with the most frames of it first."""
    found = [
        (-seen["frames"], -seen["max_p"], seen["wnid"], note["file"])
        for note in notes
        for seen in note["top1"]
    ]
    return [(wnid, video) for _, _, wnid, video in sorted(found) if wnid in SHOWS]


def by_title(notes: Sequence[Note]) -> Ranking:
    """The videos whose files' names name each class."""
    titles = TitleMatcher({wnid: imagenet1k_senses()[wnid].names for wnid in SHOWS})
    return [
        (wnid, note["file"])
        for note in notes
        for wnid in titles.match(Path(note["file"]).stem.replace("_", " "))
    ]


def comparison(name: str, near: Ranking, other: Ranking, equal: str) -> Comparison:
    """Both ways at as many pairs as both can give."""
    classes = [{wnid} for wnid in SHOWS] if equal == "of each class" else [set(SHOWS)]
    kept: tuple[list[tuple[str, str]], list[tuple[str, str]]] = ([], [])
    for wanted in classes:
        own = [[pair for pair in each if pair[0] in wanted] for each in (near, other)]
        most = min(map(len, own))
        for chosen, pairs in zip(kept, own, strict=True):
            chosen += pairs[:most]
    # of each class: what either keeps, and what is right of that
    rows = [
        [sum(pair[0] == wnid for pair in each) for each in kept]
        + [sum(pair[0] == wnid and pair[1] in right for pair in each) for each in kept]
        for wnid, right in SHOWS.items()
    ]
    counts = np.array(rows, np.float64)
    drawn = np.random.default_rng(0).multinomial(len(rows), [1 / len(rows)] * len(rows), size=DRAWN)
    resampled = drawn @ counts
    resampled = resampled[(resampled[:, :2] > 0).all(axis=1)]

    def precision(weights: tuple[int, int]) -> Precision:
        values, (value,) = (
            (sums[:, 2:] / sums[:, :2]) @ weights
            for sums in (resampled, counts.sum(axis=0, keepdims=True))
        )
        low, high = np.quantile(values, (0.025, 0.975))
        return Precision(float(value), float(low), float(high))

    return Comparison(
        other=name,
        equal=equal,
        kept=len(kept[0]),
        classes=len(SHOWS),
        neighbours=precision((1, 0)),
        of_other=precision((0, 1)),
        difference=precision((1, -1)),
    )


def show(compared: Sequence[Comparison]) -> None:
    """Print the comparisons as a table."""
    table = Table(
        *(
            "against",
            "equally many",
            "classes",
            "pairs kept",
            "neighbours",
            "the other",
            "difference",
        ),
        box=box.MARKDOWN,
    )
    for each in compared:
        shown = (each.neighbours, each.of_other, each.difference)
        cells = [f"{value:.2f} ({low:.2f} to {high:.2f})" for value, low, high in shown]
        table.add_row(each.other, each.equal, str(each.classes), str(each.kept), *cells)
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
