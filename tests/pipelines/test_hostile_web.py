"""A run over hostile servers and files: each costs one verdict, the right one, in little memory."""

import csv
import os
import subprocess
import sys
import threading
from pathlib import Path

import hypothesis
import psutil
import pytest

from demo.train_classifier import MODEL
from tests.curating import verdicts_of
from tests.pipelines.hostile_web import DEADLINE, KEPT, PAGE_BYTES, Case, hostile_web
from videonet.cage.confinement import can_shut_in
from videonet.schemas.reason import Outcome, Reason
from videonet.storage.dataset_dir import DatasetDir

# In `make test-all` and `make hostile`; in the slow set, all kinds once.
CANDIDATES = 1000 if hypothesis.settings().max_examples >= 1000 else 100

WORKERS, DOWNLOADS = 2, 16
# Bytes that the run's own process may have, with Beam and the classifier; and that all its
# processes may have together: of the first frames of what is being fetched, too, one decodes.
DECODE_MEMORY, OWN = 300_000_000, 1_500_000_000
MEMORY = (WORKERS + DOWNLOADS) * DECODE_MEMORY + OWN


class Memory(threading.Thread):
    """Samples how much memory a process and its descendants have together, bytes."""

    def __init__(self, process: int) -> None:
        super().__init__(daemon=True)
        self._process, self.over = psutil.Process(process), threading.Event()
        self.most = self.most_own = 0

    def run(self) -> None:
        while not self.over.wait(0.2):
            try:
                every = [self._process, *self._process.children(recursive=True)]
            except psutil.Error:
                return
            own, *others = map(_share, every)
            self.most_own = max(self.most_own, own)
            self.most = max(self.most, own + sum(others))


def _share(process: psutil.Process) -> int:
    """A process's memory, of what it shares with others its share, bytes."""
    try:
        return int(process.memory_full_info().pss)
    except (psutil.Error, OSError):
        return 0


@pytest.mark.slow
@pytest.mark.skipif(not can_shut_in(), reason="this system shuts no process in")
def test_hostile_servers_and_files_cost_one_verdict_each(tmp_path: Path):
    (tmp_path / "classes.txt").write_text("balloon: hot air balloon\n")
    with hostile_web(tmp_path, CANDIDATES) as cases:
        with (tmp_path / "videos.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["id", "url", "title"])
            rows.writerows([_id(n), case.url, case.title] for n, case in enumerate(cases))
        typed = [
            *("--targets", tmp_path / "classes.txt", "--classifier", MODEL, "--shards", "2"),
            *("--source", f"catalogue:{tmp_path / 'videos.csv'}", "--per-class", str(CANDIDATES)),
            *("--store", tmp_path / "store", "--out", tmp_path / "out"),
            *("--workers", str(WORKERS), "--downloads", str(DOWNLOADS), "--per-host", "16"),
            *("--requests-per-second", "1000", "--deadline", str(DEADLINE)),
            *("--max-page-bytes", str(PAGE_BYTES), "--allow-private-hosts", "127.0.0.0/8"),
            *("--decode-memory", str(DECODE_MEMORY), "--decode-seconds", "20"),
        ]
        run = subprocess.Popen(
            [sys.executable, "-m", "videonet", "curate", *map(str, typed)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"http_proxy": "", "https_proxy": ""},
        )
        memory = Memory(run.pid)
        memory.start()
        stdout, stderr = run.communicate()
        memory.over.set()
    # Most failed, as they should, and the run says so.
    assert run.returncode == 3, stderr
    assert "Traceback" not in stderr
    assert "\x1b" not in stdout + stderr
    wrong = _wrong(cases, tmp_path / "out")
    assert wrong == [], "\n".join(wrong)
    manifest = DatasetDir(tmp_path / "out").manifest()
    assert manifest is not None
    counts = manifest.totals.verdicts
    assert counts.pairs == CANDIDATES
    assert counts.kept + sum(counts.rejected.values()) + sum(counts.failed.values()) == CANDIDATES
    sys.stderr.write(
        f"{CANDIDATES:,} candidates, {counts.kept} kept; most memory {memory.most:,} bytes, "
        f"{memory.most_own:,} of them at most in the run's own process\n"
    )
    assert memory.most_own <= OWN
    assert memory.most <= MEMORY


def _id(number: int) -> str:
    """Ids as strangers give them: paths, long ones, and some that differ in case only."""
    return (f"{number}/../../../etc", f"{number}" + "x" * 300, f"Id{number}", f"iD{number}")[
        number % 4
    ]


def _wrong(cases: list[Case], out: Path) -> list[str]:
    """What is said of cases, where it is not what is right."""
    verdicts = {each.video.video_id: each for each in verdicts_of(out)}
    assert len(verdicts) == len(cases)
    wrong = []
    for number, case in enumerate(cases):
        verdict = verdicts[_id(number)]
        said: Reason | None = KEPT if verdict.outcome is Outcome.KEPT else verdict.reason
        if said not in case.verdicts:
            right = " or ".join(sorted(each or "kept" for each in case.verdicts))
            wrong.append(f"{case.url}: {said or 'kept'} ({verdict.error}), expected {right}")
    return wrong
