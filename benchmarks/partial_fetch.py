"""How many bytes a video costs that is rejected after its first frames, and one that is kept.

    python -m benchmarks.partial_fetch [--videos FOLDER --model FILE.onnx] [--json FILE]

The same candidates are curated twice from a web server on this machine, which counts what it sends
of each: with `--keep kept`, where a part of each file is fetched, and the rest of what is kept; and
with `--keep all`, where every file is fetched whole. The verdicts must be the same. Candidates are
long drawn videos, one with a true and one with an untrue title of each layout and length; and the
real videos of FOLDER (see `benchmarks.curating.real_job`), every other title untrue, classified by
FILE.onnx.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.curating import Job, Verdicts, curate, differences, drawn_job, real_job, verdicts_of
from benchmarks.long_videos import LAYOUTS, LENGTHS, planned
from benchmarks.serving import Served, serving

GOAL = 0.15
"""Of its size, what a rejected video may cost that is as long as the drawn ones."""

SHORT = 20
"""Seconds that parts real videos into two kinds."""

REJECTED = frozenset({"no_top1_match", "too_short"})


class Cost(msgspec.Struct, frozen=True):
    """What the server sent of one video."""

    bytes: int
    requests: int


class Video(msgspec.Struct, frozen=True):
    """One candidate."""

    kind: str
    bytes: int
    outcome: str
    # fetched in parts, and whole
    parts: Cost
    whole: Cost


class Row(msgspec.Struct, frozen=True):
    """Videos of one kind that had the same outcome; means, but for the share of the worst."""

    kind: str
    outcome: str
    videos: int
    bytes: int
    # what they cost, of their size; and the one that cost most, of its
    share: float
    largest_share: float
    requests: float
    whole_share: float
    whole_requests: float


class Report(msgspec.Struct, frozen=True):
    """What is printed."""

    rows: tuple[Row, ...]
    # all rejected videos that are drawn, of which the shortest lasts a minute
    rejected: Row
    goal: float


def main() -> None:
    """Measure, and print a table, and the same as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--videos", type=Path, help="real videos, and videos.jsonl")
    parser.add_argument("--model", type=Path, help="an ImageNet classifier for them")
    parser.add_argument("--json", type=Path, help="a file for the numbers")
    arguments = parser.parse_args()
    if (arguments.videos is None) != (arguments.model is None):
        parser.error("--videos and --model go together")
    with tempfile.TemporaryDirectory() as temporary:
        drawn = drawn_videos(Path(temporary))
        real = []
        if arguments.videos:
            folder, model = arguments.videos.absolute(), arguments.model.absolute()
            real = real_videos(folder, model, Path(temporary))
    report = Report(
        rows=rows_of([*drawn, *real]),
        rejected=row_of("all drawn", [each for each in drawn if each.outcome == "rejected"]),
        goal=GOAL,
    )
    Console(width=132).print(table_of(report))
    encoded = msgspec.json.format(msgspec.json.encode(report)).decode()
    print(encoded)
    if arguments.json:
        arguments.json.write_text(encoded + "\n")


def drawn_videos(folder: Path) -> list[Video]:
    """Two of each layout and length: the first with a true title."""
    videos = planned(2 * len(LAYOUTS) * len(LENGTHS), true=2)
    kinds = {each.name: f"{each.layout}, {each.seconds} s" for each in videos}
    return measure(drawn_job(videos, folder), folder / "drawn", kinds)


def real_videos(videos: Path, model: Path, folder: Path) -> list[Video]:
    """The real ones, long and short."""
    described = map(json.loads, (videos / "videos.jsonl").read_text().splitlines())
    kinds = {
        each["file"]: f"real, {SHORT} s and more"
        if (each["seconds"] or 0) >= SHORT
        else f"real, under {SHORT} s"
        for each in described
    }
    return measure(real_job(videos, model, true=2), folder / "real", kinds)


