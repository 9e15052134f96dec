"""verdict_db: the verdicts of a data set as a database, which report and card count in."""

from collections import Counter
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest

from tests.curated import Curated, curated_once
from tests.curating import verdicts_of
from tests.dataset.card.made_up import made_up, target, unseen, verdict
from videonet.dataset.card.numbers import numbers_of
from videonet.dataset.card.write import write_card
from videonet.dataset.verdict_db import COLUMNS, open_verdicts
from videonet.errors import UsageError
from videonet.report.facts import facts_of
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.settings import DataOptions
from videonet.schemas.video_info import DETAILS
from videonet.storage.dataset_dir import LOCK_FILE, DatasetDir

TARGETS = [target("crane"), target("kite"), target("rare")]
ROWS = [
    verdict("a", "crane", clips=2, frames_matched=1),
    verdict("a", "kite", clips=2),
    unseen("b", "crane"),
    unseen("b", "kite", reason=Reason.TOO_SHORT, frames_matched=3),
    verdict("c", "kite", clips=0),
    unseen("d", "crane", reason=Reason.PRIVATE, outcome=Outcome.FAILED, frames_matched=None),
]


@pytest.fixture
def output(tmp_path: Path) -> DatasetDir:
    found, manifest = made_up(tmp_path / "out", TARGETS, ROWS)
    found.write_labels([])
    found.write_manifest(manifest)
    return found


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


def test_report_and_card_count_the_same_of_every_class(output: DatasetDir):
    numbers, facts = numbers_of(output, DataOptions()), facts_of(Path(output.address), None)
    assert [each.target_id for each in facts.classes] == ["crane", "kite", "rare"]
    for row in facts.classes:
        own = [each for each in ROWS if each.target_id == row.target_id]
        counted = numbers.classes.get(row.target_id)
        assert (counted is None) == (not own)
        if counted is not None:
            assert (row.funnel.kept, row.funnel.clips) == (counted.kept, counted.clips)
            assert row.rejected.get("no_top1_match", 0) == counted.unseen
            assert row.funnel.matching == counted.confirmed
    assert facts.sizes.candidates == numbers.candidates.videos == 4
    assert facts.sizes.kept == numbers.kept.videos == 2


def test_the_columns_that_are_asked_for_are_read_and_no_others(output: DatasetDir):
    with open_verdicts(output, ["seconds", "host"]) as db:
        described = db.rows("describe pairs")
    names = [name for name, *_ in described]
    assert names == ["video", "target", "outcome", "reason", "seconds", "host"]


def test_every_column_can_be_counted_beside_all_others(output: DatasetDir):
    with open_verdicts(output, COLUMNS, min_seconds=10) as db:
        (names,) = db.rows("select count(columns(*)) from pairs where outcome = 'kept'")
        assert len(names) == 4 + len(COLUMNS)
        assert db.rows("select count(*) from pairs") == [(len(ROWS),)]


def test_a_video_is_counted_once_for_however_many_classes_it_is_a_candidate(output: DatasetDir):
    with open_verdicts(output, ["clips"]) as db:
        assert db.rows("select count(*) from candidates") == [(4,)]
        assert db.rows("select count(*), sum(clips) from kept") == [(2, 2)]


def test_verdicts_on_classes_that_are_not_in_the_list_are_not_counted(output: DatasetDir):
    output.write_targets(tuple(TARGETS[1:]))
    with open_verdicts(output, []) as db:
        assert db.rows("select target, count(*) from pairs group by target") == [(0, 3)]


def test_a_verdict_is_found_where_its_row_says(curated: Curated):
    verdicts = verdicts_of(curated.out)
    with open_verdicts(DatasetDir(curated.out), ["file", "row"]) as db:
        places = db.rows("select file, row from pairs")
        found = db.verdicts_at(places[1:])
        assert db.verdicts_at([]) == {}
    assert set(found) == set(places[1:])
    known = Counter(verdicts)
    assert all(known[each] == 1 for each in found.values())
    assert len(set(found.values())) == len(verdicts) - 1


def test_a_folder_whose_name_is_a_pattern_is_read(tmp_path: Path):
    place = tmp_path / "[a-z]*"
    found, manifest = made_up(place / "out", TARGETS, ROWS)
    write_card(found, manifest)
    with open_verdicts(found, []) as db:
        assert db.rows("select count(*) from pairs") == [(len(ROWS),)]


def test_damaged_verdicts_are_a_sentence(output: DatasetDir):
    next(Path(output.place_of("verdicts")).iterdir()).write_bytes(b"no table")
    with (
        pytest.raises(UsageError, match=r"verdicts of .* cannot be read .*; `videonet verify`"),
        open_verdicts(output, []),
    ):
        pass


def test_a_damaged_lock_file_is_a_sentence(tmp_path: Path):
    found, manifest = made_up(tmp_path / "out", TARGETS, ROWS)
    (Path(found.address) / LOCK_FILE).write_bytes(b"no table")
    with pytest.raises(UsageError, match=rf"{LOCK_FILE} cannot be read .*; run the same curation"):
        write_card(found, manifest)


def test_a_match_that_is_too_weak_counts_as_none_for_report_and_card(tmp_path: Path):
    weak = unseen("e", "kite", reason=Reason.WEAK_MATCH, frames_matched=2)
    output, manifest = made_up(tmp_path / "out", TARGETS, [*ROWS, weak])
    output.write_labels([])
    output.write_manifest(manifest)
    (kite,) = (each for each in facts_of(tmp_path / "out", None).classes if each.name == "kite")
    assert kite.funnel.matching == numbers_of(output, DataOptions()).classes["kite"].confirmed == 3
    assert kite.rejected == {"too_short": 1, "weak_match": 1}


def test_whole_verdicts_are_read_also_beside_tables_of_an_earlier_version(output: DatasetDir):
    said = msgspec.structs.replace(ROWS[0].video, tags=("a", "b"))
    first, second = [msgspec.structs.replace(ROWS[0], video=said)], ROWS[1:]
    lookup = output.lookup()
    assert lookup is not None
    for file in (Path(output.address) / "verdicts").iterdir():
        file.unlink()
    output.write_verdicts(0, 2, first)
    output.write_verdicts(1, 2, second)
    older = Path(output.address) / "verdicts" / "verdicts-00001-of-00002.parquet"
    pq.write_table(pq.read_table(older).drop_columns(list(DETAILS)), older)
    with open_verdicts(output, ["file", "row"]) as db:
        places = db.rows("select file, row from pairs order by file, row")
        found = db.verdicts_at(places)
    # Files are read side by side, and the mapping has no order.
    assert [found.pop(place) for place in places] == [*first, *second]
    assert not found
