"""facts_of: every number on the page is what a plain count of the verdicts gives."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.world import World
from tests.curated import Curated, curated_once
from tests.curating import verdicts_of, whole_job_once
from tests.report.written import target, verdict, write
from videonet.errors import UsageError
from videonet.report.facts import facts_of
from videonet.report.page.content import Funnel, PageFacts
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.target import Target
from videonet.schemas.verdict import Verdict
from videonet.storage.dataset_dir import DatasetDir


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def demo(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """OUT of the demo's run, to be read only."""
    return whole_job_once(tmp_path_factory.getbasetemp(), world).out


def reached(verdicts: Sequence[Verdict], test: Callable[[Verdict], bool]) -> int:
    return sum(map(test, verdicts))


def was_here(each: Verdict) -> bool:
    seen = each.sha256 is not None or each.frames_scanned is not None
    return seen or each.outcome is Outcome.KEPT


def matches(each: Verdict) -> bool:
    if each.outcome is Outcome.KEPT:
        return True
    too_weak = each.reason in (Reason.WEAK_MATCH, Reason.NOT_SELECTED)
    return was_here(each) and bool(each.frames_matched) and not too_weak


def is_long_enough(each: Verdict) -> bool:
    long = each.duration is not None and each.duration >= 10 and each.reason != Reason.TOO_SHORT
    return each.outcome is Outcome.KEPT or (matches(each) and long)


def counted(verdicts: Sequence[Verdict], titles: int | None, matched: int) -> Funnel:
    kept = [each for each in verdicts if each.outcome is Outcome.KEPT]
    return Funnel(
        titles=titles,
        matched=matched,
        candidates=len(verdicts),
        downloaded=reached(verdicts, was_here),
        matching=reached(verdicts, matches),
        long_enough=reached(verdicts, is_long_enough),
        kept=len(kept),
        with_clip=sum(each.clips > 0 for each in kept),
        clips=sum(each.clips for each in kept),
    )


def reasons(verdicts: Sequence[Verdict], outcome: Outcome) -> dict[str, int]:
    return dict(Counter(each.reason for each in verdicts if each.outcome is outcome))


def assert_counts_are_plain(facts: PageFacts, out: Path) -> None:
    """All that is counted on the page, against a loop over the verdicts."""
    lookup = DatasetDir(out).lookup()
    assert lookup is not None
    verdicts = verdicts_of(out)
    assert facts.funnel == counted(verdicts, lookup.titles, sum(lookup.matched.values()))
    assert facts.rejected == reasons(verdicts, Outcome.REJECTED)
    assert facts.failed == reasons(verdicts, Outcome.FAILED)
    kept = [each for each in verdicts if each.outcome is Outcome.KEPT]
    clips = {each.video_key: each.clips for each in kept}
    sizes = facts.sizes
    assert sizes.candidates == len({each.video_key for each in verdicts})
    assert (sizes.kept, sizes.clips) == (len(clips), sum(clips.values()))
    assert sizes.with_clip == sum(each > 0 for each in clips.values())
    assert sizes.classes == len({each.target_id for each in kept})
    assert sizes.classes_with_clip == len({each.target_id for each in kept if each.clips})
    for row in facts.classes:
        own = [each for each in verdicts if each.target_id == row.target_id]
        assert row.funnel == counted(own, None, lookup.matched[row.target_id])
        assert row.rejected == reasons(own, Outcome.REJECTED)
        assert row.failed == reasons(own, Outcome.FAILED)
    for name in facts.names:
        own = [
            each
            for each in verdicts
            if each.target_id == name.target_id and name.name in each.matched_names
        ]
        alone = [each for each in own if each.matched_names == (name.name,)]
        assert name.candidates == len(own)
        assert name.kept == reached(own, lambda each: each.outcome is Outcome.KEPT)
        assert name.no_match == reached(own, lambda each: each.reason == Reason.NO_TOP1_MATCH)
        assert name.other == name.candidates - name.kept - name.no_match
        assert name.only == len(alone)
        assert name.only_kept == reached(alone, lambda each: each.outcome is Outcome.KEPT)
    confused = Counter(
        each.target_id
        for each in verdicts
        if each.reason == Reason.NO_TOP1_MATCH and each.seen is not None
    )
    for target_id, pairs in confused.items():
        own = [each for each in facts.confusions if each.target_id == target_id]
        assert sum(each.pairs for each in own) == pairs
    assert {each.reason: each.pairs for each in facts.failures} == facts.failed


