"""Models of the tests, opened once."""

from pathlib import Path

import pytest

from tests.evaluation.material import write_lite0, write_untrained_lite0


@pytest.fixture(scope="session")
def lite0(tmp_path_factory: pytest.TempPathFactory) -> str:
    """MODEL of a network that was trained on ImageNet."""
    return write_lite0(tmp_path_factory.mktemp("lite0"))


@pytest.fixture(scope="session")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> str:
    """MODEL of the same network, untrained."""
    return write_untrained_lite0(tmp_path_factory.mktemp("untrained"))


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in which the command runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
