"""OUT/README.md: what a data set says of itself to whoever finds it."""

import html
import random
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from schemas import Clip, LockedVideo, Outcome, Reason, Verdict, arrow_schema
from tests.card.made_up import made_up, target, unseen, verdict
from tests.curated import Curated, curated_once
from tests.curating import verdicts_of
from videonet.card import write_card
from videonet.card.card import _size_category
from videonet.card.making import MEANINGS
from videonet.card.markdown import plain, time
from videonet.card.numbers import numbers_of
from videonet.errors import UsageError
from videonet.finish import finish
from videonet.licence import is_creative_commons
from videonet.output import Output
from videonet.shards.tfrecord import CONTEXT, FEATURE_LISTS

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])

HOSTILE = (
    "</script><script>alert(1)</script>",
    "a | b |\n| --- |\n# heading",
    "![x](https://evil.example/x.png) <img src=x onerror=alert(2)>",
    "`code` **bold** ~~gone~~ [link](javascript:alert(3)) https://evil.example www.evil.example",
    "---\nlicense: mit\n---",
    "$header ${classes} <!-- if parquet --> $$x$$",
    "\u202egnp.exe\u2028 new\x00 line &lt;b&gt; \\| @somebody",
    "crane " * 200,
)


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


def card_of(root: Path, *of: Any, **settings: Any) -> str:
    output, manifest = made_up(root, *of, **settings)
    write_card(output, manifest)
    return (root / "README.md").read_text()


def header_of(card: str) -> dict[str, Any]:
    opening, header, _ = card.split("---\n", 2)
    assert opening == ""
    read = yaml.safe_load(header)
    assert isinstance(read, dict)
    return read


def cells_of(card: str) -> list[list[str]]:
    """All rows of all tables, as a reader of the rendered card sees them."""
    rendered = MARKDOWN.render(card.split("---\n", 2)[2])
    return [
        [
            html.unescape(re.sub("<.*?>", "", cell))
            for cell in re.findall("<t[dh].*?>(.*?)</t[dh]>", row, re.DOTALL)
        ]
        for row in re.findall("<tr>(.*?)</tr>", rendered, re.DOTALL)
    ]


def elements_of(card: str) -> list[str]:
    """The HTML elements that the card becomes, in order."""
    return re.findall(r"<(/?\w+)", MARKDOWN.render(card.split("---\n", 2)[2]))


# What a run leaves.


def test_a_finished_run_has_a_card_that_its_verdicts_and_manifest_give_again(
    curated: Curated, tmp_path: Path
):
    shutil.copytree(curated.out, tmp_path / "elsewhere")
    again = Output(tmp_path / "elsewhere")
    (again.root / "README.md").unlink()
    manifest = again.manifest()
    assert manifest is not None
    finish(again, manifest)
    assert (again.root / "README.md").read_bytes() == (curated.out / "README.md").read_bytes()


def test_a_card_says_nothing_of_the_clock_or_the_machine(curated: Curated):
    card = (curated.out / "README.md").read_text()
    facts = msgspec.json.decode((curated.out / "run.json").read_bytes())
    assert str(curated.folder) not in card
    assert facts["run_id"] not in card
    assert facts["begun"][:10] not in card


def test_the_sizes_on_a_card_are_those_of_the_manifest(curated: Curated):
    card = (curated.out / "README.md").read_text()
    manifest = Output(curated.out).manifest()
    assert manifest is not None
    totals = manifest.totals
    videos = totals.kept_videos - totals.kept_without_clip
    assert f"**{totals.clips} clips**, cut from **{videos} videos**" in card
    cells = cells_of(card)
    kept = [each for each in verdicts_of(curated.out) if each.outcome is Outcome.KEPT]
    for name in ("balloon", "sailboat", "mushroom"):
        own = [each for each in kept if each.target_id == name]
        pairs = manifest.targets[name].pairs
        clips = sum(each.clips for each in own)
        assert [name, name, str(pairs), str(len(own)), str(clips)] in cells
    assert ["titles looked at", str(totals.titles)] in cells
    assert ["clips", str(totals.clips)] in cells
    assert manifest.classifier.sha256 in card
    for name, version in manifest.versions.items():
        assert f"{name} {version}" in card
    for name in manifest.settings:
        assert name in [row[0] for row in cells]


