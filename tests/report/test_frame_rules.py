"""videonet explain: what rules keep, said before, is what a curation by them then keeps."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.world import World
from tests.curated import sentence, videonet
from tests.curating import WholeJob, curate, verdicts_of, whole_job_once
from videonet.curation.context import ReadContext
from videonet.curation.verdict import Limits
from videonet.errors import UsageError
from videonet.report.frame_rules import explained
from videonet.report.provisional import verdicts_so_far
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.selection import FrameRules, SelectionOptions
from videonet.schemas.target import Target
from videonet.storage.dataset_dir import DatasetDir

# Rules that the frames of the demo's videos keep to, or break, some of each.
rules = st.builds(
    FrameRules,
    min_frames=st.sampled_from([1, 2, 3, 10, 30, 60, 99, 100]),
    min_probability=st.sampled_from([0.0, 0.3, 0.5, 0.7, 0.9, 0.99, 0.999, 1.0]),
    first_match_before=st.none() | st.sampled_from([1, 2, 5, 20, 50, 100]),
).filter(lambda each: each != FrameRules())


@pytest.fixture(scope="module")
def whole_job(tmp_path_factory: pytest.TempPathFactory, world: World) -> WholeJob:
    return whole_job_once(tmp_path_factory.getbasetemp(), world)


def kept_by(whole_job: WholeJob, selection: SelectionOptions) -> Counter[str]:
    """Kept pairs by class, as a curation over the same store decides with these rules."""
    output = DatasetDir(whole_job.out)
    plan, lookup = output.plan(), output.lookup()
    assert plan is not None
    assert lookup is not None
    known = ReadContext(plan)
    asked = plan.settings
    known.verdict_limits = Limits(asked.min_seconds, asked.max_bytes, asked.licence, selection)
    return Counter(
        verdict.target_id
        for index in range(lookup.shards)
        for candidate in known.candidates(index, lookup.shards)
        for verdict in verdicts_so_far(known, candidate)
        if verdict.outcome is Outcome.KEPT
    )


@settings(max_examples=8)
@given(chosen=rules)
def test_what_is_said_of_rules_is_what_a_curation_by_them_keeps(
    whole_job: WholeJob, chosen: FrameRules
):
    said = explained(whole_job.out, None, chosen)
    kept = kept_by(whole_job, SelectionOptions(**msgspec.structs.asdict(chosen)))
    assert {row.target_id: row.together for row in said.classes if row.together} == kept
    assert said.all.together == kept.total()
    assert said.all.unknown == said.all.open == 0
    assert said.all.lost == said.all.kept - kept.total()


@settings(max_examples=3)
@given(chosen=rules)
def test_each_rule_alone_is_counted_as_if_it_were_the_only_one(
    whole_job: WholeJob, chosen: FrameRules
):
    said = explained(whole_job.out, None, chosen).all.alone
    for option, kept in said.items():
        name = option.split()[0].lstrip("-").replace("-", "_")
        alone = SelectionOptions(**{name: getattr(chosen, name)})
        assert kept == kept_by(whole_job, alone).total()


@pytest.mark.slow
def test_a_data_set_by_other_rules_is_made_from_the_store(
    whole_job: WholeJob, world: World, tmp_path: Path
):
    shutil.copytree(whole_job.store, tmp_path / "store")
    asked = {"min_frames": 30, "min_probability": 0.9, "first_match_before": 5}
    said = explained(whole_job.out, None, msgspec.convert(asked, FrameRules))
    before = {target_id: counts.kept for target_id, counts in targets_of(whole_job.out)}
    manifest = curate("store", world.classes, tmp_path, **asked)
    kept = {target_id: counts.kept for target_id, counts in manifest.targets.items()}
    assert {row.target_id: row.together for row in said.classes} == kept
    assert {row.target_id: row.kept for row in said.classes} == before
    assert 0 < said.all.together < said.all.kept
    weak = [each for each in verdicts_of(tmp_path / "out") if each.reason is Reason.WEAK_MATCH]
    assert len(weak) == said.all.lost
    assert all(each.frames_matched and "must" in str(each.error) for each in weak)
    # And back: looser rules over what was made by strict ones.
    back = explained(tmp_path / "out", None, FrameRules(min_frames=2))
    assert (back.all.kept, back.all.open) == (said.all.together, said.all.lost)


def targets_of(out: Path) -> Iterator[tuple[str, object]]:
    manifest = DatasetDir(out).manifest()
    assert manifest is not None
    yield from manifest.targets.items()


# What is said.


def test_the_classes_are_a_table_with_what_each_rule_keeps(whole_job: WholeJob):
    ended = videonet("explain", whole_job.out, "--min-frames", "60", "--first-match-before", "1")
    assert ended.code == 0, ended
    for word in ("min frames 60", "first match before", "all together", "lost", "balloon"):
        assert word in " ".join(ended.stdout.split()), ended.stdout


def test_nothing_is_written(whole_job: WholeJob):
    def files() -> dict[Path, int]:
        return {
            each: each.stat().st_mtime_ns
            for folder in (whole_job.out, whole_job.store)
            for each in folder.rglob("*")
        }

    before = files()
    assert videonet("explain", whole_job.out, "--min-probability", "0.5").code == 0
    assert files() == before


def test_programs_get_all_classes(whole_job: WholeJob, tmp_path: Path):
    asked = ("explain", whole_job.out, "--min-frames", "30", "--min-probability", "0.5")
    for name in ("rules.csv", "rules.parquet"):
        ended = videonet(*asked, "--json", "--to", tmp_path / name)
        assert ended.code == 0, ended
    said = json.loads(ended.stdout)
    assert said["rules"] == {"min_frames": 30, "min_probability": 0.5, "first_match_before": None}
    table = pq.read_table(tmp_path / "rules.parquet")
    assert table.column_names == [
        *("target_id", "name", "kept", "min-frames", "min-probability"),
        *("together", "lost", "unknown", "open"),
    ]
    assert table["together"].to_pylist() == [each["together"] for each in said["classes"]]
    assert sum(table["kept"].to_pylist()) == said["all"]["kept"]
    lines = (tmp_path / "rules.csv").read_text().splitlines()
    assert len(lines) == 1 + len(said["classes"])


def test_without_the_store_each_rule_alone_is_known(whole_job: WholeJob, tmp_path: Path):
    out = tmp_path / "elsewhere"
    shutil.copytree(whole_job.out, out)
    (out / "run.json").write_bytes(
        (out / "run.json").read_bytes().replace(str(whole_job.store).encode(), b"/not/here")
    )
    assert videonet("explain", out, "--min-frames", "30", "--first-match-before", "9").code == 0
    asked = ("explain", out, "--min-frames", "30", "--min-probability", "0.5")
    assert "name it with --store" in sentence(videonet(*asked))
    assert videonet(*asked, "--store", whole_job.store).code == 0


def test_what_was_scanned_in_another_store_is_unknown(whole_job: WholeJob, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    rules = FrameRules(min_frames=2, min_probability=0.1)
    said = explained(whole_job.out, tmp_path / "empty", rules).all
    assert (said.together, said.lost + said.unknown) == (0, said.kept)
    assert said.unknown


def test_no_rule_and_an_impossible_one_are_refused(whole_job: WholeJob):
    assert "give at least one of --min-frames" in sentence(videonet("explain", whole_job.out))
    with pytest.raises(UsageError, match="at most that many"):
        explained(whole_job.out, None, FrameRules(min_frames=101))
    with pytest.raises(UsageError, match="from 0 to 1"):
        explained(whole_job.out, None, FrameRules(min_probability=1.1))


def test_a_table_of_another_kind_is_refused(whole_job: WholeJob, tmp_path: Path):
    ended = videonet("explain", whole_job.out, "--min-frames", "2", "--to", tmp_path / "a.txt")
    assert "ends with .csv or .parquet" in sentence(ended)


def test_a_class_of_a_strange_name_is_shown_as_text(whole_job: WholeJob, tmp_path: Path):
    out = tmp_path / "out"
    shutil.copytree(whole_job.out, out)
    targets = DatasetDir(out).targets()
    odd: list[Target] = [msgspec.structs.replace(each, name="[red]x[/red]") for each in targets]
    DatasetDir(out).write_targets(odd)
    ended = videonet("explain", out, "--min-frames", "2")
    assert ended.code == 0, ended
    assert "[red]x[/red]" in ended.stdout