def measure(job: Job, folder: Path, kinds: dict[str, str]) -> list[Video]:
    """Curate both ways. Ends this program if the verdicts differ."""
    with serving(job.files) as server:
        curate(job, folder / "parts", server.address, "--keep", "kept")
        parts = costs(server)
        curate(job, folder / "whole", server.address, "--keep", "all")
        whole = costs(server)
    verdicts = verdicts_of(folder / "parts")
    if different := differences(verdicts, verdicts_of(folder / "whole")):
        raise SystemExit("\n".join(["the verdicts differ:", *different]))
    return [
        Video(kinds[name], size, outcome_of(name, verdicts), parts[name], whole[name])
        for name, size in job.bytes.items()
    ]


def costs(server: Served) -> dict[str, Cost]:
    """What the server sent since this was asked the last time, by file."""
    log = server.take_log()
    return {
        path: Cost(
            sum(each.bytes_sent for each in log if each.path == path),
            sum(each.path == path for each in log),
        )
        for path in {each.path for each in log}
    }


def outcome_of(video: str, verdicts: Verdicts) -> str:
    """Kept for any target, else rejected for any, else failed."""
    reasons = {reason for (name, _), reason in verdicts.items() if name == video}
    if "kept" in reasons:
        return "kept"
    return "rejected" if reasons & REJECTED else "failed"


def rows_of(videos: Sequence[Video]) -> tuple[Row, ...]:
    """By kind and outcome, in the order in which kinds come first."""
    return tuple(
        row_of(kind, chosen)
        for kind in dict.fromkeys(each.kind for each in videos)
        for outcome in ("rejected", "kept")
        if (chosen := [each for each in videos if (each.kind, each.outcome) == (kind, outcome)])
    )


def row_of(kind: str, videos: Sequence[Video]) -> Row:
    """The means of these, of which there is one at least."""

    def mean(number: Callable[[Video], float]) -> float:
        return statistics.fmean(map(number, videos))

    size = mean(lambda each: each.bytes)
    return Row(
        kind=kind,
        outcome=videos[0].outcome,
        videos=len(videos),
        bytes=round(size),
        share=round(mean(lambda each: each.parts.bytes) / size, 4),
        largest_share=round(max(each.parts.bytes / each.bytes for each in videos), 4),
        requests=round(mean(lambda each: each.parts.requests), 1),
        whole_share=round(mean(lambda each: each.whole.bytes) / size, 4),
        whole_requests=round(mean(lambda each: each.whole.requests), 1),
    )


def table_of(report: Report) -> Table:
    """The numbers as a table, in Markdown: what videos cost, of their size, and in requests."""
    table = Table(
        *("videos", "number", "size", "rejected", "requests", "kept", "requests"),
        *("fetched whole", "requests"),
        box=box.MARKDOWN,
    )
    for kind in dict.fromkeys(row.kind for row in report.rows):
        rows = {row.outcome: row for row in report.rows if row.kind == kind}
        table.add_row(
            kind,
            " + ".join(str(row.videos) for row in rows.values()),
            f"{statistics.fmean(row.bytes for row in rows.values()) / 1e6:.1f} MB",
            *cells(rows.get("rejected")),
            *cells(rows.get("kept")),
            f"{statistics.fmean(row.whole_share for row in rows.values()):.1%}",
            f"{statistics.fmean(row.whole_requests for row in rows.values()):.1f}",
        )
    every = report.rejected
    table.add_row(
        "all of a minute and more",
        str(every.videos),
        f"{every.bytes / 1e6:.1f} MB",
        f"{every.share:.1%}, the worst {every.largest_share:.1%}",
        f"{every.requests:.1f}",
        *("", "", f"{every.whole_share:.1%}", f"{every.whole_requests:.1f}"),
    )
    return table


def cells(row: Row | None) -> tuple[str, str]:
    """What they cost; blank where there are none."""
    return (f"{row.share:.1%}", f"{row.requests:.1f}") if row else ("", "")


if __name__ == "__main__":
    main()
