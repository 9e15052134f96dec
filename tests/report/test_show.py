"""show: one video of a data set, with what became of it and why."""

import itertools
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.curated import Curated, curated_once, sentence, videonet
from tests.curating import verdicts_of
from videonet.errors import UsageError
from videonet.report.video_sheet.strip import MARGIN, PALETTE, WIDTH, class_colours, draw_strip
from videonet.report.video_sheet.video_view import Exhibit, Moment, exhibit, file_name
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.verdict import Verdict
from videonet.shards.layout import shard_of, shard_path
from videonet.storage.dataset_dir import DatasetDir

BOTH, LONG, NOT_ONE = (
    "a balloon and a sailboat.mp4",
    "a balloon.mp4",
    "a mushroom, or so they say.mp4",
)


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


@pytest.fixture
def copy(curated: Curated, tmp_path: Path) -> Path:
    """An OUT to change, with the same store."""
    return Path(shutil.copytree(curated.out, tmp_path / "out"))


def shown(out: Path, asked: str, store: Path | None = None) -> Exhibit:
    return exhibit(out, asked, store, training_views=False)


def verdict_of(out: Path, video_id: str) -> Verdict:
    return next(each for each in verdicts_of(out) if each.video_id == video_id)


def rewrite(out: Path, which: str, **changes: object) -> None:
    """Say something else in all verdicts on a video."""
    output = DatasetDir(out)
    lookup = output.lookup()
    assert lookup is not None
    for index in range(lookup.shards):
        rows = list(output.verdicts(index, lookup.shards))
        rows = [
            msgspec.structs.replace(row, **changes) if row.video_id == which else row
            for row in rows
        ]
        output.write_verdicts(index, lookup.shards, rows)


def test_a_video_for_two_classes_has_both_verdicts_and_one_clip_with_both_labels(curated):
    found = shown(curated.out, BOTH)
    assert [each.target.name for each in found.judgements] == ["balloon", "sailboat"]
    assert {each.verdict.video_id for each in found.judgements} == {BOTH}
    (clip,) = found.clips
    assert clip.labels == ("balloon", "sailboat")
    assert found.scan is not None
    assert len(found.scan.top1) == 100
    assert {each.verdict.best_match for each in found.judgements} <= set(found.thumbnails)
    assert found.notes == ()


def test_a_video_is_found_by_its_key_as_by_its_id(curated):
    key = verdict_of(curated.out, LONG).video_key
    assert shown(curated.out, key).judgements == shown(curated.out, LONG).judgements


def test_eight_frames_of_a_clip_are_shown_from_the_first_to_the_last_with_their_own_times(curated):
    first, second = shown(curated.out, LONG).clips
    assert (first.number, second.number) == (0, 1)
    assert first.stored == 128
    times = [moment.time for moment in first.moments]
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
    keys = sorted({each.video_key for each in verdicts_of(copy) if each.video_id == LONG})
    assert len(keys) == 2
    ended = videonet("show", copy, LONG)
    assert f"2 videos have the id '{LONG}'" in sentence(ended)
    assert ", ".join(keys) in ended.stderr
    assert len(shown(copy, keys[0]).judgements) >= 1


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
    assert len(shown(copy, one.video_id).clips) == one.clips
    with pytest.raises(UsageError, match="is damaged"):
        shown(copy, other.video_id)


