"""What neighbours are found by: features of frames, and the centres of clusters of images.

Features are rows of unit length, so that the product of two is their cosine.
"""

import hashlib
from collections.abc import Sequence

import msgspec

from videonet.schemas.record import Record
from videonet.schemas.scan import Scan
from videonet.schemas.target import Target

# Of embeddings that a video was looked at with, features are kept by so many: the latest.
_MOST = 4

# Bytes of a sha256 in front of what it is of.
_CHECKSUM = 8


# What a video is paired with that was never compared; the last of a run's targets, and no class.
NOT_COMPARED = Target(
    target_id="(not compared)",
    name="(not compared)",
    synonyms=(),
    wnid=None,
    outputs=(),
    senses=(),
)


class EmbeddedVideo(Record, frozen=True, kw_only=True):
    """Features of a few frames of a video, by one embedding."""

    # what else was seen, without classes: clusters are compared with afterwards
    scan: Scan
    # of frames that are evenly spread over the first ones: float16, little-endian, [frames, size]
    features: bytes
    # numbers of one frame
    size: int


class Centres(Record, frozen=True, kw_only=True):
    """OUT/neighbours.json: the clusters of images that videos are compared with."""

    # of the embedding with its settings
    embedding: str
    # hex sha256 of the clusters' names and of the content of their images
    images: str
    # of each cluster, in alphabetical order, and how many images it has
    names: tuple[str, ...]
    counts: tuple[int, ...]
    # one row a cluster: float32, little-endian, [clusters, size]
    centres: bytes
    # numbers of one centre
    size: int


def video_in(data: bytes | None, embedding: str) -> EmbeddedVideo | None:
    """The features by the embedding of this key, of what is kept of a video; None: none are there.

    So it is with what was cut short, altered, or written by another version.
    """
    packed = _decoded(data).get(embedding, b"")
    checksum, content = packed[:_CHECKSUM], packed[_CHECKSUM:]
    if not content or checksum != _checksum(content):
        return None
    try:
        return msgspec.msgpack.decode(content, type=EmbeddedVideo)
    except msgspec.DecodeError:
        return None


def with_video(data: bytes | None, embedding: str, video: EmbeddedVideo) -> bytes:
    """What is kept of a video, with its features by one more embedding."""
    content = msgspec.msgpack.encode(video)
    new = msgspec.msgpack.encode({embedding: _checksum(content) + content})
    return together([new] if data is None else [data, new])


def together(states: Sequence[bytes]) -> bytes:
    """What several states of what is kept of a video come to: of each embedding, the last."""
    by_key: dict[str, bytes] = {}
    for state in states:
        for key, packed in _decoded(state).items():
            by_key.pop(key, None)
            by_key[key] = packed
    return msgspec.msgpack.encode(dict([*by_key.items()][-_MOST:]))


def _decoded(data: bytes | None) -> dict[str, bytes]:
    """Packed features by key, the last written last."""
    try:
        return {} if data is None else msgspec.msgpack.decode(data, type=dict[str, bytes])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}


def _checksum(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()[:_CHECKSUM]
