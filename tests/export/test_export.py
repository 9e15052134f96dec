"""What goes into an export and what does not; where it may lie; and that it goes on."""

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from tests.curated import sentence, videonet
from tests.exporting import hugging_face_datasets
from videonet.dataset.lock_file import read_lock
from videonet.errors import UsageError
from videonet.export.attribution import read_attribution
from videonet.export.folder import files_at, is_export, read_export
from videonet.export.verify import verify_export
from videonet.export.write import export
from videonet.schemas.export import ExportForm
from videonet.schemas.split import Side, SplitHeader, SplitVideo, Unit, Why
from videonet.schemas.table import arrow_schema
from videonet.schemas.withdrawal import Withdrawal
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.dataset_files import FolderFiles
from videonet.storage.split_file import VERSION, read_split, write_split
from videonet.storage.store import Store

FORMS = [ExportForm.WEBDATASET, ExportForm.HUGGINGFACE, ExportForm.LIST]
BY_LICENCE = {"no_clip": 1, "no_derivatives": 1, "no_licence": 1, "other_licence": 1}


def tree(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and file.name != ".lock"
    }


def ids(place: Path) -> set[str]:
    return {row.video_id for row in read_attribution(files_at(place))}


def test_only_what_a_licence_lets_be_handed_on_is_exported(webdataset: Path):
    counts = read_export(files_at(webdataset)).counts
    assert (counts.kept, counts.exported, counts.clips) == (6, 2, 3)
    assert counts.refused == BY_LICENCE
    assert ids(webdataset) == {"free", "silent"}


def test_whoever_has_the_rights_may_export_all_and_the_card_says_so(out: Path, tmp_path: Path):
    said = videonet(
        *("export", out, "--to", "webdataset", "--out", tmp_path / "to", "--i-have-the-rights")
    )
    assert said.code == 0
    assert "6 clips as webdataset" in said.stdout
    assert ": 5 of 6 kept videos." in said.stdout
    assert "Left out: 1 no_clip." in said.stdout
    assert ids(tmp_path / "to") == {"free", "silent", "whole", "unsaid", "other"}
    card = (tmp_path / "to/README.md").read_text()
    assert "`--i-have-the-rights`" in card
    assert "| Standard YouTube License | 1 |" in card
    assert verify_export(tmp_path / "to").problems == []


def test_the_attribution_names_channel_address_licence_and_id(webdataset: Path):
    text = (webdataset / "attribution.csv").read_text()
    # A title of a stranger is nothing for a spreadsheet to compute.
    assert '"\'=a balloon, free"' in text
    rows = {row.video_id: row for row in read_attribution(files_at(webdataset))}
    assert rows["free"].channel == "Channel free"
    assert rows["free"].licence == "CC BY 4.0"
    assert rows["free"].url == "free.mp4"
    assert rows["free"].title == "=a balloon, free"
    assert rows["free"].clips == 2


@pytest.mark.parametrize("form", FORMS)
def test_two_exports_are_equal_to_the_byte_and_sound(form: ExportForm, out: Path, tmp_path: Path):
    export(out, tmp_path / "a", form)
    export(out, tmp_path / "b", form)
    assert tree(tmp_path / "a") == tree(tmp_path / "b")
    assert verify_export(tmp_path / "a").problems == []


def test_clips_as_mp4_are_sound(mp4: Path):
    assert verify_export(mp4).problems == []
    ended = videonet("verify", mp4)
    assert ended.code == 0
    assert "3 clips of 2 videos as mp4, of 6 that the data set keeps" in ended.stdout


@pytest.mark.parametrize("form", FORMS)
def test_the_same_command_once_more_changes_nothing(form: ExportForm, out: Path, tmp_path: Path):
    first = export(out, tmp_path / "to", form)
    before = tree(tmp_path / "to")
    said: list[str] = []
    assert export(out, tmp_path / "to", form, say=said.append) == first
    assert tree(tmp_path / "to") == before
    assert said == [f"{tmp_path / 'to'} is complete already, and stays as it is."]


def test_a_finished_export_that_lacks_a_file_is_not_called_complete(out: Path, tmp_path: Path):
    done = export(out, tmp_path / "to", ExportForm.HUGGINGFACE)
    (tmp_path / "to" / done.shards[0].path).unlink()
    with pytest.raises(UsageError, match="is missing or was changed; delete the folder"):
        export(out, tmp_path / "to", ExportForm.HUGGINGFACE)


