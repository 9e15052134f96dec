"""How often a run reads and writes what the store knows of its candidates."""

import time
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from demo.train_classifier import MODEL
from demo.world import World
from tests.curating import few_of, options_of, outcomes_of
from tests.local import LOCAL
from tests.patience import PATIENCE
from tests.storage.counting import CountingObjects
from videonet.curation.context import open_context
from videonet.execution.execute import execute
from videonet.execution.prepare import prepare
from videonet.fetch.disk_budget import DiskBudget
from videonet.pipelines.curate import curate as graph
from videonet.schemas.settings import Keep
from videonet.storage.claims import Claims
from videonet.storage.disk_ledger import NAME, SharedLedger
from videonet.storage.lease import SECONDS
from videonet.storage.store import Store

# Under which names records are, loose and packed.
KINDS = ("record", "records")

# What says which records are packed is read for each video that is claimed, and so often besides.
OF_THE_RUN = 5

# Of records, for a candidate, on average.
MOST_READS, MOST_WRITES = 3, 3


def counted(
    catalogue: Path, classes: Path, folder: Path, *, form: str = "together", **options: object
) -> Counter[tuple[str, str]]:
    """What a run asks of its store, by verb and the first part of a name."""
    given = {
        "targets": str(classes),
        "source": f"catalogue:{catalogue}",
        "classifier": str(MODEL),
        "store": folder / "store",
        "out": folder / "out",
        "deadline": PATIENCE,
        "requests_per_second": 10_000.0,
        "per_host": 8,
        "allow_private_hosts": LOCAL,
    }
    plan = msgspec.structs.replace(prepare(*options_of(given | options)), form=form)
    with open_context(plan) as context:
        objects = CountingObjects(context.store.root)
        context.store = Store(context.store.root, objects)
        context.claims = Claims(objects, stop=context.stop)
        ledger = SharedLedger(context.store.root, objects)
        context.budget = DiskBudget(plan.disk_budget, ledger=ledger, stop=context.stop)
        execute(context, graph)
    return objects.calls


def per_candidate(calls: Counter[tuple[str, str]], verb: str, folder: Path) -> float:
    candidates = len({video_id for video_id, _ in outcomes_of(folder / "out")})
    return sum(calls[verb, kind] for kind in KINDS) / candidates


@pytest.mark.parametrize(
    ("videos", "form"),
    [
        ("few", "together"),
        pytest.param("all", "together", marks=pytest.mark.slow),
    ],
)
def test_a_candidate_takes_few_reads_and_writes(
    world: World, tmp_path: Path, videos: str, form: str
):
    with world.serve():
        catalogue = few_of(world.catalogue, tmp_path) if videos == "few" else world.catalogue
        calls = counted(catalogue, world.classes, tmp_path, form=form)
    reads, writes = (per_candidate(calls, verb, tmp_path) for verb in ("read", "write"))
    assert reads <= MOST_READS
    assert writes <= MOST_WRITES
    candidates = len({video_id for video_id, _ in outcomes_of(tmp_path / "out")})
    assert calls["read", "pointer"] <= candidates + OF_THE_RUN


def test_a_candidate_takes_no_more_of_anything_else_than_its_costs_say(
    world: World, tmp_path: Path
):
    """The rows of docs/storage.md, of what each candidate takes one by one."""
    with world.serve():
        calls = counted(few_of(world.catalogue, tmp_path), world.classes, tmp_path)
    candidates = len({video_id for video_id, _ in outcomes_of(tmp_path / "out")})
    most = {
        ("write", "claim"): 1,
        ("read", "claim"): 1,
        ("read", "withdrawn"): 1,
        # The thumbnails of a run are written loose, and packed when it ends.
        ("write", "side"): 1,
    }
    assert calls["write", "claim"] > 0
    # What is packed when a run ends are few objects, however many candidates there are.
    assert {
        what: calls[what] for what, each in most.items() if calls[what] > each * candidates + 2
    } == {}
    of_candidates = {*most, *((verb, kind) for verb in ("read", "write") for kind in KINDS)}
    others = {
        (verb, kind): number
        for (verb, kind), number in calls.items()
        if verb in ("read", "write") and (verb, kind) not in of_candidates
    }
    assert sum(number for (verb, _), number in others.items() if verb == "write") <= 12, others


def test_a_run_alone_says_seldom_what_it_needs_of_the_disk(world: World, tmp_path: Path):
    with world.serve():
        begun = time.monotonic()
        calls = counted(world.catalogue, world.classes, tmp_path)
        seconds = time.monotonic() - begun
    # When it comes, what is there, and a share that is enough for all of it; and then, that it is
    # there still.
    assert 3 <= calls["write", NAME] <= 3 + seconds / (SECONDS / 4) + 1
    assert calls["delete", NAME] == 1
    # Once a second, to see whether others need room.
    assert calls["read", NAME] <= 10 + 2 * seconds


def test_a_run_over_what_is_known_writes_nothing(world: World, tmp_path: Path):
    with world.serve():
        catalogue = few_of(world.catalogue, tmp_path)
        first = counted(catalogue, world.classes, tmp_path, keep=Keep.ALL)
        assert first["write", "record"] > 0
        (tmp_path / "out").rename(tmp_path / "first")
        again = counted(catalogue, world.classes, tmp_path, keep=Keep.ALL)
    # Failures are tried again.
    failed = sum(outcome == "failed" for outcome, _ in outcomes_of(tmp_path / "out").values())
    assert again["write", "record"] <= failed
    # All at once; each once more that is tried again, or cut again for another data set; and what
    # is packed.
    worked_on = sum(outcome != "rejected" for outcome, _ in outcomes_of(tmp_path / "out").values())
    assert again["read", "record"] + again["read", "records"] <= 2 + worked_on + failed
    assert again["read", "pointer"] <= worked_on + OF_THE_RUN
