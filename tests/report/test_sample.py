"""sample: which videos are shown, their loops, and what is said of what is not shown."""

import io
import json
import shutil
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.curated import Curated, curated_once, sentence, videonet
from tests.report.made_up import HOSTILE
from tests.report.parsed import parsed
from tests.report.sampled import (
    CLASSES,
    hostile,
    kept,
    little_known,
    page_of,
    sampled,
    write_sampled,
)
from tests.report.written import verdict, write
from videonet.dataset.verdict_db import open_verdicts
from videonet.errors import UsageError
from videonet.report.sample.choose import COLUMNS, Asked, draw
from videonet.report.sample.gather import Sample
from videonet.report.sample.loops import DAMAGED, NO_SHARD, NOT_IN_SHARD, PIXELS
from videonet.schemas.reason import Reason
from videonet.shards.layout import shard_of, shard_path
from videonet.storage.dataset_dir import DatasetDir

VIDEOS = 28
PER_CLASS = VIDEOS // len(CLASSES)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """28 videos, four of a class, in two shards; to be read only."""
    return write_sampled(tmp_path_factory.mktemp("sampled"), [kept(n) for n in range(VIDEOS)])


@pytest.fixture
def copy(out: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(out, tmp_path / "out"))


def asked(per_class: int = 10, most: int = 1_000, seed: int = 0, *classes: str) -> Asked:
    return Asked(per_class, most, seed, classes)


def keys(sample: Sample) -> list[str]:
    return [card.video_key for card in sample.page.cards]


def test_the_page_is_the_same_each_time_and_another_seed_draws_other_videos(out: Path):
    assert page_of(out, asked(2)) == page_of(out, asked(2))
    assert set(keys(sampled(out, asked(2)))) != set(keys(sampled(out, asked(2, seed=1))))


def test_of_each_class_there_are_so_many_videos_and_the_least_sure_come_first(out: Path):
    cards = sampled(out, asked(3)).page.cards
    assert Counter(card.place for card in cards) == dict.fromkeys(range(len(CLASSES)), 3)
    order = [(card.place, card.probability) for card in cards]
    assert order == sorted(order)


def test_what_a_page_has_no_room_for_is_left_out_of_all_classes_and_it_is_said(out: Path):
    few = sampled(out, asked(4, most=10))
    assert len(few.page.cards) == len(few.loops) == 10
    assert set(Counter(card.place for card in few.page.cards).values()) == {1, 2}
    (note,) = few.page.notes
    assert note.startswith("18 of 28 clips that --per-class 4 asks for are left out")
    assert "--most 28 shows all of them" in note
    assert sampled(out, asked(4, most=28)).page.notes == ()


@settings(max_examples=12, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 6), min_size=1, max_size=len(CLASSES)),
    per_class=st.integers(1, 7),
    most=st.integers(1, 20),
)
def test_no_class_gets_more_than_another_one_that_has_as_many(
    sizes: list[int], per_class: int, most: int
):
    verdicts = [
        verdict(100 * place + number, CLASSES[place].target_id)
        for place, size in enumerate(sizes)
        for number in range(size)
    ]
    with TemporaryDirectory() as folder:
        write(Path(folder), CLASSES, verdicts)
        with open_verdicts(DatasetDir(Path(folder)), COLUMNS) as db:
            drawn = draw(db, asked(per_class, most))
            more = draw(db, asked(per_class, most + 1))
    of = {each.target.target_id: len(each.verdicts) for each in drawn.classes}
    had = {CLASSES[place].target_id: size for place, size in enumerate(sizes) if size}
    assert {each.target.target_id: each.videos for each in drawn.classes} == had
    assert sum(of.values()) == min(most, drawn.wanted)
    assert drawn.wanted == sum(min(size, per_class) for size in sizes)
    # Turns are taken: who has less than the most of all has nothing left, or lacks one turn.
    most_of_one = max(of.values(), default=0)
    assert all(
        count >= min(had[name], per_class, most_of_one - 1) and count <= per_class
        for name, count in of.items()
    )
    # With more room, what was shown stays.
    assert {each.video_key for each in drawn.verdicts} <= {each.video_key for each in more.verdicts}


def test_classes_are_chosen_by_name_or_id_and_an_unknown_one_is_a_sentence(out: Path):
    name = CLASSES[2].name
    some = sampled(out, asked(10, 1_000, 0, name, CLASSES[0].target_id))
    assert [each.name for each in some.page.classes] == [CLASSES[0].name, name]
    assert len(some.page.cards) == 2 * PER_CLASS
    with pytest.raises(UsageError, match=r"--class 'baloon' is no class .* such as balloon"):
        sampled(out, asked(10, 1_000, 0, "baloon"))


