"""show: what is gathered of one video, and the command that shows it."""

import itertools
import re
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.drawing import draw_video
from tests.curated import CLASSES, Curated, arguments, curated_once, sentence, videonet
from tests.curating import verdicts_of
from tests.report.one_video import BOTH, LONG, NOT_ONE, shown, verdict_of
from videonet.errors import UsageError
from videonet.report.video_sheet.page import file_name, sheet_of
from videonet.report.video_sheet.view import VideoView
from videonet.schemas.candidate import Sighting
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.verdict import Verdict
from videonet.shards.layout import shard_of, shard_path
from videonet.sources.known_videos import remember
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


@pytest.fixture
def copy(curated: Curated, tmp_path: Path) -> Path:
    """An OUT to change, with the same store."""
    return Path(shutil.copytree(curated.out, tmp_path / "out"))


def rewrite(out: Path, which: str, **changes: object) -> None:
    """Say something else in all verdicts on a video."""
    output = DatasetDir(out)
    lookup = output.lookup()
    assert lookup is not None
    for index in range(lookup.shards):
        rows = list(output.verdicts(index, lookup.shards))
        rows = [
            Verdict.from_row(row.to_row() | changes) if row.video.video_id == which else row
            for row in rows
        ]
        output.write_verdicts(index, lookup.shards, rows)


def test_a_video_for_two_classes_has_both_verdicts_and_one_clip_with_both_labels(curated):
    found = shown(curated.out, BOTH)
    assert [each.target.name for each in found.verdicts] == ["balloon", "sailboat"]
    assert {each.verdict.video.video_id for each in found.verdicts} == {BOTH}
    (clip,) = found.clips
    assert clip.labels == ("balloon", "sailboat")
    assert found.scan is not None
    assert len(found.scan.top1) == 100
    assert {each.verdict.best_match for each in found.verdicts} <= set(found.thumbnails)
    assert found.notes == ()


def test_a_video_is_found_by_its_key_as_by_its_id(curated):
    key = verdict_of(curated.out, LONG).video_key
    assert shown(curated.out, key).verdicts == shown(curated.out, LONG).verdicts


def test_eight_frames_of_a_clip_are_shown_from_the_first_to_the_last_with_their_own_times(curated):
    first, second = shown(curated.out, LONG).clips
    assert (first.number, second.number) == (0, 1)
    assert first.stored == 128
    times = [frame.time for frame in first.frames]
    assert len(times) == 8
    assert times == sorted(times)
    assert (times[0], times[-1]) == (first.begin, first.end - 80_000)
    assert max(b - a for a, b in itertools.pairwise(times)) < 1_600_000


def test_a_rejected_video_shows_what_the_classifier_saw_instead(curated):
    found = shown(curated.out, NOT_ONE)
    assert found.clips == ()
    assert found.verdict.reason is Reason.NO_TOP1_MATCH
    assert found.scan is not None
    assert len(found.thumbnails) >= 4


def test_an_unknown_id_is_a_sentence_with_those_that_are_like_it(curated):
    ended = videonet("show", curated.out, "yacht.mp")
    assert "has no video 'yacht.mp'" in sentence(ended)
    assert "such as yacht.mp4" in ended.stderr


def test_an_id_that_several_videos_have_is_a_sentence_with_their_keys(copy):
    rewrite(copy, NOT_ONE, video_id=LONG)
    keys = sorted({each.video_key for each in verdicts_of(copy) if each.video.video_id == LONG})
    assert len(keys) == 2
    ended = videonet("show", copy, LONG)
    assert f"2 videos have the id '{LONG}'" in sentence(ended)
    assert ", ".join(keys) in ended.stderr
    assert len(shown(copy, keys[0]).verdicts) >= 1


def test_a_folder_without_a_data_set_and_one_without_verdicts_are_sentences(copy, tmp_path):
    assert "holds no data set" in sentence(videonet("show", tmp_path, "x"))
    shutil.rmtree(copy / "verdicts")
    assert "has no verdicts yet" in sentence(videonet("show", copy, LONG))


def test_while_shards_are_missing_an_unknown_id_may_still_come(copy):
    index = shard_of(verdict_of(copy, LONG).video_key, 2)
    (copy / "verdicts" / f"verdicts-{index:05d}-of-00002.parquet").unlink()
    assert "so far (the verdicts of 1 of 2 shards are there)" in sentence(
        videonet("show", copy, LONG)
    )


def test_without_the_store_the_rest_is_shown_and_it_is_said(curated, copy, tmp_path):
    facts = msgspec.json.decode((copy / "run.json").read_bytes())
    facts["plan"]["store"] = str(tmp_path / "gone")
    (copy / "run.json").write_bytes(msgspec.json.encode(facts))
    found = shown(copy, LONG)
    assert (found.scan, found.thumbnails) == (None, {})
    assert len(found.clips) == 2
    (note,) = found.notes
    assert str(tmp_path / "gone") in note
    assert "--store DIR" in note
    assert shown(copy, LONG, curated.store).scan == shown(curated.out, LONG).scan


