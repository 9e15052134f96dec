"""The job on Prism, which holds a graph to Beam's rules more strictly than the local runner."""

from pathlib import Path

import pytest

from tests.cluster.curations import Alone, Curation, in_the_middle, scans, told_by
from tests.curating import bytes_of
from tests.execution.job_servers import pooled, worker_pool
from tests.published import published

pytestmark = pytest.mark.cluster


def external(pool: str) -> tuple[str, ...]:
    return "--environment_type=EXTERNAL", f"--environment_config={pool}"


def test_the_demo_comes_out_the_same(
    demo: Curation, alone: Alone, prism_options: tuple[str, ...], tmp_path: Path
):
    with worker_pool() as (pool, _):
        served = demo.run(tmp_path / "served", *prism_options, *external(pool))
    assert served.code == alone.ran.code, served.said
    assert bytes_of(tmp_path / "served/out") == bytes_of(alone.folder / "out")
    # In a process of the pool's, and nowhere else.
    assert len(scans(told_by(tmp_path / "served"))) == 1


def test_a_worker_that_is_killed_ends_the_job_and_the_same_command_goes_on(
    demo: Curation, alone: Alone, prism_options: tuple[str, ...], tmp_path: Path
):
    place = tmp_path / "served"
    with worker_pool() as (pool, process):
        options = (*prism_options, *external(pool))
        with in_the_middle(place, lambda: pooled(process)[-1].kill()):
            ended = demo.run(place, *options)
        assert ended.code == 2
        assert "The job failed: " in ended.said
        assert "The same command goes on." in ended.said
        again = demo.run(place, *options)
    assert again.code == 0, again.said
    assert bytes_of(place / "out") == bytes_of(alone.folder / "out")


def test_the_demo_comes_out_the_same_in_a_bucket(
    demo_and_bucket: tuple[Curation, str], alone: Alone, prism_options: tuple[str, ...]
):
    demo, place = demo_and_bucket
    served = demo.run(place, *prism_options)
    assert served.code == 0, served.said
    assert published(f"{place}/out") == published(alone.folder / "out")


@pytest.mark.slow
def test_a_thousand_candidates_come_out_the_same(
    thousand: Curation, prism_options: tuple[str, ...], tmp_path: Path
):
    alone = thousand.run(tmp_path / "alone")
    assert alone.code == 0, alone.said
    served = thousand.run(tmp_path / "served", *prism_options)
    assert served.code == 0, served.said
    assert bytes_of(tmp_path / "served/out") == bytes_of(tmp_path / "alone/out")
    assert served.requests == alone.requests
    done = [sum(scans(told_by(tmp_path / name))) for name in ("alone", "served")]
    assert done[0] == done[1]