def test_of_a_long_video_the_clip_is_shown_in_which_its_class_was_seen(tmp_path: Path):
    late = kept(0, clips=3, fps=4.0, best_match=60)  # after 15 s
    beyond = kept(1, clips=2, fps=1.0, best_match=90)
    unknown = kept(2, clips=2, fps=None, best_match=None)
    write_sampled(tmp_path, [late, beyond, unknown])
    found = {card.video_key: card for card in sampled(tmp_path).page.cards}
    assert [found[f"youtube:0000{n}"].clip for n in range(3)] == [1, 1, 0]
    assert (found["youtube:00000"].begin, found["youtube:00000"].end) == (10.24, 20.48)


def test_a_loop_has_a_few_small_frames_of_the_whole_clip(curated: Curated, out: Path):
    of_files = sampled(curated.out)
    assert len(of_files.loops) == 3  # two of the four kept pairs are of one video
    for avif in of_files.loops:
        animation = Image.open(io.BytesIO(avif), formats=["AVIF"])
        assert getattr(animation, "n_frames", 1) == 12
        assert 0.9 * PIXELS < animation.width * animation.height < 1.1 * PIXELS
    # Clips of a few small frames are shown as they are.
    (first, *_) = sampled(out).loops
    animation = Image.open(io.BytesIO(first), formats=["AVIF"])
    assert (getattr(animation, "n_frames", 1), animation.size) == (4, (48, 36))


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


def test_a_video_of_two_classes_is_shown_for_both_with_one_loop(curated: Curated):
    cards = [c for c in sampled(curated.out).page.cards if "and a sailboat" in c.title]
    assert [card.labels for card in cards] == [("sailboat",), ("balloon",)]
    assert len({card.loop for card in cards}) == 1


def test_a_data_set_of_tfrecord_alone_has_the_same_loops(tmp_path: Path):
    verdicts = [kept(n) for n in range(7)]
    one = sampled(write_sampled(tmp_path / "parquet", verdicts))
    other = sampled(write_sampled(tmp_path / "tfrecord", verdicts, formats=["tfrecord"]))
    assert one.loops == other.loops


@pytest.mark.parametrize("format_name", ["parquet", "tfrecord"])
def test_a_damaged_clip_is_said_and_counted_and_the_others_are_shown(
    tmp_path: Path, format_name: str
):
    out = write_sampled(tmp_path, [kept(n) for n in range(7)], shards=1, formats=[format_name])
    file = out / shard_path(format_name, 0, 1)
    data = bytearray(file.read_bytes())
    places = [at for at in range(len(data)) if data[at : at + 3] == b"\xff\xd8\xff"]
    data[places[-1] + 200] ^= 0xFF  # a frame of the last clip
    file.write_bytes(data)
    found = sampled(out)
    unreadable = [card for card in found.page.cards if card.loop is None]
    assert [card.unreadable for card in unreadable] == [DAMAGED]
    assert [card.video_key for card in unreadable] == ["youtube:00006"]
    assert found.unreadable == 1
    assert len(found.loops) == 6
    assert "1 clip cannot be read; `videonet verify` says what is damaged." in found.page.notes


def test_clips_of_a_shard_that_is_gone_are_said_and_counted(copy: Path):
    (copy / shard_path("parquet", 1, 2)).unlink()
    gone = [n for n in range(VIDEOS) if shard_of(f"youtube:{n:05d}", 2) == 1]
    found = sampled(copy)
    assert found.unreadable == len(gone)
    said = {card.unreadable for card in found.page.cards if card.loop is None}
    assert said == {NO_SHARD}


def test_a_clip_that_is_not_in_its_shard_is_said(tmp_path: Path):
    write_sampled(tmp_path, [kept(n) for n in range(3)], shards=1)
    DatasetDir(tmp_path).write_verdicts(0, 1, [kept(n) for n in range(4)])
    assert [c.unreadable for c in sampled(tmp_path).page.cards] == [None, None, None, NOT_IN_SHARD]


def test_what_has_no_clip_to_look_at_is_not_shown(tmp_path: Path):
    others = [
        kept(1, clips=0),
        verdict(2, CLASSES[2].target_id, Reason.WITHDRAWN),
        verdict(3, CLASSES[3].target_id, Reason.TOO_SHORT),
    ]
    found = sampled(write_sampled(tmp_path, [kept(0), *others]))
    assert keys(found) == ["youtube:00000"]
    assert found.page.notes == ("6 classes have no kept video that gives a clip.",)
    with pytest.raises(UsageError, match="no clip of the classes that are asked for;"):
        sampled(tmp_path, asked(10, 1_000, 0, CLASSES[1].name))


