"""videonet.stages.by_host: candidates come to machines in pieces that are of one host each."""

from collections import defaultdict

import apache_beam as beam
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.util import assert_that, equal_to

from videonet.curation.listed import Listed
from videonet.fetch.rate_limit import host_of
from videonet.schemas.candidate import Candidate
from videonet.schemas.video_info import VideoInfo
from videonet.stages.by_host import OnOneMachine, Pieces


def listed(url: str, root: str | None = None) -> Listed:
    video = VideoInfo(video_id=url, url=url, root=root, title="a dog")
    return Listed(Candidate(video_key=url, video=video, source="x", sha256=None, matches=()))


def pieces_of(candidates: list[Listed], lanes: int = 4, most: int = 10) -> list[list[str]]:
    """The addresses of each piece."""
    stage = Pieces(lanes, most)
    stage.start_bundle()
    found = defaultdict(list)
    for each in candidates:
        for key, candidate in stage.process(each):
            found[key].append(candidate.candidate.video.url)
    return list(found.values())


def test_a_piece_is_of_one_host_and_no_longer_than_some_minutes():
    urls = [f"https://{host}.example/{n}" for n in range(100) for host in ("a", "b")]
    pieces = pieces_of([listed(url) for url in urls])
    assert sorted(url for piece in pieces for url in piece) == sorted(urls)
    assert all(len({host_of(url) for url in piece}) == 1 for piece in pieces)
    assert max(map(len, pieces)) <= 10


def test_a_host_with_few_candidates_has_them_in_all_of_its_lanes():
    pieces = pieces_of([listed(f"https://a.example/{n}") for n in range(18)])
    assert sorted(map(len, pieces)) == [4, 4, 5, 5]


def test_local_files_need_no_host_and_are_spread_one_by_one():
    pieces = pieces_of([listed(f"{n}.mp4", root="/videos") for n in range(30)])
    assert sorted(map(len, pieces)) == [1] * 30


def test_two_bundles_have_no_piece_in_common():
    stage = Pieces(1, 10)
    keys = []
    for _ in range(2):
        stage.start_bundle()
        keys += [key for key, _ in stage.process(listed("https://a.example/1"))]
    assert len(set(keys)) == 2


def test_what_is_brought_to_one_machine_is_all_there():
    with TestPipeline() as pipeline:
        brought = pipeline | beam.Create(range(100)) | OnOneMachine()
        assert_that(brought, equal_to(list(range(100))))
