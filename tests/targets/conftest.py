"""WordNet for tests: where nltk usually finds it, or in the test material beside the project."""

import os
from pathlib import Path

import nltk
import pytest

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("VIDEONET_SHARED", ROOT.parent / "shared"))


@pytest.fixture
def nltk_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """nltk's search path, for this test alone: no WordNet was read through it yet."""
    path = [*nltk.data.path, str(tmp_path / "nowhere")]
    monkeypatch.setattr(nltk.data, "path", path)
    return path


@pytest.fixture
def no_wordnet(nltk_path: list[str], tmp_path: Path) -> None:
    nltk_path[:] = [str(tmp_path)]


@pytest.fixture(scope="session")
def wordnet() -> Path:
    """The folder of WordNet 3.0's dict files, found by nltk."""
    beside = SHARED / "data" / "lists" / "nltk_data"
    if beside.is_dir() and str(beside) not in nltk.data.path:
        nltk.data.path.append(str(beside))
    try:
        return Path(nltk.data.find("corpora/wordnet"))
    except LookupError:
        pytest.skip("WordNet 3.0 is not installed: run 'videonet wordnet install'")
