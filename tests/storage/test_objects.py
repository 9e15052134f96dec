"""What all forms of a place of objects promise: the seven verbs, and what many writers see."""

import pickle
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from videonet.storage.lease import now_at
from videonet.storage.objects import Objects


def test_what_was_never_written_is_none(objects: Objects) -> None:
    assert objects.read("a/b") is None
    assert objects.read_versioned("a/b") is None
    assert list(objects.list("")) == []
    assert objects.delete("a/b")


def test_what_was_written_is_read_whole_and_by_ranges(objects: Objects) -> None:
    assert objects.write_once("a/b", b"0123456789") is not None
    assert objects.read("a/b") == b"0123456789"
    assert objects.read("a/b", 2, 5) == b"234"
    assert objects.read("a/b", 8) == b"89"
    assert objects.read("a/b", 8, 100) == b"89"
    assert objects.read("a/b", 4, 4) == b""


def test_a_file_is_written_by_its_path_and_stays(objects: Objects, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 100_000)
    assert objects.write_once("big", file) is not None
    assert objects.read("big") == file.read_bytes()


def test_an_object_is_created_once(objects: Objects) -> None:
    first = objects.write_once("a", b"one")
    assert objects.write_once("a", b"two") is None
    assert objects.read("a") == b"one"
    # The writer may not have heard that its first attempt succeeded.
    assert objects.write_once("a", b"one") == first


def test_only_the_state_that_was_read_is_replaced(objects: Objects) -> None:
    first = objects.write_once("a", b"one")
    assert first is not None
    second = objects.write_if("a", b"two", first)
    assert second not in (None, first)
    assert objects.write_if("a", b"three", first) is None
    read = objects.read_versioned("a")
    assert read is not None
    assert read == (b"two", second)
    assert objects.write_if("a", b"two", first) == second
    assert objects.write_if("none", b"two", first) is None


def test_only_the_state_that_was_read_is_deleted(objects: Objects) -> None:
    first = objects.write_once("a", b"one")
    assert first is not None
    second = objects.write_if("a", b"two", first)
    assert not objects.delete("a", first)
    assert objects.read("a") == b"two"
    assert objects.delete("a", second)
    assert objects.read("a") is None
    assert objects.delete("a", second)


def test_an_object_gets_the_content_of_another_one(objects: Objects) -> None:
    objects.write_once("tmp/one", b"one")
    objects.write_once("tmp/two", b"two")
    first = objects.copy("tmp/one", "a/b", None)
    assert first is not None
    assert objects.copy("tmp/two", "a/b", None) is None
    assert objects.read("a/b") == b"one"
    # The first answer may have been lost.
    assert objects.copy("tmp/one", "a/b", None) == first
    second = objects.copy("tmp/two", "a/b", first)
    assert second not in (None, first)
    assert objects.copy("tmp/one", "a/b", first) is None
    assert objects.read_versioned("a/b") == (b"two", second)
    assert objects.copy("tmp/one", "none", first) is None
    assert objects.read("tmp/one") == b"one"


def test_a_copy_of_what_is_gone_changes_nothing(objects: Objects) -> None:
    first = objects.write_once("a", b"one")
    with pytest.raises(FileNotFoundError):
        objects.copy("tmp/gone", "a", first)
    with pytest.raises(FileNotFoundError):
        objects.copy("tmp/gone", "b", None)
    assert objects.read_versioned("a") == (b"one", first)
    assert objects.read("b") is None


