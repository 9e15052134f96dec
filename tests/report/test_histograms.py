"""The page's histograms: where numbers fall, and what is said of them."""

from pathlib import Path
from typing import Any

import pytest

from tests.report.written import target, verdict, write
from videonet.report.facts import facts_of
from videonet.report.page.content import Histogram
from videonet.schemas.reason import Reason
from videonet.schemas.verdict import Verdict


def drawn(folder: Path, verdicts: list[Verdict], title: str, **about: Any) -> Histogram:
    targets = about.pop("targets", [target("kite")])
    histograms = facts_of(write(folder, targets, verdicts, **about), None).histograms
    return next(each for each in histograms if each.title.startswith(title))


def bars(histogram: Histogram) -> dict[str, tuple[int, int, int]]:
    return {each.label: (each.kept, each.rejected, each.failed) for each in histogram.bins}


def test_lengths_are_counted_by_outcome_and_those_of_the_minimum_are_not_below_it(tmp_path: Path):
    rows = [
        verdict(0, "kite", duration=10.0),
        verdict(1, "kite", duration=14.99),
        verdict(2, "kite", Reason.TOO_SHORT, duration=9.99),
        verdict(3, "kite", Reason.TOO_LARGE, declared_duration=7200.0),
        verdict(4, "kite", Reason.NETWORK),
    ]
    histogram = drawn(tmp_path, rows, "Length")
    shown = bars(histogram)
    assert next(iter(shown)) == "5-10 s"
    assert list(shown)[-1] == "over 1 h"
    assert {label: counts for label, counts in shown.items() if any(counts)} == {
        "5-10 s": (0, 1, 0),
        "10-15 s": (2, 0, 0),
        "over 1 h": (0, 0, 1),
    }


@pytest.mark.parametrize(
    ("fps", "label"),
    [(23.976, "24"), (25.0, "25"), (29.97, "30"), (59.94, "60"), (12.5, "10-19"), (120, "over 60")],
)
def test_the_usual_rates_have_a_bar_each(fps: float, label: str, tmp_path: Path):
    histogram = drawn(tmp_path, [verdict(0, "kite", fps=fps)], "Frame rate")
    assert bars(histogram) == {label: (1, 0, 0)}


def test_the_size_of_a_frame_is_its_short_side(tmp_path: Path):
    rows = [verdict(0, "kite", width=360, height=640), verdict(1, "kite", width=640, height=360)]
    assert bars(drawn(tmp_path, rows, "Frame size")) == {"360-479": (2, 0, 0)}


def test_rare_codecs_are_counted_together(tmp_path: Path):
    rows = [verdict(i, "kite", codec=f"codec{min(i, 10)}") for i in range(13)]
    histogram = drawn(tmp_path, rows, "Codec")
    assert next(iter(bars(histogram))) == "codec10"
    assert bars(histogram)["3 others"] == (3, 0, 0)
    assert histogram.note == "23 % of them are codec10."


def test_codecs_have_their_own_names_and_not_those_of_decoders(tmp_path: Path):
    given = ["libdav1d", "av1", "h264", "hevc", "vp9", "odd"]
    rows = [verdict(i, "kite", codec=codec) for i, codec in enumerate(given)]
    histogram = drawn(tmp_path, rows, "Codec")
    # That some verdicts are of an earlier version makes no second bar.
    assert list(bars(histogram)) == ["AV1", "H.264", "H.265", "VP9", "odd"]
    assert bars(histogram)["AV1"] == (2, 0, 0)


def test_licences_are_counted_as_they_are_stated(tmp_path: Path):
    rows = [
        *(verdict(i, "kite", licence="CC BY 4.0") for i in range(2)),
        verdict(2, "kite", Reason.NO_TOP1_MATCH, licence="All rights reserved"),
        verdict(3, "kite", licence=" "),
    ]
    histogram = drawn(tmp_path, rows, "Licence")
    assert bars(histogram) == {"CC BY 4.0": (2, 0, 0), "All rights reserved": (0, 1, 0)}
    assert histogram.note == "None is stated for 1 candidate."


