"""Images that look alike, gathered in groups: k-means of their features."""

import numpy as np
from numpy.typing import NDArray

# Each begins with other images, and the one with the highest sum of cosines counts.
_ATTEMPTS = 5

_ROUNDS = 25
_SEED = 1


def gathered(features: NDArray[np.float32], groups: int) -> NDArray[np.int64]:
    """The group of each row, 0 to `groups` - 1: int64 [N]. Some groups may have no row.

    `features` are rows of unit length, [N, size], more than `groups`. Groups are such that rows
    have high cosines with the mean of their group (spherical k-means, after Dhillon and Modha 2001,
    "Concept decompositions for large sparse text data using clustering"). They are the same for the
    same rows.
    """
    import faiss  # slow, and seldom needed

    rows = np.ascontiguousarray(features, np.float32)
    kmeans = faiss.Kmeans(
        rows.shape[1],
        groups,
        niter=_ROUNDS,
        nredo=_ATTEMPTS,
        seed=_SEED,
        spherical=True,
        # All rows count, and few are enough: its defaults draw some of many, and warn of few.
        min_points_per_centroid=1,
        max_points_per_centroid=len(rows),
    )
    kmeans.train(rows)
    _, nearest = kmeans.index.search(rows, 1)
    return nearest[:, 0].astype(np.int64)