def test_the_numbers_of_the_demo_are_those_of_its_verdicts(demo: Path):
    assert_counts_are_plain(facts_of(demo, None), demo)


def test_the_numbers_of_a_small_data_set_are_those_of_its_verdicts(curated: Curated):
    assert_counts_are_plain(facts_of(curated.out, None), curated.out)


def test_classes_and_names_stand_in_the_order_of_the_class_list(demo: Path):
    facts, targets = facts_of(demo, None), DatasetDir(demo).targets()
    assert [row.target_id for row in facts.classes] == [each.target_id for each in targets]
    assert [(name.target_id, name.name) for name in facts.names] == [
        (each.target_id, name) for each in targets for name in (each.name, *each.synonyms)
    ]


def test_no_path_of_this_machine_is_on_the_page(curated: Curated, tmp_path: Path):
    out = tmp_path / "out"
    shutil.copytree(curated.out, out)
    (tmp_path / "empty store").mkdir()
    pages = [facts_of(out, None), facts_of(out, tmp_path / "empty store")]
    assert "missing in the store." in pages[1].pictures_note
    (out / "manifest.json").unlink()
    pages.append(facts_of(out, None))
    for folder in (curated.folder, tmp_path):
        assert [str(folder) in page.to_json().decode() for page in pages] == [False] * 3


def test_a_video_that_was_taken_for_another_is_a_confusion(curated: Curated):
    (confusion,) = facts_of(curated.out, None).confusions
    assert (confusion.asked, confusion.seen, confusion.pairs) == ("mushroom", "balloon", 1)
    (row,) = (each for each in verdicts_of(curated.out) if each.reason == Reason.NO_TOP1_MATCH)
    assert confusion.probability == row.seen_probability


def test_pictures_and_costs_come_from_the_store_of_the_run(curated: Curated):
    facts = facts_of(curated.out, None)
    assert {each.video_key for each in facts.kept_pictures} == {
        each.video_key for each in verdicts_of(curated.out) if each.outcome is Outcome.KEPT
    }
    assert [each.asked for each in facts.rejected_pictures] == ["mushroom"]
    stages = [each.stage for each in facts.costs]
    assert stages == [
        each for each in ("search", "download", "scan", "measure", "cut", "write") if each in stages
    ]
    assert {"scan", "cut", "write"} <= set(stages)


def test_without_its_store_a_data_set_has_numbers_and_no_pictures(curated: Curated, tmp_path: Path):
    shutil.copytree(curated.out, tmp_path / "out")
    (tmp_path / "out" / "run.json").unlink()
    facts = facts_of(tmp_path / "out", None)
    assert_counts_are_plain(facts, tmp_path / "out")
    assert facts.kept_pictures == facts.rejected_pictures == facts.costs == ()
    assert "--store" in facts.pictures_note
    moved = facts_of(tmp_path / "out", curated.store)
    assert moved.kept_pictures


def test_a_run_that_goes_on_is_counted_as_far_as_it_is(curated: Curated, tmp_path: Path):
    shutil.copytree(curated.out, tmp_path / "out")
    (tmp_path / "out" / "manifest.json").unlink()
    shutil.rmtree(tmp_path / "out" / "verdicts")
    facts, finished = facts_of(tmp_path / "out", None), facts_of(curated.out, None)
    assert facts.state.startswith("not finished: 5 of 5 pairs")
    assert [row.funnel.kept for row in facts.classes] == [
        row.funnel.kept for row in finished.classes
    ]
    for name in ("candidates", "kept", "with_clip", "clips", "channels", "licences"):
        assert getattr(facts.sizes, name) == getattr(finished.sizes, name)
    # The size of the shards is known at the end.
    assert facts.summary.removesuffix(".") == finished.summary.rpartition(", ")[0]
    assert "/" not in next(each.value for each in facts.settings if each.name == "--source")


def test_two_outputs_of_one_name_are_told_apart(tmp_path: Path):
    shows = [verdict(i, "crane", Reason.NO_TOP1_MATCH, seen=i % 2) for i in range(3)]
    out = write(tmp_path, [target("crane")], shows, labels=("crane, a bird", "crane"))
    confusions = facts_of(out, None).confusions
    assert [(each.seen, each.pairs) for each in confusions] == [
        ("crane (output 0)", 2),
        ("crane (output 1)", 1),
    ]


