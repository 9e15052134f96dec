"""What can be looked at of neighbours, and what a run that looks for them leaves to others."""

import shutil
from pathlib import Path

import pytest

from tests.curated import curated_once
from tests.curating import verdicts_of
from tests.neighbours.material import write_images
from tests.neighbours.runs import material_once, run
from videonet.report.inputs import open_input
from videonet.report.pictures import Pictures, pictures
from videonet.schemas.reason import Outcome
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store
from videonet.video.thumbnails import frames_of

# Of the first hundred frames, those that are compared.
COMPARED = {0, 33, 66, 99}


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return material_once(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def beside(material: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a data set made by a classifier, its store, and neighbours from that store."""
    curated = curated_once(tmp_path_factory.getbasetemp())
    folder = tmp_path_factory.mktemp("beside")
    shutil.copytree(curated.store, folder / "store")
    shutil.copytree(curated.out, folder / "classified")
    neighbours(curated.folder / "videos", material, folder)
    return folder


def neighbours(videos: Path, material: Path, folder: Path) -> None:
    """A run over `videos` with OUT and store in `folder`; one video a target."""
    images = {"dark.png": (20, 30, 60), "light.png": (240, 240, 240)}
    wanted = write_images(folder / "images", images)
    run(
        material,
        folder,
        source=f"folder:{videos}",
        select=f"neighbours:{wanted}",
        per_target=1,
        shards=1,
    )


def shown(out: Path, store: Path) -> Pictures:
    output = DatasetDir(out)
    manifest = output.manifest()
    assert manifest is not None
    with open_input(output, manifest.settings) as given:
        return pictures(given, Store(store))


def test_the_pictures_of_a_classifier_stay_where_neighbours_come_later(
    beside: Path, tmp_path_factory: pytest.TempPathFactory
):
    curated = curated_once(tmp_path_factory.getbasetemp())
    verdicts = verdicts_of(beside / "classified")
    best = {each.best_match for each in verdicts if each.best_match is not None}
    # Else nothing could be lost.
    assert not best <= COMPARED
    for each in verdicts:
        before = Store(curated.store).thumbnail(each.video_key)
        assert Store(beside / "store").thumbnail(each.video_key) == before
    before = shown(curated.out, curated.store)
    assert all(each.is_match for each in before.kept)
    assert shown(beside / "classified", beside / "store") == before


def test_of_a_neighbour_the_nearest_frame_is_shown(beside: Path):
    verdicts = {each.video_key: each for each in verdicts_of(beside / "out")}
    sheets = shown(beside / "out", beside / "store")
    kept = {key for key, each in verdicts.items() if each.outcome is Outcome.KEPT}
    assert {each.video_key for each in sheets.kept} == kept
    for each in (*sheets.kept, *sheets.rejected):
        best = verdicts[each.video_key].best_match
        assert best is not None
        assert (each.frame, each.is_match) == (sorted(COMPARED)[best], True)


@pytest.mark.slow
def test_a_video_that_no_classifier_has_seen_has_a_picture_of_its_own(
    material: Path, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
):
    curated = curated_once(tmp_path_factory.getbasetemp())
    neighbours(curated.folder / "videos", material, tmp_path)
    for each in verdicts_of(tmp_path / "out"):
        strip = Store(tmp_path / "store").thumbnail(each.video_key)
        assert strip is not None
        assert frames_of(strip).keys() == COMPARED
