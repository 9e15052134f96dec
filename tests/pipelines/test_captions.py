"""videonet curate --captions: what is said in kept videos stands in the data set, or why not."""

import shutil
import textwrap
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from demo.train_classifier import MODEL
from tests.curated import curated_once, videonet
from tests.curating import bytes_of, curate, verdicts_of
from tests.local import TYPED
from tests.site import CLASSES, CaptionFile, Film, SiteVideo, VideoSite, installed, shared_films
from tests.site.videos import LONG
from tests.withdrawing import assert_sound
from videonet.dataset.captions import captions_in
from videonet.dataset.repack import repack
from videonet.dataset.verify import verify
from videonet.dataset.withdraw import withdraw
from videonet.schemas.captions import CaptionCounts, Captions
from videonet.schemas.manifest import Manifest
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.table import arrow_schema
from videonet.storage.dataset_dir import LOCK_FILE, DatasetDir
from videonet.storage.store import Store
from videonet.storage.stored_captions import stored_captions

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[2] / "docs" / "curating.md"

VTT = "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\n{}\n"

# Ids of the site's videos.
OWN, HEARD, NONE, REFUSED, OTHER = (f"abcdefghij{number}" for number in range(5))


def said(text: str, **more: bool | int) -> CaptionFile:
    return CaptionFile("en", VTT.format(text), **more)  # type: ignore[arg-type]


def videos(folder: Path) -> list[SiteVideo]:
    """Four videos of balloons, and one that only says so."""
    films = shared_films(folder)
    balloon, mushroom = films[("balloon",), LONG], films[("mushroom",), LONG]

    def one(name: str, film: Film, *captions: CaptionFile) -> SiteVideo:
        return SiteVideo(name, f"A balloon, {name}", film, 12, captions=captions, language="en")

    return [
        one(OWN, balloon, said("by hand"), said("by ear", automatic=True)),
        one(HEARD, balloon, said("by ear", automatic=True)),
        one(NONE, balloon),
        one(REFUSED, balloon, said("at last", status=403)),
        one(OTHER, mushroom, said("never asked for")),
    ]


def rows_in(out: Path) -> dict[str, Captions]:
    shards = len(list((out / "captions").iterdir()))
    tables = (captions_in(DatasetDir(out), index, shards) for index in range(shards))
    return {each.video_id: each for table in tables for each in table}


class Run(NamedTuple):
    """A run over the site, and what it left behind."""

    manifest: Manifest
    # requests, by video and kind
    asked: Counter[tuple[str | None, str]]
    bytes: dict[str, str]
    rows: dict[str, Captions]
    card: str


class Runs(NamedTuple):
    """Runs over one OUT, one after the other."""

    folder: Path
    without: Run
    first: Run
    # when the site answers
    second: Run
    third: Run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    folder = tmp_path_factory.mktemp("captions")
    (folder / "classes.txt").write_text(CLASSES)
    with VideoSite(videos(tmp_path_factory.getbasetemp())) as site, installed(site):

        def run(**options: bool) -> Run:
            before = len(site.requests())
            manifest = curate("youtube", folder / "classes.txt", folder, **options, shards=2)
            out = folder / "out"
            asked = Counter((each.video, each.kind) for each in site.requests()[before:])
            rows = rows_in(out) if (out / "captions").exists() else {}
            return Run(manifest, asked, bytes_of(out), rows, (out / "README.md").read_text())

        without, first = run(), run(captions=True)
        video = site.videos[REFUSED]
        site.videos[REFUSED] = replace(video, captions=(said("at last"),))
        return Runs(folder, without, first, run(captions=True), run(captions=True))


