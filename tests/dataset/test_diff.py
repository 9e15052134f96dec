"""videonet diff: what is different between two data sets, and what is no data set."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.curated import Curated, curated_once, sentence, videonet
from tests.locking import data_set, key_of, rewritten
from tests.withdrawing import copied, kept_beside_others
from videonet.dataset.diff import KINDS, open_difference
from videonet.dataset.lock_file import write_lock
from videonet.dataset.repack import repack
from videonet.dataset.withdraw import withdraw
from videonet.schemas.split import SplitHeader, SplitVideo, Unit
from videonet.schemas.table import arrow_schema
from videonet.storage.dataset_dir import LOCK_FILE, DatasetDir
from videonet.storage.split_file import write_split


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


def made(root: Path, kept: dict[str, set[int]], shards: int = 1) -> Path:
    """A finished data set without clips, in which these videos are kept for these targets."""
    root.mkdir()
    manifest = data_set(root, kept, shards)
    output = DatasetDir(root)
    write_lock(output, manifest)
    output.write_manifest(manifest)
    return root


def changed(out: Path, key: str, **columns: Any) -> None:
    """Let the lock file say something else of one video."""

    def rows(all_rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [each | columns if each["video_key"] == key else each for each in all_rows]

    rewritten(out / LOCK_FILE, rows)


def test_a_data_set_and_its_copy_are_equal(curated: Curated):
    ended = videonet("diff", curated.out, curated.out / LOCK_FILE)
    assert (ended.code, ended.stderr) == (0, "")
    assert "Nothing is different: 3 kept videos in both." in ended.stdout


def test_another_split_is_different_for_it_is_what_training_reads(tmp_path: Path):
    a = made(tmp_path / "a", {"one": {0}, "two": {0}})
    b = made(tmp_path / "b.parquet", {"one": {0}, "two": {0}})
    assert videonet("diff", a, b).code == 0
    header = SplitHeader(version=1, by=Unit.VIDEO, train=0.5)

    def split(out: Path, side: str) -> None:
        rows = [{"video_key": "v1", "side": "train"}, {"video_key": "v2", "side": side}]
        rows = [each | {"cluster": each["video_key"], "why": "video"} for each in rows]
        table = pa.Table.from_pylist(rows, arrow_schema(SplitVideo))
        write_split(DatasetDir(out).files, header, table)

    split(a, "val")
    ended = videonet("diff", a, b, "--json", tmp_path / "said.json")
    assert ended.code == 1
    assert "split: 2 videos on another side, or in one split alone" in ended.stdout
    assert json.loads((tmp_path / "said.json").read_bytes())["other_side"] == 2
    split(b, "train")
    assert "split: 1 video on another side" in videonet("diff", a, b).stdout
    split(b, "val")
    assert videonet("diff", a, b).code == 0


def test_what_was_withdrawn_is_gone_and_the_reason_is_said(curated: Curated, tmp_path: Path):
    copy = copied(curated, tmp_path)
    verdict, _ = kept_beside_others(copy.out)
    withdraw(copy.out, [verdict.video_key], copy.store)
    ended = videonet("diff", curated.out, copy.out, "--json", tmp_path / "difference.json")
    assert ended.code == 1
    assert "gone: 1 video\n" in ended.stdout
    assert f"  {verdict.video.video_id}" in ended.stdout
    assert "in B: withdrawn" in ended.stdout
    assert "withdrawn: 1 in B alone, 0 in A alone" in ended.stdout
    said = json.loads((tmp_path / "difference.json").read_bytes())
    assert (said["equal"], said["same_videos"], said["counts"]["gone"]) == (False, 2, 1)
    (video,) = said["videos"]
    assert (video["video_key"], video["reason"]) == (verdict.video_key, "withdrawn")
    assert str(tmp_path) not in (tmp_path / "difference.json").read_text()


def test_a_setting_that_differs_is_named_with_both_values(curated: Curated, tmp_path: Path):
    repack(str(curated.out), str(tmp_path / "older"), 1)
    ended = videonet("diff", curated.out, tmp_path / "older")
    assert ended.code == 1
    assert "settings:\n  layout: 2 -> 1\n" in ended.stdout
    assert "3 are the same in both." in ended.stdout
    assert "shard files: 4 in A, 4 in B, 2 the same to the byte" in ended.stdout


def test_each_kind_of_change_of_a_video_is_told(tmp_path: Path):
    names = ["same", "bytes", "cut", "licence", "title", "gone"]
    first = made(tmp_path / "a", {name: {0} for name in (*names, "label")})
    kept = {name: {0} for name in names if name != "gone"} | {"label": {0, 1}, "new": {2}}
    second = made(tmp_path / "b", kept, shards=2)
    changed(second, key_of("bytes"), sha256="1" * 64)
    changed(second, key_of("cut"), clips=[{"begin": 0, "end": 5}])
    changed(second, key_of("licence"), licence="CC BY")
    changed(second, key_of("title"), title="another")
    with open_difference(first, second) as found:
        assert found.same == 1
        assert found.counts == dict.fromkeys(KINDS, 1)
        videos = {each.video_id: each for each in found.videos()}
        assert list(videos) == sorted(videos, key=key_of)
        assert found.settings == (("shards", 1, 2),)
    assert videos["label"].targets == (("dog",), ("cat", "dog"))
    assert videos["bytes"].sha256 == ("0" * 64, "1" * 64)
    assert videos["cut"].clips == (0, 1)
    assert videos["licence"].licence == (None, "CC BY")
    assert (videos["new"].targets, videos["gone"].targets) == ((None, ("ant",)), (("dog",), None))
    ended = videonet("diff", first, second)
    assert ended.code == 1
    for line in ("relabelled: 1 video\n", "dog -> cat, dog", "000000000000... -> 1", "none -> CC"):
        assert line in ended.stdout


def test_targets_and_versions_that_differ_are_named(tmp_path: Path):
    first, second = made(tmp_path / "a", {"v": {0}}), made(tmp_path / "b", {"v": {0}})
    lock = DatasetDir(second).targets()
    other = [msgspec.structs.replace(lock[0], name="hound"), *lock[1:-1]]
    rewritten(
        second / LOCK_FILE,
        targets=msgspec.json.encode([*other, msgspec.structs.replace(lock[2], target_id="bee")]),
        versions=b'{"av":"99"}',
    )
    ended = videonet("diff", first, second)
    assert ended.code == 1
    assert "targets added: bee\ntargets gone: ant\ntargets changed: dog\n" in ended.stdout
    assert "versions:\n  av: none -> 99\n" in ended.stdout


def test_of_many_the_first_are_shown_and_the_file_has_all(tmp_path: Path):
    first = made(tmp_path / "a", {})
    second = made(tmp_path / "b", {f"v{number:02}": {0} for number in range(12)})
    ended = videonet("diff", first, second, "--json", tmp_path / "d.json")
    assert "added: 12 videos" in ended.stdout
    assert "  7 more; --json FILE has all." in ended.stdout
    assert len(json.loads((tmp_path / "d.json").read_bytes())["videos"]) == 12


_KEPT = st.dictionaries(st.sampled_from("abcdef"), st.sets(st.sampled_from([0, 1, 2]), min_size=1))


@settings(deadline=None, max_examples=5)
@given(a=_KEPT, b=_KEPT)
def test_the_counts_balance_and_the_other_way_round_says_the_opposite(
    a: dict[str, set[int]], b: dict[str, set[int]]
):
    with tempfile.TemporaryDirectory() as folder:
        first, second = made(Path(folder, "a"), a), made(Path(folder, "b"), b, shards=2)
        with open_difference(first, second) as there, open_difference(second, first) as back:
            assert there.counts["added"] == back.counts["gone"] == len(b.keys() - a.keys())
            assert there.counts["relabelled"] == back.counts["relabelled"]
            in_both = a.keys() & b.keys()
            assert there.counts["relabelled"] == sum(a[each] != b[each] for each in in_both)
            assert there.same + sum(1 for _ in there.videos()) == len(a.keys() | b.keys())


# What is no data set.


def test_what_cannot_be_compared_is_a_sentence(curated: Curated, tmp_path: Path):
    def said(place: Path) -> str:
        return sentence(videonet("diff", curated.out, place))

    assert "There is no folder" in said(tmp_path / "nothing")
    assert "no finished data set" in said(tmp_path)
    out = Path(shutil.copytree(curated.out, tmp_path / "out"))
    lock = (out / LOCK_FILE).read_bytes()
    (out / LOCK_FILE).unlink()
    assert "has no videos.lock.parquet" in said(out)
    (out / LOCK_FILE).write_bytes(lock[:-100])
    assert "is no lock file, or was cut short" in said(out)
    (out / LOCK_FILE).write_bytes(lock[:300] + bytes(100) + lock[400:])
    assert "cannot be read" in said(out)
    (out / LOCK_FILE).write_bytes(lock)
    rewritten(out / LOCK_FILE, lambda rows: [rows[0], *rows])
    assert "is damaged: it has" in said(out)
    (out / LOCK_FILE).write_bytes(lock)
    next((out / "verdicts").iterdir()).write_bytes(b"no table")
    assert "The tables of" in said(out)
    ended = videonet("diff", curated.out, curated.out, "--json", out / LOCK_FILE / "d.json")
    assert (ended.code, "give another --json" in ended.stderr) == (2, True)


def test_a_name_with_a_pattern_is_that_name(curated: Curated, tmp_path: Path):
    out = Path(shutil.copytree(curated.out, tmp_path / "o[u]t*"))
    assert videonet("diff", out, curated.out).code == 0