def test_without_its_store_an_export_says_what_it_cannot_know(copy_alone: Path, tmp_path: Path):
    said: list[str] = []
    export(copy_alone, tmp_path / "to", ExportForm.LIST, say=said.append)
    assert "is not at hand" in said[0]


@pytest.fixture
def copy_alone(made: Path, tmp_path: Path) -> Path:
    """A copy of OUT whose store has been moved away."""
    copy = Path(shutil.copytree(made / "out", tmp_path / "alone"))
    state = copy / "run.json"
    state.write_text(state.read_text().replace(str(made / "store"), str(tmp_path / "no store")))
    plan = copy / "_state/run.json"
    plan.write_text(plan.read_text().replace(str(made / "store"), str(tmp_path / "no store")))
    return copy


def test_interrupted_the_same_command_goes_on(out: Path, tmp_path: Path):
    copy = Path(shutil.copytree(out, tmp_path / "out"))
    broken = sorted(copy.glob("clips/*/clips-00001-of-00002.*"))
    whole = [file.read_bytes() for file in broken]
    for file, data in zip(broken, whole, strict=True):
        file.write_bytes(data[:-1])
    with pytest.raises(UsageError, match="cannot be read, or was changed"):
        export(copy, tmp_path / "to", ExportForm.WEBDATASET, i_have_the_rights=True)
    to = tmp_path / "to"
    assert not is_export(to)
    with pytest.raises(UsageError, match="no finished export"):
        verify_export(to)
    with pytest.raises(UsageError, match="an interrupted export of something else"):
        export(copy, to, ExportForm.HUGGINGFACE)
    for file, data in zip(broken, whole, strict=True):
        file.write_bytes(data)
    first = to / "train/clips-00000-of-00002.tar"
    written = first.stat().st_mtime_ns
    export(copy, to, ExportForm.WEBDATASET, i_have_the_rights=True)
    assert first.stat().st_mtime_ns == written
    export(out, tmp_path / "other", ExportForm.WEBDATASET, i_have_the_rights=True)
    assert tree(to) == tree(tmp_path / "other")


def other_file(to: Path, out: Path) -> None:
    to.mkdir()
    (to / "notes.txt").write_text("mine")


def other_export(to: Path, out: Path) -> None:
    export(out, to, ExportForm.LIST)


@pytest.mark.parametrize("fill", [other_file, other_export])
def test_what_is_there_is_not_overwritten(
    fill: Callable[[Path, Path], None], out: Path, tmp_path: Path
):
    fill(tmp_path / "to", out)
    before = tree(tmp_path / "to")
    said = sentence(videonet("export", out, "--to", "huggingface", "--out", tmp_path / "to"))
    assert "is not overwritten" in said
    assert tree(tmp_path / "to") == before


@pytest.mark.parametrize("where", ["", "export", "clips/../clips/x"])
def test_an_export_does_not_lie_within_its_data_set(out: Path, where: str):
    said = sentence(videonet("export", out, "--to", "list", "--out", out / where))
    assert "lies within the data set" in said


def test_a_withdrawn_video_is_exported_in_no_form(out: Path, tmp_path: Path):
    copy = Path(shutil.copytree(out, tmp_path / "out"))
    (free,) = (row for row in lines(out) if row["video_id"] == "free")
    gone = Withdrawal(video_key=free["video_key"], video_id="free")
    DatasetDir(copy).write_withdrawals([gone])
    for form in FORMS:
        made = export(copy, tmp_path / form, form, i_have_the_rights=True)
        assert made.counts.refused["withdrawn"] == 1
        assert "free" not in ids(tmp_path / form)
        assert verify_export(tmp_path / form).problems == []


def lines(out: Path) -> list[dict[str, str]]:
    rows = read_lock(out / "videos.lock.parquet").rows()
    return [{"video_key": each.video_key, "video_id": each.video.video_id} for each in rows]