def test_each_kept_video_has_its_captions_or_a_reason(runs: Runs):
    rows = runs.first.rows
    kept = {
        each.video.video_id
        for each in verdicts_of(runs.folder / "out")
        if each.outcome is Outcome.KEPT
    }
    assert rows.keys() == kept == {OWN, HEARD, NONE, REFUSED}
    own, heard, none, refused = (rows[each] for each in (OWN, HEARD, NONE, REFUSED))
    assert (own.language, own.automatic, own.vtt) == ("en", False, VTT.format("by hand"))
    assert (heard.language, heard.automatic, heard.vtt) == ("en", True, VTT.format("by ear"))
    assert (none.vtt, none.cues, none.reason) == (None, 0, None)
    assert (refused.vtt, refused.reason) == (None, Reason.REFUSED)
    assert refused.error


def test_the_account_says_how_many(runs: Runs):
    failed = {"refused": 1}
    assert runs.first.manifest.totals.captions == CaptionCounts(
        automatic=1, written=1, none=1, failed=failed
    )
    assert "| kept videos with captions | 2 |" in runs.first.card
    assert "| `captions/` | a row for each kept video" in runs.first.card
    assert "Those of 1 video could not be had" in runs.first.card.replace("\n", " ")
    assert_sound(runs.folder / "out")


def test_only_kept_videos_are_asked_and_the_page_of_each_once_more(runs: Runs):
    asked = runs.first.asked
    assert {video for video, kind in asked if kind == "captions"} == {OWN, HEARD, REFUSED}
    assert {video: asked[video, "page"] for video in (OWN, HEARD, OTHER)} == {
        OWN: 1,
        HEARD: 1,
        OTHER: 0,
    }
    assert not any(kind == "media" for _, kind in asked)


def test_what_failed_is_tried_again_by_the_next_run_and_nothing_else(runs: Runs):
    assert set(runs.second.asked) == {(REFUSED, "page"), (REFUSED, "captions")}
    assert runs.second.rows[REFUSED].vtt == VTT.format("at last")
    assert runs.second.manifest.totals.captions == CaptionCounts(automatic=1, written=2, none=1)
    assert not runs.third.asked
    assert runs.third.rows == runs.second.rows
    assert runs.third.bytes == runs.second.bytes


