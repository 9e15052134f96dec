"""`videonet plan` over the demo's world: what it asks, what it leaves behind, what it says."""

import json
import shutil
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from demo.server import VideoServer
from demo.train_classifier import MODEL
from demo.world import World
from tests.curating import curate, few_of, options_of, verdicts_of
from tests.local import LOCAL
from tests.patience import PATIENCE
from tests.storage.servers import fake_gcs
from videonet.errors import UsageError
from videonet.fetch.credentials import NO_CREDENTIALS
from videonet.pipelines.curate import list_candidates
from videonet.planning.forecast import forecast
from videonet.planning.pilot import pilot_of
from videonet.planning.prices import read_prices
from videonet.schemas.forecast import PlanForecast
from videonet.schemas.manifest import Manifest
from videonet.schemas.pilot import Pilot
from videonet.schemas.reason import Outcome
from videonet.storage.places import open_place


def asked(folder: Path, source: str, targets: Path, **options: Any) -> dict[str, Any]:
    return {
        "store": folder / "store",
        "out": folder / "out",
        "classifier": str(MODEL),
        "workers": 2,
        "deadline": PATIENCE,
        "requests_per_second": 10_000.0,
        "per_host": 8,
        "allow_private_hosts": LOCAL,
        "source": source,
        "targets": targets,
        **options,
    }


def plan(
    folder: Path, source: str, targets: Path, sample: int = 200, again: bool = False, **options: Any
) -> tuple[Pilot, PlanForecast, list[str]]:
    """The pilot, the plan, and what was said, with the store and OUT of `tests.curating.curate`."""
    said: list[str] = []
    given, run = options_of(asked(folder, source, targets, **options))
    pilot = pilot_of(
        given, run, NO_CREDENTIALS, sample, list_candidates, again=again, say=said.append
    )
    return pilot, forecast(pilot, given, run, read_prices(None), 8), said


@dataclass(frozen=True)
class Planned:
    """A plan of eight of eleven candidates, the same again, and the run."""

    folder: Path
    first: tuple[Pilot, PlanForecast, list[str]]
    second: tuple[Pilot, PlanForecast, list[str]]
    # had OUT by then
    has_written: bool
    # files that were asked for meanwhile, in order
    by_first: list[str]
    by_second: list[str]
    by_run: list[str]
    manifest: Manifest
    # a plan of all that is left, after the run
    last: tuple[Pilot, PlanForecast, list[str]]
    by_last: list[str]


@pytest.fixture(scope="module")
def planned(world: World, tmp_path_factory: pytest.TempPathFactory) -> Planned:
    folder = tmp_path_factory.mktemp("planned")
    with world.serve() as server:
        source = f"catalogue:{few_of(world.catalogue, folder)}"
        seen = _Seen(server)
        first = plan(folder, source, world.classes, 8)
        by_first = next(seen)
        has_written = (folder / "out").exists()
        second = plan(folder, source, world.classes, 8)
        by_second = next(seen)
        manifest = curate(source, world.classes, folder)
        by_run = next(seen)
        last = plan(folder, source, world.classes, 8, again=True)
        by_last = next(seen)
    return Planned(
        folder, first, second, has_written, by_first, by_second, by_run, manifest, last, by_last
    )


def kept_by(planned: Planned) -> int:
    """Videos that the run has kept."""
    verdicts = verdicts_of(planned.folder / "out")
    return len({each.video_key for each in verdicts if each.outcome is Outcome.KEPT})


class _Seen(Iterator[list[str]]):
    """What a server was asked for since it was looked at last."""

    def __init__(self, server: VideoServer) -> None:
        self._server, self._before = server, 0

    def __next__(self) -> list[str]:
        paths = [each.path for each in self._server.requests()]
        new, self._before = paths[self._before :], len(paths)
        return new


def test_a_pilot_looks_at_its_sample_and_leaves_out_as_it_is(planned: Planned):
    pilot, found, said = planned.first
    assert len(pilot.observed) == found.sampled == 8
    assert found.candidates == 11
    assert planned.by_first
    assert not planned.has_written
    assert any("looks at 8 of" in sentence for sentence in said)


