"""What the forms make of a service that is busy, breaks off, loses answers, or starts again."""

import random
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.storage.servers import Server, fake_gcs
from videonet.errors import MachineError
from videonet.storage.objects import Objects
from videonet.storage.places import open_place
from videonet.storage.s3_objects import S3Objects

FAULTS = [
    pytest.param(("status", {"status": 503}), id="503"),
    pytest.param(("lost", {}), id="lost"),
    pytest.param(("broken", {}), id="broken"),
    pytest.param(("status", {"status": 429}), id="429", marks=pytest.mark.slow),
    pytest.param(("reset", {}), id="reset", marks=pytest.mark.slow),
    pytest.param(("slow", {"seconds": 1.0}), id="slow", marks=pytest.mark.slow),
]


@pytest.fixture
def place(server: Server, bucket: str) -> Iterator[Objects]:
    yield open_place(bucket)
    server.proxy.clear()


@pytest.fixture(params=FAULTS)
def fault(request: pytest.FixtureRequest) -> tuple[str, dict[str, float]]:
    return request.param


def inject(server: Server, verb: str, fault: tuple[str, dict[str, float]], times: int = 1) -> None:
    kind, details = fault
    server.proxy.fail(verb, kind, times, **details)  # type: ignore[arg-type]


def was_injected(server: Server, verb: str, fault: tuple[str, dict[str, float]]) -> bool:
    return server.proxy.injected[verb, fault[0]] > 0


def test_a_read_gets_all_bytes(server: Server, place: Objects, fault) -> None:
    data = random.Random(0).randbytes(300_000)
    first = place.write_once("a", data)
    inject(server, "get", fault)
    assert place.read("a") == data
    inject(server, "get", fault)
    assert place.read("a", 1000, 200_000) == data[1000:200_000]
    inject(server, "get", fault)
    assert place.read_versioned("a") == (data, first)
    inject(server, "get", fault)
    assert place.read("none") is None
    assert was_injected(server, "get", fault)


def test_what_is_written_once_is_written_by_its_writer(
    server: Server, place: Objects, fault
) -> None:
    inject(server, "insert", fault)
    first = place.write_once("a", b"one")
    assert first is not None
    assert place.read_versioned("a") == (b"one", first)
    inject(server, "insert", fault)
    assert place.write_once("a", b"two") is None
    assert was_injected(server, "insert", fault)


def test_a_state_is_replaced_by_its_writer(server: Server, place: Objects, fault) -> None:
    first = place.write_once("a", b"one")
    assert first is not None
    inject(server, "insert", fault)
    second = place.write_if("a", b"two", first)
    assert second is not None
    assert place.read_versioned("a") == (b"two", second)
    inject(server, "insert", fault)
    assert place.write_if("a", b"three", first) is None
    assert place.read("a") == b"two"
    assert was_injected(server, "insert", fault)


def test_a_list_is_whole(server: Server, place: Objects, fault) -> None:
    for number in range(30):
        place.write_once(f"a/{number:02d}", b"x")
    inject(server, "list", fault)
    assert [each.name for each in place.list("a/")] == [f"a/{number:02d}" for number in range(30)]
    assert was_injected(server, "list", fault)


def test_a_delete_deletes_its_state_alone(server: Server, place: Objects, fault) -> None:
    first = place.write_once("a", b"one")
    assert first is not None
    second = place.write_if("a", b"two", first)
    inject(server, "delete", fault)
    assert not place.delete("a", first)
    assert place.read("a") == b"two"
    inject(server, "delete", fault)
    assert place.delete("a", second)
    assert place.read("a") is None
    place.write_once("b", b"one")
    inject(server, "delete", fault)
    assert place.delete("b")
    assert place.read("b") is None
    assert was_injected(server, "delete", fault)


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["insert", "piece"])
def test_a_large_file_arrives_whole_or_not_at_all(
    server: Server, place: Objects, fault, verb: str, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_bytes(random.Random(3).randbytes(20_000_000))
    inject(server, verb, fault)
    first = place.write_once("big", file)
    assert first is not None
    assert was_injected(server, verb, fault)
    assert place.read_versioned("big") == (file.read_bytes(), first)
    assert [each.name for each in place.list("")] == ["big"]


def test_what_stays_out_of_reach_is_said_in_a_sentence(server: Server, bucket: str) -> None:
    place = open_place(bucket)
    place._patience = 1.0
    if isinstance(place, S3Objects):
        place = S3Objects(place._bucket, place._prefix, 1.0)
    for verb, act in (
        ("get", lambda: place.read("a")),
        ("insert", lambda: place.write_once("a", b"one")),
        ("list", lambda: list(place.list(""))),
        ("delete", lambda: place.delete("a", "1")),
    ):
        server.proxy.fail(verb, "status", 1000, status=503)
        with pytest.raises(MachineError, match=f"{bucket} cannot be reached .*503"):
            act()
        server.proxy.clear()
        server.proxy.fail(verb, "status", 1000, status=403)
        with pytest.raises(MachineError, match=f"{bucket} may not be used .*403"):
            act()
        server.proxy.clear()


@pytest.mark.slow
def test_nothing_is_lost_when_many_write_one_object_while_all_fails(
    server: Server, place: Objects
) -> None:
    place.write_once("marks", b"none")
    server.proxy.every = 5

    def mark(worker: int) -> None:
        for number in range(8):
            written = None
            while written is None:
                read = place.read_versioned("marks")
                assert read is not None
                # Whose answer was lost, and who was overtaken then, is told that it did not write:
                # so a mark is made where it is not yet.
                marks = {*read.data.decode().split(), f"{worker}.{number}"}
                data = " ".join(sorted(marks)).encode()
                written = place.write_if("marks", data, read.generation)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(mark, range(3)))
    server.proxy.every = 0
    marks = {f"{worker}.{number}" for worker in range(3) for number in range(8)}
    assert set((place.read("marks") or b"").decode().split()) == {"none", *marks}
    assert sum(server.proxy.injected.values()) > 10


@pytest.mark.slow
def test_a_server_that_starts_again_in_the_middle_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_bytes(random.Random(4).randbytes(30_000_000))
    with fake_gcs(tmp_path / "gcs") as server:
        server.set_environment(monkeypatch)
        place = open_place(server.make_bucket(f"bucket-{uuid.uuid4().hex[:8]}"))
        written = {"big": place.write_once("big", file)}
        stop = threading.Event()

        def write() -> None:
            number = 0
            while not stop.is_set():
                written[f"a/{number}"] = place.write_once(f"a/{number}", str(number).encode())
                number += 1

        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(write)
            for _ in range(2):
                time.sleep(0.5)
                server.stop()
                time.sleep(0.5)
                server.start()
            stop.set()
            writing.result()
        assert len(written) > 10
        for name, generation in written.items():
            data = file.read_bytes() if name == "big" else name.removeprefix("a/").encode()
            assert place.read_versioned(name) == (data, generation)
        assert {each.name for each in place.list("")} == set(written)
