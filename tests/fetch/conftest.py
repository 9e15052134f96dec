"""A small video, a folder that serves it, and a store."""

from pathlib import Path

import pytest

from demo.drawing import draw_video
from tests.fetch.visiting import NAME
from videonet.storage.store import Store


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("video") / "v.mp4"
    draw_video(path, "balloon", 2, size=(96, 64))
    return path.read_bytes()


@pytest.fixture
def folder(tmp_path: Path, video: bytes) -> Path:
    """What the server serves."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / NAME).write_bytes(video)
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    store.prepare()
    return store
