"""What a card counts: videos once, classes by their pairs, clips by their spans."""

import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from tests.curated import Curated, curated_once
from tests.dataset.card.made_up import made_up, target, unseen, verdict
from tests.dataset.card.reading import card_of, cells_of, header_of
from videonet.dataset.card.numbers import numbers_of
from videonet.dataset.card.write import write_card
from videonet.schemas.licence import is_creative_commons
from videonet.schemas.lock_file import LockedVideo
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.settings import DataOptions
from videonet.schemas.table import arrow_schema
from videonet.schemas.verdict import Verdict
from videonet.storage.dataset_dir import DatasetDir
from videonet.text import playing_time


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


def invented(number: int, targets: list[str]) -> list[Verdict]:
    """Verdicts on so many videos, each a candidate for one or two classes."""
    chance = random.Random(1)
    verdicts = []
    for index in range(number):
        key = f"v{index}"
        known = {
            "channel": chance.choice([None, *(f"channel {each}" for each in range(30))]),
            "licence": chance.choice([None, "", "CC BY 4.0", "Standard", "all rights reserved"]),
            "title": chance.choice(["A crane", "Ein Kätzchen, café", "гусь crane", "鶴"]),
            "url": chance.choice(["a crane.mp4", f"https://a@B.example:80/{key}", "http://c.d?x"]),
            "width": chance.choice([None, 200, 640, 720, 1280]),
            "height": chance.choice([360, 720, 1280]),
            "fps": chance.choice([None, 10.0, 12.5, 30.0]),
            "declared_duration": chance.choice([None, 30.0]),
            "duration": round(chance.uniform(10, 100), 3),
            "sha256": f"content {index // 2 if index % 10 < 2 else index}",
        }
        if known["width"] is None:
            known["height"] = None
        for target_id in chance.sample(targets, chance.choice([1, 1, 2])):
            names = chance.choice([(target_id,), ("bird",), ("bird", target_id)])
            matching = {
                "frames_matched": chance.choice([1, 2, 50]),
                "best_probability": chance.choice([0.4, 0.5, 0.9]),
            }
            if chance.random() < 0.5:
                length = known["duration"]
                clips = min(4, int(length / 10.24) + (length % 10.24 >= 2.56))
                row = verdict(key, target_id, matched_names=names, clips=clips, **matching | known)
            else:
                row = unseen(key, target_id, matched_names=names, **known | {"duration": None})
            verdicts.append(row)
    return verdicts


def test_videos_are_counted_once_and_classes_by_their_pairs(tmp_path: Path):
    verdicts = invented(300, ["crane", "kite", "teal"])
    targets = [target("crane"), target("kite"), target("teal"), target("empty")]
    output, manifest = made_up(tmp_path / "out", targets, verdicts)
    numbers = numbers_of(output, DataOptions())
    kept = [each for each in verdicts if each.outcome is Outcome.KEPT]
    # What is measured of a video stands in the verdict on the class that it was kept for.
    assert_counted(numbers.candidates, {each.video_key: each for each in reversed(verdicts)})
    videos = {each.video_key: each for each in kept}
    assert_counted(numbers.kept, videos)
    assert numbers.kept.videos == manifest.totals.kept_videos
    for target_id, counted in numbers.classes.items():
        own = [each for each in verdicts if each.target_id == target_id]
        mine = [each for each in own if each.outcome is Outcome.KEPT]
        assert counted.kept == len(mine)
        assert counted.unseen == len(own) - len(mine)
        assert counted.confirmed == len(mine)
        assert counted.clips == sum(each.clips for each in mine)
        assert counted.on_one_frame == sum(each.frames_matched == 1 for each in mine)
        assert counted.uncertain == sum((each.best_probability or 0) <= 0.5 for each in mine)
        assert counted.by_name == sum(target_id in each.matched_names for each in mine)
    lengths = [each.duration or 0 for each in videos.values()]
    assert numbers.kept_seconds == pytest.approx(sum(lengths))
    assert numbers.clip_seconds is None
    assert numbers.longer == sum(length >= 4 * 10.24 + 2.56 for length in lengths) > 0
    contents = [each.sha256 for each in videos.values()]
    assert numbers.copies == len(contents) - len(set(contents)) > 0
    hosts = {host: (found, kept) for host, found, kept in numbers.hosts}
    assert sorted(hosts) == ["", "b.example", "c.d"]
    assert numbers.all_hosts == 3
    assert sum(kept for _, kept in hosts.values()) == len(videos)
    assert hosts["b.example"][1] == sum("B.example" in each.video.url for each in videos.values())


