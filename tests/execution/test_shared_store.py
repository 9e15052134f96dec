"""Two runs of different class lists over one store at once: each is as if it had been alone."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.server import VideoServer
from demo.world import World
from tests.execution.jobs import Job, over
from tests.published import published, without_attempts
from videonet.storage.places import open_place

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Alone:
    """Two class lists, what a run with each gives, one after the other over the same store."""

    given: dict[str, tuple[str, ...]]
    made: dict[str, dict[str, bytes]]
    # how often each video was asked for
    asked: Counter[str]
    server: VideoServer


@pytest.fixture(scope="module")
def alone(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alone]:
    folder = tmp_path_factory.mktemp("alone")
    names = [line for line in world.classes.read_text().splitlines() if line.strip()]
    given = {}
    with world.serve(delay=0.05) as server:
        for name, classes in (("all", names), ("some", names[: len(names) // 2 + 1])):
            (folder / f"{name}.txt").write_text("\n".join(classes) + "\n")
            keep = ("--keep", "all", "--files-root", str(world.files))
            given[name] = (*over(folder / f"{name}.txt", world.catalogue), *keep)
        for name, typed in given.items():
            job = Job(typed, str(folder), {}, folder, name)
            job.start()
            job.finish()
        made = {name: without_attempts(published(folder / name)) for name in given}
        yield Alone(given, made, Counter(each.path for each in server.requests()), server)


def at_once(
    alone: Alone, place: str, environment: Mapping[str, str], folders: Mapping[str, Path]
) -> Counter[str]:
    """Let both runs go over one store; how often each video was asked for."""
    alone.server.forget_requests()
    before = len(alone.server.requests())
    jobs = [
        Job(typed, place, environment, folders[name], name) for name, typed in alone.given.items()
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.finish()
    for name, made in alone.made.items():
        assert without_attempts(published(f"{place}/{name}")) == made
    assert not list(open_place(f"{place}/store").list("claim/"))
    return Counter(each.path for each in alone.server.requests()[before:])


def test_two_runs_over_one_store_download_each_video_once_and_give_what_each_gives_alone(
    alone: Alone, tmp_path: Path
):
    asked = at_once(alone, str(tmp_path), {}, dict.fromkeys(alone.given, tmp_path))
    # As when the second run finds what the first one has left, and no more than that.
    assert asked - alone.asked == Counter(), (asked, alone.asked)
    assert not list((tmp_path / "store" / "tmp").iterdir())


@pytest.mark.parametrize(
    "server",
    [pytest.param(place, marks=pytest.mark.thorough) for place in ("gs", "s3")],
    indirect=True,
)
def test_in_a_bucket_too(alone: Alone, server, place: str, tmp_path: Path):
    asked = at_once(alone, place, server.environment, dict.fromkeys(alone.given, tmp_path))
    assert asked - alone.asked == Counter(), (asked, alone.asked)
