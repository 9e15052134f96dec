"""Leases: one holder at a time, and one that was stopped for too long changes nothing."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.patience import PATIENCE, wait_for
from videonet.errors import UsageError
from videonet.storage.folder_objects import FolderObjects
from videonet.storage.lease import Lease, LeaseLostError, Renewed, held_lease, now_at
from videonet.storage.objects import Objects

# A lease that the tests wait for the end of, seconds.
SHORT = 0.3


@pytest.fixture
def objects(tmp_path: Path) -> FolderObjects:
    return FolderObjects(tmp_path / "place")


def test_the_time_of_a_folder_is_that_of_its_file_system(objects: FolderObjects) -> None:
    before = time.time()
    now = now_at(objects)
    # A file system's clock may be a few milliseconds behind.
    assert before - 1 < now < time.time() + 1
    assert list(objects.list("")) == []


def test_a_lease_has_one_holder_who_is_named_to_others(objects: FolderObjects) -> None:
    with held_lease(objects, "clean-up") as lease:
        assert lease.still_held()
        said = "Another command is at the same [(]clean-up[)]"
        with pytest.raises(UsageError, match=said), held_lease(objects, "clean-up"):
            pass
        with held_lease(objects, "something else") as other:
            assert other.still_held()
    assert not lease.still_held()
    with held_lease(objects, "clean-up") as later:
        assert later.number == lease.number + 1


def test_whoever_waits_gets_the_lease_when_it_is_given_back(objects: FolderObjects) -> None:
    numbers = []

    def hold() -> None:
        with held_lease(objects, "clean-up", wait=PATIENCE) as lease:
            numbers.append(lease.number)
            time.sleep(0.02)
            assert lease.still_held()
            assert numbers[-1] == lease.number

    threads = [threading.Thread(target=hold) for _ in range(5)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(PATIENCE)
    assert numbers == [1, 2, 3, 4, 5]


def test_a_holder_at_work_keeps_its_lease_for_longer_than_it_lasts(objects: FolderObjects) -> None:
    with held_lease(objects, "clean-up", seconds=SHORT) as lease:
        time.sleep(3 * SHORT)
        assert lease.still_held()
        with pytest.raises(UsageError), held_lease(objects, "clean-up"):
            pass


def test_a_damaged_lease_is_no_free_one(objects: FolderObjects) -> None:
    objects.write_once("lease/clean-up.json", b'{"number": 1')
    with pytest.raises(UsageError, match="damaged"), held_lease(objects, "clean-up"):
        pass


class NotingObjects(FolderObjects):
    """Notes which writes are to outlast a disk that fails."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.lasting: list[bool] = []

    def write_once(self, name: str, data: bytes | Path, *, lasting: bool = False) -> str | None:
        self.lasting.append(lasting)
        return super().write_once(name, data, lasting=lasting)

    def write_if(
        self, name: str, data: bytes | Path, generation: str, *, lasting: bool = False
    ) -> str | None:
        self.lasting.append(lasting)
        return super().write_if(name, data, generation, lasting=lasting)


@pytest.mark.parametrize("numbered", [True, False])
def test_no_state_of_a_number_is_lost_to_a_disk_that_fails(tmp_path: Path, numbered: bool) -> None:
    objects = NotingObjects(tmp_path / "place")
    for _ in range(2):
        renewed = Renewed(objects, "lease/clean-up.json", 60.0, numbered=numbered)
        assert renewed.take()
        assert renewed.renew()
        renewed.give_back(forget=False)
    assert objects.lasting == 6 * [numbered]


class Stoppable:
    """A place as a process sees it that is stopped before one of its verbs, and later continued."""

    def __init__(self, objects: Objects, verbs: int) -> None:
        """It is stopped before verb number `verbs`, counted from 0, with all its threads."""
        self._objects, self._left = objects, verbs
        self._lock = threading.Lock()
        self._continued = threading.Event()
        self.stopped = threading.Event()
        self.address = objects.address

    def go_on(self) -> None:
        self._continued.set()

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        act: Callable[..., Any] = getattr(self._objects, verb)

        def stoppable(*given: Any, **named: Any) -> Any:
            with self._lock:
                stops = self._left <= 0
                self._left -= 1
            if stops and not self._continued.is_set():
                self.stopped.set()
                self._continued.wait(PATIENCE)
            return act(*given, **named)

        return stoppable


def compact(objects: Objects, name: str, *, wait: float = 0.0, seconds: float = 60.0) -> None:
    """Move all loose objects into one that says who moved them, under a lease."""
    with held_lease(objects, "compaction", seconds=seconds, wait=wait) as lease:
        compact_under(lease, objects, name)


def compact_under(lease: Lease, objects: Objects, name: str) -> None:
    before = lease.fenced("pointer.json", {"by": [], "loose": {}})
    loose = list(objects.list("loose/"))
    fields = json.loads(before.data)
    fields["by"].append(name)
    fields["loose"] |= {each.name: (objects.read(each.name) or b"").decode() for each in loose}
    lease.write_once(f"shard-{lease.number}", json.dumps(fields["loose"]).encode())
    if lease.write_if("pointer.json", json.dumps(fields).encode(), before.generation) is None:
        raise LeaseLostError("the pointer is another one")
    for each in loose:
        lease.delete(each.name, each.generation)