def test_confusions_beyond_the_commonest_are_counted(tmp_path: Path):
    shows = [verdict(i, "crane", Reason.NO_TOP1_MATCH, seen=max(0, i - 9)) for i in range(610)]
    facts = facts_of(write(tmp_path, [target("crane")], shows), None)
    assert (len(facts.confusions), facts.confusions_left_out) == (500, 101)
    assert (facts.confusions[0].pairs, facts.confusions[1].pairs) == (10, 1)


def test_a_rebuilt_video_counts_as_matching_though_nobody_scanned_it(tmp_path: Path):
    rows = [
        verdict(0, "kite", frames_matched=None),
        verdict(1, "kite", Reason.CHANGED, sha256="11"),
        verdict(2, "kite", Reason.UNAVAILABLE),
    ]
    out = write(tmp_path, [target("kite")], rows, settings={"lock": "00"})
    funnel = facts_of(out, None).funnel
    steps = (funnel.candidates, funnel.downloaded, funnel.matching, funnel.kept)
    assert steps == (3, 2, 1, 1)


def test_for_a_rebuilt_data_set_no_titles_were_looked_at_and_no_quota_is_missed(tmp_path: Path):
    targets = [target("kite"), target("crane")]
    rows = [verdict(0, "kite"), verdict(1, "kite", Reason.UNAVAILABLE)]
    facts = facts_of(write(tmp_path, targets, rows, settings={"lock": "00"}), None)
    assert facts.funnel.titles is None
    assert [row.quota for row in facts.classes] == [2, 0]
    assert "rebuilt" in facts.pictures_note


def test_an_empty_lock_file_has_a_page_too(tmp_path: Path):
    facts = facts_of(write(tmp_path, [target("kite")], [], settings={"lock": "00"}), None)
    assert facts.summary == "There are no candidates: the lock file names no video."
    assert facts.thin == ()


def test_examples_of_a_failure_are_different_videos_with_their_own_words(tmp_path: Path):
    hostile = "</script>'; drop table pairs; -- \x00 \u202e \U0001f388"
    targets = [target("kite"), target("crane")]
    rows = [
        verdict(i, each.name, Reason.NETWORK, title=f"{hostile}{i}", error=hostile)
        for i in range(8)
        for each in targets
    ]
    (failure,) = facts_of(write(tmp_path, targets, rows), None).failures
    assert (failure.reason, failure.pairs, failure.policy) == ("network", 16, "next_run")
    assert len({each.video_id for each in failure.examples}) == 5
    for each in failure.examples:
        assert each.title == f"{hostile}{each.video_id.removeprefix('id')}"
        assert each.error == hostile


def test_names_with_quotes_are_counted_as_they_are(tmp_path: Path):
    name = "o'clock \"%_\\*"
    row = verdict(0, name, matched_names=(name,))
    facts = facts_of(write(tmp_path / "[a]*'b", [target(name)], [row]), None)
    assert [(each.name, each.kept) for each in facts.names] == [(name, 1)]


def test_an_empty_data_set_has_a_page_too(tmp_path: Path):
    facts = facts_of(write(tmp_path, [target("kite")], []), None)
    assert facts.summary == "There are no candidates: 0 titles looked at."
    assert facts.funnel.candidates == 0
    assert facts.failures == facts.confusions == facts.drop == facts.chase == ()
    assert "no title names it" in facts.thin[0].text


def test_a_data_set_of_which_nothing_was_kept_has_a_page_too(tmp_path: Path):
    rows = [verdict(i, "kite", Reason.NO_TOP1_MATCH, seen=1) for i in range(2)]
    facts = facts_of(write(tmp_path, [target("kite")], rows), None)
    assert facts.summary == "None of 2 videos found was kept."


def test_a_folder_without_a_data_set_is_refused_in_a_sentence(tmp_path: Path):
    with pytest.raises(UsageError, match="holds no data set, no run and no training"):
        facts_of(tmp_path, None)


