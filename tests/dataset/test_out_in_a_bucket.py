"""A data set in a bucket: each command says and does there what it does in a folder."""

import json
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.curated import Curated, Ended, arguments, curated_once, sentence, videonet
from tests.dataset.merge.merging import SHARDS, inputs_once
from tests.storage.servers import Server, fake_gcs, moto
from videonet import open_dataset
from videonet.schemas.reason import Outcome
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.objects import Objects
from videonet.storage.places import open_place


@dataclass(frozen=True)
class Copies:
    """The same data set in a folder and in a bucket, and the store that it was made from."""

    folder: Path
    address: str
    objects: Objects
    store: Path

    def both(self, name: str, *typed: str | Path) -> tuple[Ended, Ended]:
        """A command over each of them, with what it says as if both lay at OUT."""
        ended = [videonet(name, str(out), *typed) for out in (self.folder, self.address)]
        here, there = (
            each._replace(stdout=each.stdout.replace(str(out), "OUT"))
            for each, out in zip(ended, (self.folder, self.address), strict=True)
        )
        return here, there

    def in_folder(self) -> dict[str, bytes]:
        files = (each for each in self.folder.rglob("*") if each.is_file())
        return {each.relative_to(self.folder).as_posix(): each.read_bytes() for each in files}

    def published(self) -> dict[str, bytes]:
        """What of the data set depends on no clock and no machine."""
        return {
            name: data
            for name, data in self.in_folder().items()
            if not name.startswith("_state/") and name != "run.json"
        }

    def in_bucket(self) -> dict[str, bytes]:
        entries = list(self.objects.list(""))
        return {each.name: self.objects.read(each.name) or b"" for each in entries}


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Server]]:
    with fake_gcs() as gs, moto() as s3:
        yield {"gs": gs, "s3": s3}


