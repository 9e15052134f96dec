"""Which cluster of images a video is nearest to: cosines of features, and nothing else.

A video is compared by a few of its first frames. The store keeps their features, so that other
clusters are compared with without a second look at the video.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from videonet.classifier.embedding import Embedding, of_unit_length
from videonet.classifier.read_image import read_image
from videonet.classifier.target_images import ImageCluster, digest_of
from videonet.errors import UsageError
from videonet.schemas.label import Label
from videonet.schemas.manifest import ClassifierCard
from videonet.schemas.neighbours import Centres, EmbeddedVideo
from videonet.schemas.scan import Scan
from videonet.schemas.target import Target

# To be raised with every change to which frames are embedded, or how.
EMBEDDING_VERSION = 1

# Cosines are stored rounded: the last digits differ between machines.
_DIGITS = 4

# What a video is paired with that was never compared; the last of a run's targets.
NOT_COMPARED = Target(
    target_id="(not compared)",
    name="(not compared)",
    synonyms=(),
    wnid=None,
    outputs=(),
    senses=(),
)

# Images that are embedded together.
_AT_ONCE = 64


class Neighbours:
    """An embedding, and the centres of the clusters that videos are compared with.

    A scan by it says of each frame which cluster is nearest, in place of a class, and how near, in
    place of a probability. It is safe to share between threads.
    """

    def __init__(self, embedding: Embedding, centres: Centres) -> None:
        self.embedding, self.centres = embedding, centres
        # one row a cluster
        self._centres = _array(centres.centres, "<f4", centres.size)

    @property
    def device(self) -> str:
        """Where the embedding runs."""
        return self.embedding.device

    @property
    def path(self) -> Path:
        """Of the embedding's file."""
        return self.embedding.path

    @property
    def sha256(self) -> str:
        """Of the embedding's file."""
        return self.embedding.sha256

    @property
    def settings(self) -> dict[str, str | int]:
        """What its answers depend on besides the file: see `videonet.curation.scan.scan_key`."""
        return {
            **self.embedding.settings,
            "embedding_version": EMBEDDING_VERSION,
            "centres": hashlib.sha256(self.centres.to_json()).hexdigest(),
        }

    @property
    def card(self) -> ClassifierCard:
        """What the manifest says of it: its outputs are clusters."""
        embedding = self.embedding
        return ClassifierCard(
            name=embedding.path.stem,
            sha256=embedding.sha256,
            input_size=embedding.crop,
            outputs=len(self.centres.names),
        )

    @property
    def labels(self) -> tuple[Label, ...]:
        """The clusters, in the order of the outputs."""
        return tuple(Label(wnid=None, name=name) for name in self.centres.names)

    @property
    def targets(self) -> tuple[Target, ...]:
        """One for each cluster, and last of all NOT_COMPARED."""
        clusters = (
            Target(
                target_id=name,
                name=name,
                synonyms=(),
                wnid=None,
                outputs=(position,),
                senses=(),
            )
            for position, name in enumerate(self.centres.names)
        )
        return (*clusters, NOT_COMPARED)

    def embedded(self, frames: NDArray[np.uint8], scan: Scan) -> EmbeddedVideo:
        """The features of a video, uint8 RGB [N, *crop, 3], of which `scan` says what else is."""
        features = self.embedding.features(frames).astype("<f2")
        return EmbeddedVideo(scan=scan, features=features.tobytes(), size=self.embedding.size)

    def compared(self, video: EmbeddedVideo) -> Scan:
        """The scan of an embedded video: of each frame the nearest cluster, and its cosine.

        It depends on the stored features alone, whether they were made now or by an earlier run.
        """
        cosines = self.cosines(video)
        nearest = cosines.argmax(axis=1)
        return msgspec.structs.replace(
            video.scan,
            top1=tuple(nearest.tolist()),
            probability=tuple(cosines[np.arange(len(nearest)), nearest].tolist()),
        )

    def cosines(self, video: EmbeddedVideo) -> NDArray[np.float64]:
        """Of each frame with each cluster, rounded: float64 [frames, clusters]."""
        features = _array(video.features, "<f2", video.size).astype(np.float64)
        # In float64 the order of a sum does not reach the digits that count.
        return (features @ self._centres.T.astype(np.float64)).round(_DIGITS)

    def similarities(self, video: EmbeddedVideo) -> NDArray[np.float16]:
        """Of the nearest frame, and of the mean of all, with each cluster: float16 [2, K]."""
        features = _array(video.features, "<f2", video.size).astype(np.float64)
        mean = of_unit_length(features.mean(axis=0, keepdims=True)).astype(np.float64)
        whole = (mean @ self._centres.T.astype(np.float64)).round(_DIGITS)
        return np.vstack([self.cosines(video).max(axis=0), whole]).astype(np.float16)


def embedding_key(embedding: Embedding, frames: int) -> str:
    """Name under which the store keeps features: another embedding or setting has another."""
    depends = {
        "version": EMBEDDING_VERSION,
        "embedding": embedding.sha256,
        **embedding.settings,
        "frames": frames,
    }
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:32]


def centres_of(
    embedding: Embedding,
    clusters: Sequence[ImageCluster],
    known: Centres | None = None,
    say: Callable[[str], object] = lambda _: None,
) -> Centres:
    """The centre of each cluster: the mean of its images' features, of unit length.

    `known` are returned where they are of the same images and embedding. Raises UsageError for an
    image that cannot be read, and for two clusters that cannot be told apart.
    """
    if any(cluster.name == NOT_COMPARED.target_id for cluster in clusters):
        raise UsageError(
            f"A cluster of images is called {NOT_COMPARED.name!r}, which stands for videos that "
            "could not be compared; rename it."
        )
    key, images = embedding_key(embedding, 0), digest_of(clusters)
    if known is not None and (known.embedding, known.images) == (key, images):
        return known
    number = sum(len(cluster.files) for cluster in clusters)
    say(f"embedding {number:,} images of {len(clusters):,} targets")
    rows = [_centre(embedding, cluster) for cluster in clusters]
    return Centres(
        embedding=key,
        images=images,
        names=tuple(cluster.name for cluster in clusters),
        counts=tuple(len(cluster.files) for cluster in clusters),
        centres=np.vstack(rows).astype("<f4").tobytes(),
        size=embedding.size,
    )


def _centre(embedding: Embedding, cluster: ImageCluster) -> NDArray[np.float32]:
    total = np.zeros((1, embedding.size), np.float64)
    for start in range(0, len(cluster.files), _AT_ONCE):
        images = [
            read_image(file, embedding.resize, embedding.crop)
            for file in cluster.files[start : start + _AT_ONCE]
        ]
        total += embedding.features(np.stack(images)).sum(axis=0, keepdims=True, dtype=np.float64)
    return of_unit_length(total)


def _array(data: bytes, kind: str, size: int) -> NDArray[Any]:
    return np.frombuffer(data, kind).reshape(-1, size)