def test_a_store_that_is_not_there_is_a_sentence(curated, tmp_path):
    ended = videonet("show", curated.out, LONG, "--store", tmp_path / "gone")
    assert "gone is no folder" in sentence(ended)


def test_a_data_set_that_is_only_there_as_tfrecord_is_shown_just_so(curated, copy):
    shutil.rmtree(copy / "clips" / "parquet")
    assert _frames(shown(copy, LONG)) == _frames(shown(curated.out, LONG))


def test_of_a_parquet_shard_no_other_clip_is_read(copy):
    kept = {each.video_key: each for each in verdicts_of(copy) if each.outcome is Outcome.KEPT}
    by_shard: dict[int, list[Verdict]] = {0: [], 1: []}
    for key, verdict in kept.items():
        by_shard[shard_of(key, 2)].append(verdict)
    index, (one, other, *_) = next(each for each in by_shard.items() if len(each[1]) > 1)
    file = copy / shard_path("parquet", index, 2)
    _damage(file, other.video_key)
    assert len(shown(copy, one.video.video_id).clips) == one.clips
    with pytest.raises(UsageError, match="is damaged"):
        shown(copy, other.video.video_id)


def _damage(file: Path, video_key: str) -> None:
    """Change a byte of a frame of each clip of a video."""
    data = bytearray(file.read_bytes())
    metadata = pq.ParquetFile(file).metadata
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        columns = {
            group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)
        }
        if columns["example_id"].statistics.min.startswith(video_key):
            frames = columns["image_encoded.list.element"]
            data[frames.data_page_offset + frames.total_compressed_size // 2] ^= 0xFF
    file.write_bytes(data)


def test_of_a_video_that_failed_the_reason_and_the_error_text_are_said(copy):
    error = "HTTP Error 404: [red]Not Found"
    rewrite(copy, LONG, outcome=Outcome.FAILED, reason=Reason.UNAVAILABLE, clips=0, error=error)
    ended = videonet("show", copy, LONG, "--to", copy / "page.html")
    assert f"failed for balloon: unavailable, {Reason.UNAVAILABLE.explanation}; " in ended.stdout
    assert f"\n  error     {error}\n" in ended.stdout
    page = (copy / "page.html").read_text()
    assert "unavailable" in page
    assert error in page


def test_the_id_of_a_file_may_lack_its_ending(copy):
    assert LONG.endswith(".mp4")
    assert shown(copy, LONG.removesuffix(".mp4")).verdict.video.video_id == LONG
    assert shown(copy, LONG.removesuffix(".mp4")).notes == shown(copy, LONG).notes
    with pytest.raises(UsageError, match="has no video"):
        shown(copy, LONG.removesuffix("n.mp4"))


def test_files_that_differ_in_their_ending_alone_are_named(copy):
    rewrite(copy, BOTH, video_id=LONG.replace(".mp4", ".webm"))
    with pytest.raises(UsageError, match=r"may be any of 2 videos; .*\.mp4 \(.*\.webm \("):
        shown(copy, LONG.removesuffix(".mp4"))


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an OUT; four rows of its catalogue name one video, and two another."""
    folder = tmp_path_factory.mktemp("merged")
    (folder / "classes.txt").write_text(CLASSES)
    draw_video(folder / "v.mp4", "balloon", 11, size=(96, 64))
    draw_video(folder / "w.mp4", "balloon", 12, size=(96, 64))
    shutil.copy(folder / "v.mp4", folder / "copy.mp4")
    (folder / "videos.csv").write_text(
        "id,url,title\n"
        "first,v.mp4,A balloon\n"
        "second,./v.mp4,A balloon again\n"
        "sub/third.mp4,copy.mp4,A copied balloon\n"
        "both.mp4,v.mp4,One more balloon\n"
        "other,w.mp4,Another balloon\n"
        "both.webm,./w.mp4,Another balloon again\n"
    )
    typed = arguments(folder)
    typed[typed.index("--source") + 1] = f"catalogue:{folder / 'videos.csv'}"
    assert videonet(*typed, "--files-root", folder).code == 0
    return folder


@pytest.mark.parametrize("asked", ["second", "sub/third.mp4", "sub/third"])
def test_of_rows_that_were_merged_it_is_said_under_which_id_they_are(merged, asked):
    ended = videonet("show", merged / "out", asked, "--to", merged / "page.html")
    assert ended.code == 0
    said = f"{asked} is here as first: both rows name the same video."
    assert said in ended.stdout
    assert said in (merged / "page.html").read_text()
    assert "here as" not in videonet("show", merged / "out", "first").stdout


def test_an_id_of_merged_rows_that_name_several_videos_is_a_sentence_with_these(merged):
    said = sentence(videonet("show", merged / "out", "both"))
    assert "'both' may be any of 2 videos; give the id of one: " in said
    for video_id in ("first", "other"):
        assert f"{video_id} ({verdict_of(merged / 'out', video_id).video_key})" in said


def test_what_a_store_knows_of_other_data_sets_is_not_taken_for_one_of_this(merged, tmp_path):
    store = Store(Path(shutil.copytree(merged / "store", tmp_path / "store")))
    rows = pq.ParquetDataset(store.root / "found").read().to_pylist()
    (second,) = [Sighting.from_row(row) for row in rows if row["video_id"] == "second"]
    # Its key comes first in the order of keys.
    remember(store, [msgspec.structs.replace(second, video_key="other:video")])
    view = shown(merged / "out", "second", store.root)
    assert view.verdict.video.video_id == "first"


def test_the_store_is_looked_through_for_an_id_that_is_not_here_alone(merged, tmp_path):
    store = Path(shutil.copytree(merged / "store", tmp_path / "store"))
    (store / "found" / "damaged.parquet").write_bytes(b"no table")
    assert shown(merged / "out", "first", store).verdict.video.video_id == "first"
    with pytest.raises(UsageError, match=r"damaged\.parquet of the store is damaged"):
        shown(merged / "out", "second", store)


def test_nothing_is_pictured_of_a_withdrawn_video(copy):
    rewrite(copy, LONG, outcome=Outcome.REJECTED, reason=Reason.WITHDRAWN, clips=0)
    found = shown(copy, LONG)
    assert (found.clips, found.scan, found.thumbnails) == ((), None, {})
    assert "withdrawn" in found.notes[0]


def test_what_the_store_has_seen_since_is_not_taken_for_what_decided(copy):
    rewrite(copy, LONG, sha256="0" * 64)
    found = shown(copy, LONG)
    assert found.scan is None
    assert "has seen other content" in found.notes[0]


def test_clips_that_are_gone_from_their_shard_are_missed(copy):
    shutil.rmtree(copy / "clips")
    assert "not in their shard" in shown(copy, LONG).notes[0]


def test_the_command_writes_a_page_below_out_and_says_where(copy):
    ended = videonet("show", copy, BOTH)
    assert ended.code == 0, ended
    (file,) = (copy / "report" / "show").iterdir()
    assert str(file) in ended.stdout
    assert "kept for balloon: " in ended.stdout
    assert "kept for sailboat: " in ended.stdout
    assert file.read_text("utf-8") == sheet_of(shown(copy, BOTH))


def test_the_command_writes_where_it_is_told_to_or_says_that_it_cannot(curated, tmp_path):
    assert videonet("show", curated.out, NOT_ONE, "--to", tmp_path / "a" / "b.html").code == 0
    assert (tmp_path / "a" / "b.html").is_file()
    (tmp_path / "a" / "c.html").mkdir()
    said = sentence(videonet("show", curated.out, NOT_ONE, "--to", tmp_path / "a" / "c.html"))
    assert "cannot be written" in said
    assert "--to" in said


@pytest.mark.parametrize("name", ["a.png", "a", "a.html.txt"])
def test_a_file_that_is_no_page_is_refused_in_a_sentence(curated, tmp_path, name):
    said = sentence(videonet("show", curated.out, NOT_ONE, "--to", tmp_path / name))
    assert f"--to {tmp_path / name} is no page; give a file that ends with .html" in said
    assert list(tmp_path.iterdir()) == []


def test_the_command_loads_neither_beam_nor_pytorch(curated, tmp_path):
    typed = ["videonet", "show", str(curated.out), BOTH, "--to", str(tmp_path / "a.html")]
    code = (
        f"import sys; sys.argv = {typed}\n"
        "from videonet.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'apache_beam', 'torch', 'yt_dlp', 'onnxruntime'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.stdout.splitlines()[-1] == "[]", ended


def test_training_views_without_pytorch_are_a_sentence(curated, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in [each for each in sys.modules if each.startswith("videonet.training")]:
        monkeypatch.delitem(sys.modules, name)
    ended = videonet("show", curated.out, LONG, "--training-views")
    assert "--training-views needs PyTorch" in sentence(ended)


@given(ids=st.lists(st.text(), min_size=2, max_size=2, unique=True))
def test_each_video_has_a_file_name_that_every_system_takes(curated, ids):
    verdict = verdict_of(curated.out, LONG)
    names = [
        file_name(
            Verdict.from_row(verdict.to_row() | {"video_id": each, "video_key": f"youtube:{each}"})
        )
        for each in ids
    ]
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}\.html", name) for name in names)
    assert names[0].lower() != names[1].lower()


def _frames(view: VideoView) -> list[tuple[int, bytes]]:
    return [(frame.time, frame.jpeg) for clip in view.clips for frame in clip.frames]
