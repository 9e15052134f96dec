"""videonet merge: the union of finished data sets."""

import hashlib
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tests.curated import Curated, curated_once, sentence, videonet
from tests.curating import verdicts_of
from tests.dataset.merge.merging import SHARDS, inputs_once
from tests.withdrawing import tree
from videonet.dataset.lineage import parent_of
from videonet.dataset.merge.merge import merge
from videonet.dataset.split import split
from videonet.dataset.verify import verify
from videonet.dataset.withdraw import withdraw
from videonet.errors import UsageError
from videonet.schemas.clip import Clip
from videonet.schemas.exclusion import ExcludedSet, Exclusion
from videonet.schemas.manifest import Counts, Manifest
from videonet.schemas.reason import Outcome, Reason
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store

NOTHING = Counts(pairs=0, kept=0, rejected={}, failed={})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return inputs_once(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


def published(out: Path) -> dict[str, bytes]:
    return {name: data for name, data in tree(out).items() if not name.startswith("_state/")}


def manifest_of(out: Path) -> Manifest:
    manifest = DatasetDir(out).manifest()
    assert manifest is not None
    return manifest


def clips_of(out: Path) -> dict[str, Clip]:
    """Every clip by its name, without the positions of its labels."""
    output = DatasetDir(out)
    return {
        clip.example_id: msgspec.structs.replace(clip, clip_label_index=())
        for shard in manifest_of(out).shards
        for clip in output.clips_in(shard.path)
    }


def kept_pairs(out: Path) -> set[tuple[str, str]]:
    return {
        (each.video.video_id, each.target_id)
        for each in verdicts_of(out)
        if each.outcome is Outcome.KEPT
    }


def copies(folder: Path, to: Path) -> list[Path]:
    """Both data sets, to be changed."""
    return [Path(shutil.copytree(folder / name, to / name)) for name in SHARDS]


def restate(out: Path, *, settings: dict[str, Any] | None = None, **changes: Any) -> Path:
    """Let the manifest say something else."""
    manifest = manifest_of(out)
    changes["settings"] = msgspec.structs.replace(manifest.settings, **settings or {})
    DatasetDir(out).write_manifest(msgspec.structs.replace(manifest, **changes))
    return out


def test_the_union_is_what_one_run_over_both_class_lists_makes(curated: Curated, folder: Path):
    both = folder / "both"
    assert verify(both).problems == []
    assert clips_of(both) == clips_of(curated.out)
    assert kept_pairs(both) == kept_pairs(curated.out)
    one, other = manifest_of(both), manifest_of(curated.out)
    assert one.totals.verdicts == other.totals.verdicts
    assert one.targets == other.targets
    assert one.settings.shards == max(SHARDS.values())
    # By their ids: no two lists need have one order.
    names = [each.target_id for each in DatasetDir(both).targets()]
    assert names == ["balloon", "mushroom", "sailboat"]
    indices = {
        row["clip_label_index"][0]: row["clip_label_text"][0]
        for row in pq.read_table(both / "clips/parquet").to_pylist()
    }
    assert all(names[index] == name for index, name in indices.items())


def test_it_names_its_parents_and_does_not_depend_on_their_order(folder: Path, tmp_path: Path):
    outs = [folder / "boats", folder / "balloons"]
    done = merge(outs, tmp_path / "out")
    assert published(tmp_path / "out") == published(folder / "both")
    parents = {parent_of(DatasetDir(out), "merge") for out in outs}
    assert set(manifest_of(folder / "both").parents) == parents
    # The video with a balloon and a boat, whose clips are the same in both.
    assert (done.in_several, done.other_contents, done.other_clips) == (1, 0, 0)


def test_its_captions_are_those_of_all(folder: Path):
    rows = pq.read_table(folder / "both" / "captions", columns=["video_id", "vtt"]).to_pylist()
    said = {row["video_id"]: row["vtt"] for row in rows}
    assert len(said) == manifest_of(folder / "both").totals.kept_videos
    (spoken,) = (text for text in said.values() if text)
    assert "up it goes" in spoken


def test_a_union_of_a_union_is_the_same_data_set(curated: Curated, folder: Path, tmp_path: Path):
    merge([folder / "both", folder / "boats"], tmp_path / "out")
    assert clips_of(tmp_path / "out") == clips_of(curated.out)
    assert verify(tmp_path / "out").problems == []


def test_interrupted_the_same_command_goes_on(folder: Path, tmp_path: Path):
    outs = copies(folder, tmp_path)
    damaged = sorted(outs[1].glob("clips/*/clips-00002-of-00003.*"))
    before = {file: file.read_bytes() for file in damaged}
    for file, data in before.items():
        file.write_bytes(data[:-1])
    new = tmp_path / "new"
    with pytest.raises(UsageError, match="cannot be read, or was changed"):
        merge(outs, new)
    first = next(new.glob("clips/parquet/clips-00000-of-00003.parquet"))
    written = first.stat().st_mtime_ns
    assert DatasetDir(new).manifest() is None
    assert "merged from other data sets" in sentence(
        videonet(
            "curate",
            "--targets",
            folder / "boats.txt",
            "--source",
            f"folder:{folder}/videos",
            "--store",
            folder / "store",
            "--out",
            new,
        )
    )
    for file, data in before.items():
        file.write_bytes(data)
    assert merge(outs, new).gone_on_from == 2
    assert published(new) == published(folder / "both")
    assert first.stat().st_mtime_ns == written


@pytest.mark.parametrize("kind", ["candidates", "verdicts", "captions"])
def test_a_table_that_lacks_what_the_manifest_counts_is_refused(
    folder: Path, tmp_path: Path, kind: str
):
    one, other = copies(folder, tmp_path)
    # One row that was kept is lost, or all are.
    kept = next(each for each in verdicts_of(one) if each.outcome is Outcome.KEPT)
    name = "video_id" if kind == "captions" else "video_key"
    lost = getattr(kept.video if kind == "captions" else kept, name)
    for file in sorted((one / kind).iterdir()):
        table = pq.read_table(file)
        own = table.filter(pc.not_equal(table[name], lost))
        if len(own) == len(table):
            continue
        for left in (own, table.slice(0, 0)):
            pq.write_table(left, file)
            said = refusal(one, other, tmp_path)
            assert f"{one} is not what its manifest.json says: " in said
            assert f"`videonet verify {one}` says more" in said
        return
    raise AssertionError(kind)


def test_verdicts_that_keep_less_than_the_manifest_counts_are_refused(folder: Path, tmp_path: Path):
    one, other = copies(folder, tmp_path)
    before = manifest_of(one).totals
    for changes in ({"clips": before.clips + 1}, {"kept_videos": before.kept_videos - 1}):
        restate(one, totals=msgspec.structs.replace(before, **changes))
        assert "its verdicts come to " in refusal(one, other, tmp_path)
    restate(one, totals=before, targets={**manifest_of(one).targets, "balloon": NOTHING})
    assert "its verdicts for the class balloon are not those" in refusal(one, other, tmp_path)


def test_killed_in_a_shard_it_leaves_nothing_of_that_in_the_union(folder: Path, tmp_path: Path):
    outs, new = [folder / name for name in SHARDS], tmp_path / "new"
    call = (
        "import os, signal, sys\n"
        "from videonet.dataset.merge.merge import merge\n"
        "def die(event, arguments):\n"
        "    if event == 'os.rename' and 'clips-00000' in str(arguments[0]):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "sys.addaudithook(die)\n"
        "merge(sys.argv[2:], sys.argv[1])\n"
    )
    ended = subprocess.run([sys.executable, "-c", call, new, *outs], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert any(file.name.startswith(".clips-") for file in new.rglob("*"))
    merge(outs, new)
    assert published(new) == published(folder / "both")


def test_one_whole_file_of_a_shard_is_enough(folder: Path, tmp_path: Path):
    outs = copies(folder, tmp_path)
    for file in outs[0].glob("clips/parquet/*"):
        file.write_bytes(b"no shard")
    merge(outs, tmp_path / "new")
    assert published(tmp_path / "new") == published(folder / "both")


def test_what_one_has_withdrawn_is_in_none_and_the_union_stays_sound(folder: Path, tmp_path: Path):
    outs = copies(folder, tmp_path)
    (key,) = {each.video_key for each in verdicts_of(outs[0]) if each.outcome is Outcome.KEPT} & {
        each.video_key for each in verdicts_of(outs[1]) if each.outcome is Outcome.KEPT
    }
    withdraw(outs[1], [key])
    new = tmp_path / "new"
    merge(outs, new)
    assert [each.video_key for each in DatasetDir(new).withdrawals()] == [key]
    assert {(each.outcome, each.reason) for each in verdicts_of(new) if each.video_key == key} == {
        (Outcome.REJECTED, Reason.WITHDRAWN)
    }
    assert verify(new).problems == []
    split(new, 0.5)
    # And of the union itself.
    (other, *_) = {each.video_key for each in verdicts_of(new) if each.outcome is Outcome.KEPT}
    withdraw(new, [other])
    assert verify(new).problems == []
    assert key.encode() not in (new / "split.parquet").read_bytes()
    # The same command once more brings neither back.
    before = published(new)
    merge(outs, new)
    assert published(new) == before


def test_lists_that_one_has_excluded_hold_for_all(folder: Path, tmp_path: Path):
    outs = copies(folder, tmp_path)
    excluded = next(each for each in verdicts_of(outs[1]) if each.outcome is Outcome.KEPT)
    data = Exclusion(keys=(excluded.video_key,)).to_json()
    listed = ExcludedSet(
        sha256=hashlib.sha256(data).hexdigest(), names=("evaluation.txt",), videos=1, channels=0
    )
    restate(outs[0], settings={"excluded": listed})
    assert "excludes what evaluation.txt names, and others do not" in refusal(*outs, tmp_path)
    # A store that has the list, where OUT says that its store is.
    store = Store(shutil.copytree(folder / "store", tmp_path / "store"))
    store.write(f"excluded/{listed.sha256}.json", data)
    facts = outs[0] / "run.json"
    facts.write_text(facts.read_text().replace(f"{folder}/store", f"{tmp_path}/store"))
    merge(outs, tmp_path / "new")
    rows = [each for each in verdicts_of(tmp_path / "new") if each.reason is Reason.EXCLUDED]
    assert {each.video_key for each in rows} == {excluded.video_key}
    assert {each.error for each in rows} == {f"{excluded.video_key} is in an excluded list"}
    said = manifest_of(tmp_path / "new").settings.excluded
    assert said is not None
    assert (said.names, said.videos) == (("evaluation.txt",), 1)
    assert verify(tmp_path / "new").problems == []


def refusal(one: Path, other: Path, tmp_path: Path) -> str:
    said = sentence(videonet("merge", one, other, "--out", tmp_path / "refused"))
    assert not (tmp_path / "refused").exists()
    return said


def test_what_cannot_be_one_data_set_is_a_sentence(folder: Path, tmp_path: Path):
    one, other = copies(folder, tmp_path)
    assert "are the same data set" in refusal(one, one, tmp_path)
    assert "is nothing to merge" in sentence(videonet("merge", one, "--out", tmp_path / "new"))
    assert "holds no finished data set" in refusal(one, tmp_path, tmp_path)
    assert "into itself" in sentence(videonet("merge", one, other, "--out", other))
    said = sentence(videonet("merge", one, other, "--out", folder / "boats"))
    assert "holds another data set" in said
    before = (one / "manifest.json").read_bytes()
    for settings, why in (
        ({"layout": 1}, f"`videonet repack {one} --out PLACE`"),
        ({"max_clips": 9}, "cut differently: max_clips is"),
        ({"formats": ("parquet",)}, "cut differently: formats is parquet"),
        ({"min_seconds": 3.0}, "judged differently: min_seconds is"),
        ({"scan_key": "another"}, "judged differently: scan_key is"),
        ({"neighbours": "00"}, "has the neighbours of images in place of classes"),
    ):
        restate(one, settings=settings)
        assert why in refusal(one, other, tmp_path)
        (one / "manifest.json").write_bytes(before)
    versions = manifest_of(one).versions | {"libavcodec": "1.2.3"}
    restate(one, versions=versions)
    assert "cut with other versions (libavcodec" in refusal(one, other, tmp_path)
    (one / "manifest.json").write_bytes(before)
    classifier = msgspec.structs.replace(manifest_of(one).classifier, sha256="00")
    restate(one, classifier=classifier)
    assert "Other classifiers judged" in refusal(one, other, tmp_path)
    (one / "manifest.json").write_bytes(before)
    targets = DatasetDir(one).targets()
    meant = msgspec.structs.replace(targets[0], target_id="sailboat")
    DatasetDir(one).write_targets((meant, *targets[1:]))
    said = refusal(one, other, tmp_path)
    assert "The class sailboat of" in said
    assert "(name, synonyms" in said


def test_no_run_goes_on_over_a_union(folder: Path, tmp_path: Path):
    # As it is published, without what a run needs to go on.
    out = Path(
        shutil.copytree(folder / "both", tmp_path / "out", ignore=shutil.ignore_patterns("_state"))
    )
    typed = ["--store", folder / "store", "--out", out]
    source = ["--source", f"folder:{folder / 'videos'}", "--targets", folder / "boats.txt"]
    said = sentence(videonet("curate", *source, *typed))
    assert "was merged from other data sets, and no run goes on over it" in said


@pytest.mark.slow
def test_its_lock_file_rebuilds_it(folder: Path, tmp_path: Path):
    ended = videonet(
        *("rebuild", folder / "both" / "videos.lock.parquet", "--store", tmp_path / "store"),
        *("--files-root", folder / "videos", "--out", tmp_path / "out"),
    )
    assert ended.code == 0, ended
    assert "6 of 6 shard files are the same to the byte" in ended.stdout
    shards = {shard.path: shard.sha256 for shard in manifest_of(folder / "both").shards}
    assert {shard.path: shard.sha256 for shard in manifest_of(tmp_path / "out").shards} == shards


def test_the_command_says_what_it_has_made(folder: Path, tmp_path: Path):
    boats = Path(shutil.copytree(folder / "boats", tmp_path / "boats"))
    split(boats)
    ended = videonet(
        "merge", folder / "balloons", boats, "--out", tmp_path / "out", "--shards", "1"
    )
    assert ended.code == 0
    assert "4 clips in 1 shard, of 2 data sets and 3 classes" in ended.stdout
    assert "1 video kept by several: 0 with other contents, 0 with other clips" in ended.stdout
    assert f"The split of {boats} is not taken over; `videonet split " in ended.stdout
    again = videonet(
        "merge", folder / "balloons", boats, "--out", tmp_path / "out", "--shards", "1"
    )
    assert "1 shard written by an earlier call." in again.stdout
    assert "kept by several" not in again.stdout
    assert verify(tmp_path / "out").problems == []
