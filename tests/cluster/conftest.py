"""Engines as fixtures; a test whose engine cannot be had here is skipped, and says why."""

import dataclasses
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from demo.server import VideoServer
from demo.world import World
from scripts.engines import NotHadError, flink_libraries, java, job_server, prism
from scripts.flink_cluster import FlinkCluster, flink_cluster
from tests.cluster.curations import Alone, Curation, catalogue_of, many
from tests.storage.servers import fake_gcs

CANDIDATES = 1_000


def had(fetch: Callable[[], Path]) -> Path:
    """What `fetch` brings; where it cannot be had, the test is skipped."""
    try:
        java()
        return fetch()
    except NotHadError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def prism_options() -> tuple[str, ...]:
    try:
        return "--runner=PrismRunner", f"--prism_location={prism()}"
    except NotHadError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlinkCluster]:
    libraries = had(flink_libraries)
    with flink_cluster(tmp_path_factory.mktemp("flink") / "cluster", libraries) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def flink_options(cluster: FlinkCluster) -> list[str]:
    """Beam's options for a job on the cluster."""
    return cluster.beam_options(had(job_server))


@pytest.fixture(scope="module")
def demo(world: World) -> Iterator[Curation]:
    """The demo's world."""
    with world.serve(delay=0.05) as server:
        yield Curation(world.classes, world.catalogue, server)


@pytest.fixture(scope="module")
def alone(demo: Curation, tmp_path_factory: pytest.TempPathFactory) -> Alone:
    """What one process makes of it."""
    folder = tmp_path_factory.mktemp("alone")
    return Alone(demo.run(folder), folder)


@pytest.fixture(scope="module")
def thousand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Curation]:
    """A thousand small videos."""
    folder = tmp_path_factory.mktemp("thousand")
    files, classes = many(folder, CANDIDATES)
    with VideoServer(files) as server:
        yield Curation(classes, catalogue_of(folder, server), server)


@pytest.fixture
def demo_and_bucket(
    demo: Curation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Curation, str]]:
    """The demo's world, and an empty place in a bucket."""
    with fake_gcs() as server:
        server.set_environment(monkeypatch)
        place = server.make_bucket(f"bucket-{uuid.uuid4().hex[:12]}") + "/lab"
        environment = {**server.environment, "VIDEONET_CACHE": str(tmp_path / "cache")}
        yield dataclasses.replace(demo, environment=environment), place
