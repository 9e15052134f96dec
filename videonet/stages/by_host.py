"""How candidates come to machines: by host, so that few machines ask the same one at a time."""

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import PCollection

from videonet.curation.listed import Listed
from videonet.fetch.rate_limit import host_of
from videonet.schemas.run import Plan

# A machine gets so much of a host at once as one lane takes seconds for: it keeps its lane
# meanwhile, and others do not wait long for theirs.
_PIECE = 300.0

# Requests for a candidate, about: see docs/youtube.md.
_REQUESTS = 4

# Candidates of one host that a machine gets at once, at most: a fast host is asked by many.
_MOST = 128

# Hosts whose candidates are counted at the same time.
_HOSTS = 50_000


def by_host(candidates: PCollection, plan: Plan, name: str) -> PCollection:
    """Let other machines take up candidates. In one process that would only be a barrier."""
    return candidates if plan.local else candidates | name >> ByHost(plan)


class ByHost(beam.PTransform):
    """Candidates in pieces that are of one host each.

    A piece is the part of one of the host's lanes (see `videonet.fetch.lanes`) for some minutes.
    What needs no host is spread one by one.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._plan = plan

    def expand(self, candidates: PCollection) -> Any:
        lane_pace = self._plan.requests_per_second / self._plan.per_host
        most = max(1, min(_MOST, round(_PIECE * lane_pace / _REQUESTS)))
        return (
            candidates
            | "Pieces" >> beam.ParDo(Pieces(self._plan.per_host, most))
            | "OnePiece" >> beam.GroupByKey()
            | "Candidates" >> beam.FlatMap(_candidates)
        )


class OnOneMachine(beam.PTransform):
    """All elements where the first of them is."""

    def expand(self, elements: PCollection) -> Any:
        return (
            elements
            | "One" >> beam.Map(lambda each: ("", each))
            | "All" >> beam.GroupByKey()
            | "Each" >> beam.FlatMap(_candidates)
        )


class Pieces(beam.DoFn):
    """Candidate -> the piece that it belongs to, and the candidate."""

    def __init__(self, lanes: int, most: int) -> None:
        """Hosts have so many `lanes`, and pieces so many candidates at `most`."""
        self._lanes, self._most = lanes, most

    def start_bundle(self) -> None:
        self._begin()

    def process(self, listed: Listed) -> Iterator[tuple[str, Listed]]:
        video = listed.candidate.video
        host = host_of(video.url) if video.root is None else ""
        if len(self._counts) > _HOSTS:
            self._begin()
        number = self._counts[host]
        self._counts[host] += 1
        # One after the other into the lanes, so that a host with few candidates has all of them.
        in_lane, lane = divmod(number, self._lanes)
        piece = f"{lane}/{in_lane // self._most}" if host else str(number)
        yield f"{self._bundle}/{host}/{piece}", listed

    def _begin(self) -> None:
        # As with Beam's own, what a machine does again may come to others than before.
        self._bundle = uuid.uuid4().hex
        self._counts: Counter[str] = Counter()


def _candidates(piece: tuple[str, Iterable[Any]]) -> Iterable[Any]:
    return piece[1]
