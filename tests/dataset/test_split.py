"""videonet split: which videos of a data set are trained on, and what keeps that right."""

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.curated import Curated, curated_once, sentence, videonet
from tests.curating import curate
from tests.once import made_once
from tests.selection.copies import CLASSES, copies_once
from tests.withdrawing import copied
from videonet.dataset.split import split, split_problems
from videonet.dataset.verify import verify
from videonet.dataset.withdraw import withdraw
from videonet.errors import UsageError
from videonet.schemas.manifest import Manifest
from videonet.schemas.split import Side, SplitHeader, SplitVideo, Unit, Why
from videonet.schemas.table import arrow_schema, to_batch
from videonet.selection.sides import is_held_out
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.split_file import VERSION, read_split, write_split

# Files of `copies_once`, and the titles that they are found by: two, and those that come later.
FIRST = {"large.mp4": "a balloon.mp4", "other.mp4": "another balloon.mp4"}
LATER = {"small.mp4": "a yacht.mp4", "same.mp4": "one more balloon.mp4"}


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set `out` that has grown out of `before`, each with a split; to be read only."""

    def make(folder: Path) -> None:
        (folder / "videos").mkdir()
        (folder / "classes.txt").write_text(CLASSES)
        for names in (FIRST, LATER):
            for name, title in names.items():
                file = copies_once(tmp_path_factory.getbasetemp()) / name
                shutil.copyfile(file, folder / "videos" / title)
            curate_in(folder)
            split(folder / "out", 0.5)
            if names is FIRST:
                shutil.copytree(folder / "out", folder / "before")

    return made_once(tmp_path_factory.getbasetemp(), "grown", make)


def curate_in(folder: Path) -> Manifest:
    return curate(f"folder:{folder / 'videos'}", folder / "classes.txt", folder, shards=2)


def rows(out: Path) -> dict[str, tuple[str, str, str]]:
    """Side, cluster and why of each video, by what its file is called."""
    names = {
        row["video_key"]: row["url"]
        for row in pq.read_table(out / "verdicts", columns=["video_key", "url"]).to_pylist()
    }
    return {
        names[row["video_key"]]: (row["side"], names[row["cluster"]], row["why"])
        for row in pq.read_table(out / "split.parquet").to_pylist()
    }


def write(out: Path, *videos: tuple[str, Side, str], by: Unit = Unit.VIDEO) -> None:
    """A split as somebody else made it: key, side and cluster of each video."""
    table = pa.Table.from_batches(
        [
            to_batch(
                SplitVideo,
                [
                    SplitVideo(video_key=key, side=side, cluster=cluster, why=Why.VIDEO)
                    for key, side, cluster in sorted(videos)
                ],
            )
        ],
        arrow_schema(SplitVideo),
    )
    header = SplitHeader(version=VERSION, by=by, train=0.5)
    write_split(DatasetDir(out).files, header, table)


def name_channels(out: Path, channels: dict[str, str]) -> None:
    """Let the verdicts name the channel of each video, by what its file is called."""
    for file in (out / "verdicts").iterdir():
        table = pq.read_table(file)
        names = [channels.get(url) for url in table["url"].to_pylist()]
        place = table.schema.get_field_index("channel")
        pq.write_table(table.set_column(place, "channel", pa.array(names, pa.string())), file)


def channel(*, held: bool) -> str:
    """A channel that stands on that side of a split in halves."""
    names = [f"channel {number}" for number in range(20)]
    return next(name for name in names if is_held_out([name], 0.5)[0] == held)


def keys_of(out: Path) -> dict[str, str]:
    """The key of each kept video, by what its file is called."""
    table = pq.read_table(out / "verdicts", columns=["video_key", "url", "outcome"])
    return {row["url"]: row["video_key"] for row in table.to_pylist() if row["outcome"] == "kept"}


def manifest_of(out: Path) -> Manifest:
    manifest = DatasetDir(out).manifest()
    assert manifest is not None
    return manifest


def test_each_kept_video_stands_where_the_hash_of_its_key_says(curated: Curated, tmp_path: Path):
    copy = copied(curated, tmp_path)
    ended = videonet("split", copy.out, "--train", "0.5", "--store", copy.store)
    assert ended.code == 0, ended
    keys = sorted(keys_of(copy.out).values())
    held = is_held_out(keys, 0.5).tolist()
    found = read_split(DatasetDir(copy.out).files)
    assert found is not None
    sides = [Side.VAL if each else Side.TRAIN for each in held]
    assert found.sides(pa.array(keys)).to_pylist() == sides
    assert found.sides(pa.array(["another"])).to_pylist() == [None]
    assert "split.parquet, 0.5 by video: " in ended.stdout
    assert (
        f"{len(keys) - sum(held)} videos to train on, {sum(held)} held out"
        in ended.stdout.replace("1 video to", "1 videos to")
    )
    assert "0 videos in 0 clusters" in ended.stdout
    assert verify(copy.out).problems == []


def test_a_second_time_it_is_the_same_without_a_store_and_from_what_the_store_knows(
    curated: Curated, tmp_path: Path
):
    copy = copied(curated, tmp_path)
    said: list[str] = []
    first = split(copy.out, store=copy.store, say=said.append)
    data = (copy.out / "split.parquet").read_bytes()
    assert "does not know them" in said.pop()
    assert first.changed
    second = split(copy.out, store=copy.store, say=said.append)
    assert (said, second.changed, second.new) == ([], False, 0)
    (copy.out / "run.json").unlink()
    (copy.out / "split.parquet").unlink()
    split(copy.out, say=said.append)
    assert "no store is at hand" in said.pop()
    assert (copy.out / "split.parquet").read_bytes() == data


def test_a_new_near_duplicate_joins_its_cluster_and_nothing_else_moves(grown: Path):
    before, after = rows(grown / "before"), rows(grown / "out")
    assert before.keys() == set(FIRST.values())
    assert after.keys() == {*FIRST.values(), *LATER.values()}
    assert {name: (side, why) for name, (side, _, why) in before.items()} == {
        name: (side, why) for name, (side, _, why) in after.items() if name in before
    }
    # The one is the other, encoded again and smaller.
    assert after["a yacht.mp4"][:2] == after["a balloon.mp4"][:2]
    assert after["a yacht.mp4"][2] == "cluster"
    assert len({cluster for _, cluster, _ in after.values()}) == 3
    assert verify(grown / "out").problems == []


def test_where_both_sides_meet_the_copies_that_were_trained_on_are_dropped(
    grown: Path, tmp_path: Path
):
    out = Path(shutil.copytree(grown / "out", tmp_path / "out"))
    keys = keys_of(out)
    met, held = keys["a balloon.mp4"], keys["a yacht.mp4"]
    write(out, (met, Side.TRAIN, met), (held, Side.VAL, held))
    ended = videonet("split", out)
    assert "2 of them new" in ended.stdout
    assert f"near-duplicates are held out: {met}" in ended.stdout
    assert rows(out)["a balloon.mp4"][::2] == ("dropped", "met")
    assert rows(out)["a yacht.mp4"][0] == "val"
    assert verify(out).problems == []
    # Once more, it is what it was, and is not reported again.
    again = videonet("split", out)
    assert "as before" in again.stdout
    assert "held out:" not in again.stdout


def test_without_channels_channels_are_split_by_video_and_that_is_counted(
    grown: Path, tmp_path: Path
):
    out = Path(shutil.copytree(grown / "out", tmp_path / "out"))
    (out / "split.parquet").unlink()
    ended = videonet("split", out, "--by", "channel")
    assert "4 videos without a channel, split by video." in ended.stdout
    assert {why for _, _, why in rows(out).values()} <= {"video", "cluster"}


def test_near_duplicates_of_channels_on_both_sides_are_dropped_at_first_and_that_is_explained(
    grown: Path, tmp_path: Path
):
    out = Path(shutil.copytree(grown / "out", tmp_path / "out"))
    (out / "split.parquet").unlink()
    name_channels(out, {"a balloon.mp4": channel(held=False), "a yacht.mp4": channel(held=True)})
    ended = videonet("split", out, "--by", "channel", "--train", "0.5")
    assert rows(out)["a balloon.mp4"][::2] == ("dropped", "met")
    assert (
        "1 video new and dropped, as the channel is trained on and near-duplicates are held out: "
        f"{keys_of(out)['a balloon.mp4']}" in ended.stdout
    )


def test_a_video_whose_channel_becomes_known_is_dropped_if_that_stands_on_the_other_side(
    grown: Path, tmp_path: Path
):
    out = Path(shutil.copytree(grown / "out", tmp_path / "out"))
    trained, held = "another balloon.mp4", "one more balloon.mp4"
    one, other = keys_of(out)[trained], keys_of(out)[held]
    write(out, (one, Side.TRAIN, one), (other, Side.VAL, other), by=Unit.CHANNEL)
    split(out)
    assert list(split_problems(DatasetDir(out), manifest_of(out))) == []
    name_channels(out, {trained: channel(held=True), held: channel(held=True)})
    (problem,) = split_problems(DatasetDir(out), manifest_of(out))
    assert "has 1 channel on both sides, such as channel " in problem
    ended = videonet("split", out)
    assert rows(out)[trained][::2] == ("dropped", "channel")
    assert rows(out)[held][0] == "val"
    assert (
        "1 video trained on before and dropped from now on, as the channel, unknown or another one "
        f"before, is held out: {keys_of(out)[trained]}" in ended.stdout
    )
    assert list(split_problems(DatasetDir(out), manifest_of(out))) == []
    name_channels(out, {held: channel(held=False)})
    ended = videonet("split", out)
    assert rows(out)[held][::2] == ("dropped", "channel")
    assert "1 video held out before and dropped from now on, as the channel" in ended.stdout
    assert "is trained on: " in ended.stdout


def test_verdicts_that_are_not_those_of_the_manifest_are_not_split(grown: Path, tmp_path: Path):
    out = Path(shutil.copytree(grown / "out", tmp_path / "out"))
    before = (out / "split.parquet").read_bytes()
    for file in (out / "verdicts").iterdir():
        pq.write_table(pq.read_table(file).slice(0, 0), file)
    said = sentence(videonet("split", out))
    assert "keep 0 videos with 0 clips, and its manifest.json states 4 with" in said
    assert f"`videonet verify {out}` says more" in said
    assert (out / "split.parquet").read_bytes() == before


def test_a_split_of_other_settings_is_refused(grown: Path, tmp_path: Path):
    out = Path(shutil.copytree(grown / "out", tmp_path / "out"))
    for other in (("--train", "0.9"), ("--by", "channel")):
        said = sentence(videonet("split", out, *other))
        assert "was made with --train 0.5 --by video" in said
    assert videonet("split", out, "--train", "0.5", "--by", "video").code == 0
    (out / "split.parquet").unlink()
    for train in ("0", "1", "-1", "nan"):
        assert "give a share between 0 and 1" in sentence(videonet("split", out, "--train", train))
    assert "holds no finished data set" in sentence(videonet("split", tmp_path))
    assert "holds no store" in sentence(videonet("split", out, "--store", tmp_path / "none"))


def test_what_was_kept_once_keeps_its_side(grown: Path, tmp_path: Path):
    out = Path(shutil.copytree(grown / "out", tmp_path / "out"))
    keys = keys_of(out)
    balloon = keys["a balloon.mp4"]
    # One of an earlier run, whose near-duplicate is in the data set.
    write(out, ("gone", Side.VAL, balloon), (balloon, Side.VAL, balloon))
    split(out)
    found = read_split(DatasetDir(out).files)
    assert found is not None
    assert found.sides(pa.array(["gone", keys["a yacht.mp4"]])).to_pylist() == ["val", "val"]
    assert verify(out).problems == []


def test_a_damaged_split_is_said_and_stays(grown: Path, tmp_path: Path):
    out = Path(shutil.copytree(grown / "out", tmp_path / "out"))
    file = out / "split.parquet"
    for damaged in (b"", b"no Parquet", file.read_bytes()[:-9]):
        file.write_bytes(damaged)
        assert "is no split, or is damaged" in sentence(videonet("split", out))
    (problem,) = verify(out).problems
    assert "is no split, or is damaged" in problem
    said: list[str] = []
    withdraw(out, [keys_of(out)["a yacht.mp4"]], say=said.append)
    assert any("is no split, or is damaged" in each for each in said)
    assert file.read_bytes() == damaged


def test_rows_that_no_split_has_are_refused(grown: Path, tmp_path: Path):
    out = Path(shutil.copytree(grown / "out", tmp_path / "out"))
    file = out / "split.parquet"
    table, said = pq.read_table(file), pq.read_metadata(file).metadata
    header = {b"videonet.split": said[b"videonet.split"]}
    sides = pa.array(["test"] * len(table))
    for other, of_itself, why in (
        (table.set_column(1, table.schema.field("side"), sides), header, "none of train, val, dr"),
        (table.take([0, 0, 1, 2, 3]), header, "one is there twice"),
        (table.take([1, 0, 2, 3]), header, "not in order"),
        (table.drop_columns(["why"]), header, "those of no split"),
        (table, {}, "those of no split"),
        (table, {b"videonet.split": b'{"version":9,"by":"video","train":0.5}'}, "of version 9"),
        (table, {b"videonet.split": b'{"version":1,"by":"video","train":2}'}, "train"),
    ):
        with pq.ParquetWriter(file, other.schema) as writer:
            writer.write_table(other)
            writer.add_key_value_metadata(of_itself)
        with pytest.raises(UsageError, match=f"is damaged.*{why}"):
            read_split(DatasetDir(out).files)


def test_verify_finds_videos_that_the_split_does_not_know_and_clusters_on_both_sides(
    grown: Path, tmp_path: Path
):
    out = Path(shutil.copytree(grown / "out", tmp_path / "out"))
    keys = keys_of(out)
    one, other = keys["a balloon.mp4"], keys["a yacht.mp4"]
    write(out, (one, Side.TRAIN, one), (other, Side.VAL, one))
    unknown, both = verify(out).problems
    assert "does not say where 2 of 4 kept videos stand" in unknown
    assert "near-duplicates on both sides" in both


def test_what_is_withdrawn_leaves_the_split_and_the_others_stay(grown: Path, tmp_path: Path):
    out = Path(shutil.copytree(grown / "out", tmp_path / "out"))
    before, key = rows(out), keys_of(out)
    # The one that its cluster is called by.
    gone = before["a yacht.mp4"][1]
    withdraw(out, [key[gone]])
    assert key[gone].encode() not in (out / "split.parquet").read_bytes()
    after = rows(out)
    assert after.keys() == before.keys() - {gone}
    assert {name: row[0] for name, row in after.items()} == {
        name: row[0] for name, row in before.items() if name != gone
    }
    assert verify(out).problems == []
    split(out)
    assert rows(out) == after


def test_a_repacked_data_set_is_split_in_the_same_way(grown: Path, tmp_path: Path):
    assert videonet("repack", grown / "out", "--layout", "1", "--out", tmp_path / "out").code == 0
    data = (grown / "out" / "split.parquet").read_bytes()
    assert (tmp_path / "out" / "split.parquet").read_bytes() == data
