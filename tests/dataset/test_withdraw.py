"""videonet withdraw: videos that somebody wants out of a data set are out, and stay out."""

import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any

import msgspec
import pytest

from demo.server import VideoServer
from tests.curated import Curated, curated_once, sentence, videonet
from tests.curating import bytes_of, curate, frames_classified, verdicts_of
from tests.withdrawing import (
    OUT_OF_ALL,
    SHARDS,
    again,
    assert_sound,
    clips_of,
    copied,
    kept_beside_others,
    outcomes,
    rejected_one,
    times,
    tree,
)
from videonet.dataset.verify import verify
from videonet.dataset.withdraw import withdraw
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.settings import Keep
from videonet.schemas.verdict import Verdict
from videonet.schemas.withdrawal import Withdrawal
from videonet.shards.layout import shard_of, shard_path
from videonet.shards.writer import FORMATS
from videonet.storage import shard_states
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.locks import exclusive_lock
from videonet.storage.store import Store


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


@pytest.fixture
def copy(curated: Curated, tmp_path: Path) -> Curated:
    return copied(curated, tmp_path)


# What is taken out.


def test_a_withdrawn_video_is_in_no_shard_and_its_verdicts_say_so(copy: Curated):
    verdict, other = kept_beside_others(copy.out)
    assert clips_of(copy.out, verdict.video_key)
    others = clips_of(copy.out, other.video_key)
    ended = videonet("withdraw", copy.out, verdict.video.video_id, "--store", copy.store)
    assert ended.code == 0, ended.stderr
    assert f"{verdict.video_key} ({verdict.video.video_id!r}) is withdrawn." in ended.stdout
    assert "1 of 2 shards written again" in ended.stdout
    assert clips_of(copy.out, verdict.video_key) == {}
    assert clips_of(copy.out, other.video_key) == others
    assert outcomes(copy.out, verdict.video_key) == {OUT_OF_ALL}
    manifest = DatasetDir(copy.out).manifest()
    assert manifest is not None
    assert manifest.totals.verdicts.rejected[Reason.WITHDRAWN] == 1
    assert_sound(copy.out)


