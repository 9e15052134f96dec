"""Shards: files of clips that a trainer reads straight away, and back to clips.

`write_shard` writes one shard in all chosen formats; `FORMATS[name].read(path)` gives the same
`schemas.Clip` records back from each of them.
"""

from videonet.shards.layout import number_of_shards, shard_of, shard_path
from videonet.shards.writing import FORMATS, Format, write_shard

__all__ = ["FORMATS", "Format", "number_of_shards", "shard_of", "shard_path", "write_shard"]
