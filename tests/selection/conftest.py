"""A data set that was made once, and a copy of it that a test may change."""

from pathlib import Path

import pytest

from tests.curated import Curated, curated_once
from tests.withdrawing import copied


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


@pytest.fixture
def copy(curated: Curated, tmp_path: Path) -> Curated:
    return copied(curated, tmp_path)
