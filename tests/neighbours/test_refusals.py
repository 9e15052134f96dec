"""What `--select neighbours:DIR` does not take, and the sentence that says why."""

from pathlib import Path

import pytest

from tests.curated import sentence, videonet
from tests.neighbours.material import write_embedding, write_images
from videonet.classifier.target_images import image_clusters

PICKED = (
    ((), "Nothing says what is looked for; give --targets LIST"),
    (("--embedding", "EMBEDDING"), "Nothing says what is looked for"),
    (("--select", "nearest:IMAGES"), "--select nearest:"),
    (("--select", "neighbours:"), "--select neighbours: is not known"),
    (("--select", "neighbours:IMAGES"), "needs an embedding to compare by"),
    (("--targets", "imagenet1k", "--embedding", "EMBEDDING"), "--embedding is for --select"),
    (("--targets", "imagenet1k", "--per-target", "3"), "--per-target is for --select"),
    (("--targets", "imagenet1k", "--image-clusters", "3"), "--image-clusters is for --select"),
    (
        ("--select", "neighbours:IMAGES", "--embedding", "EMBEDDING", "--source", "youtube"),
        "searches for words, and there are none",
    ),
    (
        ("--select", "neighbours:IMAGES", "--embedding", "EMBEDDING", "--min-frames", "2"),
        "--min-frames is a rule on frames that show a class",
    ),
    (("--select", "neighbours:NOWHERE", "--embedding", "EMBEDDING"), "There is no folder"),
    (
        ("--select", "neighbours:EMPTY", "--embedding", "EMBEDDING"),
        "has the name of an image, such as .jpg or .png",
    ),
)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("places")
    (folder / "empty").mkdir()
    (folder / "videos").mkdir()
    (folder / "videos" / "a.mp4").write_bytes(b"no video")
    broken = write_images(folder / "broken", {"good.png": (1, 2, 3)})
    (broken / "broken.png").write_bytes(b"\x89PNG no image")
    return {
        "EMBEDDING": write_embedding(folder),
        "IMAGES": write_images(folder / "images", {"red.png": (255, 0, 0)}),
        "NOWHERE": folder / "nowhere",
        "EMPTY": folder / "empty",
        "BROKEN": broken,
        "VIDEOS": folder / "videos",
    }


@pytest.mark.parametrize(("typed", "said"), PICKED, ids=lambda each: str(each)[:50])
def test_a_sentence_says_what_is_wrong(
    typed: tuple[str, ...], said: str, places: dict[str, Path], tmp_path: Path
):
    def filled(word: str) -> str:
        for name, path in places.items():
            word = word.replace(name, str(path))
        return word

    source = () if "--source" in typed else ("--source", f"folder:{places['VIDEOS']}")
    out = ("--store", tmp_path / "store", "--out", tmp_path / "out")
    assert said in sentence(videonet("curate", *map(filled, typed), *source, *out))
    assert not (tmp_path / "out" / "lookup.json").exists()


def test_an_image_that_cannot_be_read_is_named(places: dict[str, Path], tmp_path: Path):
    ended = videonet(
        *("curate", "--select", f"neighbours:{places['BROKEN']}"),
        *("--embedding", places["EMBEDDING"], "--source", f"folder:{places['VIDEOS']}"),
        *("--store", tmp_path / "store", "--out", tmp_path / "out"),
    )
    assert ended.code == 2
    assert f"The image {places['BROKEN'] / 'broken.png'} cannot be read" in ended.stderr


def test_a_folder_is_a_target_and_so_is_an_image_beside_it(tmp_path: Path):
    names = ("b/1.png", "b/deep/2.png", "a.png", "b.png", ".hidden.png", ".waste/3.png")
    write_images(tmp_path, dict.fromkeys(names, (0, 0, 0)))
    (tmp_path / "notes.txt").write_text("no image")
    found = {each.name: [file.name for file in each.files] for each in image_clusters(tmp_path)}
    assert found == {"a": ["a.png"], "b": ["1.png", "2.png", "b.png"]}