def test_what_the_store_names_as_withdrawn_is_not_exported(made: Path, tmp_path: Path):
    shutil.copytree(made / "store", tmp_path / "store")
    (free,) = (row for row in lines(made / "out") if row["video_id"] == "free")
    Store(tmp_path / "store").write_withdrawal(Withdrawal(**free))
    export(made / "out", tmp_path / "to", ExportForm.LIST, store=tmp_path / "store")
    assert "free" not in ids(tmp_path / "to")


def test_where_nothing_may_be_exported_nothing_is_written(out: Path, tmp_path: Path):
    copy = Path(shutil.copytree(out, tmp_path / "out"))
    gone = [row for row in lines(out) if row["video_id"] in ("free", "silent")]
    DatasetDir(copy).write_withdrawals([Withdrawal(**each) for each in gone])
    said = sentence(videonet("export", copy, "--to", "webdataset", "--out", tmp_path / "to"))
    assert "None of 6 kept videos" in said
    assert "2 withdrawn" in said
    assert "--i-have-the-rights" in said
    assert not is_export(tmp_path / "to")


@pytest.mark.slow
def test_without_the_store_clips_as_mp4_are_silent(made: Path, tmp_path: Path):
    copy = Path(shutil.copytree(made / "out", tmp_path / "out"))
    facts = json.loads((copy / "run.json").read_text())
    facts["plan"]["store"] = str(tmp_path / "nowhere")
    (copy / "run.json").write_text(json.dumps(facts))
    done = export(copy, tmp_path / "to", ExportForm.MP4)
    assert done.counts.sound == {"no_store": 2}
    assert verify_export(tmp_path / "to").problems == []


@pytest.fixture(scope="module")
def divided(out: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data set with a split: one free video on each side, and one that is dropped."""
    copy = Path(shutil.copytree(out, tmp_path_factory.mktemp("divided") / "out"))
    sides = {"free": Side.TRAIN, "silent": Side.VAL, "whole": Side.DROPPED}
    rows = sorted(
        (
            SplitVideo(
                video_key=row["video_key"],
                side=sides.get(row["video_id"], Side.TRAIN),
                cluster=row["video_key"],
                why=Why.VIDEO,
            ).to_row()
            for row in lines(out)
        ),
        key=lambda row: row["video_key"],
    )
    table = pa.Table.from_pylist(rows, schema=arrow_schema(SplitVideo))
    header = SplitHeader(version=VERSION, by=Unit.VIDEO, train=0.5)
    write_split(FolderFiles(copy), header, table)
    return copy


@pytest.mark.parametrize("form", [*FORMS])
def test_each_side_of_a_split_has_its_own_files_and_what_it_drops_is_left_out(
    form: ExportForm, divided: Path, tmp_path: Path
):
    done = export(divided, tmp_path / "to", form, i_have_the_rights=True)
    assert done.counts.refused["dropped"] == 1
    assert done.counts.sides == {"train": 4 if form is ExportForm.LIST else 3, "val": 1}
    rows = {row.video_id: row for row in read_attribution(files_at(tmp_path / "to"))}
    assert (rows["free"].side, rows["silent"].side) == ("train", "val")
    assert "whole" not in rows
    if form is not ExportForm.LIST:
        # So that a pattern for the files of a side misses none.
        assert Counter(each.side for each in done.shards) == {"train": 2, "val": 2}
        assert "train" in rows["free"].shard
        assert "val" in rows["silent"].shard
    assert verify_export(tmp_path / "to").problems == []


def test_datasets_loads_each_side_of_a_split(divided: Path, tmp_path: Path):
    export(divided, tmp_path / "to", ExportForm.HUGGINGFACE)
    datasets = hugging_face_datasets()
    loaded = datasets.load_dataset(str(tmp_path / "to"), cache_dir=str(tmp_path / "cache"))
    assert {side: len(rows) for side, rows in loaded.items()} == {"train": 2, "val": 1}


def test_a_video_that_the_split_does_not_know_is_one_sentence(divided: Path, tmp_path: Path):
    copy = Path(shutil.copytree(divided, tmp_path / "out"))
    files = FolderFiles(copy)
    split = read_split(files)
    assert split is not None
    write_split(files, split.header, split.table.slice(1))
    said = sentence(videonet("export", copy, "--to", "list", "--out", tmp_path / "to"))
    assert "run `videonet split` over the data set again" in said
