"""Which cluster of images a video is nearest to: cosines of features, and nothing else.

A video is compared by a few of its first frames. The store keeps their features, so that other
clusters are compared with without a second look at the video.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from videonet.classifier.embedding import Embedding, of_unit_length
from videonet.classifier.image_groups import gathered
from videonet.classifier.read_image import read_image
from videonet.classifier.target_images import ImageCluster, digest_of, groups_of
from videonet.errors import UsageError
from videonet.schemas.label import Label
from videonet.schemas.manifest import ClassifierCard
from videonet.schemas.neighbours import NOT_COMPARED, Centres, EmbeddedVideo
from videonet.schemas.scan import Scan
from videonet.schemas.target import Target

# To be raised with every change to which frames are embedded, or how.
EMBEDDING_VERSION = 1

# Cosines are stored rounded: the last digits differ between machines.
_DIGITS = 4

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
    groups: int | None = None,
) -> Centres:
    """The centre of each cluster: the mean of its images' features, of unit length.

    Images beside folders are gathered in as many targets as `groups` says: see `groups_of`. Each of
    these has the name of the image that is nearest to its centre. `known` are returned where they
    are of the same images and embedding. Raises UsageError for an image that cannot be read, and
    for two clusters that cannot be told apart.
    """
    if any(cluster.name == NOT_COMPARED.target_id for cluster in clusters):
        raise UsageError(
            f"A cluster of images is called {NOT_COMPARED.name!r}, which stands for videos that "
            "could not be compared; rename it."
        )
    groups = groups_of(clusters, groups)
    key, images = embedding_key(embedding, 0), digest_of(clusters, groups)
    if known is not None and (known.embedding, known.images) == (key, images):
        return known
    number = sum(len(cluster.files) for cluster in clusters)
    of = f"{len(clusters):,} targets" if groups is None else f"which {groups:,} targets are made"
    say(f"embedding {number:,} images of {of}")
    sums = _sums(embedding, clusters)
    names = [cluster.name for cluster in clusters]
    counts = [len(cluster.files) for cluster in clusters]
    if groups is not None:
        is_loose = np.array([cluster.is_loose for cluster in clusters])
        names, counts, sums = _gathered(names, counts, sums, is_loose, groups)
    return Centres(
        embedding=key,
        images=images,
        names=tuple(names),
        counts=tuple(counts),
        centres=of_unit_length(sums).astype("<f4").tobytes(),
        size=embedding.size,
    )


def _gathered(
    names: Sequence[str],
    counts: Sequence[int],
    sums: NDArray[np.float64],
    is_loose: NDArray[np.bool_],
    groups: int,
) -> tuple[list[str], list[int], NDArray[np.float64]]:
    """The same of targets of which the loose ones are gathered, in alphabetical order.

    `sums`: of the features of each target's images, float64 [targets, size].
    """
    loose = np.flatnonzero(is_loose)
    group = gathered(of_unit_length(sums[loose]), groups)
    members = [loose[group == each] for each in range(groups)]
    targets = {names[place]: np.array([place]) for place in np.flatnonzero(~is_loose).tolist()}
    for each in members:
        # No image is nearest to a group that k-means has left empty.
        if len(each):
            centre = of_unit_length(sums[each].sum(axis=0, keepdims=True))
            cosines = (of_unit_length(sums[each]) @ centre.T).round(_DIGITS)
            targets[names[each[int(cosines.argmax())]]] = each
    ordered = sorted(targets)
    return (
        ordered,
        [sum(counts[place] for place in targets[name]) for name in ordered],
        np.vstack([sums[targets[name]].sum(axis=0, keepdims=True) for name in ordered]),
    )


def _sums(embedding: Embedding, clusters: Sequence[ImageCluster]) -> NDArray[np.float64]:
    """The sums of the features of each cluster's images: float64 [clusters, size]."""
    rows = _features(embedding, [file for cluster in clusters for file in cluster.files])
    sums = np.zeros((len(clusters), embedding.size), np.float64)
    for total, cluster in zip(sums, clusters, strict=True):
        # In these parts, and so the same to the last bit, whatever is embedded beside them.
        for start in range(0, len(cluster.files), _AT_ONCE):
            part = np.stack(list(islice(rows, min(_AT_ONCE, len(cluster.files) - start))))
            total += part.sum(axis=0, dtype=np.float64)
    return sums


def _features(embedding: Embedding, files: Sequence[Path]) -> Iterator[NDArray[np.float32]]:
    """The features of each image, float32 [size]."""
    for start in range(0, len(files), _AT_ONCE):
        images = [
            read_image(file, embedding.resize, embedding.crop)
            for file in files[start : start + _AT_ONCE]
        ]
        yield from embedding.features(np.stack(images))


def _array(data: bytes, kind: str, size: int) -> NDArray[Any]:
    return np.frombuffer(data, kind).reshape(-1, size)
