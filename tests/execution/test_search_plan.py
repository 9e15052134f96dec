"""What a run that searches says before it begins: how much it asks, and how long that takes."""

from pathlib import Path

import pytest

from demo.train_classifier import MODEL
from tests.curating import options_of
from tests.site import VideoSite, installed
from videonet.execution.prepare import prepare


@pytest.mark.parametrize(
    ("source", "is_said"), [("search:sitesearch", True), ("folder:{}/videos", False)]
)
def test_a_run_says_how_much_it_searches_and_one_that_only_reads_does_not(
    tmp_path: Path, source: str, is_said: bool
):
    (tmp_path / "classes.txt").write_text("balloon: hot air balloon\nmushroom\n")
    (tmp_path / "videos").mkdir()
    given = {
        "targets": str(tmp_path / "classes.txt"),
        "source": source.format(tmp_path),
        "classifier": str(MODEL),
        "modifiers": ("4k",),
        "requests_per_second": 0.1,
    }
    places = {"store": tmp_path / "store", "out": tmp_path / "out"}
    sentences: list[str] = []
    with VideoSite([]) as site, installed(site):
        prepare(*options_of({**given, **places}), say=sentences.append)
        assert not site.requests()
    said = [each for each in sentences if each.startswith("Searching for")]
    assert len(said) == is_said
    if is_said:
        assert "2 classes asks 3 queries, one a name, and up to 6" in said[0]
        assert "At 0.1 requests a second, that takes at least 30 s, and 60 s for all;" in said[0]
