"""What a network's features say of the classes of videos, asked while it is trained.

Two classifiers that learn nothing in the network: a linear one, and the nearest neighbours. They
know the videos that are trained on, and are asked about those that are held out. A class belongs to
a video and was seen in its first 100 frames, so each is shown by a frame near to these.
"""

import numpy as np
import torch
from torch import Tensor

from videonet.errors import UsageError
from videonet.training.config import Config
from videonet.training.data.clip_index import ClipIndex
from videonet.training.data.moments import first_moments
from videonet.training.evaluation import NEIGHBOURS, embeddings_of, left_out
from videonet.training.models.network import Network
from videonet.training.retrieval import nearest_classes

# Most videos of each kind. NOTE: ours: a minute or two of decoding on one core.
MOST = 2_048

# Weight of the linear classifier's own size. NOTE: ours: of features of mean 0 and variance 1.
RIDGE = 0.1


def probe(network: Network, dataset: ClipIndex, config: Config) -> dict[str, float]:
    """How often both classifiers are right, and the commonest class is: shares, 0 to 1.

    And how many videos were `left_out`, as in `retrieval`. Raises UsageError where a clip is
    damaged that may not be, or all videos that are known are of one class.
    """
    known, asked = (np.flatnonzero(dataset.held_out == each) for each in (False, True))
    seed, size = config.train.seed, config.augmentation.size
    chosen = [
        videos[np.linspace(0, len(videos) - 1, min(len(videos), MOST)).astype(np.int64)]
        for videos in (known, asked)
    ]
    allowed = config.data.most_damaged > 0
    (seen, classes, _), (shown, truth, _) = (
        embeddings_of(network, first_moments(dataset, videos, seed, may_be_damaged=allowed), size)
        for videos in chosen
    )
    if (classes == classes[0]).all():
        raise UsageError("all videos that are trained on are of one class")
    found = {
        "linear": linear_classes(seen[0], classes, shown[0]),
        "knn": nearest_classes(shown[0], seen[0], classes, NEIGHBOURS),
        "commonest": classes.mode().values.expand(len(truth)),
    }
    shares = {name: (each == truth).double().mean().item() for name, each in found.items()}
    return shares | left_out(sum(map(len, chosen)), len(classes) + len(truth))


def linear_classes(features: Tensor, classes: Tensor, asked: Tensor) -> Tensor:
    """Classes, int [m], that a linear classifier of `features` finds in others.

    `features` are float [n, D], `classes` int [n], `asked` float [m, D]. It is the ridge regression
    on one column a class, 1 for those of the class and 0 for others, whose largest value counts.
    """
    mean, spread = features.mean(dim=0), features.std(dim=0).clamp_min(1e-6)
    known, others = ((each - mean).double() / spread for each in (features, asked))
    names, column = map(torch.from_numpy, np.unique(classes.numpy(), return_inverse=True))
    wanted = torch.nn.functional.one_hot(column, len(names)).double()
    base = wanted.mean(dim=0)
    weight = RIDGE * len(known)
    if known.shape[1] <= len(known):
        square = known.T @ known + weight * torch.eye(known.shape[1], dtype=torch.double)
        values = others @ torch.linalg.solve(square, known.T @ (wanted - base))
    else:
        square = known @ known.T + weight * torch.eye(len(known), dtype=torch.double)
        values = others @ known.T @ torch.linalg.solve(square, wanted - base)
    found: Tensor = names[(values + base).argmax(dim=1)]
    return found