def test_where_what_shards_were_made_of_is_packed_the_video_is_out_of_that_too(
    copy: Curated, curated: Curated, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(shard_states, "MOST_SINGLE", 0)
    assert DatasetDir(copy.out).shard_states.pack() == SHARDS
    verdict, other = kept_beside_others(copy.out)
    others = clips_of(copy.out, other.video_key)
    withdraw(copy.out, [verdict.video.video_id], copy.store)
    (packed,) = (copy.out / "_state/shards").iterdir()
    assert verdict.video_key not in packed.read_text()
    assert other.video_key in packed.read_text()
    # The next run takes the clips of other videos from where they are.
    before = bytes_of(copy.out)
    again(curated, copy)
    assert bytes_of(copy.out) == before
    assert clips_of(copy.out, other.video_key) == others
    assert_sound(copy.out)


def test_the_account_still_says_what_was_asked_for(copy: Curated):
    verdict, _ = kept_beside_others(copy.out)
    withdraw(copy.out, [verdict.video.video_id], copy.store)
    (after,) = (each for each in verdicts_of(copy.out) if each.video_key == verdict.video_key)
    assert (verdict.clips > 0, after.clips) == (True, 0)
    changed = {"outcome": Outcome.REJECTED, "reason": Reason.WITHDRAWN, "clips": 0}
    assert after == msgspec.structs.replace(verdict, **changed)


def test_a_video_of_several_classes_is_withdrawn_for_all_of_them(copy: Curated):
    by_key = defaultdict(list)
    for verdict in verdicts_of(copy.out):
        by_key[verdict.video_key].append(verdict)
    key = next(key for key, rows in by_key.items() if len(rows) == 2)
    done = withdraw(copy.out, [key], copy.store)
    assert (done.verdicts, done.clips) == (2, by_key[key][0].clips)
    assert outcomes(copy.out, key) == {OUT_OF_ALL}
    assert_sound(copy.out)


def test_only_the_shards_concerned_change(copy: Curated):
    verdict, _ = kept_beside_others(copy.out)
    concerned = shard_of(verdict.video_key, SHARDS)
    before = tree(copy.out)
    untouched, touched = times(copy.out, 1 - concerned), times(copy.out, concerned)
    withdraw(copy.out, [verdict.video.video_id], copy.store)
    assert times(copy.out, 1 - concerned) == untouched
    assert times(copy.out, concerned) != touched
    after = tree(copy.out)
    assert after.keys() >= before.keys()
    assert {path: after[path] for path in untouched} == {path: before[path] for path in untouched}
    assert all(after[shard_path(name, concerned, SHARDS)] for name in FORMATS)


def test_a_candidate_that_was_not_kept_can_be_withdrawn_and_no_shard_changes(copy: Curated):
    verdict = rejected_one(copy.out)
    before = bytes_of(copy.out)
    written = [times(copy.out, index) for index in range(SHARDS)]
    done = withdraw(copy.out, [verdict.video.video_id], copy.store)
    assert (done.verdicts, done.clips, done.rewritten) == (1, 0, 0)
    assert outcomes(copy.out, verdict.video_key) == {OUT_OF_ALL}
    after = bytes_of(copy.out)
    assert before.pop("manifest.json") != after.pop("manifest.json")
    assert after == before
    verdicts = f"verdicts/verdicts-{shard_of(verdict.video_key, SHARDS):05d}-of-00002.parquet"
    changed = [
        path
        for index in range(SHARDS)
        for path, time in times(copy.out, index).items()
        if time != written[index][path]
    ]
    assert changed == [verdicts]
    assert_sound(copy.out)


def test_a_data_set_from_which_all_videos_are_withdrawn_has_valid_empty_shards(copy: Curated):
    keys = sorted({each.video_key for each in verdicts_of(copy.out)})
    withdraw(copy.out, keys, copy.store)
    manifest = DatasetDir(copy.out).manifest()
    assert manifest is not None
    assert [shard.rows for shard in manifest.shards] == [0] * SHARDS * len(FORMATS)
    assert (manifest.totals.clips, manifest.totals.verdicts.kept) == (0, 0)
    assert_sound(copy.out)
    for shard in manifest.shards:
        assert list(FORMATS[shard.path.rpartition(".")[2]].read(copy.out / shard.path)) == []


def test_of_an_id_that_several_videos_share_all_are_withdrawn_and_named(copy: Curated):
    output, (one, other) = DatasetDir(copy.out), kept_beside_others(copy.out)
    index = shard_of(one.video_key, SHARDS)

    def shared(rows: Any) -> list[Any]:
        keys = (one.video_key, other.video_key)
        return [
            msgspec.structs.replace(
                each, video=msgspec.structs.replace(each.video, video_id="both")
            )
            if each.video_key in keys
            else each
            for each in list(rows)
        ]

    output.write_candidates(index, SHARDS, shared(output.candidates(index, SHARDS)))
    output.write_verdicts(index, SHARDS, shared(output.verdicts(index, SHARDS)))
    ended = videonet("withdraw", copy.out, "both", "--store", copy.store)
    for key in (one.video_key, other.video_key):
        assert f"{key} ('both') is withdrawn." in ended.stdout
        assert outcomes(copy.out, key) == {OUT_OF_ALL}


def test_an_id_that_begins_with_a_dash_comes_after_two(copy: Curated):
    ended = videonet("withdraw", copy.out, "--store", copy.store, "--", "-x")
    assert "knows no video '-x'" in sentence(ended)


def test_the_same_command_again_says_that_it_was_done(copy: Curated):
    verdict, _ = kept_beside_others(copy.out)
    typed = ("withdraw", copy.out, verdict.video.video_id, "--store", copy.store)
    videonet(*typed)
    before = tree(copy.folder)
    ended = videonet(*typed)
    assert ended.code == 0
    assert "was withdrawn already" in ended.stdout
    assert "written again" not in ended.stdout
    assert tree(copy.folder) == before


def test_a_report_that_may_show_it_is_deleted_and_a_later_one_is_not(copy: Curated):
    verdict, _ = kept_beside_others(copy.out)
    page = copy.out / "report/index.html"
    for code in ("may have shown", "was withdrawn already"):
        page.parent.mkdir()
        page.touch()
        ended = videonet("withdraw", copy.out, verdict.video.video_id, "--store", copy.store)
        assert code in ended.stdout
        if code == "may have shown":
            assert not page.parent.exists()
    assert page.exists()


# From then on.


def test_the_same_curation_again_changes_no_byte(curated: Curated, copy: Curated):
    verdict, _ = kept_beside_others(copy.out)
    withdraw(copy.out, [verdict.video.video_id], copy.store)
    before = tree(copy.out)
    written = {
        path: when for index in range(SHARDS) for path, when in times(copy.out, index).items()
    }
    again(curated, copy)
    after = tree(copy.out)
    # What says who did it, and when, and what it came to, is of the last run.
    of_the_run = {"run.json", "_state/run.json", "_state/job.json", "_state/finished.json"}
    for path in before.keys() - of_the_run:
        assert after[path] == before[path], path
        if path.startswith("clips/"):
            assert (copy.out / path).stat().st_mtime_ns == written[path]


def test_what_is_left_is_what_a_run_writes_that_never_takes_it(curated: Curated, copy: Curated):
    verdict, _ = kept_beside_others(copy.out)
    withdraw(copy.out, [verdict.video.video_id], copy.store)
    classified = frames_classified()
    fresh = copy.folder / "fresh"
    again(curated, copy, out=fresh, keep=Keep.ALL)
    assert outcomes(fresh, verdict.video_key) == {OUT_OF_ALL}
    assert frames_classified() == classified
    assert bytes_of(fresh) == bytes_of(copy.out)
    assert verdicts_of(fresh) == verdicts_of(copy.out)


def test_a_store_that_knows_nothing_of_it_is_told_by_out(curated: Curated, copy: Curated):
    verdict, _ = kept_beside_others(copy.out)
    withdraw(copy.out, [verdict.video.video_id], copy.store)
    empty = Store(copy.folder / "empty")
    again(curated, copy, store=empty.root)
    assert outcomes(copy.out, verdict.video_key) == {OUT_OF_ALL}
    assert clips_of(copy.out, verdict.video_key) == {}
    assert empty.fetch(verdict.video_key) is None
    assert empty.thumbnail(verdict.video_key) is None
    assert not empty.record(verdict.video_key).record.sections


@pytest.mark.slow
def test_what_the_store_has_of_it_goes_and_it_is_never_downloaded_again(
    curated: Curated, tmp_path: Path
):
    names = ["a balloon.mp4", "yacht.mp4"]
    given = {"keep": Keep.ALL, "frames": 10}
    with VideoServer(curated.folder / "videos") as server:
        rows = [f"{name},{server.url(name)},{Path(name).stem}" for name in names]
        (tmp_path / "videos.csv").write_text("\n".join(["id,url,title", *rows]))
        source, classes = f"catalogue:{tmp_path / 'videos.csv'}", curated.folder / "classes.txt"
        curate(source, classes, tmp_path, **given)
        store = Store(tmp_path / "store")
        gone, stays = sorted(verdicts_of(tmp_path / "out"), key=lambda each: each.video.video_id)
        for verdict in (gone, stays):
            assert (store.root / store.video(verdict.video_key)).is_file()
        # Clips that wait for a shard, as an interrupted run leaves them.
        store.write(store.clips(gone.video_key, "cut", "a" * 32), b"clips")
        # Without being told: OUT knows its store.
        done = withdraw(tmp_path / "out", [gone.video.video_id])
        assert (done.store, done.in_place) == (store.location, ())
        for kind in ("video", "thumbnail", "clips"):
            assert not list((store.root / kind).rglob(f"{_digest(gone)}*")), kind
        assert store.thumbnail(gone.video_key) is None
        assert store.thumbnail(stays.video_key)
        assert (store.root / store.video(stays.video_key)).is_file()
        fetched = store.fetch(gone.video_key)
        assert fetched is not None
        assert not fetched.here

        asked = len(server.requests(names[0]))
        assert asked > 0
        (tmp_path / "other.txt").write_text("sailboat: yacht\nballoon\n")
        curate(source, classes, tmp_path, out=tmp_path / "same", **given)
        curate("store", tmp_path / "other.txt", tmp_path, out=tmp_path / "other", **given)
        assert len(server.requests(names[0])) == asked
    for out in ("same", "other"):
        assert outcomes(tmp_path / out, gone.video_key) == {OUT_OF_ALL}
        assert outcomes(tmp_path / out, stays.video_key) == {(Outcome.KEPT, None)}


def test_files_that_were_read_in_place_are_left_alone_and_named(curated: Curated, copy: Curated):
    verdict, _ = kept_beside_others(copy.out)
    file = curated.folder / "videos" / verdict.video.url
    ended = videonet("withdraw", copy.out, verdict.video.video_id, "--store", copy.store)
    assert f"{file} is not the store's" in ended.stdout
    assert file.is_file()


def test_an_unfinished_run_leaves_it_out_when_it_goes_on(curated: Curated, copy: Curated):
    verdict, _ = kept_beside_others(copy.out)
    (copy.out / "manifest.json").unlink()
    ended = videonet("withdraw", copy.out, verdict.video.video_id, "--store", copy.store)
    assert ended.code == 0
    assert "is not finished" in ended.stdout
    again(curated, copy)
    assert outcomes(copy.out, verdict.video_key) == {OUT_OF_ALL}
    assert clips_of(copy.out, verdict.video_key) == {}
    assert_sound(copy.out)


# What cannot be done.


def unchanged(copy: Curated, *typed: str | Path) -> str:
    """The sentence with which the command ends; nothing is changed."""
    before = tree(copy.folder)
    said = sentence(videonet("withdraw", *typed))
    assert tree(copy.folder) == before
    return said


def test_an_unknown_id_is_named_and_nothing_is_changed(copy: Curated):
    known = rejected_one(copy.out).video.video_id
    said = unchanged(copy, copy.out, known, "unknown", "none", "--store", copy.store)
    assert "knows no video 'unknown' or 'none'" in said


def test_a_store_that_is_none_is_refused(copy: Curated):
    known = rejected_one(copy.out).video.video_id
    said = unchanged(copy, copy.out, known, "--store", copy.folder / "sture")
    assert "sture holds no store" in said
    assert not (copy.folder / "sture").exists()


@pytest.mark.parametrize("busy", ["out", "store"])
def test_no_video_is_withdrawn_where_a_run_is_at_work(copy: Curated, busy: str):
    known = rejected_one(copy.out).video.video_id
    with exclusive_lock(copy.folder / busy):
        said = unchanged(copy, copy.out, known, "--store", copy.store)
    assert "Another run is at work" in said


def test_a_folder_without_a_candidate_list_is_refused(copy: Curated):
    known = rejected_one(copy.out).video.video_id
    (copy.out / "lookup.json").unlink()
    said = unchanged(copy, copy.out, known, "--store", copy.store)
    assert "no data set with a complete candidate list" in said
    unchanged(copy, copy.folder / "nowhere", known)
    assert not (copy.folder / "nowhere").exists()


def test_without_its_store_out_alone_refuses_it_and_the_command_says_what_to_do(copy: Curated):
    verdict, _ = kept_beside_others(copy.out)
    # As after a move to another machine.
    facts = (copy.out / "run.json").read_bytes()
    store = msgspec.json.decode(facts)["plan"]["store"].encode()
    (copy.out / "run.json").write_bytes(facts.replace(store, b"/nowhere"))
    ended = videonet("withdraw", copy.out, verdict.video.video_id)
    assert ended.code == 0
    assert "The store was not found" in ended.stdout
    assert "--store DIR" in ended.stdout
    assert_sound(copy.out)
    ended = videonet("withdraw", copy.out, verdict.video.video_id, "--store", copy.store)
    assert "was withdrawn already" in ended.stdout
    assert [each.video_key for each in Store(copy.store).withdrawals()] == [verdict.video_key]


def test_a_store_that_cannot_be_written_is_no_reason_to_keep_it_unless_it_was_asked_for(
    copy: Curated,
):
    verdict, _ = kept_beside_others(copy.out)
    facts, place = (copy.out / "run.json").read_bytes(), str(copy.store).encode()
    store = msgspec.json.decode(facts)["plan"]["store"].encode()
    (copy.out / "run.json").write_bytes(facts.replace(store, place))
    # Not even root makes a folder where a file is.
    shutil.rmtree(copy.store / "tmp")
    (copy.store / "tmp").touch()
    said = unchanged(copy, copy.out, verdict.video.video_id, "--store", copy.store)
    assert "cannot be written" in said
    with exclusive_lock(copy.store):
        assert "Another run is at work" in unchanged(copy, copy.out, verdict.video.video_id)
    before = tree(copy.store)
    ended = videonet("withdraw", copy.out, verdict.video.video_id)
    assert ended.code == 0, ended.stderr
    assert f"The store {copy.store} cannot be written: only runs over" in ended.stdout
    assert tree(copy.store) == before
    assert outcomes(copy.out, verdict.video_key) == {OUT_OF_ALL}
    assert_sound(copy.out)


def test_a_data_set_that_was_handed_on_without_its_state_is_no_worse(copy: Curated):
    verdict, other = kept_beside_others(copy.out)
    whole = Path(shutil.copytree(copy.out, copy.folder / "whole"))
    shutil.rmtree(copy.out / "_state")
    for out in (copy.out, whole):
        withdraw(out, [verdict.video.video_id], copy.store)
        withdraw(out, [other.video.video_id], copy.store)
    assert bytes_of(copy.out) == bytes_of(whole)
    assert_sound(copy.out)


def test_a_damaged_file_is_made_up_for_by_the_other_format(copy: Curated):
    verdict, _ = kept_beside_others(copy.out)
    whole = Path(shutil.copytree(copy.out, copy.folder / "whole"))
    (copy.out / shard_path("parquet", shard_of(verdict.video_key, SHARDS), SHARDS)).write_bytes(b"")
    for out in (copy.out, whole):
        withdraw(out, [verdict.video.video_id], copy.store)
    assert bytes_of(copy.out) == bytes_of(whole)


def test_a_shard_without_a_whole_file_is_named_and_the_curation_mends_it(
    curated: Curated, copy: Curated
):
    verdict, other = kept_beside_others(copy.out)
    for name in FORMATS:
        (copy.out / shard_path(name, shard_of(verdict.video_key, SHARDS), SHARDS)).write_bytes(b"")
    said = sentence(videonet("withdraw", copy.out, verdict.video.video_id, "--store", copy.store))
    assert "No file of the shard" in said
    assert other.video_key in said
    again(curated, copy)
    assert outcomes(copy.out, verdict.video_key) == {OUT_OF_ALL}
    assert_sound(copy.out)


def test_a_withdrawn_video_that_is_still_there_is_found_by_verify(copy: Curated):
    verdict, _ = kept_beside_others(copy.out)
    refusal = Withdrawal(video_key=verdict.video_key, video_id=verdict.video.video_id)
    DatasetDir(copy.out).write_withdrawals([refusal])
    assert (
        f"{verdict.video_key} was withdrawn and is kept; withdraw it again."
        in verify(copy.out).problems
    )


def _digest(verdict: Verdict) -> str:
    return Path(Store(Path()).video(verdict.video_key)).name
