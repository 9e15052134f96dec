"""What the tests of commands share."""

from pathlib import Path

import pytest

from demo.odd_files import write_noise
from tests.curated import arguments


@pytest.fixture
def asked(tmp_path: Path) -> list[str]:
    """A request that nothing is wrong with: a class list, and a folder with one file in it."""
    (tmp_path / "classes.txt").write_text("balloon\n")
    (tmp_path / "videos").mkdir()
    write_noise(tmp_path / "videos" / "balloon.mp4")
    return arguments(tmp_path)