def test_a_plan_after_its_pilot_asks_nothing_and_is_the_same(planned: Planned):
    assert planned.by_second == []
    assert planned.second[0] == planned.first[0]
    assert planned.second[1].to_json() == planned.first[1].to_json()


def test_the_run_downloads_nothing_again_that_the_pilot_has_downloaded(planned: Planned):
    by_key = {each.video_key: each for each in planned.first[0].observed}
    verdicts = [each for each in verdicts_of(planned.folder / "out") if each.video_key in by_key]
    assert len({each.video_key for each in verdicts}) == 8
    fetched = {
        each.video.url.rpartition("/")[2] for each in verdicts if by_key[each.video_key].moved
    }
    assert fetched
    assert not {path.rpartition("/")[2] for path in planned.by_run} & fetched


def test_what_a_pilot_says_of_its_sample_is_what_the_run_says(planned: Planned):
    kept = {
        each.video_key
        for each in verdicts_of(planned.folder / "out")
        if each.outcome is Outcome.KEPT
    }
    for each in planned.first[0].observed:
        assert each.kept == (each.video_key in kept)
    clips = Counter[str]()
    for row in verdicts_of(planned.folder / "out"):
        clips[row.video_key] = max(clips[row.video_key], row.clips)
    for each in planned.first[0].observed:
        assert each.clips == clips[each.video_key]


def test_after_the_run_all_is_known_but_for_what_may_be_had_another_time(planned: Planned):
    _, found, _ = planned.last
    assert (
        found.total.kept.value == found.total.kept.low == found.total.kept.high == kept_by(planned)
    )
    assert found.total.clips.value == planned.manifest.totals.clips
    assert found.known + found.sampled == 11
    assert found.total.bytes_moved.value == sum(each.moved for each in planned.last[0].observed)


def test_nothing_is_left_of_a_pilot_but_its_record_and_what_runs_use(planned: Planned):
    store = planned.folder / "store"
    assert {each.suffix for each in (store / "plans").iterdir()} == {".json"}
    assert not any(each.is_file() for each in (store / "clips").rglob("*"))


def test_the_largest_item_is_named_and_costs_add_up(planned: Planned):
    found = planned.first[1]
    assert found.total.cost.value == pytest.approx(
        sum(each.dollars.value for each in found.total.items)
    )
    largest = max(found.total.items, key=lambda each: each.dollars.value)
    assert found.total.largest_item == largest.name
    assert found.total.hours_machine.value == max(
        found.total.hours_processor.value,
        found.total.hours_downloads.value,
        found.total.hours_politeness.value,
    )


def test_classes_with_few_sampled_candidates_are_one_row_that_adds_up(planned: Planned):
    found = planned.first[1]
    assert sum(each.candidates for each in found.classes) == found.candidates
    assert sum(each.sampled for each in found.classes) == found.sampled
    assert sum(each.numbers.clips.value for each in found.classes) == pytest.approx(
        found.total.clips.value
    )
    (pool,) = found.classes
    assert not pool.target_id


def test_a_plan_is_written_as_one_record(planned: Planned):
    found = planned.first[1]
    assert PlanForecast.from_json(found.to_json()) == found
    assert json.loads(found.to_json())["sampled"] == 8


@pytest.mark.slow
def test_a_pilot_that_was_stopped_goes_on_with_the_same_sample(world: World, tmp_path: Path):
    with world.serve() as server:
        source = f"catalogue:{few_of(world.catalogue, tmp_path)}"
        given, run = options_of(asked(tmp_path, source, world.classes))
        with pytest.raises(_EndedError):
            pilot_of(given, run, NO_CREDENTIALS, 6, list_candidates, say=_end_before_pilot)
        (choice,) = (tmp_path / "store/plans").glob("*/choice.json")
        chosen = [each["video_key"] for each in json.loads(choice.read_bytes())["sampled"]]
        assert not server.requests()
        pilot, _, _ = plan(tmp_path, source, world.classes, 6)
    assert [each.video_key for each in pilot.observed] == chosen
    assert not list((tmp_path / "store/plans").glob("*/"))