def assert_counted(counted: Any, videos: dict[str, Verdict]) -> None:
    """`counted` is what counting these videos one by one gives."""
    rows = list(videos.values())
    stated = [each.video.licence for each in rows if each.video.licence]
    channels = Counter(each.video.channel for each in rows if each.video.channel)
    sizes = [(each.width, each.height) for each in rows if each.width and each.height]
    assert counted.videos == len(rows)
    assert counted.with_licence == len(stated)
    assert counted.licences == tuple(
        sorted(Counter(stated).items(), key=lambda each: (-each[1], each[0]))
    )
    assert counted.creative_commons == sum(map(is_creative_commons, stated))
    assert counted.channels == len(channels)
    assert counted.with_channel == channels.total()
    assert counted.in_largest_channels == sum(number for _, number in channels.most_common(10))
    assert counted.other_script == sum(each.video.title in ("гусь crane", "鶴") for each in rows)
    assert counted.sized == len(sizes)
    assert counted.portrait == sum(width < height for width, height in sizes)
    assert counted.enlarged == sum(min(size) < 256 for size in sizes)
    assert counted.large == sum(min(size) >= 720 for size in sizes)
    assert counted.timed == sum(each.fps is not None for each in rows)
    assert counted.slow == sum(each.fps is not None and each.fps < 12.5 for each in rows)


def test_the_quartiles_are_those_of_the_videos_whose_length_is_known(tmp_path: Path):
    kept = [verdict(f"v{length}", "crane", duration=float(length)) for length in range(10, 51)]
    unknown = unseen("none", "crane")
    output, _ = made_up(tmp_path / "out", [target("crane")], [*kept, unknown])
    lengths = numbers_of(output, DataOptions()).candidates.lengths
    assert lengths is not None
    assert lengths.known == 41
    assert (lengths.least, lengths.quarter, lengths.half) == (10, 20, 30)
    assert (lengths.three_quarters, lengths.most) == (40, 50)


def test_a_class_that_the_classifier_seldom_sees_is_named_first(tmp_path: Path):
    verdicts = [
        *(verdict(f"a{each}", "crane") for each in range(2)),
        *(unseen(f"b{each}", "crane") for each in range(18)),
        *(verdict(f"c{each}", "kite") for each in range(15)),
        *(unseen(f"d{each}", "rare") for each in range(3)),
    ]
    targets = [target("kite"), target("crane"), target("rare")]
    card = card_of(tmp_path / "out", targets, verdicts)
    assert "Most seldom confirmed: crane (2 of 20), kite (15 of 15)." in card
    assert "21 (55 %) showed it the class in none" in card
    assert "kite has most labels, 15 (88 %) of 17" in card


def lock_of(root: Path, *clips: list[tuple[int, int]]) -> None:
    """A lock file of videos with clips between these times, microseconds; no more than that."""
    rows = [[{"begin": begin, "end": end} for begin, end in each] for each in clips]
    kind = arrow_schema(LockedVideo).field("clips").type
    pq.write_table(pa.table({"clips": pa.array(rows, kind)}), root / "videos.lock.parquet")


def test_the_length_of_the_clips_is_that_of_the_shards(curated: Curated):
    output = DatasetDir(curated.out)
    shards = pyarrow.dataset.dataset(curated.out / "clips" / "parquet").to_table(
        columns=["clip_start_timestamp", "clip_end_timestamp"]
    )
    microseconds = sum(
        each["clip_end_timestamp"] - each["clip_start_timestamp"] for each in shards.to_pylist()
    )
    assert numbers_of(output, DataOptions()).clip_seconds == pytest.approx(microseconds / 1e6)
    shown = ["length of the clips", playing_time(microseconds / 1e6)]
    assert shown in cells_of((curated.out / "README.md").read_text())