def test_hugging_face_reads_the_header(curated: Curated, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    hub = pytest.importorskip("huggingface_hub")
    card = hub.DatasetCard((curated.out / "README.md").read_text())
    assert card.data.license == "other"
    assert card.data.size_categories == ["n<1K"]
    assert [each["config_name"] for each in card.data.configs] == ["clips", "verdicts"]


def test_the_header_names_the_files_that_are_there(curated: Curated):
    header = header_of((curated.out / "README.md").read_text())
    found = {
        each["config_name"]: sorted(curated.out.glob(each["data_files"][0]["path"]))
        for each in header["configs"]
    }
    assert found["clips"] == sorted((curated.out / "clips" / "parquet").iterdir())
    assert found["verdicts"] == sorted((curated.out / "verdicts").iterdir())


def test_the_format_names_every_column_and_key(curated: Curated):
    described = {row[0]: row[1:] for row in cells_of((curated.out / "README.md").read_text())}
    kinds = {"string": "string", "int64": "int64", "double": "float", "binary": "bytes"}
    for key, column in (CONTEXT | FEATURE_LISTS).items():
        kind = str(arrow_schema(Clip).field(column).type)
        item = re.fullmatch(r"list<item: (\w+)( not null)?>", kind)
        expected = f"list of {kinds[item[1]]}" if item else kinds[kind]
        assert described[column][:2] == [key, expected]
    assert set(CONTEXT.values()) | set(FEATURE_LISTS.values()) == set(Clip.__struct_fields__)


# What is counted.


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
    numbers = numbers_of(output, 4)
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
    assert hosts["b.example"][1] == sum("B.example" in each.url for each in videos.values())


def assert_counted(counted: Any, videos: dict[str, Verdict]) -> None:
    """`counted` is what counting these videos one by one gives."""
    rows = list(videos.values())
    stated = [each.licence for each in rows if each.licence]
    channels = Counter(each.channel for each in rows if each.channel)
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
    assert counted.other_script == sum(each.title in ("гусь crane", "鶴") for each in rows)
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
    lengths = numbers_of(output, 4).candidates.lengths
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
    output = Output(curated.out)
    shards = pyarrow.dataset.dataset(curated.out / "clips" / "parquet").to_table(
        columns=["clip_start_timestamp", "clip_end_timestamp"]
    )
    microseconds = sum(
        each["clip_end_timestamp"] - each["clip_start_timestamp"] for each in shards.to_pylist()
    )
    assert numbers_of(output, 4).clip_seconds == pytest.approx(microseconds / 1e6)
    shown = ["length of the clips", time(microseconds / 1e6)]
    assert shown in cells_of((curated.out / "README.md").read_text())


def test_without_a_lock_file_nothing_is_said_of_the_length_of_clips(tmp_path: Path):
    card = card_of(tmp_path / "out", [target("crane")], [verdict("v", "crane")])
    assert "length of the clips" not in card
    assert "They hold" not in card


def test_what_clips_leave_out_is_long_videos_only_where_there_are_any(tmp_path: Path):
    rows = [verdict("v", "crane", duration=15.0), verdict("w", "crane", duration=10.24)]
    output, manifest = made_up(tmp_path / "out", [target("crane")], rows)
    lock_of(output.root, [(0, 10_240_000)], [(0, 10_240_000)])
    write_card(output, manifest)
    card = (output.root / "README.md").read_text()
    assert "They hold 81 % of the length of the kept videos." in card
    assert "remainders shorter than a window, 2.56 s; no kept video is longer than 4 clips" in card
    assert ["length of the clips", "20.5 s"] in cells_of(card)

    # Of just as much as the clips hold, and of a window more.
    rows = [verdict("v", "crane", duration=43.5, clips=4), verdict("w", "crane", duration=43.52)]
    output, manifest = made_up(tmp_path / "long", [target("crane")], rows)
    lock_of(output.root, [(0, 43_600_000)], [(0, 43_600_000)])
    write_card(output, manifest)
    card = (output.root / "README.md").read_text()
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
    assert header_of(card)["pretty_name"] == "VideoNet, 1 video of 1 of 3 classes"
    cells = cells_of(card)
    assert ["kept videos", "3"] in cells
    assert ["of them too short for a clip", "2"] in cells
    assert ["classes with a kept video", "2"] in cells
    assert ["classes with a clip", "1"] in cells


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


# Licences.


def test_licences_are_shown_as_they_are_stated_the_commonest_first(tmp_path: Path):
    stated = ["CC BY 4.0"] * 3 + ["Standard <licence>"] * 2 + [None]
    verdicts = [verdict(f"v{i}", "crane", licence=each) for i, each in enumerate(stated)]
    verdicts.append(unseen("w", "crane", licence="of a video that is not in it"))
    card = card_of(tmp_path / "out", [target("crane")], verdicts)
    cells = cells_of(card)
    start = cells.index(["licence as stated", "videos"])
    assert cells[start + 1 : start + 4] == [
        ["CC BY 4.0", "3 (50 %)"],
        ["Standard <licence>", "2 (33 %)"],
        ["none", "1 (17 %)"],
    ]
    assert "no licence at all is stated for 1 (17 %)" in card
    assert "Creative Commons or the public domain for 3 (50 %)" in card


def test_of_many_statements_the_rest_is_summed_up(tmp_path: Path):
    verdicts = [verdict(f"v{i}", "crane", licence=f"licence {i:02}") for i in range(25)]
    cells = cells_of(card_of(tmp_path / "out", [target("crane")], verdicts))
    assert ["licence 19", "1 (4.0 %)"] in cells
    assert ["5 other statements", "5 (20 %)"] in cells
    assert not [row for row in cells if row[0] == "licence 20"]


def test_a_data_set_of_free_videos_says_that_it_is_one(tmp_path: Path):
    verdicts = [verdict("v", "crane", licence="CC BY 4.0")]
    card = card_of(tmp_path / "out", [target("crane")], verdicts, licence="cc")
    assert "Videos were left out unless their source states a licence of Creative Commons" in card


# Texts of others.


@given(st.text(max_size=200))
def test_any_text_is_one_cell_that_shows_it_and_nothing_else(text: str):
    rendered = MARKDOWN.render(f"| a | b |\n| --- | --- |\n| {plain(text)} | end |")
    cells = re.findall("<td>(.*?)</td>", rendered, re.DOTALL)
    assert len(cells) == 2
    assert "<" not in cells[0]
    shown = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(shown) > 120:
        shown = shown[:119] + "…"
    assert html.unescape(cells[0]) == shown
    assert "://" not in plain(text)


@pytest.fixture(scope="module")
def tame(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The card of a data set in which all names are what names should be."""
    return card_of(
        tmp_path_factory.mktemp("tame") / "out",
        [target("a", "a", "b"), target("b", "crane"), target("c")],
        [verdict("v", "a", licence="CC BY", channel="c")],
        source="search:ytsearch",
        modifiers=["new"],
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_breaks_neither_header_nor_tables(tmp_path: Path, tame: str, text: str):
    row = verdict("v", "a", licence=text, channel=text, title=text, url=f"https://{text}/x")
    targets = [target("a", text, text), target(text.strip(), "crane"), target("c", text)]
    card = card_of(tmp_path / "out", targets, [row], source=f"search:{text}", modifiers=[text])
    assert header_of(card) == header_of(tame)
    # The same lines, and the same elements in the same places.
    assert card.count("\n") == tame.count("\n")
    assert elements_of(card) == elements_of(tame)


# Sizes of all kinds.


def test_of_a_thousand_classes_both_ends_are_shown(tmp_path: Path):
    targets = [target(f"n{index:04}", f"class {index}") for index in range(1000)]
    verdicts = [
        verdict(f"{index}-{each}", f"n{index:04}")
        for index in range(60)
        for each in range(1 + index % 30)
    ]
    cells = cells_of(card_of(tmp_path / "out", targets, verdicts))
    start = cells.index(["class", "id", "candidates", "kept", "clips"])
    shown = cells[start + 1 : start + 43]
    assert shown[0] == ["class 29", "n0029", "30", "30", "30"]
    assert shown[20] == ["20 classes between these", "", "", "", ""]
    assert shown[40] == ["class 30", "n0030", "1", "1", "1"]
    assert shown[41] == ["940 classes without a video", "", "", "0", "0"]


def test_a_data_set_without_a_video_has_a_card(tmp_path: Path):
    card = card_of(tmp_path / "out", [target("crane")], [])
    assert "**0 clips**, cut from **0 videos** of\n**0 of 1 class**" in card
    assert "There is no video to count." in card
    assert header_of(card)["size_categories"] == ["n<1K"]


def test_a_data_set_of_which_nothing_was_kept_has_a_card(tmp_path: Path):
    lost = unseen("v", "crane", width=None, height=None, fps=None)
    card = card_of(tmp_path / "out", [target("crane")], [lost])
    assert "No video was kept for any class." in card
    assert ["length: quartiles", "unknown", "unknown"] in cells_of(card)


@pytest.mark.parametrize(
    ("clips", "category"),
    [
        (0, "n<1K"),
        (999, "n<1K"),
        (1_000, "1K<n<10K"),
        (1_180_000, "1M<n<10M"),
        (999_999_999_999, "100B<n<1T"),
        (10**12, "n>1T"),
    ],
)
def test_the_size_category_is_that_of_the_clips(clips: int, category: str):
    assert _size_category(clips) == category


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0.0 s"),
        (119.94, "119.9 s"),
        (120, "2.0 minutes"),
        (7200, "2.0 hours"),
        (9e6, "2,500.0 hours"),
    ],
)
def test_a_length_is_said_in_the_unit_that_people_take(seconds: float, said: str):
    assert time(seconds) == said


# Of all kinds.


def test_every_reason_has_a_meaning():
    assert set(MEANINGS) == set(Reason)


def test_a_rebuilt_data_set_says_so(tmp_path: Path):
    rows = [verdict("v", "crane", frames_scanned=None, frames_matched=None, best_probability=None)]
    card = card_of(tmp_path / "out", [target("crane")], rows, lock="cd" * 32)
    assert "It was rebuilt from the lock file of another copy" in card
    assert "cd" * 32 in card
    assert "titles looked at" not in card
    assert "What the classifier fails to see" not in card


def test_withdrawn_videos_are_counted_as_the_verdicts_have_them(tmp_path: Path):
    none = card_of(tmp_path / "none", [target("crane")], [verdict("v", "crane")])
    assert "No candidate of this data set has been withdrawn so far." in none
    rows = [
        verdict("v", "crane"),
        verdict("gone", "crane", outcome=Outcome.REJECTED, reason=Reason.WITHDRAWN),
    ]
    card = card_of(tmp_path / "one", [target("crane")], rows)
    assert "So far 1 pair of video and class was withdrawn." in card


def test_without_parquet_shards_there_is_no_set_of_clips_to_load(tmp_path: Path):
    targets = [target("crane")]
    card = card_of(tmp_path / "out", targets, [verdict("v", "crane")], formats=["tfrecord"])
    assert [each["config_name"] for each in header_of(card)["configs"]] == ["verdicts"]
    assert "clips/parquet" not in card
    assert "<!--" not in card


def test_damaged_verdicts_are_named(tmp_path: Path):
    output, manifest = made_up(tmp_path / "out", [target("crane")], [verdict("v", "crane")])
    for file in output.verdict_folder.iterdir():
        file.write_bytes(b"PAR1")
    with pytest.raises(UsageError, match=r"verdicts of .* cannot be read"):
        write_card(output, manifest)
