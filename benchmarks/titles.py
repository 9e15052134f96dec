"""How fast titles are held against all names of class lists: titles a second.

    python -m benchmarks.titles [--titles FILE] [--queries FILE] [--count N] [--json FILE]
    python -m benchmarks.titles --against LIST ... [--titles FILE] [--json FILE]

A Parquet catalogue of N titles, 10 million by default, is made first; one title in a hundred has a
name planted in it, in some disguise. It is read and matched as `videonet curate` does it, and what
was found in 100,000 of the titles is compared with what a slow and obvious matcher finds in them.
Then the ways are run in turns, all in this process; counted is the processor time of all threads.

--titles is a text file with one title a line, or with the title in the second of several columns
that tabs separate; --queries one with a JSON object a line, whose "search_word_id" is what people
searched for. Of these, titles are made by the million. Without them they are of made-up ones.

With --against, the names of ImageNet-1k and of those lists take turns over all titles of the
file, none of them planted, and nothing else is measured.
"""

import argparse
import csv
import itertools
import json
import re
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import psutil
import pyarrow.parquet as pq
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.many_titles import EVERY, made_up, planted, write_catalogue
from benchmarks.slow_titles import SlowMatcher
from videonet.curation.candidate_list import TITLE_LENGTH, match_rows
from videonet.schemas.target import Target
from videonet.sources.catalogue import Catalogue
from videonet.sources.source import BATCH_ROWS
from videonet.targets.imagenet import WITH_PEOPLE, imagenet_labels
from videonet.targets.imagenet1k import imagenet1k_labels
from videonet.targets.resolve import resolve_targets
from videonet.targets.title_matcher import TitleMatcher, target_matcher

SAMPLE = 100_000
"""Titles that the slow matcher is asked about."""

ROUNDS = 7
BATCHES = 20
"""Of each way in a round."""

FEW = 100
"""Titles in a round of what takes a hundred times as long."""

MILLION = 1_000_000

CATALOGUE, TEXT = "Parquet catalogue to rows that match", "CSV catalogue to rows that match"
BARE, SINGLE = "the matcher alone, 1,000 titles at once", "the matcher alone, title by title"
SLOW = "slow and obvious: words, sliding windows"
PATTERN, LOOP = "plain: one regular expression", "plain: `name in title`, name by name"


class Run(msgspec.Struct, frozen=True):
    """All titles from the catalogue to the rows that match."""

    titles: int
    catalogue_bytes: int
    # by the clock, and time of all cores
    seconds: float
    cpu_seconds: float
    # highest resident memory while each million of titles was matched
    peak_bytes: tuple[int, ...]
    # titles that name a class, and pairs of title and class
    matched: int
    pairs: int
    # names that were planted, and how many of them were found
    planted: int
    planted_found: int
    # titles that the slow matcher was asked about, and of how many it says something else
    sample: int
    sample_different: int


class Way(msgspec.Struct, frozen=True):
    """One way to match."""

    name: str
    # medians over the rounds
    titles_per_cpu_second: float
    # how many times as long as from the Parquet catalogue
    slower: float


class ListSpeed(msgspec.Struct, frozen=True):
    """How a matcher of the names of one list does."""

    class_list: str
    classes: int
    names: int
    # titles a second of one core, median over the rounds
    titles_per_cpu_second: float
    # making it: processor time of this process and of the one that makes plurals
    making_cpu_seconds: float
    # what memory it takes
    matcher_bytes: int
    # of all titles, the share that names a class, and pairs of title and class for each title
    matched_share: float
    pairs_per_title: float
    # of the speed of the first list: medians over the rounds
    of_the_first: float


class Report(msgspec.Struct, frozen=True):
    """What is printed."""

    names: int
    # what making the catalogue took, by the clock
    making_seconds: float
    run: Run
    ways: tuple[Way, ...]


