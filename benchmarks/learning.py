"""Does it learn? VITO, MoCLR and VIVI, and parts of them, beside what needs no training.

    python -m benchmarks.learning [--seeds 3] [--folder DIR] [--methods NAME...] [--json FILE]

Trains `vito_tiny` and `vivi_tiny` on the videos of `benchmarks.moving_objects` on this machine's
processor, and asks of videos that were held out: does a frame find another one of the same video,
among those of all of them, within a window and from the first third to the last; and do its nearest
frames of other videos show an object of its kind? The same is asked of an untrained network, of
colour histograms and of pixels.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.moving_objects.dataset import DATASET, write_dataset
from videonet.evaluation.bootstrap import mean_intervals
from videonet.evaluation.protocol import Number
from videonet.training import checkpoint
from videonet.training.attention_picture import middle
from videonet.training.augment.augmentation import normalised
from videonet.training.config import Config, from_dict, load
from videonet.training.data.clip_index import open_clip_index
from videonet.training.data.moments import moments_of
from videonet.training.evaluation import NEIGHBOURS
from videonet.training.log_lines import StepLine, lines_of
from videonet.training.models.network import Network
from videonet.training.retrieval import class_found, found_again
from videonet.training.train import network_of, train

CONFIG = "vito_tiny"

# Of so many videos, half are held out: a share of 400 is known to 2.5 points.
VIDEOS = 800
SETTINGS = ("data.held_out=0.5", "log.picture_every=0")

# In what each method differs from its configuration; MoCLR as in configs/moclr_resnet50.toml, but
# with as many views, so that all see the same number of images a step.
METHODS: dict[str, tuple[str, ...]] = {
    "VITO": (),
    "MoCLR": (
        "views.sampling=same",
        "augmentation.crop_from=0.08",
        "backbone.scales=1",
        "pooling.kind=average",
    ),
    "VITO, attention off": ("pooling.kind=average",),
    "VITO, one scale": ("backbone.scales=1",),
    "VIVI": (),
    "VIVI, exemplar alone": ("vivi.video_weight=0",),
    "VIVI, weight 0.04": ("vivi.video_weight=0.04",),
}

# Which of them are held against which.
UNTRAINED = "untrained network"
PAIRS = (
    ("VITO", "VITO, attention off"),
    ("VITO", "VITO, one scale"),
    ("VITO", "MoCLR"),
    ("VIVI", "VIVI, exemplar alone"),
    ("VIVI, weight 0.04", "VIVI, exemplar alone"),
    ("VIVI, exemplar alone", UNTRAINED),
    ("VIVI", UNTRAINED),
)

# How often two moments of each video are drawn; the shares are means over these.
DRAWS = 4

# Levels of a channel that a colour histogram tells apart, and side of a frame of bare pixels.
LEVELS = 8
SIDE = 32

Images = NDArray[np.uint8]


class Draw(msgspec.Struct, frozen=True):
    """Four moments of each held-out video."""

    # of RGB, [4, n, H, W, 3]: of the first third and of the last, and two of one window of 2.56 s
    frames: Images
    # of each video, [n]: what it shows, and which one it is
    labels: NDArray[np.int64]
    videos: NDArray[np.int64]


class Score(msgspec.Struct, frozen=True):
    """What was measured of one way to make features, shares 0 to 1."""

    name: str
    seed: int | None
    # a frame of the first third finds one of the last
    same_video: float
    same_class: float
    # of training
    seconds: float | None = None
    # a frame finds another one of its window
    same_window: float = 0.0
    # all three of each video, means over draws
    of_videos: dict[str, list[float]] = {}


def main() -> None:
    """Train and measure, print a table, and write the same as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3, help="runs of each method")
    parser.add_argument("--folder", type=Path, help="where data and runs are kept")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--json", type=Path, help="file for the numbers of each run")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        data = folder / DATASET
        if not (data / "manifest.json").exists():
            write_dataset(data, VIDEOS, seed=0)
        scores = measure(data, folder / "runs", range(arguments.seeds), arguments.methods)
    Console().print(table_of(scores), differences(scores), sep="\n\n")
    if arguments.json:
        means = [msgspec.structs.replace(each, of_videos={}) for each in scores]
        arguments.json.write_bytes(msgspec.json.format(msgspec.json.encode(means)))


