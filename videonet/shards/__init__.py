"""Shards: files of clips that a trainer reads straight away, and back to clips.

`write_shard` writes one shard in all chosen formats; `FORMATS[name].read(path)` gives the same
`videonet.schemas.clip.Clip` records back from each of them.
"""
