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
many as both have. What is right of them is pooled over the classes, with its interval of 95 % by
Wilson's method, as if pairs were drawn one by one. That of a difference holds the middle 95 % of
what other classes of the same kind would have given (classes are drawn 10,000 times, with
replacement); where few pairs differ, it is too narrow. Quotas are filled class by class, so *of
each class* is what a data set gets; *of all* asks besides whether cosines of different targets
compare.

Other ways to compare are tried beside the one of the job (`WAYS`): of each, how many of the pairs
of `SHOWS` it finds, in that the video is nearest to its class of all 200 targets.

- *mean*: the mean of the frames, in place of the nearest.
- *centred*: the mean of all targets is taken off first, from targets and frames (Suzuki and others
  2013, "Centering similarity measures to reduce hubs").
- *CSLS*: twice the cosine, less the mean cosine of a target with the ten targets nearest to it
  (after Conneau and others 2018, "Word translation without parallel data"; of candidates nothing
  goes into it, so that no video's place depends on others).
- *margin*: the cosine of the nearest target, less that of the second nearest. It changes the order
  alone, not which target is the nearest.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table
from scipy.stats import binomtest

from videonet.classifier.embedding import of_unit_length
from videonet.classifier.neighbours import Neighbours, centres_of, embedding_key
from videonet.classifier.shared import shared_embedding
from videonet.classifier.target_images import image_clusters
from videonet.curation.nearest import nearest_target
from videonet.curation.scan import embed_video
from videonet.schemas.neighbours import EmbeddedVideo
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

WAYS = ("the job's", "mean", "centred", "centred mean", "CSLS", "margin")
"""How frames may be compared with targets."""

# Targets that say how near a target is to others.
_NEAREST = 10

Floats = NDArray[np.float64]

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


class Way(NamedTuple):
    """How well a way to compare does."""

    name: str
    # pairs of wanted classes, and how many are right
    kept: int
    precision: Precision
    # likewise of the best of all classes together, as many as the job's way keeps
    first: int
    # of the pairs of SHOWS: the share that is found, and that less what the job's way finds
    found: Precision
    more: Precision


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
    videos = embedded(data / "videos", notes, neighbours, store)
    near = by_nearness(videos, neighbours)
    others = {"classifier": by_classifier(notes), "title": by_title(notes)}
    compared = [
        comparison(name, near, other, equal)
        for equal in ("of each class", "of all")
        for name, other in others.items()
    ]
    ways = ways_of(videos, neighbours)
    show(compared)
    show_ways(ways)
    if given.json:
        given.json.write_bytes(msgspec.json.encode({"compared": compared, "ways": ways}))


def embedded(
    folder: Path, notes: Sequence[Note], neighbours: Neighbours, store: Store | None
) -> dict[str, EmbeddedVideo]:
    """The features of each video that has frames, by its file's name."""
    key = embedding_key(neighbours.embedding, FRAMES)
    found = {}
    for note in notes:
        known = embedded_video(store, f"sha256:{note['sha256']}", key) if store else None
        if known is None:
            decoder = shared_decoder()
            video = folder / note["file"]
            known = embed_video(
                video, neighbours, FRAMES, video_key=video.name, sha256="", decoder=decoder
            ).embedded
        if known is not None:
            found[note["file"]] = known
    return found


def by_nearness(videos: Mapping[str, EmbeddedVideo], neighbours: Neighbours) -> Ranking:
    """The videos that are nearest to each target, by the cosine of the nearest frame."""
    found: list[tuple[float, str, str]] = []
    for file, video in videos.items():
        target, cosine = nearest_target(neighbours.compared(video))
        found.append((-cosine, neighbours.centres.names[target], file))
    return [(wnid, video) for _, wnid, video in sorted(found) if wnid in SHOWS]


def similarities(way: str, frames: Floats, targets: Floats) -> Floats:
    """How near a video, float64 [frames, size], is to each of `targets`, [K, size]: [K]."""
    if "centred" in way:
        mean = targets.mean(axis=0, keepdims=True)
        frames, targets = unit(frames - mean), unit(targets - mean)
    if "mean" in way:
        frames = unit(frames.mean(axis=0, keepdims=True))
    near: Floats = (frames @ targets.T).max(axis=0)
    if way == "CSLS":
        others = np.sort(targets @ targets.T, axis=1)[:, -_NEAREST - 1 : -1]
        near = 2 * near - others.mean(axis=1)
    if way == "margin":
        near = near - np.sort(near)[-2]
    return near


def unit(rows: Floats) -> Floats:
    """Rows of unit length."""
    return of_unit_length(rows).astype(np.float64)


def ways_of(videos: Mapping[str, EmbeddedVideo], neighbours: Neighbours) -> list[Way]:
    """How well each of WAYS does."""
    centres = neighbours.centres
    targets = unit(np.frombuffer(centres.centres, "<f4").reshape(-1, centres.size))
    counts, ranked = {}, {}
    for way in WAYS:
        nearest, order = {}, []
        for file, video in videos.items():
            frames = unit(np.frombuffer(video.features, "<f2").reshape(-1, video.size))
            near = similarities(way, frames, targets)
            nearest[file] = centres.names[int(near.argmax())]
            order.append((-near.max(), nearest[file], file))
        ranked[way] = [(wnid, file) for _, wnid, file in sorted(order) if wnid in SHOWS]
        # of each class: pairs that are kept, and that are right; and all that are right
        counts[way] = np.array(
            [
                (
                    sum(target == wnid for target in nearest.values()),
                    sum(nearest.get(file) == wnid for file in right),
                    len(right),
                )
                for wnid, right in SHOWS.items()
            ],
            np.float64,
        )
    usual = counts[WAYS[0]]
    equally_many = len(ranked[WAYS[0]])
    found = []
    for way, own in counts.items():
        columns = np.hstack([own, usual])
        found.append(
            Way(
                name=way,
                kept=int(own[:, 0].sum()),
                precision=share(int(own[:, 1].sum()), int(own[:, 0].sum())),
                first=sum(file in SHOWS[wnid] for wnid, file in ranked[way][:equally_many]),
                found=share(int(own[:, 1].sum()), int(own[:, 2].sum())),
                more=resampled(columns, lambda sums: (sums[:, 1] - sums[:, 4]) / sums[:, 2]),
            )
        )
    return found


def share(right: int, of: int) -> Precision:
    """A share with its interval of 95 %, by Wilson's method."""
    low, high = binomtest(right, of).proportion_ci(method="wilson")
    return Precision(right / of, float(low), float(high))


def resampled(counts: Floats, value: Callable[[Floats], Floats]) -> Precision:
    """A value of the sums of rows, [classes, columns], and its interval over classes.

    Draws in which nothing is kept have no value, and are left out.
    """
    number = len(counts)
    drawn = np.random.default_rng(0).multinomial(number, [1 / number] * number, size=DRAWN)
    with np.errstate(invalid="ignore"):
        values = value(drawn @ counts)
    low, high = np.quantile(values[np.isfinite(values)], (0.025, 0.975))
    return Precision(float(value(counts.sum(axis=0, keepdims=True))[0]), float(low), float(high))


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
    right = counts[:, 2:].sum(axis=0)

    def difference(sums: Floats) -> Floats:
        shares: Floats = sums[:, 2:] / sums[:, :2]
        less: Floats = shares[:, 0] - shares[:, 1]
        return less

    return Comparison(
        other=name,
        equal=equal,
        kept=len(kept[0]),
        classes=len(SHOWS),
        neighbours=share(int(right[0]), len(kept[0])),
        of_other=share(int(right[1]), len(kept[1])),
        difference=resampled(counts, difference),
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


def show_ways(ways: Sequence[Way]) -> None:
    """Print how well each way to compare does."""
    table = Table(
        *("way", "pairs kept", "right of them", f"right of the first {ways[0].kept}"),
        *("found", "more than the job's"),
        box=box.MARKDOWN,
    )
    for each in ways:
        shown = (each.precision, each.found, each.more)
        right, found, more = (
            f"{value:.2f} ({low:.2f} to {high:.2f})" for value, low, high in shown
        )
        table.add_row(each.name, str(each.kept), right, str(each.first), found, more)
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
