"""In which form the clips of a data set are stored: it stays as it is while the data set grows."""

from typing import NamedTuple

# Of a Parquet shard:
# 1: the length of each frame stands in front of it, so that the way to one leads past all before.
# 2: the frames' lengths stand together, behind all that is small; the frames follow.
LAYOUTS = (1, 2)

# What a data set that begins now is given.
NEWEST_LAYOUT = 2


class ShardForm(NamedTuple):
    """Which columns the shards of a data set have, and how they lie; as earlier versions had it."""

    # one of LAYOUTS; a TFRecord shard is the same in all of them
    layout: int = 1
    # whether there are the columns of motion
    motion: bool = False


OLDEST_FORM = ShardForm()
