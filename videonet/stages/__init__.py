"""The stages of a curation as Beam PTransforms: thin skins around plain functions.

Only records travel between stages, none larger than 4 kB, batches of titles aside; what they
speak of lies in the store and in OUT.
"""

from videonet.stages.judging import Download, DownloadRest, LengthFilter, Top1Filter
from videonet.stages.sharded_clips import Manifest, ShardedClips
from videonet.stages.title_query import ClassList, TitleQuery

__all__ = [
    "ClassList",
    "Download",
    "DownloadRest",
    "LengthFilter",
    "Manifest",
    "ShardedClips",
    "TitleQuery",
    "Top1Filter",
]