# One kind in the fast set: that both are places alike, the tests of storage say.
@pytest.fixture(params=["gs", pytest.param("s3", marks=pytest.mark.thorough)])
def copies(
    request: pytest.FixtureRequest,
    servers: dict[str, Server],
    curated: Curated,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Copies:
    server = servers[request.param]
    server.set_environment(monkeypatch)
    monkeypatch.setenv("VIDEONET_CACHE", str(tmp_path / "cache"))
    address = server.make_bucket(f"bucket-{uuid.uuid4().hex[:12]}") + "/data/out"
    folder = Path(shutil.copytree(curated.out, tmp_path / "out"))
    (folder / ".lock").unlink(missing_ok=True)
    store = Path(shutil.copytree(curated.store, tmp_path / "store"))
    placed = Copies(folder, address, open_place(address), store)
    for name, data in placed.in_folder().items():
        assert placed.objects.write_once(name, data) is not None
    return placed


def test_a_sound_data_set_is_sound_there(copies: Copies):
    here, there = copies.both("verify")
    assert there == here
    assert there.code == 0


def test_what_is_wrong_is_said_of_the_objects(copies: Copies):
    name = next(each for each in copies.in_bucket() if each.startswith("clips/parquet/"))
    there = copies.objects.read_versioned(name)
    assert there is not None
    damaged = bytearray(there.data)
    damaged[len(damaged) // 2] ^= 1
    copies.objects.write_if(name, bytes(damaged), there.generation)
    (copies.folder / name).write_bytes(damaged)
    here, found = copies.both("verify")
    assert found == here
    assert found.code == 1
    assert f"{name} was changed" in found.stdout
    copies.objects.delete(name)
    (copies.folder / name).unlink()
    here, found = copies.both("verify")
    assert found == here
    assert f"{name} is missing." in found.stdout


def test_a_notebook_reads_it_there(copies: Copies):
    here, there = open_dataset(copies.folder), open_dataset(copies.address)
    assert list(there.clips()) == list(here.clips())
    assert there.verdicts().equals(here.verdicts())
    assert there.targets == here.targets


def test_the_page_is_the_same(copies: Copies):
    here, there = copies.both("report", "--store", copies.store)
    assert there == here
    assert there.code == 0
    page = copies.objects.read("report/index.html")
    assert page == (copies.folder / "report/index.html").read_bytes()


def test_the_status_is_the_same(copies: Copies):
    here, there = (
        json.loads(each.stdout) | {"silent": None, "seconds": None}
        for each in copies.both("status", "--store", copies.store, "--json")
    )
    assert there == here
    assert there["phase"] == "finished"


def test_a_video_is_shown(copies: Copies):
    here, there = copies.both("show", "a balloon.mp4", "--store", copies.store)
    assert there == here
    assert there.code == 0
    (page,) = (copies.folder / "report/show").iterdir()
    assert copies.objects.read(f"report/show/{page.name}") == page.read_bytes()
    other = sentence(videonet("show", copies.address, "no such video"))
    assert f"{copies.address} has no video 'no such video'" in other


def test_it_is_split(copies: Copies):
    # How its clips look, the store knows from here on.
    assert videonet("split", copies.folder, "--store", copies.store).code == 0
    (copies.folder / "split.parquet").unlink()
    here, there = copies.both("split", "--store", copies.store)
    assert there == here
    assert there.code == 0
    data = (copies.folder / "split.parquet").read_bytes()
    assert copies.objects.read("split.parquet") == data
    here, there = copies.both("verify")
    assert there == here
    assert there.code == 0


@pytest.mark.slow
def test_data_sets_there_are_merged_there(copies: Copies, tmp_path_factory: pytest.TempPathFactory):
    folder = inputs_once(tmp_path_factory.getbasetemp())
    addresses = [f"{copies.address}-{name}" for name in SHARDS]
    for name, address in zip(SHARDS, addresses, strict=True):
        place = open_place(address)
        for file in filter(Path.is_file, (folder / name).rglob("*")):
            place.write_once(file.relative_to(folder / name).as_posix(), file.read_bytes())
    union = f"{copies.address}-both"
    ended = videonet("merge", *addresses, "--out", union)
    assert ended.code == 0, ended
    written = open_place(union)
    for file in filter(Path.is_file, (folder / "both").rglob("*")):
        name = file.relative_to(folder / "both").as_posix()
        if not name.startswith((".", "_state/")):
            assert written.read(name) == file.read_bytes(), name
    assert videonet("verify", union).code == 0


def test_a_sample_is_drawn(copies: Copies):
    here, there = copies.both("sample", "--per-class", "1")
    assert there == here
    assert there.code == 0
    page = copies.objects.read("report/sample.html")
    assert page == (copies.folder / "report/sample.html").read_bytes()


@pytest.mark.slow
def test_a_video_is_withdrawn(copies: Copies):
    kept = next(
        each.video_key
        for each in DatasetDir(copies.folder).verdicts(0, 2)
        if each.outcome is Outcome.KEPT
    )
    videonet("report", copies.address, "--store", copies.store)
    videonet("report", copies.folder, "--store", copies.store)
    store = shutil.copytree(copies.store, copies.store.with_name("other"))
    here = videonet("withdraw", copies.folder, kept, "--store", copies.store)
    there = videonet("withdraw", copies.address, kept, "--store", store)
    assert there.code == here.code == 0
    said = here.stdout.replace(str(copies.folder), "OUT").replace(str(copies.store), "STORE")
    assert there.stdout.replace(copies.address, "OUT").replace(str(store), "STORE") == said
    left = copies.in_bucket()
    ours = {"_state/probe.json", "lease/run.json", "_state/taken_up.json"}
    expected = copies.in_folder().items()
    assert {name: data for name, data in left.items() if name not in ours} == {
        name: data for name, data in expected if name not in (".lock", "_state/taken_up.json")
    }
    assert videonet("verify", copies.address).code == 0


@pytest.mark.slow
def test_a_run_writes_the_same_there(copies: Copies, curated: Curated):
    address, store = f"{copies.address}-made", copies.store.with_name("fresh")
    typed = [*arguments(curated.folder), "--config", curated.folder / "run.toml"]
    typed[typed.index("--store") + 1], typed[typed.index("--out") + 1] = str(store), address
    made = videonet(*typed)
    assert made.code == 0, made
    assert f"shards    {address}/clips/" in made.stdout
    objects = open_place(address)
    there = {each.name: objects.read(each.name) for each in objects.list("")}
    assert {name: there.get(name) for name in copies.published()} == copies.published()
    assert videonet("verify", address).code == 0
    again = videonet(*typed)
    assert again.code == 0
    assert "nothing has changed" in again.stdout
    card = objects.read_versioned("targets.json")
    assert card is not None
    objects.write_if("targets.json", b"[]", card.generation)
    mended = videonet(*typed)
    assert f"{address}/targets.json: not as it was written" in mended.stderr
    assert objects.read("targets.json") == card.data


@pytest.mark.slow
def test_a_run_whose_store_is_there_too_writes_the_same(copies: Copies, curated: Curated):
    address, store = f"{copies.address}-made", f"{copies.address}-store"
    typed = [*arguments(curated.folder), "--config", curated.folder / "run.toml"]
    typed[typed.index("--store") + 1], typed[typed.index("--out") + 1] = store, address
    made = videonet(*typed)
    assert made.code == 0, made
    objects = open_place(address)
    there = {each.name: objects.read(each.name) for each in objects.list("")}
    assert {name: there.get(name) for name in copies.published()} == copies.published()
    # What is of use to no later run is gone.
    names = {each.name.partition("/")[0] for each in open_place(store).list("")}
    assert not names & {"clips", "part", "claim"}
    again = videonet(*typed)
    assert "nothing has changed" in again.stdout, again
    page, shown = videonet("report", address), videonet("show", address, "a balloon.mp4")
    assert f"Pictures are from the store {store}." in page.stdout
    assert shown.code == 0
    assert videonet("status", address).code == 0
    known = videonet(*typed[:3], "--source", "store", *typed[5:9], "--out", f"{address}-again")
    assert known.code == 0, known

    rebuilt = f"{copies.address}-rebuilt"
    ended = videonet(
        *("rebuild", f"{address}/videos.lock.parquet", "--files-root", curated.folder / "videos"),
        *("--store", f"{store}-2", "--out", rebuilt),
    )
    assert ended.code == 0, ended
    assert "4 of 4 shard files are the same to the byte" in ended.stdout

    for out in (address, rebuilt):
        withdrawn = videonet("withdraw", out, "a balloon.mp4")
        assert "has none of their bytes" in withdrawn.stdout, withdrawn
        assert videonet("verify", out).code == 0
    # Nothing brings it back.
    assert videonet(*typed).code == 0
    for out in (address, rebuilt):
        kept = {each.clip_media_id for each in open_dataset(out).clips()}
        assert kept == {"a balloon and a sailboat.mp4", "yacht.mp4"}


def test_where_there_is_no_data_set_a_sentence_says_so(copies: Copies):
    for name in ("verify", "report", "status"):
        assert f"{copies.address}/none" in sentence(videonet(name, f"{copies.address}/none"))
