"""run_progress, run_counts: what all processes of a run say, over all attempts at it."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videonet.curation import run_counts
from videonet.curation.progress import Progress
from videonet.curation.run_counts import RunCounts
from videonet.curation.run_progress import (
    STAGES,
    closed_hosts_of,
    costs_of,
    processes_of,
    restart_counts,
)
from videonet.errors import MachineError
from videonet.schemas.progress import ClosedHost, ProcessProgress, StageCost
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.folder_objects import FolderObjects
from videonet.storage.objects import Entry
from videonet.storage.store import Store

RUN = "run"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    store.prepare()
    return store


def process(name: str, stages: dict[str, StageCost], kept: int = 0) -> ProcessProgress:
    return ProcessProgress(
        process=name,
        begun="2026-01-01T00:00:00.000+00:00",
        updated="2026-01-01T00:00:01.000+00:00",
        searched=0,
        pairs=kept,
        kept=kept,
        rejected={},
        failed={},
        recent_pairs=0,
        recent_seconds=0.0,
        stages=stages,
    )


def written(store: Store, *records: ProcessProgress, run: str = RUN) -> None:
    for record in records:
        store.write(store.progress_name(run, record.process), record.to_json())


COSTS = st.dictionaries(
    st.sampled_from(STAGES),
    st.builds(
        StageCost,
        seconds=st.integers(0, 10**6).map(float),
        items=st.integers(0, 10**6),
        bytes=st.integers(0, 10**12),
    ),
)


@settings(max_examples=30)
@given(st.lists(COSTS, max_size=4), st.integers(1, 3))
def test_costs_are_summed_and_outlive_every_new_beginning_while_counts_do_not(
    tmp_path_factory: pytest.TempPathFactory, costs: list[dict[str, StageCost]], beginnings: int
):
    store = Store(tmp_path_factory.mktemp("store"))
    store.prepare()
    written(store, *(process(f"host-{i}", each, kept=7) for i, each in enumerate(costs)))
    before = costs_of(store, RUN)
    for name in STAGES:
        parts = [each[name] for each in costs if name in each]
        assert (name in before) is bool(parts)
        if parts:
            assert before[name].seconds == sum(each.seconds for each in parts)
            assert before[name].items == sum(each.items for each in parts)
            assert before[name].bytes == sum(each.bytes for each in parts)
    assert len(processes_of(store, RUN)) == len(costs)
    for _ in range(beginnings):
        restart_counts(store, RUN)
        assert processes_of(store, RUN) == []
        assert costs_of(store, RUN) == before
    # What the next attempt costs comes on top.
    written(store, process("host-0", {"scan": StageCost(seconds=1.0, items=2, bytes=3)}))
    items = before["scan"].items if "scan" in before else 0
    assert costs_of(store, RUN)["scan"].items == items + 2
    shutil.rmtree(store.root)


@settings(max_examples=20)
@given(st.lists(COSTS, max_size=3), st.lists(COSTS, max_size=3))
def test_a_run_takes_over_what_the_run_before_it_has_cost(
    tmp_path_factory: pytest.TempPathFactory,
    first: list[dict[str, StageCost]],
    second: list[dict[str, StageCost]],
):
    store = Store(tmp_path_factory.mktemp("store"))
    store.prepare()
    written(store, *(process(f"host-{i}", each, kept=7) for i, each in enumerate(first)))
    # The run before may itself have been interrupted, and so may this one.
    restart_counts(store, RUN)
    same = (process(f"host-{i}", each, kept=7) for i, each in enumerate(first))
    written(store, *same)
    written(store, *(process(f"host-{i}", each) for i, each in enumerate(second)), run="next")
    parts = [costs_of(store, RUN), costs_of(store, "next")]
    restart_counts(store, "next", before=RUN)
    costs = costs_of(store, "next")
    assert set(costs) == {name for part in parts for name in part}
    for name, cost in costs.items():
        for field in ("seconds", "items", "bytes"):
            expected = sum(getattr(part[name], field) for part in parts if name in part)
            assert getattr(cost, field) == expected
    assert processes_of(store, "next") == []
    assert list(store.list(f"progress/{RUN}")) == []
    # Who asks a second time takes over nothing again.
    restart_counts(store, "next", before=RUN)
    assert costs_of(store, "next") == costs
    shutil.rmtree(store.root)


def test_costs_are_in_the_order_of_the_stages(store: Store):
    cost = StageCost(seconds=1.0, items=1, bytes=0)
    written(store, process("host-1", dict.fromkeys(sorted(STAGES), cost)))
    assert tuple(costs_of(store, RUN)) == STAGES


def test_a_run_that_never_was_costs_nothing(store: Store):
    restart_counts(store, RUN)
    assert costs_of(store, RUN) == {}
    assert list(store.list("progress")) == []


def test_a_damaged_file_counts_as_none(store: Store):
    store.write(store.progress_name(RUN, "host-1"), b'{"process":')
    assert processes_of(store, RUN) == []


def test_hosts_that_any_process_has_closed_are_those_of_the_run(store: Store, tmp_path: Path):
    first, later = (datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2))
    output = DatasetDir(tmp_path / "out")
    of_each = [
        [closed("b.example", first), closed("c.example", later)],
        [closed("b.example", later), closed("a.example", first)],
    ]
    for hosts in of_each:
        counts = Progress(store, output, RUN, closed=lambda hosts=hosts: hosts)
        counts.begin()
        counts.end()
    names = ("a.example", first), ("b.example", later), ("c.example", later)
    assert closed_hosts_of(store, RUN) == [closed(*each) for each in names]
    # The next attempt asks them again.
    restart_counts(store, RUN)
    assert closed_hosts_of(store, RUN) == []


def closed(host: str, until: datetime) -> ClosedHost:
    return ClosedHost(host=host, refusals=10, until=until)


# As one, for who waits.


def test_what_processes_tell_is_summed_for_who_waits(store: Store):
    cost = StageCost(seconds=2.0, items=3, bytes=5)
    counts = RunCounts(store, RUN)
    assert not counts.is_active
    first = msgspec.structs.replace(
        process("one", {"scan": cost}, kept=3), rejected={"too_short": 2}, searched=10, pairs=40
    )
    later = msgspec.structs.replace(
        process("two", {"scan": cost}, kept=4),
        rejected={"too_short": 1, "no_top1_match": 5},
        failed={"timeout": 1},
        begun="2026-01-01T00:00:05.000+00:00",
        updated="2026-01-01T00:00:09.000+00:00",
        pairs=0,
    )
    written(store, first, later)
    counts = RunCounts(store, RUN)
    assert counts.is_active
    now = counts.now()
    # The list is complete as soon as one of them knows it.
    assert (now.kept, now.searched, now.pairs) == (7, 10, 40)
    assert now.rejected == {"no_top1_match": 5, "too_short": 3}
    assert now.failed == {"timeout": 1}
    assert (now.begun, now.updated) == (first.begun, later.updated)
    assert now.stages == {"scan": StageCost(seconds=4.0, items=6, bytes=10)}


class ObjectsAway(FolderObjects):
    """A place that cannot be listed for a while."""

    is_away = False

    def list(self, prefix: str) -> Iterator[Entry]:
        if self.is_away:
            raise MachineError("out of reach")
        return super().list(prefix)


def test_who_waits_goes_on_with_what_is_known_while_a_store_is_out_of_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(run_counts, "_LOOK_EVERY", 0.0)
    objects = ObjectsAway(tmp_path / "store")
    store = Store(tmp_path / "store", objects)
    store.prepare()
    written(store, process("one", {}, kept=3))
    counts = RunCounts(store, RUN)
    assert counts.now().kept == 3
    objects.is_away = True
    assert counts.now().kept == 3
    objects.is_away = False
    written(store, process("two", {}, kept=4))
    assert counts.now().kept == 7
