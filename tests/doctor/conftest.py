"""A PATH with nothing on it, and a server to be looked at."""

import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.server import VideoServer


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for programs: no others are found."""
    folder = tmp_path / "programs"
    folder.mkdir()
    (tmp_path / "beside").mkdir()
    monkeypatch.setenv("PATH", str(folder))
    beside = {"scripts": str(tmp_path / "beside")}
    asked = sysconfig.get_path
    monkeypatch.setattr(sysconfig, "get_path", lambda name: beside.get(name) or asked(name))
    return folder


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VideoServer]:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "site").mkdir()
    with VideoServer(tmp_path / "site") as server:
        yield server
