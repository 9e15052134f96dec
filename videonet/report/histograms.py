"""How lengths, sizes and probabilities are distributed, and clips over classes and shards."""

import bisect
import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from videonet.report.inputs import ReportInput
from videonet.report.page.content import Bin, ClassRow, Histogram
from videonet.text import codec_name, file_size, number, share

NAMED = 8  # codecs, and licences, that have a bar each

PAIRS = "candidates"


class _Range(NamedTuple):
    """One bar: numbers from `least` on, up to the next bar's."""

    least: float
    label: str


# Names of minutes and hours where seconds would be many. The usual minimum, 10 s, is an edge.
_LENGTHS = (
    *(_Range(0, "under 2.5 s"), _Range(2.5, "2.5-5 s"), _Range(5, "5-10 s")),
    *(_Range(10, "10-15 s"), _Range(15, "15-30 s"), _Range(30, "30-60 s")),
    *(_Range(60, "1-2 min"), _Range(120, "2-5 min"), _Range(300, "5-10 min")),
    *(_Range(600, "10-20 min"), _Range(1200, "20-60 min"), _Range(3600, "over 1 h")),
)
# Edges are the sizes in which videos are usually offered.
_SIDES = (
    *(_Range(0, "under 144"), _Range(144, "144-239"), _Range(240, "240-359")),
    *(_Range(360, "360-479"), _Range(480, "480-719"), _Range(720, "720-1,079")),
    *(_Range(1080, "1,080-1,439"), _Range(1440, "1,440-2,159"), _Range(2160, "2,160 and more")),
)
# The rates of film and television have a bar each: 23.976 counts as 24, 29.97 as 30.
_RATES = (
    *(_Range(0, "under 10"), _Range(9.5, "10-19"), _Range(19.5, "20-23"), _Range(23.5, "24")),
    *(_Range(24.5, "25"), _Range(25.5, "26-29"), _Range(29.5, "30"), _Range(30.5, "31-49")),
    *(_Range(49.5, "50"), _Range(50.5, "51-59"), _Range(59.5, "60"), _Range(60.5, "over 60")),
)
_PROBABILITIES = tuple(_Range(i / 10, f"{i * 10}-{i * 10 + 10} %") for i in range(10))
_COSINES = (
    _Range(-1, "below 0"),
    *(_Range(i / 10, f"{i / 10:.1f}-{(i + 1) / 10:.1f}") for i in range(10)),
)


def histograms(given: ReportInput, rows: Sequence[ClassRow]) -> tuple[Histogram, ...]:
    """All histograms that have something to show. `rows` are those of all classes."""
    drawn = (
        _lengths(given),
        _sides(given),
        _rates(given),
        _codecs(given),
        _licences(given, rows),
        *([_cosines(given)] if given.selects_neighbours else _of_matches(given)),
        _clips(rows, given.classes),
        _shards(given),
    )
    return tuple(each for each in drawn if each.bins)


def _lengths(given: ReportInput) -> Histogram:
    middle = _of_kept(given, "seconds", 0.5)
    return Histogram(
        title="Length",
        unit="as measured, else as the source states it",
        counts=PAIRS,
        bins=_bins(given, "seconds", _LENGTHS),
        note="" if middle is None else f"Half of those kept have at least {middle:.1f} s.",
    )


def _sides(given: ReportInput) -> Histogram:
    middle = _of_kept(given, "side", 0.5)
    return Histogram(
        title="Frame size",
        unit="short side, pixels",
        counts=PAIRS,
        bins=_bins(given, "side", _SIDES),
        note="" if middle is None else f"Half of those kept have at least {middle:,.0f} pixels.",
    )


def _rates(given: ReportInput) -> Histogram:
    middle = _of_kept(given, "fps", 0.5)
    return Histogram(
        title="Frame rate",
        unit="frames per second, rounded",
        counts=PAIRS,
        bins=_bins(given, "fps", _RATES),
        note="" if middle is None else f"Half of those kept have at least {middle:.4g}.",
    )


def _codecs(given: ReportInput) -> Histogram:
    bins, known = _named(given, "codec", codec_name)
    note = f"{share(_size(bins[0]), known)} of them are {bins[0].label}." if bins else ""
    return Histogram(title="Codec", unit="", counts=PAIRS, bins=bins, note=note)