def main() -> None:
    """Measure, and print tables, and the same as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--titles", type=Path, help="a file of titles; without it, made-up ones")
    parser.add_argument("--queries", type=Path, help="a file of searches, as more titles")
    parser.add_argument("--count", type=int, default=10 * MILLION, help="titles to match")
    parser.add_argument(
        "--against", metavar="LIST", nargs="+", help="lists to compare with imagenet1k"
    )
    parser.add_argument("--json", type=Path, help="a file for the numbers")
    arguments = parser.parse_args()
    if arguments.against:
        many = titles_in(arguments.titles) or made_up(resolve_targets("imagenet1k"))
        compared = compare_lists(("imagenet1k", *arguments.against), many)
        Console(width=132).print(table_of_lists(compared))
        encoded = msgspec.json.format(msgspec.json.encode(compared)).decode()
        print(encoded)
        if arguments.json:
            arguments.json.write_text(encoded + "\n")
        return
    targets = resolve_targets("imagenet1k", imagenet1k_labels())
    given = [*titles_in(arguments.titles), *queries_in(arguments.queries)]
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary) / "titles.parquet"
        begin = time.perf_counter()
        write_catalogue(file, arguments.count, given or made_up(targets), targets)
        making = time.perf_counter() - begin
        titles = target_matcher(targets)
        run = measure_run(file, targets, titles)
        ways = measure_ways(file, targets, titles)
    names = sum(1 + len(each.synonyms) for each in targets)
    report = Report(names, round(making, 1), run, ways)
    console = Console(width=132)
    console.print(table_of_run(report))
    console.print(table_of_ways(report))
    encoded = msgspec.json.format(msgspec.json.encode(report)).decode()
    print(encoded)
    if arguments.json:
        arguments.json.write_text(encoded + "\n")


def titles_in(file: Path | None) -> list[str]:
    """The titles of a text file."""
    if file is None:
        return []
    lines = (line.split("\t") for line in file.read_text("utf-8").split("\n") if line.strip())
    return [cells[1] if len(cells) > 1 else cells[0] for cells in lines]


def queries_in(file: Path | None) -> list[str]:
    """The searches of a file of JSON lines."""
    if file is None:
        return []
    lines = file.read_text("utf-8").split("\n")
    return [json.loads(line)["search_word_id"] for line in lines if line.strip()]


# The whole run.


def measure_run(file: Path, targets: Sequence[Target], titles: TitleMatcher) -> Run:
    """Match the whole catalogue, and hold a sample against the slow matcher."""
    count = pq.read_metadata(file).num_rows
    # No multiple of EVERY, or all of the sample would have a name planted in it.
    step = max(1, count // SAMPLE - 1)
    matched = pairs = found = looked_at = 0
    # rank -> what was found; of the sample only
    sample: dict[int, dict[str, tuple[str, ...]]] = {}
    peaks: list[int] = []
    process = psutil.Process()
    begin, cpu = time.perf_counter(), time.process_time()
    for batch in Catalogue(file, None).batches():
        for row, names in match_rows(batch, titles):
            matched += 1
            pairs += len(names)
            if target := planted(row.rank, targets):
                found += target.target_id in names
            if row.rank % step == 0:
                sample[row.rank] = dict(names)
        looked_at += len(batch)
        peaks.extend([0] * (-(-looked_at // MILLION) - len(peaks)))
        peaks[-1] = max(peaks[-1], process.memory_info().rss)
    seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
    assert looked_at == count
    slow = SlowMatcher({each.target_id: (each.name, *each.synonyms) for each in targets})
    asked = different = 0
    for rank, title in every(file, step):
        asked += 1
        different += slow.match(title.strip()[:TITLE_LENGTH]) != sample.get(rank, {})
    return Run(
        titles=count,
        catalogue_bytes=file.stat().st_size,
        seconds=round(seconds, 1),
        cpu_seconds=round(cpu, 1),
        peak_bytes=tuple(peaks),
        matched=matched,
        pairs=pairs,
        planted=len(range(0, count, EVERY)),
        planted_found=found,
        sample=asked,
        sample_different=different,
    )


def every(file: Path, step: int) -> Iterator[tuple[int, str]]:
    """Rank and title of every so many rows, straight from the file."""
    with pq.ParquetFile(file) as table:
        first = 0
        for batch in table.iter_batches(columns=["title"]):
            column = batch.column("title")
            for place in range(-first % step, len(column), step):
                yield first + place, column[place].as_py()
            first += len(column)


# One list beside another.


def compare_lists(lists: Sequence[str], many: Sequence[str]) -> tuple[ListSpeed, ...]:
    """Match the same titles, in batches of a run, with the names of each list, in turns."""
    process = psutil.Process()
    made = []
    for name in lists:
        # Each class by its own output, whatever classifier has such.
        labels = imagenet_labels(name.removesuffix(WITH_PEOPLE))
        targets = resolve_targets(name, labels)
        before, used = process.memory_info().rss, cpu_of(process)
        matcher = target_matcher(targets)
        cpu, memory = cpu_of(process) - used, process.memory_info().rss - before
        made.append((name, targets, matcher, cpu, memory))
    rounds: dict[str, list[float]] = {name: [] for name in lists}
    found = dict.fromkeys(lists, (0, 0))
    for _ in range(ROUNDS):
        for name, _, matcher, *_ in made:
            begin, matched, pairs = time.process_time(), 0, 0
            for first in range(0, len(many), BATCH_ROWS):
                hits = matcher.match_all(many[first : first + BATCH_ROWS])
                matched += len(hits)
                pairs += sum(map(len, hits.values()))
            rounds[name].append(len(many) / (time.process_time() - begin))
            found[name] = matched, pairs
    return tuple(
        ListSpeed(
            class_list=name,
            classes=len(targets),
            names=sum(1 + len(each.synonyms) for each in targets),
            titles_per_cpu_second=round(statistics.median(rounds[name])),
            making_cpu_seconds=round(cpu, 1),
            matcher_bytes=memory,
            matched_share=round(found[name][0] / len(many), 3),
            pairs_per_title=round(found[name][1] / len(many), 2),
            of_the_first=round(
                statistics.median(
                    own / of_first
                    for own, of_first in zip(rounds[name], rounds[lists[0]], strict=True)
                ),
                2,
            ),
        )
        for name, targets, _, cpu, memory in made
    )


def cpu_of(process: psutil.Process) -> float:
    """Processor seconds of a process and of those that it has started and that go on."""
    times = [each.cpu_times() for each in (process, *process.children())]
    return sum(each.user + each.system for each in times)


# The ways, without end: each takes some titles at a time, and says how many.


def measure_ways(file: Path, targets: Sequence[Target], titles: TitleMatcher) -> tuple[Way, ...]:
    """Run all ways, in turns, over titles of the same kind."""
    table = file.with_suffix(".csv")
    batches = list(itertools.islice(Catalogue(file, None).batches(), BATCHES))
    texts = [title[:TITLE_LENGTH] for batch in batches for title in batch.titles]
    with table.open("w", newline="", encoding="utf-8") as lines:
        rows = [row for batch in batches for row in batch]
        columns = ("id", "url", "title", "duration", "channel", "licence")
        videos = (row.video for row in rows)
        cells = ((v.video_id, v.url, v.title, v.duration, v.channel, v.licence) for v in videos)
        csv.writer(lines).writerows([columns, *cells])
    names = {each.target_id: (each.name, *each.synonyms) for each in targets}
    ways: dict[str, Iterator[int]] = {
        CATALOGUE: from_catalogue(file, titles),
        TEXT: from_catalogue(table, titles),
        BARE: at_once(texts, titles),
        SINGLE: one_by_one(texts, titles),
        SLOW: slowly(texts, SlowMatcher(names)),
        PATTERN: by_pattern(texts, list(itertools.chain(*names.values()))),
        LOOP: by_loop(texts, list(itertools.chain(*names.values()))),
    }
    for way in ways.values():
        next(way)
    rounds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            begin = time.process_time()
            count = next(way)
            rounds[name].append(count / (time.process_time() - begin))
    rate = statistics.median(rounds[CATALOGUE])
    # Of each round, as the machine may be slower in another.
    slower = {
        name: statistics.median(
            fast / one for one, fast in zip(rounds[name], rounds[CATALOGUE], strict=True)
        )
        for name in ways
    }
    return tuple(Way(name, round(rate / slower[name], 1), round(slower[name], 3)) for name in ways)


def from_catalogue(file: Path, titles: TitleMatcher) -> Iterator[int]:
    """As a run reads and matches it."""
    endless = itertools.chain.from_iterable(
        Catalogue(file, None).batches() for _ in itertools.count()
    )
    while True:
        count = 0
        for batch in itertools.islice(endless, BATCHES):
            match_rows(batch, titles)
            count += len(batch)
        yield count


def at_once(texts: Sequence[str], titles: TitleMatcher) -> Iterator[int]:
    """In batches of the size that a run has."""
    while True:
        for first in range(0, len(texts), BATCH_ROWS):
            titles.match_all(texts[first : first + BATCH_ROWS])
        yield len(texts)


def one_by_one(texts: Sequence[str], titles: TitleMatcher) -> Iterator[int]:
    """As a search does it, which has no more than one at a time."""
    while True:
        for text in texts:
            titles.match(text)
        yield len(texts)


def slowly(texts: Sequence[str], titles: SlowMatcher) -> Iterator[int]:
    """By what the fast matcher is held against."""
    endless = itertools.cycle(texts)
    while True:
        for text in itertools.islice(endless, 10 * FEW):
            titles.match(text)
        yield 10 * FEW


def by_pattern(texts: Sequence[str], names: Sequence[str]) -> Iterator[int]:
    """What one writes in an afternoon: plurals in s, and no accent or dash ignored."""
    alternatives = sorted({re.escape(name.lower()) for name in names}, key=len, reverse=True)
    pattern = re.compile(rf"\b(?:{'|'.join(alternatives)})s?\b")
    endless = itertools.cycle(texts)
    while True:
        for text in itertools.islice(endless, FEW):
            pattern.findall(text.lower())
        yield FEW


def by_loop(texts: Sequence[str], names: Sequence[str]) -> Iterator[int]:
    """What one writes in a minute: it finds the cat in every catalogue."""
    wanted = sorted({name.lower() for name in names})
    endless = itertools.cycle(texts)
    while True:
        for text in itertools.islice(endless, FEW):
            lower = text.lower()
            _ = [name for name in wanted if name in lower]
        yield FEW


def table_of_run(report: Report) -> Table:
    """The numbers of the run as a table, in Markdown."""
    run = report.run
    first, last, peak = run.peak_bytes[0], run.peak_bytes[-1], max(run.peak_bytes)
    table = Table("the whole catalogue", "", box=box.MARKDOWN)
    table.add_row("titles", f"{run.titles:,}, {run.catalogue_bytes / 1e6:,.0f} MB of Parquet")
    table.add_row("names of classes", f"{report.names:,}, and their plurals")
    table.add_row("made in", f"{report.making_seconds:,.0f} s")
    table.add_row("matched in", f"{run.seconds:,.0f} s ({run.cpu_seconds:,.0f} s of all cores)")
    table.add_row("titles a second", f"{run.titles / run.seconds:,.0f}")
    table.add_row(
        "peak memory",
        f"{first / 1e6:,.0f} MB in the first million, {last / 1e6:,.0f} MB in the last, "
        f"at most {peak / 1e6:,.0f} MB",
    )
    table.add_row("titles that match", f"{run.matched:,}; {run.pairs:,} pairs of title and class")
    table.add_row("planted names found", f"{run.planted_found:,} of {run.planted:,}")
    table.add_row(
        "slow matcher", f"says otherwise of {run.sample_different:,} of {run.sample:,} titles"
    )
    return table


def table_of_lists(compared: Sequence[ListSpeed]) -> Table:
    """The lists as a table, in Markdown."""
    columns = ("classes", "names", "titles a second of one core", "of imagenet1k's", "made in")
    table = Table(
        "list", *columns, "memory", "titles that match", "pairs a title", box=box.MARKDOWN
    )
    for each in compared:
        table.add_row(
            each.class_list,
            f"{each.classes:,}",
            f"{each.names:,}",
            f"{each.titles_per_cpu_second:,.0f}",
            f"{100 * each.of_the_first:.0f} %",
            f"{each.making_cpu_seconds:.1f} s",
            f"{each.matcher_bytes / 1e6:.0f} MB",
            f"{100 * each.matched_share:.0f} %",
            f"{each.pairs_per_title:.2f}",
        )
    return table


def table_of_ways(report: Report) -> Table:
    """The ways as a table, in Markdown."""
    table = Table("way", "titles a second of one core", "as long", box=box.MARKDOWN)
    for way in report.ways:
        table.add_row(way.name, f"{way.titles_per_cpu_second:,.0f}", f"{way.slower:,.2f} times")
    return table


if __name__ == "__main__":
    main()
