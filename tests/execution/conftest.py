"""What several tests of whole runs share."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.curated import CLASSES
from tests.execution.guarded import catalogue, guarded, guarded_files
from tests.execution.planting import Planted, curate
from tests.storage.servers import Server, fake_gcs, moto


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    """A finished run over the guarded videos: to be read only."""
    folder = tmp_path_factory.mktemp("planted")
    with guarded(guarded_files(tmp_path_factory.getbasetemp())) as server:
        (folder / "classes.txt").write_text(CLASSES)
        (folder / "videos.csv").write_text(catalogue(server))
        yield Planted(folder, server, curate(folder))


@pytest.fixture(params=["gs", pytest.param("s3", marks=pytest.mark.thorough)])
def server(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    """A server of its own; that of gs:// keeps what it holds in files, and may start again."""
    with fake_gcs(tmp_path / "gcs") if request.param == "gs" else moto() as server:
        server.set_environment(monkeypatch)
        monkeypatch.setenv("VIDEONET_CACHE", str(tmp_path / "cache"))
        yield server


@pytest.fixture
def place(server: Server) -> str:
    """The address of an empty place there."""
    return server.make_bucket(f"bucket-{uuid.uuid4().hex[:12]}") + "/lab"