def _licences(given: ReportInput, rows: Sequence[ClassRow]) -> Histogram:
    bins, known = _named(given, "licence", str)
    note = ""
    if bins and (without := sum(row.funnel.candidates for row in rows) - known):
        note = f"None is stated for {number(without, 'candidate')}."
    return Histogram(
        title="Licence", unit="as the source states it", counts=PAIRS, bins=bins, note=note
    )


def _named(
    given: ReportInput, column: str, called: Callable[[str], str]
) -> tuple[tuple[Bin, ...], int]:
    """A bar for each of the commonest names in a column of `pairs`, and how many pairs have one."""
    found = given.db.rows(
        f"select {column}, {_BY_OUTCOME} from pairs "  # noqa: S608  # all of them constants
        f"where {column} is not null group by {column}"
    )
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for name, kept, rejected, failed in found:
        counts[called(name)].update(kept=kept, rejected=rejected, failed=failed)
    ordered = sorted(counts.items(), key=lambda each: (-each[1].total(), each[0]))
    bins = [Bin(label=name, **by_outcome) for name, by_outcome in ordered]
    shown, others = bins[:NAMED], bins[NAMED:]
    if others:
        shown.append(
            Bin(
                label=number(len(others), "other"),
                kept=sum(each.kept for each in others),
                rejected=sum(each.rejected for each in others),
                failed=sum(each.failed for each in others),
            )
        )
    return tuple(shown), sum(map(_size, bins))


def _first_matches(given: ReportInput) -> Histogram:
    frames = given.settings.frames
    step = math.ceil(frames / 10)
    # Counted from 0, as in the verdicts.
    ranges = [_Range(0, "0")]
    for least in range(0, frames, step):
        first, last = max(least, 1), min(least + step, frames) - 1
        if first <= last:
            ranges.append(_Range(first, f"{first}-{last}" if first < last else f"{first}"))
    found = given.db.rows(
        "select count(*), count(*) filter (first_match = 0), "
        "count(*) filter (first_match < ?) from pairs where first_match is not null",
        [step],
    )
    ((matching, at_once, early),) = found
    note = ""
    if matching:
        note = f"{share(at_once, matching)} match in the very first frame"
        note += f", {share(early, matching)} within the first {step}." if step > 1 else "."
    return Histogram(
        title="First frame that matches",
        unit=f"of the first {number(frames, 'frame')}",
        counts=PAIRS,
        bins=_bins(given, "first_match", ranges),
        note=note,
    )


def _of_matches(given: ReportInput) -> list[Histogram]:
    return [_first_matches(given), _probabilities(given)]


def _cosines(given: ReportInput) -> Histogram:
    low, middle = (_of_kept(given, "best_probability", part) for part in (0.1, 0.5))
    note = ""
    if low is not None and middle is not None:
        note = f"Half of those kept have at least {middle:.2f}, a tenth at most {low:.2f}."
    return Histogram(
        title="Cosine of the nearest frame with its class",
        unit="of features, -1 to 1; those of two embeddings do not compare",
        counts=PAIRS,
        bins=_bins(given, "best_probability", _COSINES),
        note=note,
    )


def _probabilities(given: ReportInput) -> Histogram:
    low, middle = (_of_kept(given, "best_probability", part) for part in (0.1, 0.5))
    note = ""
    if low is not None and middle is not None:
        note = f"Half of those kept have at least {_percent(middle)}"
        # Of a sure classifier, both are 100 %.
        note += f", a tenth at most {_percent(low)}." if low < middle else "."
    return Histogram(
        title="Probability of the class in the frame that matches best",
        unit="the classifier's, for its first choice there",
        counts=PAIRS,
        bins=_bins(given, "best_probability", _PROBABILITIES),
        note=note,
    )


def _clips(rows: Sequence[ClassRow], classes: int) -> Histogram:
    clips = sorted((row.funnel.clips for row in rows if row.funnel.clips), reverse=True)
    ranges = [
        _Range(edge, f"{edge:,}-{edge + width - 1:,}" if width > 1 else f"{edge:,}")
        for edge, width in _even(clips, 1)
    ]
    note = ""
    if clips:
        tenth = math.ceil(len(clips) / 10)
        fullest = "The fullest class has" if tenth == 1 else f"The {tenth:,} fullest classes have"
        note = (
            f"{fullest} {share(sum(clips[:tenth]), sum(clips))} of the clips; a class has from "
            f"{clips[-1]:,} to {clips[0]:,}, in the middle {statistics.median(clips):,.10g}."
        )
        empty = classes - len(clips)
        note += f" {number(empty, 'class has', 'classes have')} none." if empty else ""
    return Histogram(
        title="Clips of a class",
        unit="clips",
        counts="classes",
        bins=_filled(ranges, _sorted_in(ranges, clips)),
        note=note,
    )


