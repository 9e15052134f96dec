"""videonet repack: the same data set in another layout of its shards."""

import shutil
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest

from tests.curated import Curated, curated_once, sentence, videonet
from tests.withdrawing import tree
from videonet.dataset.lineage import parent_of
from videonet.dataset.repack import repack
from videonet.dataset.verify import verify
from videonet.errors import UsageError
from videonet.files import sha256_of
from videonet.schemas.manifest import Manifest
from videonet.shards import parquet
from videonet.storage.dataset_dir import DatasetDir

# What says when and how a run was made, or belongs to the folder and not to the data set.
OWN = ("_state/", "report/")


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def older(curated: Curated, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data set in layout 1; to be read only."""
    out = tmp_path_factory.mktemp("older") / "out"
    repack(str(curated.out), str(out), 1)
    return out


def published(out: Path) -> dict[str, bytes]:
    """Every file of a data set that is a part of it; what it was repacked from is left out."""
    files = {name: data for name, data in tree(out).items() if not name.startswith(OWN)}
    made = Manifest.from_json(files["manifest.json"])
    files["manifest.json"] = msgspec.structs.replace(made, parents=()).to_json()
    return files


def test_there_and_back_every_file_is_what_it_was(curated: Curated, older: Path, tmp_path: Path):
    done = repack(str(older), str(tmp_path / "out"))
    assert published(tmp_path / "out") == published(curated.out)
    assert (done.clips, done.shards) == (4, 2)
    assert done.bytes_now == sum(
        file.stat().st_size for file in (tmp_path / "out/clips").rglob("*.*")
    )


def test_the_copy_names_what_it_was_made_from(curated: Curated, older: Path):
    manifest = DatasetDir(older).manifest()
    assert manifest is not None
    (parent,) = manifest.parents
    assert parent == parent_of(DatasetDir(curated.out), "repack")
    assert parent.manifest_sha256 == sha256_of(curated.out / "manifest.json")
    assert parent.lock_sha256 == sha256_of(curated.out / "videos.lock.parquet")


def test_a_parent_that_is_named_by_no_digest_makes_a_manifest_a_damaged_one(
    older: Path, tmp_path: Path
):
    out = Path(shutil.copytree(older, tmp_path / "out"))
    manifest, named = (older / "manifest.json").read_bytes(), sha256_of_parent(older).encode()
    for wrong in (b"elsewhere", named.upper(), named[:-1]):
        (out / "manifest.json").write_bytes(manifest.replace(named, wrong))
        with pytest.raises(UsageError, match="missing or damaged"):
            verify(out)


def sha256_of_parent(out: Path) -> str:
    manifest = DatasetDir(out).manifest()
    assert manifest is not None
    return manifest.parents[0].manifest_sha256 or ""


def test_only_the_parquet_shards_and_what_speaks_of_them_differ(curated: Curated, older: Path):
    before, after = published(curated.out), published(older)
    assert before.keys() == after.keys()
    differ = {name for name in before if before[name] != after[name]}
    assert {name for name in differ if not name.startswith("clips/parquet/")} == {
        "manifest.json",
        "README.md",
        "videos.lock.parquet",
    }


def test_both_are_sound_and_hold_the_same_clips(curated: Curated, older: Path):
    assert verify(older).problems == []
    for file in sorted((older / "clips/parquet").iterdir()):
        other = curated.out / "clips/parquet" / file.name
        assert list(parquet.read(file)) == list(parquet.read(other))
        assert pq.read_schema(file).names != pq.read_schema(other).names


def test_the_same_command_goes_on_over_it_in_its_layout(
    curated: Curated, older: Path, tmp_path: Path
):
    shutil.copytree(older, tmp_path / "out")
    before = published(tmp_path / "out")
    manifest = (tmp_path / "out/manifest.json").read_bytes()
    request = [*curated.request, "--config", str(curated.folder / "run.toml")]
    # A run writes into its store, which the data set has for itself.
    shutil.copytree(curated.store, tmp_path / "store")
    for name in ("store", "out"):
        request[request.index(f"--{name}") + 1] = str(tmp_path / name)
    assert videonet(*request).code == 0
    after = published(tmp_path / "out")
    assert after.pop("run.json") != before.pop("run.json")
    assert after == before
    assert (tmp_path / "out/manifest.json").read_bytes() == manifest


def test_interrupted_the_same_command_goes_on(curated: Curated, older: Path, tmp_path: Path):
    given, out = broken(older, tmp_path), tmp_path / "out"
    # The first shard is written, and the second one ends it.
    with pytest.raises(UsageError, match="cannot be read, or was changed"):
        repack(str(given), str(out))
    first = out / "clips/parquet/clips-00000-of-00002.parquet"
    written = first.stat().st_mtime_ns
    assert DatasetDir(out).manifest() is None
    with pytest.raises(UsageError, match="holds another data set"):
        repack(str(curated.out), str(out), 1)
    shutil.copytree(older, given, dirs_exist_ok=True)
    repack(str(given), str(out))
    assert published(out) == published(curated.out)
    assert first.stat().st_mtime_ns == written


def broken(older: Path, folder: Path) -> Path:
    """A copy of the data set, of which one shard was changed, in all formats."""
    out = Path(shutil.copytree(older, folder / "broken"))
    for file in out.glob("clips/*/clips-00001-of-00002.*"):
        file.write_bytes(file.read_bytes()[:-1])
    return out


def test_of_a_shard_one_whole_file_is_enough(curated: Curated, older: Path, tmp_path: Path):
    one = Path(shutil.copytree(older, tmp_path / "one"))
    (one / "clips/parquet/clips-00001-of-00002.parquet").write_bytes(b"no shard")
    repack(str(one), str(tmp_path / "out"))
    assert published(tmp_path / "out") == published(curated.out)


def test_a_data_set_without_its_state_is_repacked_as_well(
    curated: Curated, older: Path, tmp_path: Path
):
    shutil.copytree(older, tmp_path / "bare", ignore=shutil.ignore_patterns("_state"))
    repack(str(tmp_path / "bare"), str(tmp_path / "out"))
    assert published(tmp_path / "out") == published(curated.out)


def test_what_cannot_be_repacked_is_a_sentence(curated: Curated, older: Path, tmp_path: Path):
    new = tmp_path / "new"
    said = sentence(videonet("repack", curated.out, "--out", new))
    assert "is in layout 2 already" in said
    assert not new.exists()
    assert "no finished data set" in sentence(videonet("repack", tmp_path, "--out", new))
    assert not new.exists()
    said = sentence(videonet("repack", older, "--out", curated.out))
    assert "holds another data set" in said
    said = sentence(videonet("repack", older, "--out", older))
    assert "into itself" in said
    new.mkdir()
    (new / "README.md").write_text("what somebody else wrote")
    assert "holds another data set" in sentence(videonet("repack", older, "--out", new))
    assert (new / "README.md").read_text() == "what somebody else wrote"


def test_the_command_says_how_large_it_is(older: Path, tmp_path: Path):
    ended = videonet("repack", older, "--out", tmp_path / "new")
    assert ended.code == 0
    assert "4 clips in 2 shards" in ended.stdout


def test_the_settings_of_the_copy_are_those_of_the_other_but_for_the_layout(
    curated: Curated, older: Path
):
    first, second = (DatasetDir(out).manifest() for out in (curated.out, older))
    assert first is not None
    assert second is not None
    assert msgspec.structs.replace(second.settings, layout=2) == first.settings