def test_a_run_that_goes_on_shows_what_is_there(copy: Path):
    (copy / "manifest.json").unlink()
    (copy / "verdicts" / "verdicts-00001-of-00002.parquet").unlink()
    page = sampled(copy).page
    assert page.manifest_sha256 is None
    assert page.notes[0] == "The run is not finished: shown are videos of 1 of 2 shards."
    assert 0 < len(page.cards) < VIDEOS
    (copy / "verdicts" / "verdicts-00000-of-00002.parquet").unlink()
    with pytest.raises(UsageError, match="has no verdicts yet"):
        sampled(copy)


def test_little_may_be_known_of_a_video(tmp_path: Path):
    page = sampled(write_sampled(tmp_path, [little_known(0)])).page
    assert page.classes[0].probability is None
    assert page.cards[0].loop == 0
    assert page.cards[0].unreadable is None


def test_texts_of_strangers_are_data_on_the_page_and_marks_name_videos_to_the_byte(tmp_path: Path):
    verdicts = [hostile(number) for number in range(len(HOSTILE))]
    page = page_of(write_sampled(tmp_path, verdicts))
    scripts = list(parsed(page).all("script"))
    assert len(scripts) == 3
    facts = json.loads(scripts[0].text)
    exact = {card["video_key"]: card["video_id"] for card in facts["cards"]}
    assert exact == {each.video_key: each.video.video_id for each in verdicts}
    assert str(tmp_path) not in page
    # No character that acts is in the file itself.
    assert not {"\u202e", "\x1b", "\x00", "\u2028"} & set(page)


def test_the_command_says_what_it_shows_and_where(curated: Curated, tmp_path: Path):
    page = tmp_path / "page.html"
    ended = videonet("sample", curated.out, "--per-class", "10", "--out", page)
    assert ended.code == 0, ended
    first, *_, last = ended.stdout.splitlines()
    assert first == (
        "A clip for each of 4 kept verdicts in 2 classes, at most 10 of a class, drawn by a hash "
        "of their keys."
    )
    assert last.startswith(f"{page}: 4 clips, ")
    assert page.read_text("utf-8").startswith("<!doctype html>")


def test_the_page_of_the_data_set_itself_goes_when_a_video_is_withdrawn(copy: Path):
    assert videonet("sample", copy).code == 0
    assert (copy / "report/sample.html").is_file()
    assert DatasetDir(copy).delete_report()
    assert not (copy / "report").exists()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("nowhere",), "nowhere is no folder"),
        ((".",), "holds no data set and no run that has listed its candidates"),
        ((".", "--out", "page.png"), "page.png is no page; give a file that ends with .html"),
        ((".", "--out", "gs://bucket/page.html"), "must lie on this machine"),
    ],
)
def test_what_cannot_be_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: tuple[str, ...], said: str
):
    monkeypatch.chdir(tmp_path)
    assert said in sentence(videonet("sample", *typed))


def test_a_page_that_cannot_be_written_is_a_sentence(out: Path, tmp_path: Path):
    (tmp_path / "file").touch()
    page = tmp_path / "file" / "page.html"
    assert f"{page.parent} is no folder" in sentence(videonet("sample", out, "--out", page))


def test_a_page_among_the_files_of_the_data_set_is_refused(copy: Path):
    page = copy / "clips" / "page.html"
    assert "which `videonet verify` checks" in sentence(videonet("sample", copy, "--out", page))
    assert not page.exists()


def test_verdicts_that_cannot_be_read_are_a_sentence(copy: Path):
    (copy / "verdicts" / "verdicts-00000-of-00002.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(UsageError, match="cannot be read"):
        sampled(copy)


def test_the_facts_are_those_of_the_verdict(out: Path):
    card = next(c for c in sampled(out).page.cards if c.video_key == "youtube:00009")
    said = msgspec.structs.asdict(card)
    expected = {
        "title": "video 9",
        "url": "https://videos.example/9",
        "rank": 9,
        "probability": 0.005,
        "matched": 40,
        "scanned": 100,
        "seen": "yacht",
        "seen_frames": 60,
        "duration": 12.0,
        "licence": None,
    }
    assert {name: said[name] for name in expected} == expected
