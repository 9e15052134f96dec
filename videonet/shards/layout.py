"""How many shards there are, what they are called, and which one a video belongs to."""

import hashlib
import math
import re

# Of the published run's 5,000,000 candidates 1,180,000 were kept; at 256 pixels, 12.5 frames a
# second and JPEG quality 90 they are about 5 TB of clips.
KEPT_SHARE = 0.236
BYTES_PER_KEPT_VIDEO = 4_200_000

# Large enough to be read at full speed from object storage, small enough to be written again.
SHARD_BYTES = 250_000_000

_SHARD = re.compile(r"clips/(?P<format>\w+)/clips-(?P<index>\d+)-of-(?P<shards>\d+)\.(?P=format)")


def number_of_shards(candidates: int, pixels: float = 1.0) -> int:
    """How many shards a run over that many candidates is given: about 250 MB each, at least one.

    `pixels` is how many its clips have in a second, as a share of those at 256 pixels and 12.5
    frames a second.
    """
    weight = candidates * KEPT_SHARE * BYTES_PER_KEPT_VIDEO * pixels
    return max(1, math.ceil(weight / SHARD_BYTES))


def shard_of(video_key: str, shards: int) -> int:
    """Index of the shard, 0 to `shards` - 1, that all clips of this video go to.

    A hash, so that every shard is a mixture of classes, and the same on every machine.
    """
    return int.from_bytes(hashlib.sha256(video_key.encode()).digest()) % shards


def shard_path(format_name: str, index: int, shards: int) -> str:
    """Where shard `index` of `shards` lies below OUT. Each format's folder opens as a whole."""
    return f"clips/{format_name}/clips-{index:05d}-of-{shards:05d}.{format_name}"


def shard_of_path(path: str) -> tuple[int, int] | None:
    """Which shard lies at a path below OUT, and of how many; None: it is no shard's."""
    found = _SHARD.fullmatch(path)
    return (int(found["index"]), int(found["shards"])) if found else None