class _EndedError(Exception):
    """Stands for what ends a process."""


def _end_before_pilot(sentence: str) -> None:
    if "looks at" in sentence:
        raise _EndedError


@pytest.mark.slow
def test_local_files_are_planned_too_and_move_no_bytes(world: World, tmp_path: Path):
    folder = tmp_path / "videos"
    folder.mkdir()
    for number, file in enumerate(("valley.mp4", "meadow.mp4", "ten.mp4")):
        shutil.copy(world.files / file, folder / f"balloon {number}.mp4")
    _, found, _ = plan(tmp_path, f"folder:{folder}", world.classes, 2)
    assert found.sampled == 2
    assert found.total.bytes_moved.value == 0
    assert found.busiest_host == ""


def test_a_source_that_names_no_class_is_said(world: World, tmp_path: Path):
    catalogue = tmp_path / "none.csv"
    catalogue.write_text("id,url,title\n1,https://example.org/1.mp4,nothing of the kind\n")
    with pytest.raises(UsageError, match="None of 1 title names a class"):
        plan(tmp_path, f"catalogue:{catalogue}", world.classes)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_where_all_of_a_sample_fails_it_is_said_what_failed_most(world: World, tmp_path: Path):
    with world.serve() as server:
        catalogue = tmp_path / "gone.csv"
        rows = [f"{i},{server.url(f'gone-{i}.mp4')},a balloon\n" for i in range(3)]
        catalogue.write_text("id,url,title\n" + "".join(rows))
        with pytest.raises(UsageError, match=r"All 3 sampled videos failed, most of them.*unavail"):
            plan(tmp_path, f"catalogue:{catalogue}", world.classes)


@pytest.mark.slow
def test_a_pilot_without_room_goes_on_when_there_is_some(world: World, tmp_path: Path):
    with world.serve() as server:
        source = f"catalogue:{few_of(world.catalogue, tmp_path)}"
        with pytest.raises(UsageError, match=r"no room for \d+ of 4 sampled videos"):
            plan(tmp_path, source, world.classes, 4, disk_budget=30_000)
        _, found, _ = plan(tmp_path, source, world.classes, 4)
    assert found.sampled == 4
    assert server.requests()


@pytest.mark.slow
def test_a_plan_with_its_store_in_a_bucket_is_the_same_and_leaves_no_file_in_hand(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with world.serve(), fake_gcs() as gcs:
        gcs.set_environment(monkeypatch)
        bucket = gcs.make_bucket(f"bucket-{uuid.uuid4().hex[:12]}")
        source = f"catalogue:{few_of(world.catalogue, tmp_path)}"
        scratch = str(tmp_path / "scratch")
        here, _, _ = plan(tmp_path, source, world.classes, 3)
        places = {"store": f"{bucket}/store", "out": f"{bucket}/out", "scratch": scratch}
        there, found, _ = plan(tmp_path, source, world.classes, 3, **places)
        again, _, _ = plan(tmp_path, source, world.classes, 3, **places)
        assert not list(open_place(f"{bucket}/out").list(""))
        kept = sum(each.kept for each in there.observed)
        assert len(list(open_place(f"{bucket}/store").list("video/"))) == kept
    assert again == there
    seen = [
        [(each.video_key, each.kept, each.moved) for each in of.observed] for of in (here, there)
    ]
    assert seen[0] == seen[1]
    assert {"writes", "reads"} <= {each.name for each in found.total.items}


def test_neighbours_are_not_planned(world: World, tmp_path: Path):
    given, run = options_of(asked(tmp_path, f"folder:{world.files}", world.classes))
    given = msgspec.structs.replace(given, select="neighbours:images")
    with pytest.raises(UsageError, match="takes the nearest of all videos"):
        pilot_of(given, run, NO_CREDENTIALS, 4, list_candidates, say=print)
