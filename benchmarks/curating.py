"""Whole runs of `videonet curate`, as benchmarks start them, and what came of them."""

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from benchmarks.long_videos import CLASSES, LongVideo, write
from demo.server import HOST
from demo.train_classifier import MODEL
from videonet.storage.dataset_dir import DatasetDir
from videonet.targets.imagenet1k import imagenet1k_senses

VIDEONET = Path(sys.executable).with_name("videonet")

SURE = 5
"""Frames that another program must have seen a class in, for videonet to be sure to see it too."""

# Apache Beam imports pandas where it can; only the extra `dev` brings it, and it takes a second.
WITHOUT_PANDAS = {"PYTHONPATH": str(Path(__file__).parents[1] / "tests" / "without")}

NEVER_SHOWN = "school bus, grand piano"
"""A title that no video of a collection deserves."""

Verdicts = dict[tuple[str, str], str]
"""By video id and target: "kept", or the reason."""


@dataclass(frozen=True)
class Job:
    """Videos whose titles name classes."""

    # by file name, which is the id too
    titles: Mapping[str, str]
    # folder of the files
    files: Path
    # imagenet1k, or a file
    targets: str
    classifier: Path
    # what the catalogue says of the length of each, seconds
    declared: float | None = None

    @property
    def bytes(self) -> dict[str, int]:
        """Sizes of the files, by name."""
        return {name: (self.files / name).stat().st_size for name in self.titles}


@dataclass(frozen=True)
class Run:
    """A process that came to its end."""

    # wall clock, and time of all processor cores
    seconds: float
    cpu_seconds: float


def drawn_job(videos: Sequence[LongVideo], folder: Path) -> Job:
    """Write long videos below `folder`, for the demo's classifier."""
    write(videos, folder / "videos")
    classes = folder / "classes.txt"
    classes.write_text(CLASSES)
    titles = {each.name: each.title for each in videos}
    return Job(titles, folder / "videos", str(classes), MODEL)


def real_job(folder: Path, model: Path, *, true: int) -> Job:
    """The real videos of a folder; one title in `true` names all that is surely shown.

    `folder/videos.jsonl` has `file` and `top1`: of each class (`wnid`) in how many `frames` another
    program saw it. Files that do not show anything surely have a title that is not true.
    """
    senses = imagenet1k_senses()
    titles = {}
    for number, line in enumerate((folder / "videos.jsonl").read_text().splitlines()):
        video = json.loads(line)
        shown = [each["wnid"] for each in video["top1"] if each["frames"] >= SURE]
        names = [senses[wnid].names[0] for wnid in shown] if number % true == 0 else []
        titles[video["file"]] = ", ".join(names or [NEVER_SHOWN])
    return Job(titles, folder, "imagenet1k", model)


def curate(job: Job, folder: Path, address: str | None, *options: str) -> Run:
    """Run the command with OUT `folder/out`, and a store of its own beside it.

    The files come from the server at `address`; None: from where they are.
    """
    folder.mkdir(parents=True)
    with (folder / "catalogue.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "url", "title", "duration"])
        for name, title in job.titles.items():
            url = f"{address}/{quote(name)}" if address else name
            rows.writerow([name, url, title, job.declared])
    command = [
        *(str(VIDEONET), "curate", "--targets", job.targets, "--classifier", str(job.classifier)),
        *("--source", f"catalogue:{folder / 'catalogue.csv'}", "--files-root", str(job.files)),
        *("--store", str(folder / "store"), "--out", str(folder / "out")),
        # The limits that remain are those of the server and of the machine.
        *("--requests-per-second", "10000", "--format", "parquet"),
        *("--allow-private-hosts", HOST, *options),
    ]
    return run(command, WITHOUT_PANDAS)


def start(job: Job, folder: Path) -> Run:
    """A run with nothing to do: its one candidate is said to be too short, and is not looked at."""
    (name, title), *_ = job.titles.items()
    return curate(replace(job, titles={name: title}, declared=1), folder, None)


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Run:
    """Run a command and its children. Ends this program if it fails."""
    begin = time.monotonic()
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | (environment or {}),
    )
    assert process.stdout is not None
    said = process.stdout.read()
    # The usage of this one child: that of all children is the highest of them.
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begin
    process.stdout.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{said}\n{command[0]} failed with exit code {process.returncode}")
    return Run(seconds, usage.ru_utime + usage.ru_stime)


def verdicts_of(folder: Path) -> Verdicts:
    """What `curate` decided, run in this folder."""
    output = DatasetDir(folder / "out")
    lookup = output.lookup()
    assert lookup is not None
    return {
        (each.video.video_id, each.target_id): each.reason.value if each.reason else "kept"
        for index in range(lookup.shards)
        for each in output.verdicts(index, lookup.shards)
    }


def kept(verdicts: Verdicts) -> set[str]:
    """Ids of the videos that are kept for any target."""
    return {video for (video, _), reason in verdicts.items() if reason == "kept"}


def differences(one: Verdicts, other: Verdicts) -> list[str]:
    """The pairs on which two sides do not agree, for people."""
    return [
        f"{video} as {target}: {one.get((video, target))}, {other.get((video, target))}"
        for video, target in sorted(one.keys() | other.keys())
        if one.get((video, target)) != other.get((video, target))
    ]
