"""What is made of a pilot: values in, values out."""

import io
from typing import Any

import msgspec
import pytest
from rich.console import Console

from videonet.planning import text
from videonet.planning.forecast import forecast
from videonet.planning.prices import read_prices
from videonet.schemas.forecast import PlanForecast
from videonet.schemas.option import options_from
from videonet.schemas.pilot import DOWNLOAD, ClassCount, KnownVideos, Observed, Pilot
from videonet.schemas.reason import Reason
from videonet.schemas.settings import CurateOptions, RunOptions


def observed(number: int, of: str, kept: bool, **values: Any) -> Observed:
    """A sampled video of a web server; of a kept one, 100 s, 1 MB, 2 clips of 500 kB each."""
    usual: dict[str, Any] = {
        "stratum": of,
        "chance": 0.1,
        "size": 1.0,
        "host": "example.org",
        "reason": None if kept else Reason.NO_TOP1_MATCH,
        "seconds": 100.0 * kept,
        "moved": 1_000_000 if kept else 100_000,
        "bytes": 1_000_000 * kept,
        "clips": 2 * kept,
        "clip_bytes": 1_000_000 * kept,
        "scanned": True,
        "requests": {"example.org": 4},
        "took": {"scan": 0.5, "cut": 1.0 * kept, DOWNLOAD: 2.0},
    }
    return Observed(video_key=f"{of}{number}", target_id=of, kept=kept, **{**usual, **values})


def pilot(device: str = "cpu", known: KnownVideos = KnownVideos(), **values: Any) -> Pilot:  # noqa: B008
    """Of two large classes 20 videos each, every other one kept, and of two small ones 5 each."""
    classes, seen = [], []
    for name, number in (("cat", 20), ("dog", 20), ("owl", 5), ("yak", 5)):
        stratum = name if number == 20 else ""
        classes.append(
            ClassCount(
                target_id=name,
                name=name,
                unknown=number * 10,
                size=number * 10.0,
                stratum=stratum,
                known=known if name == "cat" else KnownVideos(),
            )
        )
        seen += [
            observed(i, name, i % 2 == 0, **{"stratum": stratum, **values}) for i in range(number)
        ]
    return Pilot(
        titles=1_000,
        mean_duration=0.0,
        declared=0,
        classes=tuple(classes),
        observed=tuple(seen),
        device=device,
    )


def planned(seen: Pilot, **values: Any) -> PlanForecast:
    usual = {"source": "catalogue:c.csv", "targets": "t", "store": "store", "out": "out"}
    asked = {**usual, "workers": 2, "downloads": 8, **values}
    options = options_from(CurateOptions, {k: v for k, v in asked.items() if k in _OPTIONS})
    run = options_from(RunOptions, {k: v for k, v in asked.items() if k in _RUN})
    return forecast(seen, options, run, read_prices(None), 8)


_OPTIONS, _RUN = CurateOptions.__struct_fields__, RunOptions.__struct_fields__


def test_totals_are_those_of_all_candidates():
    found = planned(pilot())
    assert found.candidates == 500
    # 26 of 50 are kept: of each small class three of five.
    assert found.total.kept.value == pytest.approx(260)
    assert found.total.hours.value == pytest.approx(260 * 100 / 3600)
    assert found.total.clips.value == pytest.approx(520)
    assert found.total.bytes_moved.value == pytest.approx(260 * 1e6 + 240 * 1e5)
    assert found.total.bytes_videos.value == pytest.approx(260 * 1e6)
    # in two formats
    assert found.total.bytes_shards.value == pytest.approx(2 * 260 * 1e6)
    assert found.total.bytes_stored.value == pytest.approx(3 * 260 * 1e6)
    assert found.total.scans.value == pytest.approx(500)


def test_what_is_known_counts_as_it_is_and_costs_nothing():
    known = KnownVideos(videos=1_000, kept=600, seconds=3_600.0, clips=1_200, bytes=10**9)
    before, found = planned(pilot()), planned(pilot(known=known))
    assert found.known == 1_000
    assert found.candidates == 1_500
    assert found.total.kept.value == pytest.approx(before.total.kept.value + 600)
    assert found.total.hours.value == pytest.approx(before.total.hours.value + 1)
    assert found.total.bytes_moved == before.total.bytes_moved
    assert found.total.hours_politeness == before.total.hours_politeness
    assert found.total.scans == before.total.scans


def test_a_known_video_whose_file_is_gone_is_downloaded_again():
    known = KnownVideos(videos=1, kept=1, clips=2, bytes=10**9, to_fetch=10**9)
    before, found = planned(pilot()), planned(pilot(known=known))
    assert found.total.bytes_moved.value == pytest.approx(before.total.bytes_moved.value + 1e9)