def test_a_large_draft_is_copied_and_listed_only_when_it_is_asked_for(
    objects: Objects, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_bytes(random.Random(1).randbytes(9 * 1024**2))
    assert objects.write_once("tmp/of/draft", file) is not None
    assert list(objects.list("")) == []
    assert [each.name for each in objects.list("tmp/of/")] == ["tmp/of/draft"]
    assert objects.copy("tmp/of/draft", "a", None) is not None
    assert objects.read("a") == file.read_bytes()


def test_a_generation_never_comes_again(objects: Objects) -> None:
    if objects.address.startswith("s3://"):
        pytest.skip("an ETag names the content: see the next test")
    seen = set()
    for _ in range(50):
        generation = objects.write_once("a", b"same")
        assert generation is not None
        seen.add(generation)
        again = objects.write_if("a", b"size", generation)
        assert again is not None
        seen.add(again)
        objects.delete("a")
    assert len(seen) == 100


def test_no_other_content_has_a_generation(objects: Objects) -> None:
    first = objects.write_once("a", b"0")
    assert first is not None
    seen = {first}
    for number in range(1, 20):
        again = objects.write_if("a", str(number).encode(), first)
        assert again is not None
        first = again
        seen.add(first)
    assert len(seen) == 20


def test_a_large_file_is_written_once_and_read_back(objects: Objects, tmp_path: Path) -> None:
    file, other = tmp_path / "file", tmp_path / "other"
    file.write_bytes(random.Random(1).randbytes(20_000_000))
    other.write_bytes(random.Random(2).randbytes(20_000_000))
    first = objects.write_once("big", file)
    assert first is not None
    assert objects.write_once("big", other) is None
    assert objects.write_once("big", file) == first
    assert objects.read("big", 9_999_990, 10_000_010) == file.read_bytes()[9_999_990:10_000_010]
    read = objects.read_versioned("big")
    assert read == (file.read_bytes(), first)
    second = objects.write_if("big", other, first)
    assert second not in (None, first)
    assert objects.read("big") == other.read_bytes()
    assert [each.name for each in objects.list("")] == ["big"]


def test_places_go_to_other_processes(objects: Objects) -> None:
    objects.write_once("a", b"one")
    copy = pickle.loads(pickle.dumps(objects))  # noqa: TID251
    assert copy.address == objects.address
    assert copy.read("a") == b"one"


def test_objects_are_listed_by_prefix_in_the_order_of_their_names(objects: Objects) -> None:
    names = ["b", "a/z", "a/b/c", "a-b", "a.b", "a/b.c", "ab", "a/b0", "a/0", "0/0a"]
    for name in names:
        objects.write_once(name, name.encode())
    assert [each.name for each in objects.list("")] == sorted(names)
    for prefix in ("a", "a/", "a/b", "a/b/", "b", "c", "a/b/c/", "a/0", "0", "a/b0", "0/0", "a."):
        listed = list(objects.list(prefix))
        assert [each.name for each in listed] == sorted(
            name for name in names if name.startswith(prefix)
        )
        for each in listed:
            read = objects.read_versioned(each.name)
            assert read is not None
            assert (each.size, each.generation) == (len(read.data), read.generation)


def test_more_objects_are_listed_than_one_answer_names(objects: Objects) -> None:
    names = [f"many/{number:04d}" for number in range(1100)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: objects.write_once(name, b""), names))
    assert [each.name for each in objects.list("many/")] == names
    assert [each.name for each in objects.list("many/10")] == names[1000:1100]


def test_a_list_says_when_by_the_clock_of_the_place(objects: Objects) -> None:
    before = now_at(objects)
    objects.write_once("a", b"one")
    (entry,) = objects.list("a")
    # Some services tell full seconds alone.
    assert int(before) <= entry.updated <= now_at(objects) + 1
    assert abs(entry.updated - time.time()) < 300


def test_of_racing_creators_one_wins(objects: Objects) -> None:
    barrier = threading.Barrier(16)

    def create(number: int) -> bool:
        barrier.wait()
        return objects.write_once("a", str(number).encode()) is not None

    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(create, range(16)))
    assert won.count(True) == 1
    assert objects.read("a") == str(won.index(True)).encode()


def test_no_count_is_lost_when_many_count_in_one_object(objects: Objects) -> None:
    objects.write_once("count", b"0 none")

    def count(worker: int) -> None:
        done = 0
        while done < 20:
            read = objects.read_versioned("count")
            assert read is not None
            number = int(read.data.split()[0])
            # Whose count it is stands there too: equal bytes count as written.
            mine = f"{number + 1} {worker}.{done}".encode()
            done += objects.write_if("count", mine, read.generation) is not None

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    assert (objects.read("count") or b"").split()[0] == b"80"
