"""From a class list to sharded clips: `python -m pipelines.curate --runner=... --targets ...`."""

import apache_beam as beam
from apache_beam.pvalue import PCollection

from videonet.schemas.run import Plan
from videonet.stages.duplicates import DuplicateFilter
from videonet.stages.filters import (
    Compare,
    CutClips,
    CutNearest,
    Download,
    DownloadFilterAndCut,
    DownloadRest,
    LengthFilter,
    TakeNearest,
    Top1Filter,
)
from videonet.stages.sharded_clips import Manifest, ShardedClips
from videonet.stages.title_query import CandidateList, ClassList, TitleQuery


def curate(pipeline: beam.Pipeline, plan: Plan) -> PCollection:
    """The graph: look up videos whose titles name a class, download, filter, cut, write shards.

    Together, one stage takes a candidate through all steps from download to clips. Apart, each
    step is a stage, which hands on the candidates that are still open, and the verdicts on the
    others. Downloaded is first what the first frames need, and the rest if they show the class.
    Where neighbours of images are looked for, all candidates are compared first, and of each target
    the nearest are taken.
    Where that is asked for, kept videos are compared with each other when all have their verdicts.
    """
    targets = pipeline | "ClassList" >> ClassList(plan)
    candidates, shards = targets | "SynonymExpandedTitleQuery" >> TitleQuery(plan)
    chosen_from = []
    if plan.settings.selects_neighbours:
        found, unlike = candidates | "Compare" >> Compare(plan)
        nearest, digests = found | "TakeNearest" >> TakeNearest(plan)
        cut = nearest | "CutNearest" >> CutNearest(plan)
        verdicts = (unlike, cut) | "Verdicts" >> beam.Flatten()
        chosen_from = [digests]
    elif plan.form == "together":
        verdicts = candidates | "DownloadFilterAndCut" >> DownloadFilterAndCut(plan)
    else:
        downloaded, undone = candidates | "Download" >> Download(plan)
        showing, unlike = downloaded | "First100FramesTop1Filter" >> Top1Filter(plan)
        whole, broken = showing | "DownloadRest" >> DownloadRest(plan)
        lasting, short = whole | "LengthFilter" >> LengthFilter(plan)
        cut = lasting | "CutClips" >> CutClips(plan)
        verdicts = (undone, unlike, broken, short, cut) | "Verdicts" >> beam.Flatten()
    if plan.settings.looks_for_duplicates:
        verdicts = verdicts | "DuplicateFilter" >> DuplicateFilter(plan)
    written = verdicts | "ShardedParquetAndTFRecordClips" >> ShardedClips(plan, shards)
    return written | "Manifest" >> Manifest(plan, *chosen_from)


def list_candidates(pipeline: beam.Pipeline, plan: Plan) -> PCollection:
    """The beginning of it alone: the candidate list, which commands look at part by part."""
    targets = pipeline | "ClassList" >> ClassList(plan)
    return targets | "SynonymExpandedTitleQuery" >> CandidateList(plan)


def look_at_part(pipeline: beam.Pipeline, plan: Plan) -> PCollection:
    """The middle of it alone, for the plan's part of the candidate list.

    Clips, and what verdicts are made of, are in the store then. There the whole graph finds them.
    """
    targets = pipeline | "ClassList" >> ClassList(plan)
    candidates, _ = targets | "SynonymExpandedTitleQuery" >> TitleQuery(plan)
    if plan.settings.selects_neighbours:
        # Which of them are taken is known when all parts were looked at.
        return candidates | "Compare" >> Compare(plan)
    return candidates | "DownloadFilterAndCut" >> DownloadFilterAndCut(plan)


if __name__ == "__main__":
    from videonet.cli import curate_with_beam_options

    curate_with_beam_options()
