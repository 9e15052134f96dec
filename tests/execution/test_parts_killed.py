"""Four parts as processes, one of which is killed and begun again: the bytes of one command."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.server import VideoServer
from demo.videos import EXPECTED
from demo.world import World
from tests.curating import curate, outcomes_of
from tests.execution.jobs import over
from tests.execution.parting import Array
from tests.execution.steps_done import StepsDone
from tests.published import published, without_attempts
from tests.storage.conftest import bucket, gcs  # noqa: F401
from tests.storage.servers import Server, fake_gcs
from videonet.storage.places import open_place


@pytest.fixture(scope="module")
def web(world: World) -> Iterator[VideoServer]:
    with world.serve(delay=0.1) as web:
        yield web


@pytest.fixture(scope="module")
def alone(world: World, web: VideoServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """OUT of one command, with all that it asks of the web as often as it does."""
    folder = tmp_path_factory.mktemp("alone")
    curate(f"catalogue:{world.catalogue}", world.classes, folder, shards=3)
    return folder / "out"


@pytest.mark.slow
def test_four_parts_one_of_which_is_killed_make_the_bytes_of_one_command(
    world: World, web: VideoServer, alone: Path, tmp_path: Path
):
    web.forget_requests()
    array = Array(over(world.classes, world.catalogue), str(tmp_path), {}, tmp_path / "machines")
    store = tmp_path / "store"
    done = StepsDone(store, web)
    array.run(lambda: sum(1 for _ in store.glob("record/*/*.json")) >= 12, done.check)
    done.check()
    assert without_attempts(published(tmp_path / "out")) == without_attempts(published(alone))
    assert outcomes_of(tmp_path / "out") == EXPECTED
    assert not list(store.glob("clips/*"))
    assert not list(store.glob("claim/*/*"))


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with fake_gcs(tmp_path / "gcs") as server:
        server.set_environment(monkeypatch)
        monkeypatch.setenv("VIDEONET_CACHE", str(tmp_path / "cache"))
        yield server


@pytest.mark.thorough
def test_so_do_parts_whose_store_and_out_are_in_a_bucket(
    world: World, web: VideoServer, alone: Path, server: Server, tmp_path: Path
):
    web.forget_requests()
    place = server.make_bucket("of-four-parts") + "/lab"
    given = over(world.classes, world.catalogue)
    array = Array(given, place, server.environment, tmp_path / "machines")
    store = open_place(f"{place}/store")
    array.run(lambda: sum(1 for _ in store.list("record/")) >= 12, lambda: None)
    assert without_attempts(published(f"{place}/out")) == without_attempts(published(alone))
    assert outcomes_of(f"{place}/out") == EXPECTED
    assert not list(store.list("clips/"))