def _shards(given: ReportInput) -> Histogram:
    sizes = shard_sizes(given)
    ranges = [
        _Range(edge, f"{file_size(edge)} - {file_size(edge + width)}")
        for edge, width in _even(sizes, max(sizes, default=0) // 100)
    ]
    note = ""
    if sizes:
        note = f"{number(len(sizes), 'shard')} of {file_size(round(statistics.mean(sizes)))}"
        if len(sizes) > 1:
            note += f" on average, from {file_size(min(sizes))} to {file_size(max(sizes))}"
        note += "."
    return Histogram(
        title="Size of a shard",
        unit="bytes",
        counts="shards",
        bins=_filled(ranges, _sorted_in(ranges, sizes)),
        note=note,
    )


def shard_sizes(given: ReportInput) -> list[int]:
    """Bytes of each shard of the first format: the others hold the same clips."""
    if given.manifest is None:
        return []
    folders = [shard.path.rpartition("/")[0] for shard in given.manifest.shards]
    first = min(folders, default="")
    return [
        shard.bytes
        for shard, folder in zip(given.manifest.shards, folders, strict=True)
        if folder == first
    ]


# kept, rejected, failed
_BY_OUTCOME = ", ".join(
    f"count(*) filter (outcome = '{each}')" for each in ("kept", "rejected", "failed")
)


def _bins(given: ReportInput, column: str, ranges: Sequence[_Range]) -> tuple[Bin, ...]:
    """How often a column of `pairs` is within each of the ranges, from the first that occurs on."""
    whens = " ".join(
        f"when {column} < {later.least} then {index}" for index, later in enumerate(ranges[1:])
    )
    place = f"case {whens} else {len(ranges) - 1} end" if whens else "0"
    found = given.db.rows(
        f"select {place} as place, {_BY_OUTCOME} from pairs "  # noqa: S608  # all of them constants
        f"where {column} is not null group by place"
    )
    return _filled(ranges, {index: counts for index, *counts in found})


def _sorted_in(ranges: Sequence[_Range], values: Iterable[float]) -> dict[int, list[int]]:
    """How many values are within each of the ranges, as what is kept."""
    edges = [each.least for each in ranges]
    places = Counter(bisect.bisect_right(edges, value) - 1 for value in values)
    return {place: [count, 0, 0] for place, count in places.items()}


def _filled(ranges: Sequence[_Range], counts: dict[int, list[int]]) -> tuple[Bin, ...]:
    """A bar for every range from the first to the last that occurs, empty ones between."""
    if not counts:
        return ()
    bins = []
    for place in range(min(counts), max(counts) + 1):
        kept, rejected, failed = counts.get(place, (0, 0, 0))
        bins.append(Bin(label=ranges[place].label, kept=kept, rejected=rejected, failed=failed))
    return tuple(bins)


def _even(values: Sequence[int], least: int) -> list[tuple[int, int]]:
    """Edge and width of about ten ranges over `values`, 1, 2 or 5 times a power of ten wide.

    They are at least `least` wide.
    """
    if not values:
        return []
    rough = max(1, least, math.ceil((max(values) - min(values)) / 10))
    power = 10 ** (len(str(rough)) - 1)
    width = next(power * each for each in (1, 2, 5, 10) if power * each >= rough)
    return [(edge, width) for edge in range(min(values) // width * width, max(values) + 1, width)]


def _of_kept(given: ReportInput, column: str, part: float) -> float | None:
    """The value that this part of the kept pairs is at or below; None if none has any."""
    found = given.db.rows(
        f"select quantile_disc({column}, ?) from pairs where outcome = 'kept'",  # noqa: S608
        [part],
    )
    value = found[0][0]
    return None if value is None else float(value)


def _percent(probability: float) -> str:
    """A probability in percent, with the four digits that a verdict has of it, such as "99.98 %".

    It is 100 % only where the verdict says 1.
    """
    return f"{100 * probability:.4g} %"


def _size(each: Bin) -> int:
    return each.kept + each.rejected + each.failed
