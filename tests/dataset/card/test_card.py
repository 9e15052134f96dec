"""OUT/README.md: what a data set says of itself to a person who finds it."""

import html
import re
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.curated import Curated, curated_once
from tests.curating import verdicts_of
from tests.dataset.card.made_up import made_up, target, unseen, verdict
from tests.dataset.card.reading import MARKDOWN, card_of, cells_of, elements_of, header_of
from videonet.dataset.card.header import size_category
from videonet.dataset.card.markdown import plain
from videonet.dataset.card.write import write_card
from videonet.dataset.finish import finish
from videonet.errors import UsageError
from videonet.schemas.clip import Clip
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.table import arrow_schema
from videonet.shards.tfrecord import CONTEXT, FEATURE_LISTS, LABEL_IDS, MOTION
from videonet.storage.dataset_dir import DatasetDir

HOSTILE = (
    "</script><script>alert(1)</script>",
    "a | b |\n| --- |\n# heading",
    "![x](https://evil.example/x.png) <img src=x onerror=alert(2)>",
    "`code` **bold** ~~gone~~ [link](javascript:alert(3)) https://evil.example www.evil.example",
    "---\nlicense: mit\n---",
    "$header ${classes} <!-- if parquet --> $$x$$",
    "{{ 7 * 7 }} {% raw %} {# gone #} {{ facts.output }} {% include 'card.md.jinja' %}",
    "\u202egnp.exe\u2028 new\x00 line &lt;b&gt; \\| @somebody",
    "crane " * 200,
)


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


# What a run leaves.


def test_a_finished_run_has_a_card_that_its_verdicts_and_manifest_give_again(
    curated: Curated, tmp_path: Path
):
    shutil.copytree(curated.out, tmp_path / "elsewhere")
    again = DatasetDir(tmp_path / "elsewhere")
    (Path(again.address) / "README.md").unlink()
    manifest = again.manifest()
    assert manifest is not None
    finish(again, manifest)
    assert (Path(again.address) / "README.md").read_bytes() == (
        curated.out / "README.md"
    ).read_bytes()


def test_a_card_says_nothing_of_the_clock_or_the_machine(curated: Curated):
    card = (curated.out / "README.md").read_text()
    facts = msgspec.json.decode((curated.out / "run.json").read_bytes())
    assert str(curated.folder) not in card
    assert facts["run_id"] not in card
    assert facts["begun"][:10] not in card


def test_the_sizes_on_a_card_are_those_of_the_manifest(curated: Curated):
    card = (curated.out / "README.md").read_text()
    manifest = DatasetDir(curated.out).manifest()
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
    for name in manifest.settings.by_name():
        assert name in [row[0] for row in cells]


def test_hugging_face_reads_the_header(curated: Curated, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    hub = pytest.importorskip("huggingface_hub")
    card = hub.DatasetCard((curated.out / "README.md").read_text())
    assert card.data.license == "other"
    assert card.data.size_categories == ["n<1K"]
    assert [each["config_name"] for each in card.data.configs] == ["clips", "verdicts"]


def test_the_header_is_short_and_in_the_order_in_which_people_read_it(curated: Curated):
    header = header_of((curated.out / "README.md").read_text())
    assert [*header][:3] == ["pretty_name", "license", "license_name"]
    assert [*header][-2:] == ["size_categories", "configs"]
    assert all(header.values())


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
    columns = CONTEXT | FEATURE_LISTS | LABEL_IDS | MOTION
    for key, column in columns.items():
        kind = str(arrow_schema(Clip).field(column).type)
        item = re.fullmatch(r"list<item: (\w+)( not null)?>", kind)
        expected = f"list of {kinds[item[1]]}" if item else kinds[kind]
        assert described[column][:2] == [key, expected]
    assert set(columns.values()) == set(Clip.__struct_fields__)


def test_writing_a_card_needs_neither_beam_nor_the_network(curated: Curated, tmp_path: Path):
    shutil.copytree(curated.out, tmp_path / "out")
    code = """
import socket, sys
from pathlib import Path

def refuse(*_):
    raise SystemExit("the network was asked")

socket.socket.connect = socket.getaddrinfo = refuse
from videonet.dataset.card.write import write_card
from videonet.storage.dataset_dir import DatasetDir

output = DatasetDir(Path(sys.argv[1]))
write_card(output, output.manifest())
print("apache_beam" in sys.modules, "huggingface_hub.repocard" in sys.modules)
"""
    command = [sys.executable, "-c", code, tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("False False\n", "")
    assert (tmp_path / "out" / "README.md").read_bytes() == (curated.out / "README.md").read_bytes()


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
        [
            verdict("v", "a", licence="youtube", channel="c"),
            verdict("w", "a", licence="Creative Commons youtube", channel="c"),
        ],
        source="search:ytsearch",
        modifiers=["new"],
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_breaks_neither_header_nor_tables(tmp_path: Path, tame: str, text: str):
    said = {"channel": text, "title": text, "url": f"https://{text}/x"}
    rows = [
        verdict("v", "a", licence=text, **said),
        verdict("w", "a", licence=f"Creative Commons {text}", **said),
    ]
    targets = [target("a", text, text), target(text.strip(), "crane"), target("c", text)]
    card = card_of(tmp_path / "out", targets, rows, source=f"search:{text}", modifiers=[text])
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
    assert size_category(clips) == category


# Of all kinds.


def test_a_card_explains_every_reason_that_occurs(tmp_path: Path):
    rows = [unseen(f"v{each}", "crane", reason=each, outcome=each.outcome) for each in Reason]
    cells = cells_of(card_of(tmp_path / "out", [target("crane")], rows))
    for each in Reason:
        assert [each.outcome, each, each.explanation, f"1 ({100 / len(Reason):.1f} %)"] in cells


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
    for file in Path(output.place_of("verdicts")).iterdir():
        file.write_bytes(b"PAR1")
    with pytest.raises(UsageError, match=r"verdicts of .* cannot be read"):
        write_card(output, manifest)
