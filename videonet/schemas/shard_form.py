"""In which form the clips of a data set are stored: it stays as it is while the data set grows."""

from typing import Literal, NamedTuple, get_args

# Of a Parquet shard:
# 1: the length of each frame stands in front of it, so that the way to one leads past all before.
# 2: the frames' lengths stand together, behind all that is small; the frames follow.
Layout = Literal[1, 2]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)

# What a data set that begins now is given.
NEWEST_LAYOUT: Layout = 2


class ShardForm(NamedTuple):
    """Which columns the shards of a data set have, and how they lie; as earlier versions had it."""

    # a TFRecord shard is the same in all of them
    layout: Layout = 1
    # whether there are the columns of motion
    motion: bool = False
    # whether there are the columns of the labels' ids
    label_ids: bool = False


OLDEST_FORM = ShardForm()
# That of a data set that begins now.
NEWEST_FORM = ShardForm(NEWEST_LAYOUT, motion=True, label_ids=True)
