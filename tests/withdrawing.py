"""What the tests of withdrawing look at."""

import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any

from tests.curated import Curated
from tests.curating import curate, verdicts_of
from videonet.dataset.verify import verify
from videonet.schemas.manifest import Manifest
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.verdict import Verdict
from videonet.shards.layout import shard_of
from videonet.shards.writer import FORMATS

SHARDS = 2
OUT_OF_ALL = (Outcome.REJECTED, Reason.WITHDRAWN)


def copied(curated: Curated, folder: Path) -> Curated:
    """The data set and its store, to be changed; its videos and class list stay where they are."""
    for name in ("store", "out"):
        shutil.copytree(getattr(curated, name), folder / name)
    return Curated(folder, curated.result)


def again(curated: Curated, copy: Curated, **options: Any) -> Manifest:
    """The run that made `copy`, once more."""
    source, classes = f"folder:{curated.folder / 'videos'}", curated.folder / "classes.txt"
    given = {"shards": SHARDS, "per_class": 50}
    return curate(source, classes, copy.folder, **(given | options))


def kept_beside_others(out: Path) -> tuple[Verdict, Verdict]:
    """Two kept videos in one shard: the first and the last of it."""
    by_shard = defaultdict(list)
    for verdict in verdicts_of(out):
        if verdict.outcome is Outcome.KEPT:
            by_shard[shard_of(verdict.video_key, SHARDS)].append(verdict)
    return next(
        (rows[0], rows[-1]) for rows in by_shard.values() if rows[0].video_key != rows[-1].video_key
    )


def rejected_one(out: Path) -> Verdict:
    (verdict,) = (each for each in verdicts_of(out) if each.outcome is Outcome.REJECTED)
    return verdict


def outcomes(out: Path, key: str) -> set[tuple[Outcome, Reason | None]]:
    return {(each.outcome, each.reason) for each in verdicts_of(out) if each.video_key == key}


def clips_of(out: Path, key: str) -> dict[str, int]:
    """How many clips of a video each file has that has any."""
    found: dict[str, int] = defaultdict(int)
    for file in (out / "clips").glob("*/*"):
        for clip in FORMATS[file.parent.name].read(file):
            found[file.name] += clip.example_id.rpartition("#")[0] == key
    return {name: number for name, number in found.items() if number}


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, apart from locks, leases, and how often they were taken."""
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
        and file.name not in (".lock", "taken_up.json", "pointer.json")
        # What a killed command was writing goes with the next run.
        and not (file.name.startswith(".") and file.name.endswith(".tmp"))
        and {"lease", ".turns"}.isdisjoint(file.relative_to(folder).parts)
    }


def times(out: Path, shard: int) -> dict[str, int]:
    """When each file of a shard was last written."""
    files = [file for file in out.rglob(f"*{shard:05d}*") if file.is_file()]
    assert len(files) == len(FORMATS) + 3  # candidates, verdicts, and what the shard was made of
    return {str(file.relative_to(out)): file.stat().st_mtime_ns for file in files}


def assert_sound(out: Path) -> None:
    assert verify(out).problems == []
