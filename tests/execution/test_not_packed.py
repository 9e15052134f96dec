"""A run that has finished stays so where its store or OUT cannot be packed; a later one packs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.curated import Curated, curated_once
from tests.curating import bytes_of, curate
from tests.execution.disks import fill, let_all_write, let_nobody_write, make_room, memory_disk
from videonet.storage import shard_states
from videonet.storage.store import Store

# What is wrong while the run goes on, with the folder that shards of records lie in.
Fault = Callable[[Path, Path], Iterator[None]]


@contextmanager
def full_disk(folder: Path, place: Path) -> Iterator[None]:
    with memory_disk(folder / "disk") as disk:
        place.symlink_to(disk, target_is_directory=True)
        fill(disk)
        yield
        make_room(disk)
        place.unlink()


@contextmanager
def no_permission(folder: Path, place: Path) -> Iterator[None]:
    with memory_disk(folder / "disk") as disk:
        place.symlink_to(disk, target_is_directory=True)
        let_nobody_write(disk)
        yield
        let_all_write(disk)
        place.unlink()


@contextmanager
def no_folder(folder: Path, place: Path) -> Iterator[None]:
    place.touch()
    yield
    place.unlink()


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


def not_packed(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if "not packed" in each.getMessage()]


@pytest.mark.slow
@pytest.mark.parametrize("fault", [full_disk, no_permission, no_folder])
def test_a_run_whose_store_cannot_be_packed_is_finished_and_a_later_one_packs(
    curated: Curated, tmp_path: Path, caplog: pytest.LogCaptureFixture, fault: Fault
):
    source, classes = f"folder:{curated.folder / 'videos'}", curated.folder / "classes.txt"
    store = Store(tmp_path / "store")
    store.prepare()
    with fault(tmp_path, store.root / "records"):
        assert curate(source, classes, tmp_path, shards=2).totals.clips
        (said,) = not_packed(caplog)
        assert said.startswith(f"{store.location} was not packed (")
        assert "\n" not in said
        kept = bytes_of(tmp_path / "out")
        loose = {name: store.read(name) for name in store.list("record")}
        assert len(loose) == len(list((curated.folder / "videos").iterdir()))
    caplog.clear()
    # Over the same OUT, as over another one: all is known, and nothing is made again.
    curate(source, classes, tmp_path, shards=2)
    assert not_packed(caplog) == []
    assert bytes_of(tmp_path / "out") == kept
    assert list(store.list("record")) == []
    assert len(list(store.tables.records.all())) == len(loose)


@pytest.mark.slow
def test_a_run_whose_shards_states_cannot_be_packed_is_finished_and_a_later_one_packs(
    curated: Curated,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(shard_states, "MOST_SINGLE", 0)
    source, classes = f"folder:{curated.folder / 'videos'}", curated.folder / "classes.txt"
    in_the_way = tmp_path / "out/_state/shards/00000-00099.json"
    in_the_way.mkdir(parents=True)
    assert curate(source, classes, tmp_path, shards=2).totals.clips
    (said,) = not_packed(caplog)
    assert said.startswith(f"{tmp_path / 'out'} was not packed (")
    kept = bytes_of(tmp_path / "out")
    caplog.clear()
    in_the_way.rmdir()
    curate(source, classes, tmp_path, shards=2)
    assert not_packed(caplog) == []
    assert bytes_of(tmp_path / "out") == kept
    assert [each.name for each in in_the_way.parent.iterdir()] == [in_the_way.name]
