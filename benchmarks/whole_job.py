"""The whole job, against a plain script that does it as one would write it in an afternoon.

    python -m benchmarks.whole_job [--videos FOLDER --model FILE.onnx] [--json FILE]

`videonet curate` and `benchmarks/plain_script.py` do the same job in turns, each as a process with
its start-up, and must come to the same verdicts:

- computing: the real videos of FOLDER (see `benchmarks.curating.real_job`), classified by
  FILE.onnx, from local files; without them, drawn videos of a minute and the demo's classifier;
- downloading: drawn videos of five minutes, one title in four true, from a web server in another
  process that waits 300 ms before every answer and gives each connection 2 MB/s.

The script takes one video after the other, which is most of the difference when downloading; with
`--downloads` it fetches whole files ahead, as many at once as `videonet` may.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.curating import (
    WITHOUT_PANDAS,
    Job,
    Run,
    Verdicts,
    curate,
    differences,
    drawn_job,
    kept,
    real_job,
    run,
    verdicts_of,
)
from benchmarks.long_videos import planned
from benchmarks.overlap import BYTES_PER_SECOND, DELAY
from benchmarks.serving import Served, serving
from videonet.storage.dataset_dir import DatasetDir

CONNECTIONS = 8
"""At once, of `videonet` and of the script that fetches ahead."""

MINUTES, LONG = 24, 24
"""Drawn videos of a minute that are computed, and of `LENGTH` seconds that are downloaded."""

LENGTH = 300

ROUNDS = 2
"""Of what takes no minutes."""

VIDEONET, SCRIPT = "`videonet curate`", "the script"

FAILED = "failed"
"""For the script, whatever went wrong."""


class Way(msgspec.Struct, frozen=True):
    """One way to do a job; medians over the rounds."""

    name: str
    seconds: float
    # of all cores
    cpu_seconds: float
    # that the server sent
    bytes: int
    # how many times as long as `videonet` it takes
    times: float


class Contest(msgspec.Struct, frozen=True):
    """One job, and all ways to do it: the script last."""

    name: str
    videos: int
    kept: int
    # of pairs of video and class; they are the same for all ways
    verdicts: int
    # times that `videonet` is to be faster than the script
    goal: float
    ways: tuple[Way, ...]


class Done(NamedTuple):
    """A way's run and what it decided."""

    run: Run
    verdicts: Verdicts
    # bytes
    sent: int


Wanted = dict[str, dict[str, tuple[int, ...]]]
"""By video, by class that its title names: the outputs of the classifier that confirm it."""

Doing = Callable[[Path], tuple[Run, Verdicts]]
"""Does a job in a folder that is not there yet."""


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
        folder = Path(temporary)
        if arguments.videos:
            real = real_job(arguments.videos.absolute(), arguments.model.absolute(), true=1)
            contests = [computing("computing, real videos", real, folder / "real", rounds=1)]
        else:
            drawn = drawn_job(planned(MINUTES, true=2, lengths=(60,)), folder / "minutes")
            contests = [computing("computing, drawn videos", drawn, folder / "drawn", ROUNDS)]
        contests.append(downloading(folder / "downloading"))
    Console(width=132).print(table_of(contests))
    encoded = msgspec.json.format(msgspec.json.encode(contests)).decode()
    print(encoded)
    if arguments.json:
        arguments.json.write_text(encoded + "\n")


def computing(name: str, job: Job, folder: Path, rounds: int) -> Contest:
    """From local files."""
    wanted = looked_up(job, folder / "titles")
    ways = {VIDEONET: by_videonet(job), SCRIPT: by_script(job, wanted)}
    return contest(name, 1.5, job, ways, folder, None, rounds)


def downloading(folder: Path) -> Contest:
    """From the slow server."""
    job = drawn_job(planned(LONG, true=4, lengths=(LENGTH,)), folder)
    wanted = looked_up(job, folder / "titles")
    many = ("--per-host", str(CONNECTIONS), "--downloads", str(CONNECTIONS))
    with serving(job.files, delay=DELAY, bytes_per_second=BYTES_PER_SECOND) as server:
        ways = {
            f"{VIDEONET}, {CONNECTIONS} downloads": by_videonet(job, server.address, *many),
            f"{VIDEONET}, as it comes": by_videonet(job, server.address),
            f"{SCRIPT}, {CONNECTIONS} downloads": by_script(job, wanted, server.address, *many[2:]),
            SCRIPT: by_script(job, wanted, server.address),
        }
        return contest("downloading", 8, job, ways, folder, server, 1)


