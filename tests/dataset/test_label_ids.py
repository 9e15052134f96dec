"""Ids of labels in clips: data sets that begin now have them, and those of before stay without."""

import json
import shutil
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest

from tests.before_label_ids import without_label_ids
from tests.curated import Curated, curated_once, videonet
from tests.dataset.merge.merging import inputs_once
from tests.shards.conftest import make_clip
from tests.withdrawing import tree
from videonet.dataset.merge.merge import merge
from videonet.dataset.verify import verify
from videonet.dataset.withdraw import withdraw
from videonet.errors import UsageError
from videonet.export.write import export
from videonet.schemas.clip import LABEL_ID_COLUMNS, Clip
from videonet.schemas.export import ExportForm
from videonet.schemas.target import Target
from videonet.shards.label_ids import with_label_ids
from videonet.storage.dataset_dir import DatasetDir

TARGETS = (
    Target(target_id="n1", name="cat", synonyms=(), wnid="n1", outputs=(0,), senses=()),
    Target(target_id="balloon", name="balloon", synonyms=(), wnid=None, outputs=(1,), senses=()),
)


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


@pytest.fixture
def before(curated: Curated, tmp_path: Path) -> Path:
    """The data set as the former version made it."""
    return without_label_ids(Path(shutil.copytree(curated.out, tmp_path / "before")))


def clips_of(out: Path) -> list[Clip]:
    output = DatasetDir(out)
    manifest = output.manifest()
    assert manifest is not None
    return [clip for shard in manifest.shards for clip in output.clips_in(shard.path)]


def columns(out: Path) -> set[str]:
    (names,) = {frozenset(pq.read_schema(file).names) for file in out.glob("clips/parquet/*")}
    return {*names}


def test_ids_are_those_of_the_classes_at_the_positions_of_the_labels():
    clip = make_clip(0, clip_label_index=(0, 1))
    (found,) = with_label_ids([clip], TARGETS)
    assert found.clip_label_target_id == ("n1", "balloon")
    assert found.clip_label_wnid == ("n1", "")


@pytest.mark.parametrize("label", [-1, 2])
def test_a_label_that_is_no_position_in_the_class_list_is_a_sentence(label: int):
    clips = with_label_ids([make_clip(0, clip_label_index=(label,))], TARGETS)
    with pytest.raises(UsageError, match=r"is labelled \[-?\d\], and targets.json has 2 classes"):
        next(clips)


def test_the_clips_of_a_fresh_data_set_have_the_ids_of_its_class_list(curated: Curated):
    targets = DatasetDir(curated.out).targets()
    for clip in clips_of(curated.out):
        own = [targets[place] for place in clip.clip_label_index]
        assert clip.clip_label_target_id == tuple(each.target_id for each in own)
        assert clip.clip_label_wnid == tuple(each.wnid or "" for each in own)


def test_a_data_set_of_before_is_sound_and_goes_on_without_them(
    curated: Curated, before: Path, tmp_path: Path
):
    assert columns(before).isdisjoint(LABEL_ID_COLUMNS)
    assert verify(before).problems == []
    files = tree(before / "clips")
    manifest = (before / "manifest.json").read_bytes()
    assert "label_ids" not in json.loads(manifest)["settings"]
    request = [*curated.request, "--config", str(curated.folder / "run.toml")]
    shutil.copytree(curated.store, tmp_path / "store")
    for name, place in (("store", tmp_path / "store"), ("out", before)):
        request[request.index(f"--{name}") + 1] = str(place)
    # The run writes one of its shards again.
    next(before.glob("clips/parquet/*")).unlink()
    assert videonet(*request).code == 0
    assert tree(before / "clips") == files
    assert (before / "manifest.json").read_bytes() == manifest


def test_a_manifest_that_says_otherwise_than_the_clips_is_found(before: Path):
    output = DatasetDir(before)
    manifest = output.manifest()
    assert manifest is not None
    settings = msgspec.structs.replace(manifest.settings, label_ids=True)
    output.write_manifest(msgspec.structs.replace(manifest, settings=settings))
    clips = len({clip.example_id for clip in clips_of(before)})
    found = [each for each in verify(before).problems if "as the ids of its labels" in each]
    assert len(found) == clips


def test_what_is_withdrawn_from_either_leaves_the_columns_as_they_are(
    curated: Curated, before: Path, tmp_path: Path
):
    newer = Path(shutil.copytree(curated.out, tmp_path / "newer"))
    # Not the store that these name: other tests read it.
    store = shutil.copytree(curated.store, tmp_path / "store")
    for out in (before, newer):
        names = columns(out)
        withdraw(out, [clips_of(out)[0].clip_media_id], store)
        assert columns(out) == names
        assert verify(out).problems == []


def test_a_union_has_them_where_one_of_its_inputs_has(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
):
    folder = inputs_once(tmp_path_factory.getbasetemp())
    old = [
        without_label_ids(Path(shutil.copytree(folder / name, tmp_path / name)))
        for name in ("balloons", "boats")
    ]
    done = merge([old[0], folder / "boats"], tmp_path / "mixed")
    assert done.other_clips == 0
    assert clips_of(tmp_path / "mixed") == clips_of(folder / "both")
    assert verify(tmp_path / "mixed").problems == []
    merge(old, tmp_path / "both")
    assert columns(tmp_path / "both").isdisjoint(LABEL_ID_COLUMNS)
    assert verify(tmp_path / "both").problems == []


def test_an_export_has_them_also_of_a_data_set_of_before(before: Path, tmp_path: Path):
    export(before, tmp_path / "to", ExportForm.HUGGINGFACE, i_have_the_rights=True)
    for file in (tmp_path / "to/data").iterdir():
        for row in pq.read_table(file).to_pylist():
            assert row["clip_label_target_id"] == row["clip_label_text"]
            assert row["clip_label_wnid"] == [""] * len(row["clip_label_index"])