def test_time_is_set_by_what_takes_longest():
    # 500 x 4 requests, one a second; 1,000 s of downloads over 4 connections; 510 s of work
    polite = planned(pilot(), requests_per_second=1.0)
    assert polite.total.set_by == "politeness"
    assert polite.total.hours_machine.value == pytest.approx(2_000 / 3_600)
    assert polite.busiest_host == "example.org"
    fast = planned(pilot(), requests_per_second=1e6, per_host=1_000, downloads=1_000)
    assert fast.total.set_by == "processor"
    assert fast.total.hours_processor.value == pytest.approx((250 + 260) / 2 / 3_600)
    few = planned(pilot(), requests_per_second=1e6, per_host=1_000, downloads=1)
    assert few.total.set_by == "downloads"
    assert few.total.hours_machine.value == pytest.approx(1_000 / 3_600)


def test_what_a_kill_left_unsaid_takes_as_long_as_the_mean():
    seen = pilot()
    first, *others = seen.observed
    seen = msgspec.structs.replace(
        seen, observed=(msgspec.structs.replace(first, took=None), *others)
    )
    assert planned(seen).total.hours_downloads.value == pytest.approx(
        planned(pilot()).total.hours_downloads.value
    )


def test_a_gpu_is_paid_for_where_scans_run_on_one():
    on_cpu, on_gpu = planned(pilot()), planned(pilot(device="cuda"))
    cost = {
        name: {each.name: each.dollars.value for each in found.total.items}
        for name, found in (("cpu", on_cpu), ("gpu", on_gpu))
    }
    assert cost["cpu"]["GPU"] == 0
    # 500 scans of 100 frames, at 400 frames a second
    assert on_cpu.total.gpu_hours.value == pytest.approx(500 * 100 / 400 / 3_600)
    assert on_gpu.total.gpu_hours.value == pytest.approx(500 * 0.5 / 2 / 3_600)
    assert cost["gpu"]["GPU"] == pytest.approx(0.35 * on_gpu.total.gpu_hours.value)


def test_operations_cost_where_the_store_is_in_a_bucket():
    names = {each.name for each in planned(pilot()).total.items}
    assert "writes" not in names
    in_bucket = planned(pilot(), store="gs://bucket/store")
    assert {"writes", "reads"} <= {each.name for each in in_bucket.total.items}


def test_what_is_not_kept_is_not_stored():
    none = planned(pilot(), keep="none")
    assert none.total.bytes_videos.value == 0
    assert none.total.bytes_stored.value == pytest.approx(none.total.bytes_shards.value)


def test_where_nothing_is_kept_there_is_no_upper_end_and_that_is_said():
    seen = pilot()
    none = tuple(
        observed(i, each.target_id, False, stratum=each.stratum)
        for i, each in enumerate(seen.observed)
    )
    found = planned(msgspec.structs.replace(seen, observed=none))
    assert found.total.kept.value == 0
    assert found.total.kept.high is not None
    assert found.total.kept.high > 5
    assert found.total.hours.high is None
    assert any("has no upper end" in each for each in text.sentences(found))
    assert "not known" in shown(found)


def test_classes_with_fewer_than_twenty_are_pooled_and_the_pool_is_named():
    found = planned(pilot())
    assert [(each.target_id, each.sampled) for each in found.classes] == [
        ("cat", 20),
        ("dog", 20),
        ("", 10),
    ]
    assert found.classes[-1].names == ("owl", "yak")
    assert "2 classes of which fewer than 20 were sampled (owl, yak)" in shown(found)
    for each in found.classes:
        kept = each.numbers.kept
        assert kept.high is not None
        assert kept.low <= kept.value <= kept.high
        assert each.numbers.cost.value > 0
    for name in ("kept", "hours", "bytes_stored", "bytes_egress", "gpu_hours", "scans"):
        parts = [getattr(each.numbers, name).value for each in found.classes]
        assert sum(parts) == pytest.approx(getattr(found.total, name).value)


def test_names_of_strangers_do_no_harm_on_a_terminal():
    seen = pilot()
    first, *others = seen.classes
    odd = msgspec.structs.replace(first, name="[red]cat[/] \x1b[31m")
    lines = shown(planned(msgspec.structs.replace(seen, classes=(odd, *others))))
    assert "[red]cat" in lines
    assert "\x1b" not in lines


def shown(found: PlanForecast) -> str:
    """A plan as it is printed."""
    out = io.StringIO()
    console = Console(file=out, width=100)
    for part in (
        *text.sentences(found),
        text.totals(found),
        *text.remarks(found),
        text.classes(found),
        *text.of_classes(found),
    ):
        console.print(part, soft_wrap=isinstance(part, str), markup=False, highlight=False)
    return out.getvalue()
