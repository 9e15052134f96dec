"""Images beside folders, gathered in targets of those that look alike."""

import shutil
from pathlib import Path

import faiss
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.curating import bytes_of
from tests.neighbours.material import write_embedding, write_images
from tests.neighbours.runs import became, material_once, run
from videonet.classifier.embedding import Embedding, of_unit_length
from videonet.classifier.image_groups import gathered
from videonet.classifier.neighbours import centres_of
from videonet.classifier.target_images import (
    GROUPS,
    MOST_CLUSTERS,
    ImageCluster,
    digest_of,
    groups_of,
    image_clusters,
)
from videonet.dataset.verify import verify
from videonet.errors import UsageError
from videonet.schemas.neighbours import Centres

FLAT = {
    "ruby.png": (255, 0, 0),
    "brick.png": (250, 30, 20),
    "rust.png": (230, 60, 40),
    "navy.png": (0, 0, 250),
    "sky.png": (40, 70, 255),
    "moss.png": (20, 240, 20),
}


@pytest.fixture(scope="module")
def embedding(tmp_path_factory: pytest.TempPathFactory) -> Embedding:
    return Embedding(write_embedding(tmp_path_factory.mktemp("embedding")))


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    return write_images(tmp_path / "images", FLAT)


def made(embedding: Embedding, folder: Path, groups: int | None) -> Centres:
    return centres_of(embedding, image_clusters(folder), groups=groups)


def rows_of(centres: Centres) -> dict[str, np.ndarray]:
    rows = np.frombuffer(centres.centres, "<f4").reshape(-1, centres.size)
    return dict(zip(centres.names, rows, strict=True))


def test_images_that_look_alike_are_one_target_by_the_name_of_the_most_central(
    embedding: Embedding, flat: Path
):
    centres = made(embedding, flat, 3)
    # Of two images, both are equally near to their mean: the first by name counts.
    assert dict(zip(centres.names, centres.counts, strict=True)) == {
        "brick": 3,
        "moss": 1,
        "navy": 2,
    }


def test_the_centre_of_gathered_images_is_that_of_a_folder_of_them(
    embedding: Embedding, flat: Path, tmp_path: Path
):
    folders = {"ruby": "red", "brick": "red", "rust": "red", "navy": "blue", "sky": "blue"}
    sorted_by_hand = write_images(
        tmp_path / "sorted",
        {f"{folders.get(name[:-4], 'green')}/{name}": colour for name, colour in FLAT.items()},
    )
    found, by_hand = (
        rows_of(made(embedding, *each)) for each in ((flat, 3), (sorted_by_hand, None))
    )
    for name, folder in (("brick", "red"), ("navy", "blue"), ("moss", "green")):
        assert np.allclose(found[name], by_hand[folder], atol=1e-6)


def test_folders_stay_targets_of_their_own(embedding: Embedding, flat: Path):
    write_images(flat, {"warm/1.png": (255, 10, 0), "warm/2.png": (0, 0, 255)})
    centres = made(embedding, flat, 1)
    assert dict(zip(centres.names, centres.counts, strict=True))["warm"] == 2
    assert sorted(centres.counts) == [2, 6]


def test_fewer_images_than_targets_stay_one_each_and_are_what_they_were(
    embedding: Embedding, flat: Path
):
    each = made(embedding, flat, None)
    assert each.names == ("brick", "moss", "navy", "ruby", "rust", "sky")
    assert made(embedding, flat, 6) == made(embedding, flat, 100) == each


def test_how_images_are_gathered_is_a_part_of_their_digest(embedding: Embedding, flat: Path):
    two, three = made(embedding, flat, 2), made(embedding, flat, 3)
    assert len({two.images, three.images, made(embedding, flat, None).images}) == 3
    assert centres_of(embedding, image_clusters(flat), three, groups=3) is three
    assert centres_of(embedding, image_clusters(flat), three, groups=2) == two


def test_a_folder_has_the_digest_that_earlier_versions_gave_it(tmp_path: Path):
    (tmp_path / "a").mkdir()
    for name in ("a/1.png", "b.png"):
        (tmp_path / name).write_bytes(name.encode())
    assert digest_of(image_clusters(tmp_path)) == (
        "6ed1800d5f937d5c35bc0c3516840dee67e0f640404ba314d39ab8a90e562f49"
    )


def loose(number: int, folders: int = 0) -> list[ImageCluster]:
    names = [f"{place:06}" for place in range(number + folders)]
    return [ImageCluster(name, (), place >= folders) for place, name in enumerate(names)]


def test_more_images_than_there_may_be_targets_are_gathered():
    assert groups_of(loose(MOST_CLUSTERS), None) is None
    assert groups_of(loose(MOST_CLUSTERS + 1), None) == GROUPS
    assert groups_of(loose(100, folders=5), 7) == 7
    with pytest.raises(UsageError, match=r"5 folders and 19,999 groups .* lower --image-clusters"):
        groups_of(loose(MOST_CLUSTERS, folders=5), MOST_CLUSTERS - 1)


unit_rows = arrays(
    np.float32, st.tuples(st.integers(3, 40), st.just(4)), elements=st.floats(-1, 1, width=16)
).map(of_unit_length)


@given(unit_rows, st.data())
def test_groups_are_the_same_for_the_same_images_on_any_number_of_cores(rows, data):
    groups = data.draw(st.integers(1, len(rows) - 1))
    threads = faiss.omp_get_max_threads()
    try:
        found = []
        for number in (1, 4):
            faiss.omp_set_num_threads(number)
            found.append(gathered(rows, groups))
    finally:
        faiss.omp_set_num_threads(threads)
    assert found[0].shape == (len(rows),)
    assert set(found[0].tolist()) <= set(range(groups))
    assert np.array_equal(*found)


@pytest.mark.slow
def test_a_data_set_of_gathered_images_grows_to_what_a_fresh_run_gives(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
):
    material = material_once(tmp_path_factory.getbasetemp())
    wanted = write_images(tmp_path / "images", FLAT)
    few = tmp_path / "few"
    few.mkdir()
    for name in ("red-3", "blue-2"):
        shutil.copy(material / "videos" / f"{name}.mp4", few)
    asked = {"select": f"neighbours:{wanted}", "image_clusters": 3, "source": f"folder:{few}"}
    run(material, tmp_path / "grown", **asked)
    for each in (material / "videos").iterdir():
        shutil.copy(each, few)
    run(material, tmp_path / "grown", **asked)
    run(material, tmp_path / "fresh", **asked)
    assert bytes_of(tmp_path / "grown" / "out") == bytes_of(tmp_path / "fresh" / "out")
    assert verify(tmp_path / "fresh" / "out").problems == []
    targets = {name: each[0] for name, each in became(tmp_path / "fresh" / "out").items()}
    assert targets == {
        **dict.fromkeys(("red-1", "red-2", "red-3"), "brick"),
        **dict.fromkeys(("blue-1", "blue-2"), "navy"),
        "green-1": "moss",
        "broken": "(not compared)",
    }
