"""What is said of a run while it goes on: what matters comes first, the rest may be cut."""

import msgspec
import pytest
from rich.console import Console

from videonet.cli.progress_line import cut_to_fit, line_of
from videonet.schemas.progress import ProcessProgress

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


def test_done_of_how_many_how_fast_and_how_long_still_come_first():
    said = line_of(NOW)
    assert said == (
        "1,234,567 of 5,000,000, 1,200/s, about 52 min left: looking at videos; "
        "200,000 kept, 800,000 rejected, 234,567 failed"
    )


@pytest.mark.parametrize("width", [80, 60, 51])
def test_a_narrow_terminal_cuts_the_rest_alone(width: int):
    console = Console(width=width)
    (segments,) = console.render_lines(cut_to_fit(line_of(NOW)))
    line = "".join(segment.text for segment in segments)
    assert len(line) == width
    assert line.startswith("1,234,567 of 5,000,000, 1,200/s, about 52 min left")
    assert line.endswith("…")


def test_before_there_is_a_list_it_says_what_it_is_at():
    nothing = msgspec.structs.replace(NOW, pairs=0, kept=0, rejected={}, failed={})
    assert line_of(nothing) == "looking at titles"
    searched = msgspec.structs.replace(nothing, searched=1_200)
    assert line_of(searched) == "looking at titles: 1,200 classes searched"


def test_a_run_that_has_just_begun_promises_no_time():
    begun = msgspec.structs.replace(NOW, recent_pairs=0, kept=0, rejected={}, failed={})
    assert line_of(begun).startswith("0 of 5,000,000: looking at videos; 0 kept")