def configuration(method: str, settings: Sequence[str]) -> Config:
    """What a method is trained with."""
    name = "vivi_tiny" if method.startswith("VIVI") else CONFIG
    return load(name, (*settings, *METHODS[method]))


def measure(
    data: Path,
    runs: Path,
    seeds: Iterable[int],
    methods: Iterable[str] = tuple(METHODS),
    settings: Sequence[str] = (),
) -> list[Score]:
    """Train each method from each seed, and score it beside the baselines."""
    common = (*SETTINGS, *settings)
    draws = held_out_draws(data, load(CONFIG, common))
    scores = [
        chance(draws[0]),
        score("pixels", None, draws, pixels),
        score("colour histogram", None, draws, histogram),
    ]
    for seed in seeds:
        config = load(CONFIG, (*common, f"train.seed={seed}"))
        torch.manual_seed(seed)
        network = network_of(config)
        scores.append(score(UNTRAINED, seed, draws, features_of(network)))
    for method in methods:
        for seed in seeds:
            config = configuration(method, (*common, f"train.seed={seed}"))
            run = runs / f"{method}-{seed}"
            features = features_of(network_in(train(config, data, run)))
            scores.append(score(method, seed, draws, features, seconds_of(run)))
    return scores


def seconds_of(run: Path) -> float:
    """How long a run took: the median of its steps times their number.

    So neither an interruption counts nor what else the machine did for a while.
    """
    steps = [line for line in lines_of(run) if isinstance(line, StepLine)]
    return float(np.median([each.seconds for each in steps])) * steps[-1].step


def held_out_draws(data: Path, config: Config) -> list[Draw]:
    """Moments of the held-out videos, as a run looks at while it trains, but several of each."""
    dataset = open_clip_index(data, held_out=config.data.held_out)
    draws = []
    for seed in range(DRAWS):
        held_out = np.flatnonzero(dataset.held_out)
        parts = list(moments_of(dataset, held_out, seed, _four_moments))
        size = config.augmentation.size
        frames = [
            [[middle(frame.numpy(), size) for frame in moment] for moment in part.frames]
            for part in parts
        ]
        draws.append(
            Draw(
                frames=np.concatenate([np.array(each) for each in frames], axis=1),
                labels=np.array([label[0] for part in parts for label in part.labels]),
                videos=np.concatenate([part.videos.numpy() for part in parts]),
            )
        )
    return draws


def _four_moments(generator: np.random.Generator) -> tuple[float, ...]:
    """One of the first third of a clip, one of its last, and two of a window of a quarter of it."""
    early, late, begin, *within = generator.random(5)
    return early / 3, (2 + late) / 3, *(0.75 * begin + 0.25 * each for each in within)


def chance(draw: Draw) -> Score:
    """What guessing would find: any video, and classes as often as they are."""
    shares = np.bincount(draw.labels) / len(draw.labels)
    one = 1 / len(draw.videos)
    return Score("chance", None, one, float((shares**2).sum()), same_window=one)


def score(
    name: str,
    seed: int | None,
    draws: Sequence[Draw],
    features: Callable[[Images], NDArray[np.float32]],
    seconds: float | None = None,
) -> Score:
    """Measure features, which are made of images uint8 [n, H, W, 3]: float [n, D]."""
    found: dict[str, list[NDArray[np.float64]]] = {
        name: [] for name in ("same_video", "same_window", "same_class")
    }
    for draw in draws:
        early, late, one, other = (features(frames) for frames in draw.frames)
        found["same_video"].append(_numbers(found_again(early, late)))
        found["same_window"].append(_numbers(found_again(one, other)))
        both, labels, videos = (
            np.concatenate((early, late)),
            *(np.tile(each, 2) for each in (draw.labels, draw.videos)),
        )
        right = _numbers(class_found(both, labels, videos, NEIGHBOURS))
        found["same_class"].append(right.reshape(2, -1).mean(axis=0))
    of_videos = {key: np.mean(each, axis=0) for key, each in found.items()}
    return Score(
        name,
        seed,
        seconds=seconds,
        of_videos={key: each.tolist() for key, each in of_videos.items()},
        **{key: float(each.mean()) for key, each in of_videos.items()},
    )


