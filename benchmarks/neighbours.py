"""How many of the videos that are taken show what was wanted: neighbours, classifier, title alone.

    python -m benchmarks.neighbours --shared DIR --embedding FILE [--json FILE]

`--shared` is the folder of test material: its real videos, whose content a person has described,
one image of every fifth ImageNet class, and an ImageNet classifier. Wanted are the classes that
both the images and the videos have (`SHOWS`). All videos of the folder are candidates.

- *neighbours*: all 200 images are targets; of each wanted class, the videos that are nearest to its
  image, by the nearest frame.
- *classifier*: of each wanted class, the videos with a frame whose top-1 class it is, those with
  the most such frames first.
- *title*: of each wanted class, the videos whose file's name names it, in alphabetical order.

Two are compared at an equal number kept: of each class, as many of either as both can give. What is
right of all that is kept is pooled over the classes. The interval holds the middle 95 % of what
other classes of the same kind would have given (classes are drawn 10,000 times, with replacement).
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from videonet.classifier.model import Classifier, load_classifier
from videonet.classifier.neighbours import Neighbours, centres_of
from videonet.classifier.shared import shared_embedding
from videonet.classifier.target_images import image_clusters
from videonet.curation.nearest import nearest_target
from videonet.curation.scan import embed_video, scan_video
from videonet.schemas.scan import Scan
from videonet.targets.imagenet1k import imagenet1k_labels, imagenet1k_senses
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

# Videos of each class, the best first.
Ranking = Mapping[str, Sequence[str]]


class Precision(NamedTuple):
    """What is right of what is kept, and the interval of that."""

    value: float
    low: float
    high: float


class Comparison(NamedTuple):
    """Neighbours beside another way, at an equal number kept."""

    other: str
    # videos kept of all classes, and classes of which any are
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
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    data = given.shared / "data"
    rows = (data / "videos" / "videos.jsonl").read_text().splitlines()
    videos = sorted(data / "videos" / json.loads(row)["file"] for row in rows)
    classifier = load_classifier(str(data / "models" / "mobilenetv2_1.0_224_in1k.onnx"))
    clusters = image_clusters(data / "evaluation" / "imagenet_sample")
    embedding = shared_embedding(given.embedding, "cpu")
    neighbours = Neighbours(embedding, centres_of(embedding, clusters))
    near = by_nearness(videos, neighbours)
    others = {"classifier": by_classifier(videos, classifier), "title": by_title(videos)}
    compared = [comparison(name, near, other) for name, other in others.items()]
    show(compared)
    if given.json:
        given.json.write_bytes(msgspec.json.encode(compared))


def by_nearness(videos: Sequence[Path], neighbours: Neighbours) -> Ranking:
    """The videos that are nearest to each target, by the cosine of the nearest frame."""
    found: dict[str, list[tuple[float, str]]] = {}
    for video in videos:
        scanned = embed_video(
            video, neighbours, FRAMES, video_key=video.name, sha256="", decoder=shared_decoder()
        )
        if scanned.scan.top1:
            target, cosine = nearest_target(scanned.scan)
            found.setdefault(neighbours.centres.names[target], []).append((-cosine, video.name))
    return {name: [video for _, video in sorted(own)] for name, own in found.items()}


def by_classifier(videos: Sequence[Path], classifier: Classifier) -> Ranking:
    """The videos that show each class, those with the most frames of it first."""
    scans = {video.name: scan_video(video, classifier, FRAMES).scan for video in videos}
    outputs = {each.wnid: place for place, each in enumerate(imagenet1k_labels())}

    def sureness(scan: Scan, output: int) -> tuple[int, float]:
        seen = zip(scan.top1, scan.probability, strict=True)
        sure = [probability for top1, probability in seen if top1 == output]
        return len(sure), max(sure, default=0.0)

    ranked = {}
    for wnid in SHOWS:
        showing = {name: sureness(scan, outputs[wnid]) for name, scan in scans.items()}
        ordered = sorted((-frames, -best, name) for name, (frames, best) in showing.items())
        ranked[wnid] = [name for frames, _, name in ordered if frames]
    return ranked


def by_title(videos: Sequence[Path]) -> Ranking:
    """The videos whose names name each class."""
    titles = TitleMatcher({wnid: imagenet1k_senses()[wnid].names for wnid in SHOWS})
    found: dict[str, list[str]] = {}
    for video in videos:
        for wnid in titles.match(video.stem.replace("_", " ")):
            found.setdefault(wnid, []).append(video.name)
    return found


def comparison(name: str, near: Ranking, other: Ranking) -> Comparison:
    """Both ways at as many videos of each class as both can give."""
    rows = []
    for wnid, right in SHOWS.items():
        kept = min(len(near.get(wnid, ())), len(other.get(wnid, ())))
        hits = [
            sum(video in right for video in ranking.get(wnid, ())[:kept])
            for ranking in (near, other)
        ]
        rows.append((kept, *hits))
    counts = np.array(rows, np.float64)
    drawn = np.random.default_rng(0).multinomial(len(rows), [1 / len(rows)] * len(rows), size=DRAWN)
    resampled = drawn @ counts
    resampled = resampled[resampled[:, 0] > 0]
    sums = counts.sum(axis=0)

    def precision(weights: Sequence[float]) -> Precision:
        values = resampled[:, 1:] @ weights / resampled[:, 0]
        low, high = np.quantile(values, (0.025, 0.975))
        return Precision(float(sums[1:] @ weights / sums[0]), float(low), float(high))

    return Comparison(
        other=name,
        kept=int(sums[0]),
        classes=int((counts[:, 0] > 0).sum()),
        neighbours=precision((1, 0)),
        of_other=precision((0, 1)),
        difference=precision((1, -1)),
    )


def show(compared: Sequence[Comparison]) -> None:
    """Print the comparisons as a table."""
    table = Table(
        *("against", "classes", "videos kept", "neighbours", "the other", "difference"),
        box=box.MARKDOWN,
    )
    for each in compared:
        shown = (each.neighbours, each.of_other, each.difference)
        cells = [f"{value:.2f} ({low:.2f} to {high:.2f})" for value, low, high in shown]
        table.add_row(each.other, str(each.classes), str(each.kept), *cells)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
