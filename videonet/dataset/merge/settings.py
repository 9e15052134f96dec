"""What the manifest of a merged data set says of how it was made."""

import hashlib
import math
from collections.abc import Sequence

import msgspec

from videonet.dataset.merge.inputs import Input
from videonet.schemas.exclusion import ExcludedSet
from videonet.schemas.manifest import ManifestSettings
from videonet.schemas.target import Target
from videonet.shards.layout import SHARD_BYTES


def number_of_shards(inputs: Sequence[Input]) -> int:
    """How many shards the merged data set has: a multiple of the most that an input has.

    So a shard is filled from one shard of that input. All are of about 250 MB at most, or as large
    as that input's.
    """
    most = max(each.shards for each in inputs)
    total = 0
    for each in inputs:
        by_format = dict.fromkeys(each.settings.formats, 0)
        for file in each.manifest.shards:
            by_format[file.path.rpartition(".")[2]] += file.bytes
        total += max(by_format.values())
    return most * max(1, math.ceil(total / (most * SHARD_BYTES)))


def merged_settings(
    inputs: Sequence[Input],
    targets: Sequence[Target],
    shards: int,
    excluded: ExcludedSet | None,
) -> ManifestSettings:
    """The settings of all, which are those of each but for where videos were looked for."""
    every = [each.settings for each in inputs]
    sources = {each.source for each in every}
    kinds = sorted({each.partition(":")[0] for each in sources})
    left_out = {each.left_out for each in every}
    modifiers = {each.modifiers for each in every}
    return msgspec.structs.replace(
        every[0],
        source=sources.pop() if len(sources) == 1 else " and ".join(kinds),
        targets=hashlib.sha256(msgspec.json.encode(targets)).hexdigest(),
        left_out=left_out.pop() if len(left_out) == 1 else (),
        per_class=max(each.per_class for each in every),
        modifiers=modifiers.pop() if len(modifiers) == 1 else (),
        search_patience=max(each.search_patience for each in every),
        captions=all(each.captions for each in every),
        # They follow from the class list.
        label_ids=any(each.label_ids for each in every),
        excluded=excluded,
        # Its videos were not made from one lock file.
        lock=None,
        shards=shards,
    )


def merged_versions(inputs: Sequence[Input]) -> dict[str, str]:
    """The versions that videos were judged and cut with; several of one library by commas."""
    names = sorted({name for each in inputs for name in each.manifest.versions})
    said = {
        name: sorted({each.manifest.versions.get(name, "none") for each in inputs})
        for name in names
    }
    return {name: ", ".join(values) for name, values in said.items()}
