"""A data set lives: from its plan to a takedown it is sound at every step, and reads the same."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pyarrow.parquet as pq
import pytest
import webdataset

from demo.drawing import draw_video
from demo.train_classifier import MODEL
from tests.curated import videonet
from tests.exporting import dataset_once, hugging_face_datasets
from tests.withdrawing import tree
from videonet.dataset.finished_dataset import open_dataset
from videonet.storage.dataset_dir import DatasetDir

pytestmark = pytest.mark.slow

FORMS = ("webdataset", "huggingface", "list")
# Of the videos of `tests.exporting`.
TAKEN_DOWN = "free"


class World:
    """Two data sets of two labs, what was merged of them, and its exports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ours, self.theirs, self.both = (folder / each for each in ("ours", "theirs", "both"))
        self.exports = {form: folder / form for form in FORMS}

    @property
    def datasets(self) -> tuple[Path, ...]:
        return self.ours / "out", self.theirs / "out", self.both


def ran(*typed: str | Path, code: int = 0) -> str:
    ended = videonet(*typed)
    assert ended.code == code, ended
    return ended.stdout


def assert_sound(*places: Path) -> None:
    for place in places:
        ran("verify", place)


def frames_of(out: Path) -> dict[str, list[bytes]]:
    """The JPEGs of each clip, as our own reader has them."""
    return {clip.example_id: list(clip.image_encoded) for clip in open_dataset(out).clips()}


def by_pyarrow(out: Path) -> dict[str, list[bytes]]:
    table = pq.read_table(out / "clips/parquet", columns=["example_id", "image_encoded"])
    return {row["example_id"]: row["image_encoded"] for row in table.to_pylist()}


def by_webdataset(folder: Path) -> dict[str, list[bytes]]:
    shards = [str(file) for file in sorted(folder.glob("*/*.tar"))]
    found = webdataset.WebDataset(shards, shardshuffle=False, empty_check=False)
    return {
        json.loads(each["json"])["example_id"]: [
            each[name] for name in sorted(each) if name.endswith(".jpg")
        ]
        for each in found
    }


def by_datasets(folder: Path, cache: Path) -> dict[str, list[bytes]]:
    """Digests of pictures: the library decodes them."""
    sides = hugging_face_datasets().load_dataset(str(folder), cache_dir=str(cache))
    return {
        row["example_id"]: [digest(np.asarray(each)) for each in row["image_encoded"]]
        for side in sides.values()
        for row in side
    }


def digest(pixels: Any) -> bytes:
    return hashlib.sha256(pixels.tobytes()).digest()


def decoded(clips: dict[str, list[bytes]], folder: Path) -> dict[str, list[bytes]]:
    """Digests of the pictures that JPEGs show."""

    def pixels(jpegs: list[bytes]) -> Iterator[bytes]:
        for jpeg in jpegs:
            (folder / "picture.jpg").write_bytes(jpeg)
            with PIL.Image.open(folder / "picture.jpg") as picture:
                yield digest(np.asarray(picture))

    return {name: list(pixels(jpegs)) for name, jpegs in clips.items()}


