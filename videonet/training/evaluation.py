"""What is asked of a network while it is trained, without training anything on its features."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from videonet.errors import UsageError
from videonet.text import number
from videonet.training.attention_picture import at_rest, middle
from videonet.training.augment.augmentation import normalised
from videonet.training.config import Config
from videonet.training.data.clip_index import ClipIndex
from videonet.training.data.loader import batches
from videonet.training.data.moments import Moments, two_moments
from videonet.training.models.network import Network
from videonet.training.retrieval import knn_accuracy, same_video_retrieval

# An evaluation of the network as it is, which changes nothing in it: numbers by name. The command
# hands them to the trainer, so that this room imports none. Raises UsageError.
Evaluator = Callable[[Network], Mapping[str, float]]

# Neighbours that vote for the class of a frame.
# NOTE: ours. Instance discrimination (Wu et al. 2018) takes 200 of ImageNet's 1.28 M images; of
# the few frames that are held out, so many would be of all classes.
NEIGHBOURS = 10

# Most videos that are searched, and how many are embedded at a time.
# NOTE: ours. All frames are compared with all others, and other ranks wait meanwhile: of 2,048
# videos that is 64 MB, and a minute of decoding on one core.
MOST, AT_ONCE = 2_048, 64

# Fewer leave nothing that could be taken for the other.
FEWEST = 2

# Frames in a picture, each of another video or window.
FRAMES = 6


class Embedded(NamedTuple):
    """What a network finds in M moments of each of n videos."""

    # floating point, [M, n, D]
    features: torch.Tensor
    # int [n]; of a video of several classes, the first
    classes: torch.Tensor
    # int64 [n]: number of the video within the data set
    videos: torch.Tensor


def retrieval(network: Network, dataset: ClipIndex, config: Config) -> dict[str, float]:
    """Nearest-neighbour retrieval on the held-out videos, shares 0 to 1.

    `same_video`: does a frame of one third of a video find the frame of another third among those
    of all videos? `same_class`: do its nearest neighbours in other videos have its class? (Of a
    video kept for several classes, the first counts.) And how many videos were `left_out`, if any
    were: see `embeddings_of`.
    """
    asked, seed = np.flatnonzero(dataset.held_out)[:MOST], config.train.seed
    allowed = config.data.most_damaged > 0
    moments = two_moments(dataset, asked, seed, AT_ONCE, may_be_damaged=allowed)
    features, labels, videos = embeddings_of(network, moments, config.augmentation.size, FEWEST)
    both, of = torch.cat((features[0], features[1])), videos.repeat(2)
    return {
        "same_video": same_video_retrieval(features[0], features[1]),
        "same_class": knn_accuracy(both, labels.repeat(2), of, NEIGHBOURS),
        **left_out(len(asked), len(videos)),
    }


def left_out(asked: int, shown: int) -> dict[str, float]:
    """What an evaluation says of videos that were not shown, as a clip of theirs is damaged."""
    return {"left_out": asked - shown} if asked > shown else {}


def check_handed_over(names: Collection[str], evaluators: Collection[str]) -> None:
    """Raise UsageError unless there is an evaluator of each of these names."""
    for name in names:
        if name not in evaluators:
            raise UsageError(
                f"log.evaluate names {name}, and the trainer was handed no such evaluation; start "
                f"it with `videonet train`, which has those of `videonet evaluate --list`."
            )


def check_searchable(dataset: ClipIndex, setting: str) -> None:
    """Raise UsageError unless there are videos to search, as this setting wants them."""
    held = int(dataset.held_out.sum())
    if held < FEWEST:
        raise UsageError(
            f"{held} of the {len(dataset.held_out)} videos of {dataset.out} are held out, and "
            f"{setting} needs at least {FEWEST}; {_more_of(dataset)}."
        )


def _more_of(dataset: ClipIndex) -> str:
    """How more videos are held out."""
    if dataset.split_sha256 is None:
        return "set data.held_out to a greater share, or split the data set with `videonet split`"
    return "its split says so, and grows with the data set; or leave that setting out"


def embeddings_of(
    network: Network, moments: Iterable[Moments], size: int, fewest: int = 1
) -> Embedded:
    """Embeddings of all moments.

    Of the middle of each frame, augmented in no way, with the running statistics of batch norms;
    `size` is that of the images, pixels. Raises UsageError where a clip is damaged that may not be,
    and where fewer videos than `fewest` are left without those that are damaged.
    """
    features: list[torch.Tensor] = []
    labels: list[int] = []
    videos: list[torch.Tensor] = []
    device = next(network.parameters()).device
    with at_rest(network):
        for part in moments:
            frames = [
                torch.from_numpy(middle(frame[:height, :width].numpy(), size))
                for moment, sizes in zip(part.frames, part.sizes.tolist(), strict=True)
                for frame, (height, width) in zip(moment, sizes, strict=True)
            ]
            images = torch.stack(frames).permute(0, 3, 1, 2).float().to(device) / 255
            found = network.embedding(normalised(images)).float().cpu()
            features.append(found.view(len(part.frames), -1, found.shape[1]))
            labels.extend(label[0] for label in part.labels)
            videos.append(part.videos)
    if len(labels) < fewest:
        raise UsageError(
            f"{number(len(labels), 'video')} without damaged clips cannot be compared: at least "
            f"{fewest} are needed"
        )
    return Embedded(torch.cat(features, dim=1), torch.tensor(labels), torch.cat(videos))


def frames_to_show(dataset: ClipIndex, config: Config) -> list[NDArray[np.uint8]]:
    """A frame of each of a few clips, always the same for a seed: uint8 [H, W, 3]."""
    here = msgspec.structs.replace(config.data, workers=0)
    first = batches(
        dataset, config.views, here, batch=FRAMES, seed=config.train.seed, first_step=0, steps=1
    )
    (shown,) = first
    return [
        frame[:height, :width].numpy()
        for frame, (height, width) in zip(shown.frames[0], shown.sizes[0].tolist(), strict=True)
    ]