def test_text_is_joined_to_clips_as_the_documentation_shows(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    section = DOCS.read_text().partition("## Captions\n")[2].partition("\n## ")[0]
    _, begin, code = section.partition("    import pyarrow.dataset, re\n")
    monkeypatch.chdir(runs.folder)
    exec(textwrap.dedent(begin + code))
    said = capsys.readouterr().out.splitlines()
    assert f"youtube:{OWN}#0 by hand" in said
    assert len(said) == 3


def test_clips_and_accounts_are_the_same_with_and_without(runs: Runs):
    clips, with_captions = runs.without.bytes, runs.first.bytes
    assert clips.keys() == with_captions.keys()
    assert {name for name in clips if clips[name] != with_captions[name]} == {"manifest.json"}
    assert b"captions" not in runs.without.manifest.to_json()
    assert "captions/" not in runs.without.card
    assert not runs.without.rows
    before, after = runs.without.manifest.totals, runs.first.manifest.totals
    assert msgspec.structs.replace(after, captions=None) == before


@pytest.fixture
def copy(runs: Runs, tmp_path: Path) -> Path:
    """The folder of the runs, to be changed."""
    return Path(shutil.copytree(runs.folder, tmp_path / "copy"))


def test_a_run_without_them_leaves_none_behind(runs: Runs, copy: Path):
    with nothing_to_ask():
        curate("youtube", copy / "classes.txt", copy, shards=2)
    assert not (copy / "out" / "captions").exists()
    assert bytes_of(copy / "out") == runs.without.bytes
    assert_sound(copy / "out")


def test_what_is_said_in_a_withdrawn_video_goes_with_it(copy: Path):
    key = f"youtube:{OWN}"
    store = Store(copy / "store")
    assert stored_captions(store, key) is not None
    withdraw(copy / "out", [OWN], copy / "store")
    assert OWN not in rows_in(copy / "out")
    assert stored_captions(Store(copy / "store"), key) is None
    manifest = DatasetDir(copy / "out").manifest()
    assert manifest is not None
    assert manifest.totals.captions == CaptionCounts(automatic=1, written=1, none=1)
    assert_sound(copy / "out")


def test_what_a_killed_withdrawal_left_of_them_goes_with_the_next_one(copy: Path):
    before = shutil.copytree(copy / "out" / "captions", copy / "before")
    withdraw(copy / "out", [OWN], copy / "store")
    # As it was where verdicts were written before captions.
    shutil.copytree(before, copy / "out" / "captions", dirs_exist_ok=True)
    assert OWN in rows_in(copy / "out")
    withdraw(copy / "out", [HEARD], copy / "store")
    assert rows_in(copy / "out").keys() == {NONE, REFUSED}
    assert_sound(copy / "out")


def test_a_copy_without_them_is_whole_and_videos_can_be_taken_out_of_it(copy: Path):
    out = copy / "out"
    shutil.rmtree(out / "captions")
    found = verify(out)
    assert not found.problems
    (warning,) = found.warnings
    assert warning.startswith("captions/ is not here")
    said: list[str] = []
    withdraw(out, [OWN], copy / "store", say=said.append)
    assert any("has no captions that can be read" in each for each in said)
    manifest = DatasetDir(out).manifest()
    assert manifest is not None
    assert not manifest.settings.captions
    assert manifest.totals.captions is None
    assert "captions/" not in (out / "README.md").read_text()
    assert not verify(out).warnings
    assert_sound(out)
    with nothing_to_ask():
        curate("youtube", copy / "classes.txt", copy, captions=True, shards=2)
    assert rows_in(out).keys() == {HEARD, NONE, REFUSED}
    assert "captions/*.parquet" in (out / "README.md").read_text()
    assert_sound(out)


def test_they_are_in_a_repacked_data_set_too(copy: Path):
    before = rows_in(copy / "out")
    manifest = DatasetDir(copy / "out").manifest()
    assert manifest is not None
    repack(str(copy / "out"), str(copy / "again"), 1 if manifest.settings.layout == 2 else 2)
    assert rows_in(copy / "again") == before
    assert_sound(copy / "again")


@pytest.mark.parametrize("what", ["a row less", "a cue less", "no table"])
def test_verify_finds_what_is_wrong_with_them(copy: Path, what: str):
    out = copy / "out"
    files = sorted((out / "captions").iterdir())
    file = next(each for each in files if any(pq.read_table(each)["cues"].to_pylist()))
    rows = sorted(pq.read_table(file).to_pylist(), key=lambda row: -row["cues"])
    if what == "a row less":
        rows = rows[1:]
    else:
        rows[0]["cues"] += 1
    file.unlink()
    if what != "no table":
        pq.write_table(pa.Table.from_pylist(rows, arrow_schema(Captions)), file)
    assert any("captions" in each for each in verify(out).problems)


@contextmanager
def nothing_to_ask() -> Iterator[None]:
    """A site that nobody may ask anything."""
    with VideoSite([]) as site, installed(site):
        yield
    assert not site.requests()


def test_stages_of_their_own_and_a_rebuild_have_the_same_captions(
    runs: Runs, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
):
    classes = runs.folder / "classes.txt"
    lock = runs.folder / "out" / LOCK_FILE
    site_videos = videos(tmp_path_factory.getbasetemp())
    with VideoSite(site_videos) as site, installed(site):
        site.videos[REFUSED] = replace(site.videos[REFUSED], captions=(said("at last"),))
        curate("youtube", classes, tmp_path, captions=True, shards=2, form="apart")
        again = ("--store", tmp_path / "other", "--out", tmp_path / "rebuilt")
        ended = videonet("rebuild", lock, *again, "--requests-per-second", "1000", *TYPED)
    assert ended.code == 0, ended
    assert rows_in(tmp_path / "out") == runs.third.rows
    assert rows_in(tmp_path / "rebuilt") == runs.third.rows
    for out in ("out", "rebuilt"):
        assert_sound(tmp_path / out)


def test_captions_that_were_too_large_are_asked_for_again_under_another_limit(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
):
    classes = tmp_path / "classes.txt"
    classes.write_text(CLASSES)
    own, *_ = videos(tmp_path_factory.getbasetemp())
    with VideoSite([own]) as site, installed(site):
        # The video is in the store from here on.
        curate("youtube", classes, tmp_path)
        out = tmp_path / "small"
        curate("youtube", classes, tmp_path, out=out, captions=True, max_page_bytes=100)
        assert rows_in(out)[OWN].reason is Reason.PAGE_TOO_LARGE
        curate("youtube", classes, tmp_path, out=tmp_path / "usual", captions=True)
        assert rows_in(tmp_path / "usual")[OWN].vtt == VTT.format("by hand")


def test_the_command_tries_captions_again_that_failed_and_says_how_many_there_are(
    runs: Runs, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
):
    (tmp_path / "classes.txt").write_text(CLASSES)
    site_videos = [
        each for each in videos(tmp_path_factory.getbasetemp()) if each.id in {NONE, OWN, REFUSED}
    ]
    request = (
        *("curate", "--source", "youtube", "--targets", tmp_path / "classes.txt", "--captions"),
        *("--store", tmp_path / "store", "--out", tmp_path / "out", "--classifier", MODEL),
        *("--shards", "1", "--requests-per-second", "1000", *TYPED),
    )
    with VideoSite(site_videos) as site, installed(site):
        first = videonet(*request)
        assert first.code == 0, first
        # What its page says of captions is known from the download.
        kinds = Counter(each.kind for each in site.requests(video=OWN))
        assert kinds["captions"] == 1
        assert kinds["page"] == runs.without.asked[OWN, "page"]
        assert "Captions of 1 of 3 kept videos (0 automatic); 1 have none" in first.stdout
        assert "those of 1 could not be had (1 refused)." in first.stdout.replace("\n", " ")
        site.videos[REFUSED] = replace(site.videos[REFUSED], captions=(said("at last"),))
        second = videonet(*request)
        assert "1 failure may pass another time: trying again" in second.stderr
        assert "Captions of 2 of 3 kept videos (0 automatic); 1 have none." in second.stdout
        asked = len(site.requests())
        third = videonet(*request)
        assert "is finished, and nothing has changed since" in third.stdout
        assert len(site.requests()) == asked
    assert rows_in(tmp_path / "out")[REFUSED].vtt == VTT.format("at last")


def test_files_beside_local_videos_are_their_captions(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
):
    curated = curated_once(tmp_path_factory.getbasetemp())
    folder = tmp_path / "videos"
    shutil.copytree(curated.folder / "videos", folder)
    shutil.copytree(curated.store, tmp_path / "store")
    (folder / "yacht.en.vtt").write_text(VTT.format("a yacht"))
    (folder / "yacht.pt-BR.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\num iate\n")
    (folder / "a balloon.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\na balloon\n")
    made = curate(f"folder:{folder}", curated.folder / "classes.txt", tmp_path, captions=True)
    rows = rows_in(tmp_path / "out")
    assert {name: (row.language, row.automatic, row.cues) for name, row in rows.items()} == {
        "a balloon.mp4": (None, None, 1),
        "a balloon and a sailboat.mp4": (None, None, 0),
        "yacht.mp4": ("en", None, 1),
    }
    assert made.totals.captions == CaptionCounts(written=2, none=1)
    assert_sound(tmp_path / "out")
    (folder / "yacht.en.vtt").write_text(VTT.format("a sloop"))
    curate(f"folder:{folder}", curated.folder / "classes.txt", tmp_path, captions=True)
    assert rows_in(tmp_path / "out")["yacht.mp4"].vtt == VTT.format("a sloop")