def _numbers(found: torch.Tensor) -> NDArray[np.float64]:
    return found.double().numpy()


def pixels(images: Images) -> NDArray[np.float32]:
    """Bare pixels of small frames, less each frame's mean."""
    side = images.shape[1] // SIDE
    small = images.reshape(len(images), SIDE, side, SIDE, side, 3).mean(axis=(2, 4))
    flat = small.reshape(len(images), -1)
    centred: NDArray[np.float32] = (flat - flat.mean(axis=1, keepdims=True)).astype(np.float32)
    return centred


def histogram(images: Images) -> NDArray[np.float32]:
    """How often each of 512 colours occurs; by the root, so that cosines compare distributions."""
    levels = images.astype(int) * LEVELS // 256
    colours = levels @ np.array([LEVELS**2, LEVELS, 1])
    counts = [np.bincount(each.ravel(), minlength=LEVELS**3) for each in colours]
    return np.sqrt(counts).astype(np.float32)


def features_of(network: Network) -> Callable[[Images], NDArray[np.float32]]:
    """The embedding of a network, before its projector.

    Batch norms take the statistics of the images given: an untrained network has no others, and
    so it is treated as the trained ones are.
    """

    def features(images: Images) -> NDArray[np.float32]:
        given = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
        network.train()
        with torch.no_grad():
            return network.embedding(normalised(given)).numpy()

    return features


def network_in(trained: Path) -> Network:
    """The network that a checkpoint holds."""
    found = checkpoint.load(trained)
    network = network_of(from_dict(found["config"]))
    network.load_state_dict(found["online"])
    return network


def table_of(scores: Iterable[Score]) -> Table:
    """Means over the seeds, and how far the seeds lie apart, in Markdown."""
    heads = ("features", "within a window", "across", "same class", "seconds a run")
    table = Table(*heads, box=box.MARKDOWN)
    for name, group in _by_name(scores).items():
        took = [each.seconds for each in group if each.seconds is not None]
        table.add_row(
            name,
            _percent([each.same_window for each in group]),
            _percent([each.same_video for each in group]),
            _percent([each.same_class for each in group]),
            f"{np.mean(took):.0f}" if took else "",
        )
    return table


def differences(scores: Iterable[Score]) -> Table:
    """By how many points one is better than another, with 95 % intervals, in Markdown.

    Both are asked about the same frames. A video's difference is the mean over the seeds that both
    have; videos are resampled.
    """
    groups = _by_name(scores)
    table = Table("", "seeds", "within a window", "across", "same class", box=box.MARKDOWN)
    for one, other in PAIRS:
        both = [{each.seed: each for each in groups.get(name, [])} for name in (one, other)]
        seeds = both[0].keys() & both[1].keys()
        if not seeds:
            continue
        mine, theirs = (
            {
                key: np.mean([each[seed].of_videos[key] for seed in seeds], axis=0)
                for key in ("same_window", "same_video", "same_class")
            }
            for each in both
        )
        found = mean_intervals({key: mine[key] - theirs[key] for key in mine}, seed=0)
        cells = [_points(each) for each in found.values()]
        table.add_row(f"{one}, less {other}", str(len(seeds)), *cells)
    return table


def _by_name(scores: Iterable[Score]) -> dict[str, list[Score]]:
    groups: dict[str, list[Score]] = {}
    for each in scores:
        groups.setdefault(each.name, []).append(each)
    return groups


def _points(number: Number) -> str:
    assert number.low is not None
    assert number.high is not None
    return f"{100 * number.value:+.1f} ({100 * number.low:+.1f} to {100 * number.high:+.1f})"


def _percent(shares: Sequence[float]) -> str:
    mean = f"{100 * np.mean(shares):.1f} %"
    low, high = 100 * min(shares), 100 * max(shares)
    return mean if len(shares) == 1 else f"{mean} ({low:.1f} to {high:.1f})"


if __name__ == "__main__":
    main()
