"""The forms of a place that all promise the same, each with its server where it needs one."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storage.servers import Server, fake_gcs, moto
from videonet.storage.objects import Objects
from videonet.storage.places import open_place


@pytest.fixture(scope="session")
def gcs() -> Iterator[Server]:
    with fake_gcs() as server:
        yield server


@pytest.fixture(scope="session")
def gcs_with_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with fake_gcs(tmp_path_factory.mktemp("gcs")) as server:
        yield server


@pytest.fixture(scope="session")
def s3() -> Iterator[Server]:
    with moto() as server:
        yield server


@pytest.fixture(params=["gcs", "s3"])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server of each kind that fails at nothing."""
    server: Server = request.getfixturevalue(request.param)
    server.proxy.clear()
    server.set_environment(monkeypatch)
    return server


@pytest.fixture
def bucket(server: Server) -> str:
    """The address of an empty place there."""
    return server.make_bucket(f"bucket-{uuid.uuid4().hex[:12]}") + "/of/tests"


@pytest.fixture(params=["folder", "gcs", "gcs_with_files", "s3"])
def objects(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Objects:
    """An empty place of each form."""
    if request.param == "folder":
        return open_place(tmp_path / "place")
    server: Server = request.getfixturevalue(request.param)
    server.proxy.clear()
    server.set_environment(monkeypatch)
    return open_place(server.make_bucket(f"bucket-{uuid.uuid4().hex[:12]}") + "/of/tests")