def contents(objects: Objects) -> dict[str, bytes | None]:
    names = [each.name for each in objects.list("") if not each.name.startswith("lease/")]
    return {name: objects.read(name) for name in names}


# More verbs than the work under a lease has.
MOST_VERBS = 30


@pytest.mark.parametrize("verbs", range(MOST_VERBS))
def test_wherever_a_holder_is_stopped_past_its_lease_a_later_one_is_not_disturbed(
    objects: FolderObjects, verbs: int
) -> None:
    for number in range(2):
        objects.write_once(f"loose/{number}", b"first")
    place = Stoppable(objects, verbs)

    def hold() -> None:
        with suppress(UsageError):
            compact(place, "earlier", seconds=0.1)

    earlier = threading.Thread(target=hold)
    earlier.start()
    wait_for(lambda: place.stopped.is_set() or not earlier.is_alive(), pause=0.001)
    try:
        # Half of it before the earlier one goes on, half of it afterwards.
        with held_lease(objects, "compaction", wait=PATIENCE) as lease:
            before = lease.fenced("pointer.json", {"by": [], "loose": {}})
            again = objects.write_if("loose/0", b"second", generation_of(objects, "loose/0"))
            place.go_on()
            earlier.join(PATIENCE)
            assert objects.read_versioned("pointer.json") == before
            assert objects.read("loose/0") == (b"second" if again else None)
            compact_under(lease, objects, "later")
    finally:
        place.go_on()
        earlier.join(PATIENCE)
    pointer = json.loads(objects.read("pointer.json") or b"")
    assert pointer["by"] in (["later"], ["earlier", "later"])
    assert set(pointer["loose"]) == {"loose/0", "loose/1"}
    assert pointer["loose"]["loose/0"] == ("second" if again else "first")
    assert list(objects.list("loose/")) == []


def generation_of(objects: Objects, name: str) -> str:
    read = objects.read_versioned(name)
    return "" if read is None else read.generation


def test_a_holder_who_was_not_stopped_does_all_of_its_work(objects: FolderObjects) -> None:
    objects.write_once("loose/0", b"first")
    counted = Stoppable(objects, MOST_VERBS)
    compact(counted, "one")
    assert not counted.stopped.is_set()
    assert set(contents(objects)) == {"pointer.json", "shard-1"}


HOLD = """
import sys, time
from pathlib import Path
from tests.storage.test_lease import compact_under
from videonet.storage.folder_objects import FolderObjects
from videonet.storage.lease import LeaseLostError, held_lease
objects = FolderObjects(Path(sys.argv[1]))
try:
    with held_lease(objects, "compaction", seconds=1.0) as lease:
        before = lease.fenced("pointer.json", {"by": [], "loose": {}})
        print("held", flush=True)
        sys.stdin.readline()
        print("stopped and continued", lease.still_held(), flush=True)
        # One that does not ask, and writes over what it has read.
        assert objects.write_if("pointer.json", b"{}", before.generation) is None
        compact_under(lease, objects, "earlier")
except LeaseLostError as error:
    print(error, flush=True)
"""


def test_a_process_that_was_stopped_past_its_lease_changes_nothing(objects: FolderObjects) -> None:
    objects.write_once("loose/0", b"first")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, objects.address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "held\n"
        os.kill(holder.pid, signal.SIGSTOP)
        compact(objects, "later", wait=PATIENCE)
        after = contents(objects)
        os.kill(holder.pid, signal.SIGCONT)
        said, _ = holder.communicate("\n", PATIENCE)
    finally:
        holder.kill()
        holder.wait()
    assert holder.returncode == 0
    assert said.startswith("stopped and continued False\nThis command was held up for so long")
    assert contents(objects) == after


def test_the_lease_of_a_process_that_was_killed_is_free_at_once(objects: FolderObjects) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD.replace("1.0", "1000.0"), objects.address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(UsageError), held_lease(objects, "compaction"):
            pass
    finally:
        holder.kill()
    # It may not be waited for by anybody yet: it is no more all the same.
    wait_for(lambda: can_hold(objects))
    holder.wait()


def can_hold(objects: Objects) -> bool:
    try:
        with held_lease(objects, "compaction"):
            return True
    except UsageError:
        return False


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(st.sampled_from(["take", "renew", "give back", "wait"]), st.integers(0, 2)),
        max_size=25,
    )
)
def test_numbers_only_grow_and_two_never_hold(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, int]]
) -> None:
    objects = FolderObjects(tmp_path_factory.mktemp("place"))
    seconds = 0.05
    holders = [Renewed(objects, "lease/x.json", seconds) for _ in range(3)]
    last = 0
    for act, which in acts:
        holder = holders[which]
        if act == "take":
            held_before = [each for each in holders if each.is_ours()]
            if holder.take():
                assert holder.number > last
                last = holder.number
                # Whoever held it may have been at its end at that moment.
                assert all(not each.is_ours() for each in held_before if each is not holder)
        elif act == "renew":
            is_ours = holder.is_ours()
            assert not (holder.renew() and not is_ours)
        elif act == "give back":
            holder.give_back(forget=False)
        else:
            time.sleep(seconds * (1 + which) / 2)
        assert sum(each.is_ours() for each in holders) <= 1