def assert_all_readers_see_the_same(world: World, cache: str) -> dict[str, list[bytes]]:
    """The frames of the merged data set, which every reader has, from it or from an export."""
    torch = pytest.importorskip("torch")
    import videonet as package
    from videonet.training.data.temporal_sampling import frames_at

    due = frames_of(world.both)
    assert by_pyarrow(world.both) == due
    assert by_webdataset(world.exports["webdataset"]) == due
    found = by_datasets(world.exports["huggingface"], world.folder / cache)
    assert found == decoded(due, world.folder)
    loader = package.ClipDataset(world.both, views=3)
    times = {clip.example_id: clip.image_timestamp for clip in open_dataset(world.both).clips()}
    assert {loader[index]["example_id"] for index in range(len(loader))} == due.keys()
    for index in range(len(loader)):
        seen = loader[index]
        places = frames_at(times[seen["example_id"]], seen["timestamps"].tolist())
        jpegs = [due[seen["example_id"]][place] for place in places]
        for frame, jpeg in zip(seen["frames"], jpegs, strict=True):
            (world.folder / "picture.jpg").write_bytes(jpeg)
            with PIL.Image.open(world.folder / "picture.jpg") as picture:
                shown = torch.from_numpy(np.array(picture))
            assert (frame.int() - shown.int()).abs().float().mean() < 1
    return due


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> World:
    world = World(tmp_path)
    made = dataset_once(tmp_path_factory.getbasetemp())
    for name in ("out", "store"):
        shutil.copytree(made / name, world.ours / name)
    theirs = world.theirs
    (theirs / "videos").mkdir(parents=True)
    rows = ["id,url,title,channel,licence"]
    for name, shows in (("regatta", "sailboat"), ("meadow", "balloon")):
        draw_video(theirs / f"videos/{name}.mp4", shows, 6, size=(160, 120), seed=name)
        rows.append(f"{name},{name}.mp4,a {shows} of {name},Channel,CC BY 4.0")
    (theirs / "videos.csv").write_text("\n".join(rows))
    # In another order, so that the same class has another index.
    (theirs / "classes.txt").write_text("sailboat: yacht\nballoon: hot air balloon\n")
    return world


def test_planned_curated_split_merged_exported_compared_and_partly_withdrawn_it_stays_sound(
    world: World,
):
    ours, theirs, both = world.datasets
    options = [
        *("--targets", world.theirs / "classes.txt", "--classifier", MODEL),
        *("--source", f"catalogue:{world.theirs / 'videos.csv'}"),
        *("--files-root", world.theirs / "videos", "--min-seconds", "0", "--captions"),
        *("--shards", "1", "--store", world.theirs / "store", "--out", theirs),
    ]
    ran("plan", *options, "--json", world.folder / "plan.json")
    planned = json.loads((world.folder / "plan.json").read_bytes())
    ran("curate", *options)
    # A sample that is all of the candidates says what comes.
    assert planned["total"]["kept"]["value"] == len(open_dataset(theirs).verdicts()) == 2
    assert_sound(ours, theirs)

    ran("split", ours, "--train", "0.5")
    assert_sound(ours)

    ran("merge", ours, theirs, "--out", both)
    ran("split", both, "--train", "0.5")
    assert_sound(both)
    assert frames_of(both) == frames_of(ours) | frames_of(theirs)
    manifest = DatasetDir(both).manifest()
    assert manifest is not None
    assert [each.how for each in manifest.parents] == ["merge", "merge"]

    for form, folder in world.exports.items():
        ran("export", both, "--to", form, "--out", folder, "--i-have-the-rights")
    assert_sound(*world.exports.values())
    before = assert_all_readers_see_the_same(world, "cache")

    said = ran("diff", ours, both, code=1)
    assert "added: 2 videos" in said
    assert "gone:" not in said

    # A takedown reaches the data set that it was sent to, and by its list all that was made of it.
    said = ran("affected", TAKEN_DOWN, "--root", world.folder, code=1)
    assert said.count("data set  ") == 2
    assert said.count("export  ") == len(FORMS)
    ran("withdraw", ours, TAKEN_DOWN, "--store", world.ours / "store")
    for place in (theirs, both, *world.exports.values()):
        ran("withdraw", place, "--from", ours / "withdrawn.json")
    assert_sound(*world.datasets, *world.exports.values())
    after = assert_all_readers_see_the_same(world, "cache after")
    gone = before.keys() - after.keys()
    assert gone
    assert after == {name: frames for name, frames in before.items() if name not in gone}
    said = ran("affected", TAKEN_DOWN, "--root", world.folder)
    assert "hold" in said
    assert "not told" not in said

    # Whoever applies the list again changes nothing.
    untouched = [tree(each) for each in (both, *world.exports.values())]
    for place in (both, *world.exports.values()):
        ran("withdraw", place, "--from", ours / "withdrawn.json")
    assert [tree(each) for each in (both, *world.exports.values())] == untouched
