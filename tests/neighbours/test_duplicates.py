"""Neighbours together with --duplicates: the nearest are chosen, and then duplicates are found."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from demo.server import VideoServer
from tests.curating import verdicts_of
from tests.local import LOCAL
from tests.neighbours.material import write_embedding
from tests.neighbours.runs import run
from tests.selection.copies import ALL, copies_once, write_catalogue
from videonet.dataset.verify import verify
from videonet.report.facts import facts_of
from videonet.schemas.manifest import Manifest
from videonet.schemas.verdict import Verdict

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VideoServer]:
    with VideoServer(copies_once(tmp_path_factory.getbasetemp())) as server:
        yield server


@pytest.fixture(scope="module")
def material(server: VideoServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an embedding, a catalogue of all copies, and an image of one of them."""
    folder = tmp_path_factory.mktemp("material")
    write_embedding(folder)
    write_catalogue(server, ALL, folder)
    (folder / "images").mkdir()
    copies = copies_once(tmp_path_factory.getbasetemp())
    with av.open(str(copies / "large.mp4")) as video:
        next(video.decode(video=0)).to_image().save(folder / "images" / "wanted.png")
    return folder


def curated(material: Path, folder: Path, per_target: int, duplicates: str) -> Manifest:
    return run(
        material,
        folder,
        source=f"catalogue:{material / 'videos.csv'}",
        per_target=per_target,
        duplicates=duplicates,
        allow_private_hosts=LOCAL,
    )


def became(out: Path) -> dict[str, str]:
    """Of each video, its reason or its outcome."""
    found: list[Verdict] = verdicts_of(out)
    return {each.video.video_id: str(each.reason or each.outcome) for each in found}


def test_a_duplicate_that_was_chosen_leaves_its_place_empty(material: Path, tmp_path: Path):
    manifest = curated(material, tmp_path, 2, "drop")
    assert became(tmp_path / "out") == {
        "large": "kept",
        "small": "duplicate",
        "here": "not_selected",
        "there": "not_selected",
        "other": "not_selected",
    }
    counts = manifest.totals.verdicts
    assert (counts.pairs, counts.kept) == (5, 1)
    assert counts.rejected == {"duplicate": 1, "not_selected": 3}
    assert verify(tmp_path / "out").problems == []
    # Nothing of that is hidden.
    card = (tmp_path / "out" / "README.md").read_text()
    assert "For 1 of 1 class fewer than the 2 videos were kept that were asked for" in card
    assert "places of duplicates stay empty" in card
    (row,) = [each for each in facts_of(tmp_path / "out", None).classes if each.quota == 2]
    assert (row.funnel.candidates, row.funnel.matching, row.funnel.kept) == (5, 2, 1)


def test_where_all_are_asked_for_each_is_there_once(material: Path, tmp_path: Path):
    manifest = curated(material, tmp_path, 5, "drop")
    counts = manifest.totals.verdicts
    assert Counter(became(tmp_path / "out").values()) == {"kept": 3, "duplicate": 2}
    assert (counts.pairs, counts.kept, counts.rejected) == (5, 3, {"duplicate": 2})


def test_what_was_not_chosen_is_no_duplicate_of_anything(material: Path, tmp_path: Path):
    curated(material, tmp_path, 1, "drop")
    assert Counter(became(tmp_path / "out").values()) == {"kept": 1, "not_selected": 4}


def test_marked_duplicates_count_for_the_quota(material: Path, tmp_path: Path):
    manifest = curated(material, tmp_path, 2, "mark")
    assert manifest.totals.verdicts.kept == 2
    verdicts = {each.video.video_id: each for each in verdicts_of(tmp_path / "out")}
    assert verdicts["small"].duplicate_of == verdicts["large"].video_key