def contest(
    name: str,
    goal: float,
    job: Job,
    ways: dict[str, Doing],
    folder: Path,
    server: Served | None,
    rounds: int,
) -> Contest:
    """Run all ways in turns. Ends this program if one comes to other verdicts than the first."""
    done: dict[str, list[Done]] = {way: [] for way in ways}
    for number in range(rounds):
        for place, (way, do) in enumerate(ways.items()):
            run, verdicts = do(folder / f"{number}.{place}")
            sent = sum(each.bytes_sent for each in server.take_log()) if server else 0
            done[way].append(Done(run, verdicts, sent))
    (first, *_), *_ = done.values()
    for way, runs in done.items():
        for each in runs:
            if different := differences(for_script(first.verdicts), for_script(each.verdicts)):
                raise SystemExit("\n".join([f"{name}, {way}: other verdicts:", *different]))
    seconds = {way: statistics.median(each.run.seconds for each in done[way]) for way in ways}
    fastest, *_ = seconds.values()
    return Contest(
        name=name,
        videos=len(job.titles),
        kept=len(kept(first.verdicts)),
        verdicts=len(first.verdicts),
        goal=goal,
        ways=tuple(
            Way(
                name=way,
                seconds=round(seconds[way], 1),
                cpu_seconds=round(statistics.median(each.run.cpu_seconds for each in runs), 1),
                bytes=round(statistics.median(each.sent for each in runs)),
                times=round(seconds[way] / fastest, 2),
            )
            for way, runs in done.items()
        ),
    )


# The two sides.


def by_videonet(job: Job, address: str | None = None, *options: str) -> Doing:
    """`videonet curate`, with its defaults but for `options`."""

    def do(folder: Path) -> tuple[Run, Verdicts]:
        run = curate(job, folder, address, *options)
        return run, verdicts_of(folder)

    return do


def by_script(job: Job, wanted: Wanted, address: str | None = None, *options: str) -> Doing:
    """`benchmarks.plain_script`."""

    def do(folder: Path) -> tuple[Run, Verdicts]:
        folder.mkdir(parents=True)
        with (folder / "videos.jsonl").open("w") as file:
            for name in job.titles:
                url = f"{address}/{quote(name)}" if address else str(job.files / name)
                line = {"id": name, "url": url, "wanted": wanted.get(name, {})}
                file.write(json.dumps(line) + "\n")
        command = [sys.executable, "-m", "benchmarks.plain_script", *options]
        arguments = (folder / "videos.jsonl", job.classifier, folder / "out")
        done = run([*command, *map(str, arguments)], WITHOUT_PANDAS)
        decided = json.loads((folder / "out" / "verdicts.json").read_text())
        return done, {
            (name, target): reason
            for name, reasons in decided.items()
            for target, reason in reasons.items()
        }

    return do


def looked_up(job: Job, folder: Path) -> Wanted:
    """What the titles name. The script is told; `videonet` looks at them in every run."""
    # Said to be too short, none is looked at.
    curate(replace(job, declared=1), folder, None)
    outputs = {each.target_id: each.outputs for each in DatasetDir(folder / "out").targets()}
    wanted: Wanted = {}
    for video, target in verdicts_of(folder):
        wanted.setdefault(video, {})[target] = outputs[target]
    return wanted


def for_script(verdicts: Verdicts) -> Verdicts:
    """As the script says it: whatever went wrong, it failed."""
    said = ("kept", "no_top1_match", "too_short")
    return {pair: each if each in said else FAILED for pair, each in verdicts.items()}


def table_of(contests: list[Contest]) -> Table:
    """The numbers as a table, in Markdown."""
    table = Table(
        *("job", "videos", "kept", "way", "seconds", "of all cores", "sent"),
        "times as long",
        box=box.MARKDOWN,
    )
    for each in contests:
        for way in each.ways:
            table.add_row(
                each.name,
                str(each.videos),
                str(each.kept),
                way.name,
                f"{way.seconds:.1f}",
                f"{way.cpu_seconds:.1f}",
                f"{way.bytes / 1e6:.0f} MB" if way.bytes else "",
                f"{way.times:.1f}",
            )
    return table


if __name__ == "__main__":
    main()