@pytest.mark.parametrize(
    ("frames", "labels"),
    [
        (100, ["0", "1-9", *(f"{i}0-{i}9" for i in range(1, 10))]),
        (4, ["0", "1", "2", "3"]),
        (25, ["0", "1-2", *(f"{i}-{i + 2}" for i in range(3, 24, 3)), "24"]),
        (1, ["0"]),
    ],
)
def test_the_first_match_is_one_of_the_frames_that_were_looked_at(
    frames: int, labels: list[str], tmp_path: Path
):
    rows = [verdict(0, "kite", first_match=0), verdict(1, "kite", first_match=frames - 1)]
    histogram = drawn(tmp_path, rows, "First frame", settings={"frames": frames})
    assert list(bars(histogram)) == labels
    assert sum(each.kept for each in histogram.bins) == 2


def test_a_certain_classifier_fills_the_last_bar(tmp_path: Path):
    rows = [verdict(i, "kite", best_probability=each) for i, each in enumerate((0.0, 0.1, 1.0))]
    shown = bars(drawn(tmp_path, rows, "Probability"))
    assert (shown["0-10 %"], shown["10-20 %"], shown["90-100 %"]) == ((1, 0, 0),) * 3


@pytest.mark.parametrize(
    ("low", "middle", "note"),
    [
        (0.4, 0.93, "Half of those kept have at least 93 %, a tenth at most 40 %."),
        (0.9907, 0.9998, "Half of those kept have at least 99.98 %, a tenth at most 99.07 %."),
        (0.0004, 0.5, "Half of those kept have at least 50 %, a tenth at most 0.04 %."),
        (1.0, 1.0, "Half of those kept have at least 100 %."),
    ],
)
def test_a_probability_is_certain_only_where_it_is(
    low: float, middle: float, note: str, tmp_path: Path
):
    rows = [verdict(i, "kite", best_probability=low if i < 2 else middle) for i in range(10)]
    assert drawn(tmp_path, rows, "Probability").note == note


def test_the_imbalance_of_the_classes_is_stated(tmp_path: Path):
    targets = [target(f"c{i}") for i in range(20)]
    rows = [
        verdict(100 * i + j, f"c{i}", clips=3) for i in range(19) for j in range(10 if i < 2 else 2)
    ]
    histogram = drawn(tmp_path, rows, "Clips of a class", targets=targets)
    assert histogram.counts == "classes"
    assert sum(each.kept for each in histogram.bins) == 19
    assert histogram.note == (
        "The 2 fullest classes have 37 % of the clips; a class has from 6 to 30, in the middle 6. "
        "1 class has none."
    )


def test_classes_without_a_clip_are_told_and_have_no_bar(tmp_path: Path):
    targets = [target(f"c{i}") for i in range(1000)]
    histogram = drawn(tmp_path, [verdict(0, "c0", clips=3)], "Clips of a class", targets=targets)
    assert bars(histogram) == {"3": (1, 0, 0)}
    assert histogram.note.endswith("999 classes have none.")


def test_shards_are_shown_by_their_bytes(tmp_path: Path):
    sizes = [240_000_000, 250_000_000, 262_000_000]
    histogram = drawn(tmp_path, [verdict(0, "kite")], "Size of a shard", shard_bytes=sizes)
    assert bars(histogram)["240.0 MB - 245.0 MB"] == (1, 0, 0)
    assert bars(histogram)["260.0 MB - 265.0 MB"] == (1, 0, 0)
    assert histogram.note == "3 shards of 250.7 MB on average, from 240.0 MB to 262.0 MB."


def test_what_is_known_of_no_video_is_not_drawn(tmp_path: Path):
    out = write(tmp_path, [target("kite")], [verdict(0, "kite", Reason.NETWORK)])
    assert facts_of(out, None).histograms == ()