def _damage(file: Path, video_key: str) -> None:
    """Change a byte of a frame of each clip of a video."""
    data = bytearray(file.read_bytes())
    metadata = pq.ParquetFile(file).metadata
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        columns = {group.column(i).path_in_schema: group.column(i) for i in range(17)}
        if columns["example_id"].statistics.min.startswith(video_key):
            frames = columns["image_encoded.list.element"]
            data[frames.data_page_offset + frames.total_compressed_size // 2] ^= 0xFF
    file.write_bytes(data)


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


def test_a_picture_has_the_colour_of_each_frames_class_in_one_row(curated):
    found = shown(curated.out, BOTH)
    assert found.scan is not None
    colours = class_colours(found, found.scan)
    assert len(set(colours.values())) > 1
    picture = draw_strip(found)
    assert picture.width == WIDTH
    at = [MARGIN + (2 * frame + 1) * (WIDTH - 2 * MARGIN) // 200 for frame in range(100)]
    expected = [_rgb(colours[output]) for output in found.scan.top1]
    rows = [[picture.getpixel((x, y)) for x in at] for y in range(picture.height)]
    assert sum(row == expected for row in rows) > 20


def test_classes_that_confirm_a_target_have_the_first_colours(curated):
    found = shown(curated.out, BOTH)
    assert found.scan is not None
    rare = msgspec.structs.replace(found.scan, top1=(6,) * 97 + (0, 1, 5))
    colours = class_colours(found, rare)
    assert list(colours) == [0, 1, 6, 5]
    assert list(colours.values()) == list(PALETTE[:4])


@pytest.mark.parametrize(
    "changes",
    [
        {"outcome": Outcome.FAILED, "reason": Reason.UNAVAILABLE, "error": "HTTP Error 404\n" * 20},
        {"outcome": Outcome.REJECTED, "reason": Reason.TOO_SHORT, "duration": None},
        {"title": "日本 🎈 Шар <b>\x1b[31m\u202e" * 40, "url": "x" * 2_000, "channel": "ö" * 900},
        {"title": "", "width": None, "height": None, "fps": None, "codec": None, "bytes": None},
    ],
    ids=["failed", "too short", "hostile", "bare"],
)
def test_any_verdict_gives_a_picture(curated, changes):
    found = shown(curated.out, NOT_ONE)
    verdict = msgspec.structs.replace(
        found.verdict, frames_scanned=None, frames_matched=None, seen=None, **changes
    )
    judgements = (replace(found.judgements[0], verdict=verdict),) * 13
    bare = replace(found, judgements=judgements, scan=None, thumbnails={})
    picture = draw_strip(bare)
    assert picture.width == WIDTH
    assert _is_blank(picture, 0, MARGIN - 10)
    assert _is_blank(picture, WIDTH - MARGIN + 1, WIDTH)


def test_frames_of_any_shape_are_drawn_undistorted_and_within_their_place(curated):
    found = shown(curated.out, BOTH)
    moments = [
        Moment(0, Image.new("RGB", size, PALETTE[0])) for size in ((10, 900), (900, 10), (4, 4))
    ]
    clip = replace(found.clips[0], moments=tuple(moments))
    assert draw_strip(replace(found, clips=(clip,))).height < draw_strip(found).height + 400


def test_the_command_writes_a_png_below_out_and_says_where(copy):
    ended = videonet("show", copy, BOTH)
    assert ended.code == 0, ended
    (file,) = (copy / "report" / "show").iterdir()
    assert str(file) in ended.stdout
    assert "kept for balloon: " in ended.stdout
    assert "kept for sailboat: " in ended.stdout
    with Image.open(file) as picture:
        assert picture.format == "PNG"
        assert picture.width == WIDTH


def test_the_command_writes_where_it_is_told_to_or_says_that_it_cannot(curated, tmp_path):
    assert videonet("show", curated.out, NOT_ONE, "--to", tmp_path / "a" / "b.png").code == 0
    assert (tmp_path / "a" / "b.png").is_file()
    said = sentence(videonet("show", curated.out, NOT_ONE, "--to", tmp_path / "a"))
    assert "cannot be written" in said
    assert "--to" in said


def test_training_views_add_three_windows_a_clip(curated):
    pytest.importorskip("torch").set_num_threads(1)
    with_views = exhibit(curated.out, LONG, None, training_views=True)
    assert [len(clip.views) for clip in with_views.clips] == [3, 3]
    windows = {views.window for clip in with_views.clips for views in clip.views}
    assert len(windows) == 6
    more = draw_strip(with_views).height - draw_strip(shown(curated.out, LONG)).height
    assert more > 2 * 150


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
        file_name(msgspec.structs.replace(verdict, video_id=each, video_key=f"youtube:{each}"))
        for each in ids
    ]
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}\.png", name) for name in names)
    assert names[0].lower() != names[1].lower()


def _frames(found: Exhibit) -> list[tuple[int, bytes]]:
    return [
        (moment.time, moment.image.tobytes()) for clip in found.clips for moment in clip.moments
    ]


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[place : place + 2], 16) for place in (1, 3, 5))


def _is_blank(picture: Image.Image, left: int, right: int) -> bool:
    part = picture.crop((left, 0, right, picture.height))
    return part.getcolors() == [(part.width * part.height, (255, 255, 255))]