def test_without_a_lock_file_nothing_is_said_of_the_length_of_clips(tmp_path: Path):
    card = card_of(tmp_path / "out", [target("crane")], [verdict("v", "crane")])
    assert "length of the clips" not in card
    assert "They hold" not in card


def test_what_clips_leave_out_is_long_videos_only_where_there_are_any(tmp_path: Path):
    rows = [verdict("v", "crane", duration=15.0), verdict("w", "crane", duration=10.24)]
    output, manifest = made_up(tmp_path / "out", [target("crane")], rows)
    lock_of(Path(output.address), [(0, 10_240_000)], [(0, 10_240_000)])
    write_card(output, manifest)
    card = (Path(output.address) / "README.md").read_text()
    assert "They hold 81 % of the length of the kept videos." in card
    assert "remainders shorter than a window, 2.56 s; no kept video is longer than 4 clips" in card
    assert ["length of the clips", "20.5 s"] in cells_of(card)

    # Of just as much as the clips hold, and of a window more.
    rows = [verdict("v", "crane", duration=43.5, clips=4), verdict("w", "crane", duration=43.52)]
    output, manifest = made_up(tmp_path / "long", [target("crane")], rows)
    lock_of(Path(output.address), [(0, 43_600_000)], [(0, 43_600_000)])
    write_card(output, manifest)
    card = (Path(output.address) / "README.md").read_text()
    # Clips that overlap hold no more than all.
    assert "They hold 100 % of the length of the kept videos." in card
    assert "1 (50 %) of the kept videos are longer than 4 clips can hold." in card


def test_a_video_without_a_clip_is_not_among_those_that_clips_are_cut_from(tmp_path: Path):
    rows = [
        verdict("v", "crane", clips=2),
        verdict("w", "crane", clips=0),
        verdict("x", "kite", clips=0),
    ]
    targets = [target("crane"), target("kite"), target("empty")]
    card = card_of(tmp_path / "out", targets, rows)
    assert "**2 clips**, cut from **1 video** of\n**1 of 3 classes**" in card
    assert "\n2 more kept videos are too short for a clip.\n" in card
    assert header_of(card)["pretty_name"] == "VideoNet, 1 video of 1 of 3 classes"
    cells = cells_of(card)
    assert ["kept videos", "3"] in cells
    assert ["of them too short for a clip", "2"] in cells
    assert ["classes with a kept video", "2"] in cells
    assert ["classes with a clip", "1"] in cells


def test_a_card_says_nothing_of_videos_without_a_clip_where_there_are_none(tmp_path: Path):
    card = card_of(tmp_path / "out", [target("crane")], [verdict("v", "crane")])
    assert "too short for a clip." not in card


def test_lengths_say_of_how_many_videos_they_are_known(tmp_path: Path):
    rows = [verdict("v", "crane"), *(unseen(f"u{each}", "crane") for each in range(3))]
    cells = cells_of(card_of(tmp_path / "out", [target("crane")], rows))
    both = "12.0 s, 12.0 s (of 1)"
    assert ["length: shortest, longest", both, both] in cells
    assert ["videos", "4", "1"] in cells


def test_withdrawn_pairs_are_not_said_to_be_something_else_than_asked_for(tmp_path: Path):
    gone = unseen("w", "crane", reason=Reason.WITHDRAWN, frames_matched=None)
    rows = [verdict("v", "crane"), unseen("u", "crane"), gone, verdict("x", "crane")]
    cells = cells_of(card_of(tmp_path / "out", [target("crane")], rows))
    assert ["of them rejected: not what was asked for", "1 (25 %)"] in cells
    assert ["of them withdrawn: taken out on request", "1 (25 %)"] in cells
    assert ["rejected", "withdrawn", "taken out of the data set on request", "1 (25 %)"] in cells


def test_a_card_tells_which_files_need_not_be_published(curated: Curated):
    card = (curated.out / "README.md").read_text()
    files = {each.name for each in curated.out.iterdir() if not each.name.startswith(".")}
    named = set(re.findall(r"`([\w.]+)/?`", card.split("Beside the clips")[1]))
    assert files <= named | {"clips"}
    assert "`run.json`, `_state/` and `report/` can hold the command line and paths" in card
