"""What is said of a run while it goes on: what matters comes first, the rest may be cut."""

import io
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tests.patience import wait_for
from videonet.cli.progress_line import cut_to_fit, line_of, progress_line
from videonet.cli.status import shown_rate
from videonet.curation import run_progress
from videonet.curation.progress import Progress
from videonet.curation.run_counts import RunCounts
from videonet.schemas.progress import ProcessProgress
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store
from videonet.text import duration

NOW = ProcessProgress(
    process="here-1",
    begun="2026-01-01T00:00:00+00:00",
    updated="2026-01-01T01:00:00+00:00",
    searched=0,
    pairs=5_000_000,
    kept=200_000,
    rejected={"no_top1_match": 800_000},
    failed={"unavailable": 234_567},
    recent_pairs=180_000,
    recent_seconds=150.0,
    stages={},
)

ERASE_LINE = "\x1b[2K"


def on_terminal(now: ProcessProgress, width: int) -> str:
    """The line as a terminal of so many columns has it."""
    console = Console(width=width)
    (segments,) = console.render_lines(cut_to_fit(line_of(now, width)))
    return "".join(segment.text for segment in segments)


def test_done_of_how_many_how_fast_and_how_long_still_come_first():
    said = line_of(NOW)
    assert said == (
        "1,234,567 of 5,000,000, 1,200/s, about 52 min left: looking at videos; "
        "200,000 kept, 800,000 rejected, 234,567 failed"
    )


@pytest.mark.parametrize("width", [80, 60, 51])
def test_a_narrow_terminal_cuts_the_rest_alone(width: int):
    line = on_terminal(NOW, width)
    assert len(line) == width
    assert line.startswith("1,234,567 of 5,000,000, 1,200/s, about 52 min left")
    assert line.endswith("…")


# A run of 100 million pairs, which is no slower than three years.
@given(
    width=st.sampled_from([40, 80]),
    pairs=st.integers(1, 100_000_000),
    share=st.floats(0, 0.999),
    seconds_left=st.floats(1, 999 * 86400),
)
def test_in_40_and_80_columns_count_rate_and_time_left_are_there(
    width: int, pairs: int, share: float, seconds_left: float
):
    done = int(pairs * share)
    asked = (pairs - done) / seconds_left
    now = msgspec.structs.replace(
        NOW,
        pairs=pairs,
        kept=done,
        rejected={},
        failed={},
        recent_pairs=1,
        recent_seconds=1 / asked,
    )
    # With the last digits that come of dividing: 24.5 s may be said as 24 s or 25 s.
    rate = run_progress.rate_of([now])
    assert rate is not None
    left = run_progress.seconds_left(done, pairs, rate)
    assert left == pytest.approx(seconds_left)
    line = on_terminal(now, width).replace(",", "")
    assert f"{done} of {pairs} " in line or f"{done}/{pairs} " in line
    assert shown_rate(rate).replace(",", "") in line
    assert duration(left) in line


def test_in_40_columns_only_what_matters_is_said_of_a_large_run():
    assert on_terminal(NOW, 40).rstrip() == "1234567/5000000 1,200/s 52 min"


def test_once_the_run_was_called_off_the_line_goes(tmp_path: Path):
    counts = Progress(Store(tmp_path / "store"), DatasetDir(tmp_path / "out"), "run")
    shown = io.StringIO()
    with progress_line(Console(file=shown, force_terminal=True, width=80), counts):
        counts.listed(5)
        wait_for(lambda: "0 of 5: looking at videos" in shown.getvalue())
        counts.called_off = True
        wait_for(lambda: shown.getvalue().endswith(ERASE_LINE))
    counts.end()


def test_before_there_is_a_list_it_says_what_it_is_at():
    nothing = msgspec.structs.replace(NOW, pairs=0, kept=0, rejected={}, failed={})
    assert line_of(nothing) == "looking at titles"
    searched = msgspec.structs.replace(nothing, searched=1_200)
    assert line_of(searched) == "looking at titles: 1,200 classes searched"


def test_a_run_that_has_just_begun_promises_no_time():
    begun = msgspec.structs.replace(NOW, recent_pairs=0, kept=0, rejected={}, failed={})
    assert line_of(begun).startswith("0 of 5,000,000: looking at videos; 0 kept")


def told(store: Store, process: str, **counts: object) -> None:
    record = msgspec.structs.replace(NOW, process=process, **counts)
    store.write(store.progress_name("run", process), record.to_json())


def test_of_a_run_of_several_processes_the_line_says_what_all_of_them_have_done(tmp_path: Path):
    store = Store(tmp_path / "store")
    assert not RunCounts(store, "run").is_active
    recent = {"recent_pairs": 10, "recent_seconds": 20.0}
    told(store, "one", pairs=0, kept=3, rejected={"too_short": 2}, failed={}, **recent)
    told(store, "two", pairs=100, kept=4, rejected={"too_short": 1}, failed={"gone": 5}, **recent)
    counts = RunCounts(store, "run")
    assert counts.is_active
    line = line_of(counts.now())
    assert line.startswith("15 of 100, 1/s, about 85 s left: looking at videos")
    assert line.endswith("7 kept, 3 rejected, 5 failed")


def test_that_no_worker_says_anything_is_said_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("videonet.cli.progress_line._SILENCE", 0.4)
    shown = io.StringIO()
    counts = RunCounts(Store(tmp_path / "store"), "run")
    with progress_line(Console(file=shown, width=200), counts):
        wait_for(lambda: shown.getvalue().count("No worker has said anything for") == 2)
    assert "can workers start" in shown.getvalue()
