"""dataset_dir: every file of OUT whole or not at all, and read back as it was written."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.curated import Curated, curated_once
from videonet.files import draft_of
from videonet.schemas.candidate import Candidate, Match
from videonet.schemas.clip import Clip
from videonet.schemas.job import Job
from videonet.schemas.manifest import Manifest, Shard
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.record import Record
from videonet.schemas.run import Finished, Given, Lookup, RunState, ShardState, TakenUp
from videonet.schemas.settings import Keep
from videonet.schemas.shard_form import NEWEST_FORM
from videonet.schemas.table import arrow_schema
from videonet.schemas.target import Target
from videonet.schemas.verdict import Verdict
from videonet.schemas.video_info import VideoInfo
from videonet.shards.layout import shard_path
from videonet.shards.parquet import schema_of
from videonet.storage.dataset_dir import DatasetDir


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


def candidate(key: str = "youtube:a") -> Candidate:
    match = Match(target_id="cat", names=("cat", "kitten"), title="A cat", query=None, rank=3)
    return Candidate(
        video_key=key,
        video=VideoInfo(
            video_id="a",
            url="https://example.org/a",
            root=None,
            title="cats",
            duration=12.5,
            channel=None,
            licence="CC0",
            live_status=None,
        ),
        source="catalogue",
        sha256=None,
        matches=(match, msgspec.structs.replace(match, target_id="dog", query="dogs")),
    )


def verdict(key: str = "youtube:a", **changes: object) -> Verdict:
    fields = {
        **dict.fromkeys(arrow_schema(Verdict).names),
        "video_id": "a",
        "video_key": key,
        "target_id": "cat",
        "url": "https://example.org/a",
        "title": "Ein Kätzchen 🐈",
        "matched_names": ("cat",),
        "source": "catalogue",
        "rank": 0,
        "outcome": Outcome.FAILED,
        "reason": Reason.NETWORK,
        "error": "it broke",
        "attempts": 5,
        "clips": 0,
        "classifier": "0" * 64,
    }
    return Verdict.from_row(fields | changes)


@pytest.fixture
def output(tmp_path: Path) -> DatasetDir:
    return DatasetDir(tmp_path / "out")


def files_of(output: DatasetDir) -> list[str]:
    """All files of OUT, hidden ones too."""
    files = (
        Path(place, name) for place, _, names in os.walk(Path(output.address)) for name in names
    )
    return sorted(file.relative_to(Path(output.address)).as_posix() for file in files)


# Tables.


def test_verdicts_come_back_as_they_were_written_and_in_their_order(output: DatasetDir):
    rows = [
        verdict("youtube:b"),
        verdict(
            "youtube:a",
            outcome=Outcome.KEPT,
            reason=None,
            error=None,
            wnid="n02121808",
            declared_duration=12.0,
            frames_scanned=100,
            best_probability=0.25,
            bytes=1 << 40,
            clips=2,
        ),
    ]
    output.write_verdicts(0, 2, rows)
    assert list(output.verdicts(0, 2)) == rows


def test_candidates_come_back_in_the_order_of_their_keys(output: DatasetDir):
    output.write_candidates(1, 2, [candidate("youtube:b"), candidate("youtube:a")])
    assert list(output.candidates(1, 2)) == [candidate("youtube:a"), candidate("youtube:b")]


def test_tables_longer_than_one_batch_come_back_whole(output: DatasetDir):
    rows = [verdict(f"url:{number:05}") for number in range(2_500)]
    output.write_verdicts(0, 1, rows)
    assert list(output.verdicts(0, 1)) == rows


def test_tables_without_rows_have_their_schema_all_the_same(output: DatasetDir):
    output.write_candidates(0, 1, [])
    output.write_verdicts(0, 1, [])
    assert list(output.candidates(0, 1)) == list(output.verdicts(0, 1)) == []
    for kind, record in (("candidates", Candidate), ("verdicts", Verdict)):
        (file,) = (Path(output.address) / kind).iterdir()
        assert pq.read_schema(file).equals(arrow_schema(record))


def test_a_table_opens_as_one_folder(output: DatasetDir):
    output.write_verdicts(0, 3, [verdict("youtube:a")])
    output.write_verdicts(1, 3, [])
    output.write_verdicts(2, 3, [verdict("youtube:b")])
    assert pq.read_table(Path(output.place_of("verdicts")))["video_key"].to_pylist() == [
        "youtube:a",
        "youtube:b",
    ]


def test_equal_rows_are_equal_bytes(output: DatasetDir):
    output.write_verdicts(0, 2, [verdict()])
    output.write_verdicts(1, 2, [verdict()])
    one, two = sorted(Path(output.place_of("verdicts")).iterdir())
    assert one.read_bytes() == two.read_bytes()


# Whole or not at all.


def test_a_file_has_its_name_only_when_it_is_complete_and_a_hidden_one_before(output: DatasetDir):
    seen = []

    def rows() -> Iterator[Candidate]:
        yield candidate()

    output.write_candidates(0, 1, rows())
    whole = (Path(output.address) / "candidates/candidates-00000-of-00001.parquet").read_bytes()

    class Looking(Candidate, frozen=True, kw_only=True):
        """A candidate that looks around while it is being written."""

        def __getattribute__(self, name: str) -> object:
            if name == "matches":
                seen.extend(files_of(output))
            return super().__getattribute__(name)

    fields = {name: getattr(candidate(), name) for name in Candidate.__struct_fields__}
    output.write_candidates(0, 1, [Looking(**fields)])
    draft, there = seen
    assert draft.startswith("candidates/.candidates-00000-of-00001.parquet.")
    assert draft.endswith(".tmp")
    assert there == "candidates/candidates-00000-of-00001.parquet"
    assert files_of(output) == ["candidates/candidates-00000-of-00001.parquet"]
    after = (Path(output.address) / "candidates/candidates-00000-of-00001.parquet").read_bytes()
    assert after == whole


def test_what_was_there_stays_when_writing_fails(output: DatasetDir):
    output.write_verdicts(0, 1, [verdict()])
    broken = msgspec.structs.replace(verdict(), attempts="not a number")
    with pytest.raises(pa.ArrowException):
        output.write_verdicts(0, 1, [broken])
    assert list(output.verdicts(0, 1)) == [verdict()]
    assert files_of(output) == ["verdicts/verdicts-00000-of-00001.parquet"]


def test_a_draft_that_a_killed_run_left_is_no_part_of_a_folder(output: DatasetDir):
    output.write_verdicts(0, 1, [verdict()])
    verdicts = Path(output.place_of("verdicts"))
    draft_of(verdicts / "verdicts-00000-of-00001.parquet").write_bytes(b"PAR1 torn")
    assert pq.read_table(verdicts).num_rows == 1
    assert output.fence.take_up("a" * 32) == 1
    output.write_verdicts(0, 1, [verdict(), verdict("youtube:b")])
    assert len(list(output.verdicts(0, 1))) == 2
    (Path(output.address) / "_state/taken_up.json").unlink()
    assert files_of(output) == ["verdicts/verdicts-00000-of-00001.parquet"]


# Single records.


def test_what_is_not_there_is_none(output: DatasetDir):
    assert output.run_state() is None
    assert output.lookup() is None
    assert output.manifest() is None
    assert output.shard_state(0) is None
    assert output.complaint() is None


@pytest.mark.parametrize("torn", [b"", b'{"titles": 3', b'{"titles": 3}', b"\xff"])
def test_a_torn_record_is_as_good_as_none(output: DatasetDir, torn: bytes):
    lookup = Lookup(titles=3, candidates=1, pairs=1, shards=1, matched={"cat": 1}, searches=())
    output.write_lookup(lookup)
    assert output.lookup() == lookup
    (Path(output.address) / "lookup.json").write_bytes(torn)
    assert output.lookup() is None


def test_a_new_run_forgets_that_the_last_one_was_finished_and_nothing_else(output: DatasetDir):
    output.write_lookup(Lookup(titles=3, candidates=1, pairs=1, shards=1, matched={}, searches=()))
    for name in ("manifest.json", "README.md", "videos.lock.parquet", "report/index.html"):
        (Path(output.address) / name).parent.mkdir(exist_ok=True)
        (Path(output.address) / name).write_text("{}")
    output.write_verdicts(0, 1, [verdict()])
    output.begin_anew(same_list=True)
    kept = ["report/index.html", "verdicts/verdicts-00000-of-00001.parquet"]
    assert files_of(output) == ["lookup.json", *kept]
    output.begin_anew()
    assert files_of(output) == kept
    output.begin_anew()


def test_the_manifest_is_the_last_to_go_so_that_a_killed_run_forgets_again(
    curated: Curated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    output = DatasetDir(Path(shutil.copytree(curated.out, tmp_path / "out")))
    deleted = []
    unlink = Path.unlink

    def watched(file: Path, missing_ok: bool = False) -> None:
        deleted.append(file.name)
        unlink(file, missing_ok)

    monkeypatch.setattr(Path, "unlink", watched)
    output.begin_anew()
    assert sorted(deleted) == ["README.md", "lookup.json", "manifest.json", "videos.lock.parquet"]
    assert deleted[-1] == "manifest.json"


def test_where_out_is_a_file_nothing_is_there(tmp_path: Path):
    (tmp_path / "out").touch()
    output = DatasetDir(tmp_path / "out")
    assert output.run_state() is None
    assert output.lookup() is None
    assert output.manifest() is None
    assert output.shard_state(0) is None
    assert output.plan() is None
    assert output.stages() == {}
    assert output.withdrawals() == ()
    assert output.complaint() is None


# What may be a stranger's.


@pytest.mark.parametrize(
    "run_id", ["", "../../elsewhere", "A" * 32, "a" * 31, "a" * 33, "a" * 32 + "\n", "/" + "a" * 31]
)
def test_a_plan_of_a_run_with_no_id_of_ours_is_none(
    curated: Curated, output: DatasetDir, run_id: str
):
    facts = msgspec.json.decode((curated.out / "run.json").read_bytes())
    output.write_run_facts(facts)
    assert output.plan() == DatasetDir(curated.out).plan() is not None
    facts["plan"]["run_id"] = run_id
    output.write_run_facts(facts)
    assert output.plan() is None


@pytest.mark.parametrize(
    "paths",
    [
        [],
        ["../precious"],
        ["/etc/hostname"],
        ["manifest.json"],
        ["clips/parquet/clips-00001-of-00002.parquet"],
        ["clips/parquet/../clips-00000-of-00002.parquet"],
        ["clips/parquet/clips-00000-of-00002.tfrecord"],
        ["clips/exe/clips-00000-of-00002.exe"],
        ["clips/parquet/clips-00000-of-00002.parquet", "../x-of-00002.parquet"],
    ],
)
def test_a_shard_that_names_other_files_than_its_own_is_none(output: DatasetDir, paths: list[str]):
    def made_of(*names: str) -> ShardState:
        files = tuple(Shard(path=name, rows=0, bytes=1, sha256="0" * 64) for name in names)
        return ShardState(digest="", cut_key="", files=files, videos={})

    good = made_of(shard_path("parquet", 0, 2), shard_path("tfrecord", 0, 2))
    output.write_shard_state(0, good)
    assert output.shard_state(0) == good
    output.write_shard_state(0, made_of(*paths))
    assert output.shard_state(0) is None


def test_a_complaint_is_heard_once(output: DatasetDir):
    output.complain("Row 3 is “broken”.")
    assert output.complaint() == "Row 3 is “broken”."
    assert output.complaint() is None


# What a run writes.

TABLES = {"candidates": Candidate, "verdicts": Verdict, "clips/parquet": Clip}


@pytest.mark.parametrize("kind", TABLES)
def test_every_table_of_a_run_has_the_schema_of_its_record(curated: Curated, kind: str):
    files = sorted((curated.out / kind).iterdir())
    assert len(files) == 2
    # Those that lack columns are of earlier versions: in a fresh shard no column is empty.
    newest = schema_of(NEWEST_FORM)
    expected = newest if kind == "clips/parquet" else arrow_schema(TABLES[kind])
    for file in files:
        assert pq.read_schema(file).equals(expected)


def test_every_json_file_of_a_run_is_its_record(curated: Curated):
    records: dict[str, type[Record]] = {
        "lookup.json": Lookup,
        "manifest.json": Manifest,
        "_state/run.json": RunState,
        "_state/taken_up.json": TakenUp,
        "_state/job.json": Job,
        "_state/given.json": Given,
        "_state/finished.json": Finished,
        "_state/shards/00000.json": ShardState,
        "_state/shards/00001.json": ShardState,
    }
    output = DatasetDir(curated.out)
    there = {name for name in files_of(output) if name.endswith(".json")}
    assert there == {*records, "targets.json", "labels.json", "run.json"}
    for name, record in records.items():
        data = (curated.out / name).read_bytes()
        # All its fields, and equal bytes for equal records.
        assert msgspec.json.decode(record.from_json(data).to_json()) == msgspec.json.decode(data)
    targets = (curated.out / "targets.json").read_bytes()
    assert msgspec.json.decode(targets, type=tuple[Target, ...]) == output.targets()


def test_a_finished_run_leaves_nothing_half_written(curated: Curated):
    hidden = [name for name in files_of(DatasetDir(curated.out)) if "/." in f"/{name}"]
    assert hidden in ([], [".lock"])


def test_what_a_run_says_of_the_clock_and_the_machine_is_not_in_the_manifest(curated: Curated):
    facts = msgspec.json.decode((curated.out / "run.json").read_bytes())
    assert facts["seconds"] > 0
    assert Keep(facts["plan"]["keep"]) is Keep.KEPT
    text = (curated.out / "manifest.json").read_text()
    assert not [
        word for word in (str(curated.out), facts["run_id"], facts["begun"]) if word in text
    ]
