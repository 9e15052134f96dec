"""What tests of secrets in addresses share."""

from collections.abc import Iterator

import pytest

from tests.curated import CLASSES
from tests.execution.guarded import catalogue, guarded, guarded_files
from tests.execution.planting import Planted, curate


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    """A finished run over the guarded videos: to be read only."""
    folder = tmp_path_factory.mktemp("planted")
    with guarded(guarded_files(tmp_path_factory.getbasetemp())) as server:
        (folder / "classes.txt").write_text(CLASSES)
        (folder / "videos.csv").write_text(catalogue(server))
        yield Planted(folder, server, curate(folder))
