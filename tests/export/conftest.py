"""One data set that all tests of exports read, and its exports."""

from pathlib import Path

import pytest

from tests.exporting import dataset_once, export_once


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with `out` and `store`: to be read only."""
    return dataset_once(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def out(made: Path) -> Path:
    return made / "out"


@pytest.fixture(scope="session")
def webdataset(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_once(tmp_path_factory.getbasetemp(), made, "webdataset")


@pytest.fixture(scope="session")
def mp4(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_once(tmp_path_factory.getbasetemp(), made, "mp4")


@pytest.fixture(scope="session")
def huggingface(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_once(tmp_path_factory.getbasetemp(), made, "huggingface")


@pytest.fixture(scope="session")
def listed(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_once(tmp_path_factory.getbasetemp(), made, "list")
