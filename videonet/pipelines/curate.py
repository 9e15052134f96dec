"""From a class list to sharded clips: `python -m pipelines.curate --runner=... --targets ...`."""

import apache_beam as beam
from apache_beam.pvalue import PCollection

from videonet.schemas.run import Plan
from videonet.stages.filters import Download, DownloadRest, LengthFilter, Top1Filter
from videonet.stages.sharded_clips import Manifest, ShardedClips
from videonet.stages.title_query import ClassList, TitleQuery


def curate(pipeline: beam.Pipeline, plan: Plan) -> PCollection:
    """The graph: class list, title query, download, top-1 filter, length filter, sharded clips.

    Downloaded is first what the first frames need, and the rest of what shows its class.

    Each stage hands on the candidates that are still open, and the verdicts on the others.
    """
    targets = pipeline | "ClassList" >> ClassList(plan)
    candidates, shards = targets | "SynonymExpandedTitleQuery" >> TitleQuery(plan)
    downloaded, undone = candidates | "Download" >> Download(plan)
    showing, unlike = downloaded | "First100FramesTop1Filter" >> Top1Filter(plan)
    whole, broken = showing | "DownloadRest" >> DownloadRest(plan)
    lasting, short = whole | "LengthFilter" >> LengthFilter(plan)
    clips = ShardedClips(plan, shards, (undone, unlike, broken, short))
    written = lasting | "ShardedParquetAndTFRecordClips" >> clips
    return written | "Manifest" >> Manifest(plan)


if __name__ == "__main__":
    from videonet.cli import curate_with_beam_options

    curate_with_beam_options()
