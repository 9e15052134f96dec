"""Does it learn? VITO, MoCLR and VITO without attention, beside what needs no training.

    python -m benchmarks.learning [--seeds 3] [--folder DIR] [--json FILE]

Trains `vito_tiny` on the videos of `benchmarks.moving_objects` on this machine's processor, and
asks of videos that were held out: does a frame of the first third find one of the last third of
the same video, among those of all of them; and do its nearest frames of other videos show an
object of its kind? The same is asked of an untrained network, of colour histograms and of pixels.
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
from videonet.training import checkpoint
from videonet.training.attention_picture import middle
from videonet.training.augment.augmentation import normalised
from videonet.training.config import Config, from_dict, load
from videonet.training.data.clip_index import open_clip_index
from videonet.training.data.moments import two_moments
from videonet.training.evaluation import NEIGHBOURS
from videonet.training.log_lines import StepLine, lines_of
from videonet.training.models.network import Network
from videonet.training.retrieval import knn_accuracy, same_video_retrieval
from videonet.training.train import network_of, train

CONFIG = "vito_tiny"

# Of so many videos, half are held out: a share of 400 is known to 2.5 points.
VIDEOS = 800
SETTINGS = ("data.held_out=0.5", "log.picture_every=0")

# In what each method differs from the configuration; MoCLR as in configs/moclr_resnet50.toml, but
# with as many views, so that all see the same number of images.
METHODS = {
    "VITO": (),
    "MoCLR": (
        "views.sampling=same",
        "augmentation.crop_from=0.08",
        "backbone.scales=1",
        "pooling.kind=average",
    ),
    "VITO, attention off": ("pooling.kind=average",),
    "VITO, one scale": ("backbone.scales=1",),
}

# How often two moments of each video are drawn; the shares are means over these.
DRAWS = 4

# Levels of a channel that a colour histogram tells apart, and side of a frame of bare pixels.
LEVELS = 8
SIDE = 32

Images = NDArray[np.uint8]


class Draw(msgspec.Struct, frozen=True):
    """Two moments of each held-out video."""

    # of RGB, [2, n, H, W, 3]
    frames: Images
    # of each video, [n]: what it shows, and which one it is
    labels: NDArray[np.int64]
    videos: NDArray[np.int64]


class Score(msgspec.Struct, frozen=True):
    """What was measured of one way to make features, shares 0 to 1."""

    name: str
    seed: int | None
    same_video: float
    same_class: float
    # of training
    seconds: float | None = None


def main() -> None:
    """Train and measure, print a table, and write the same as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3, help="runs of each method")
    parser.add_argument("--folder", type=Path, help="where data and runs are kept")
    parser.add_argument("--json", type=Path, help="file for the numbers of each run")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        data = folder / DATASET
        if not (data / "manifest.json").exists():
            write_dataset(data, VIDEOS, seed=0)
        scores = measure(data, folder / "runs", range(arguments.seeds))
    Console().print(table_of(scores))
    if arguments.json:
        arguments.json.write_bytes(msgspec.json.format(msgspec.json.encode(scores)))


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
        scores.append(score("untrained network", seed, draws, features_of(network)))
    for method in methods:
        for seed in seeds:
            config = load(CONFIG, (*common, *METHODS[method], f"train.seed={seed}"))
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
        parts = list(two_moments(dataset, np.flatnonzero(dataset.held_out), seed))
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


def chance(draw: Draw) -> Score:
    """What guessing would find: any video, and classes as often as they are."""
    shares = np.bincount(draw.labels) / len(draw.labels)
    return Score("chance", None, 1 / len(draw.videos), float((shares**2).sum()))


def score(
    name: str,
    seed: int | None,
    draws: Sequence[Draw],
    features: Callable[[Images], NDArray[np.float32]],
    seconds: float | None = None,
) -> Score:
    """Measure features, which are made of images uint8 [n, H, W, 3]: float [n, D]."""
    same_video, same_class = [], []
    for draw in draws:
        both = features(draw.frames.reshape(-1, *draw.frames.shape[2:]))
        same_video.append(same_video_retrieval(*np.split(both, 2)))
        labels, videos = np.tile(draw.labels, 2), np.tile(draw.videos, 2)
        same_class.append(knn_accuracy(both, labels, videos, NEIGHBOURS))
    return Score(name, seed, float(np.mean(same_video)), float(np.mean(same_class)), seconds)


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
    table = Table("features", "same video", "same class", "seconds a run", box=box.MARKDOWN)
    groups: dict[str, list[Score]] = {}
    for each in scores:
        groups.setdefault(each.name, []).append(each)
    for name, group in groups.items():
        took = [each.seconds for each in group if each.seconds is not None]
        table.add_row(
            name,
            _percent([each.same_video for each in group]),
            _percent([each.same_class for each in group]),
            f"{np.mean(took):.0f}" if took else "",
        )
    return table


def _percent(shares: Sequence[float]) -> str:
    mean = f"{100 * np.mean(shares):.1f} %"
    low, high = 100 * min(shares), 100 * max(shares)
    return mean if len(shares) == 1 else f"{mean} ({low:.1f} to {high:.1f})"


if __name__ == "__main__":
    main()