@pytest.mark.parametrize("name", ["nowhere", "file", "file/below"])
def test_what_is_no_folder_is_refused_in_a_sentence(name: str, tmp_path: Path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(UsageError, match=f"{name} is no folder; give the --out"):
        facts_of(tmp_path / name, None)


def test_a_store_that_is_not_there_is_refused_in_a_sentence(curated: Curated, tmp_path: Path):
    with pytest.raises(UsageError, match="There is no store"):
        facts_of(curated.out, tmp_path / "nowhere")


@pytest.mark.parametrize("content", [b"PAR1 no more", None])
def test_verdicts_that_cannot_be_read_are_refused_in_a_sentence(
    content: bytes | None, curated: Curated, tmp_path: Path
):
    shutil.copytree(curated.out, tmp_path / "out")
    for file in (tmp_path / "out" / "verdicts").iterdir():
        if content is None:
            file.unlink()
        else:
            file.write_bytes(content)
    with pytest.raises(UsageError, match=r"verdicts of .* cannot be read"):
        facts_of(tmp_path / "out", None)


def test_verdicts_of_an_older_version_are_refused_in_a_sentence(tmp_path: Path):
    out = write(tmp_path, [target("kite")], [verdict(0, "kite")])
    (file,) = (out / "verdicts").iterdir()
    table: pa.Table = pq.read_table(file)
    pq.write_table(table.drop_columns(["seen"]), file)
    with pytest.raises(UsageError, match="seen"):
        facts_of(out, None)


# Invariants, whatever the verdicts.

TARGETS = (target("kite", "hawk"), target("crane"), target("empty"))


@st.composite
def made_verdicts(draw: st.DrawFn) -> list[Verdict]:
    return [
        draw(one_verdict(number, each))
        for number in range(draw(st.integers(0, 12)))
        for each in draw(st.lists(st.sampled_from(TARGETS[:2]), unique=True, max_size=2))
    ]


def one_verdict(number: int, each: Target) -> st.SearchStrategy[Verdict]:
    frames = st.one_of(st.none(), st.integers(0, 3))
    names = st.lists(st.sampled_from((each.name, *each.synonyms)), unique=True, min_size=1)
    return st.builds(
        lambda became, **changes: verdict(number, each.target_id, became, **changes),
        became=st.sampled_from([None, *Reason]),
        matched_names=names.map(tuple),
        sha256=st.sampled_from([None, "00"]),
        frames_matched=frames,
        first_match=frames,
        best_probability=st.sampled_from([None, 0.0, 0.5, 1.0]),
        seen=frames,
        duration=st.sampled_from([None, 0.0, 9.99, 10.0, 5000.0]),
        width=st.sampled_from([None, 1, 640]),
        height=st.sampled_from([None, 1, 480]),
        fps=st.sampled_from([None, 0.1, 29.97, 120.0]),
        codec=st.sampled_from([None, *"abcdefghijkl"]),
        clips=st.integers(0, 4),
    )


@settings(max_examples=25)
@given(verdicts=made_verdicts(), shards=st.integers(1, 3))
def test_all_accounts_balance(verdicts: list[Verdict], shards: int):
    with tempfile.TemporaryDirectory() as folder:
        out = write(Path(folder) / "out", TARGETS, verdicts, shards=shards)
        facts = facts_of(out, None)
        assert_counts_are_plain(facts, out)
    for row in (*facts.classes, facts):
        funnel = row.funnel
        steps = [
            getattr(funnel, name)
            for name in Funnel.__struct_fields__
            if name not in ("titles", "clips")
        ]
        assert steps == sorted(steps, reverse=True)
        ended = funnel.kept + sum(row.rejected.values()) + sum(row.failed.values())
        assert funnel.candidates == ended
    for name in Funnel.__struct_fields__[1:]:
        parts = [getattr(row.funnel, name) for row in facts.classes]
        assert getattr(facts.funnel, name) == sum(parts)
    for histogram in facts.histograms:
        if histogram.counts == "candidates":
            drawn = Counter(
                {
                    outcome: sum(getattr(each, outcome) for each in histogram.bins)
                    for outcome in ("kept", "rejected", "failed")
                }
            )
            assert drawn == known(verdicts, histogram.title)
    # The page is made of JSON.
    assert msgspec.json.decode(facts.to_json(), type=PageFacts) == facts


def known(verdicts: Sequence[Verdict], title: str) -> Counter[str]:
    """By outcome, the pairs of which it is known what a histogram shows."""
    column = {
        "Length": "duration",
        "Frame rate": "fps",
        "Codec": "codec",
        "First frame that matches": "first_match",
        "Probability of the class in the frame that matches best": "best_probability",
    }.get(title)
    return Counter(
        each.outcome.value
        for each in verdicts
        if (
            (each.width, each.height) != (None, None)
            if column is None
            else getattr(each, column) is not None
        )
    )
