"""What `videonet curate` needs until it looks at its first candidate, beyond `import apache_beam`.

    python -m benchmarks.start_up [--rounds N] [--modules N] [--json FILE]

Curates the one row of a catalogue, for the demo's class list and with the demo's classifier, from a
web server in this process, which reads the command's processor time when the first request arrives:
that of all its threads, and of the processes that it started. Held against it is the processor time
of a process that imports Beam and nothing else. Each is the median of several processes, in turns.
At last the command runs once more with `-X importtime`, which says by the clock what its imports
take that Beam's own do not need.
"""

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import psutil
from rich import box
from rich.console import Console
from rich.table import Table

from demo.train_classifier import MODEL
from demo.world import CLASSES

ROUNDS = 7
MODULES = 12

# Seconds of a processor core beyond those of `import apache_beam`.
GOAL = 1.5

# Seconds until the command counts as failed.
PATIENCE = 300

BEAM = "import apache_beam"
CURATE = "import sys; from videonet.cli import main; sys.argv[0] = 'videonet'; main()"


class Report(msgspec.Struct, frozen=True):
    """What is printed. Seconds of all processor cores."""

    rounds: int
    beam_seconds: float
    first_candidate_seconds: float
    # by the clock, of one process: what imports beyond Beam's take by themselves, by package
    packages: dict[str, float]

    @property
    def beyond(self) -> float:
        """Seconds beyond the import of Beam."""
        return self.first_candidate_seconds - self.beam_seconds


class Site:
    """A web server that gives no answer, and that knows when it was first asked."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                """Keep the client waiting until it was measured what it took to ask."""
                site.asked.set()
                site.measured.wait(PATIENCE)
                self.close_connection = True

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.measured = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self._http.server_port}"


def main() -> None:
    """Measure, and print a table, and the same as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="processes of each kind")
    parser.add_argument("--modules", type=int, default=MODULES, help="packages to show")
    parser.add_argument("--json", type=Path, help="a file for the numbers")
    arguments = parser.parse_args()
    report = measure(arguments.rounds, arguments.modules)
    Console(width=100).print(*tables_of(report), sep="\n")
    encoded = msgspec.json.format(msgspec.json.encode(report)).decode()
    print(encoded)
    if arguments.json:
        arguments.json.write_text(encoded + "\n")
    print(f"Beyond Beam: {report.beyond:.2f} s of a core; goal: at most {GOAL} s.")


def measure(rounds: int, packages: int) -> Report:
    """Both, in turns, and what the imports take."""
    beam: list[float] = []
    first: list[float] = []
    with tempfile.TemporaryDirectory() as temporary:
        for _ in range(rounds):
            beam.append(_import_of_beam())
            first.append(_until_first_candidate(Path(temporary), [sys.executable, "-c", CURATE]))
        log = Path(temporary) / "imports"
        traced = [sys.executable, "-X", "importtime", "-c", f"{BEAM}; {CURATE}"]
        _until_first_candidate(Path(temporary), traced, log)
        took = imports_beyond_beam(log.read_text(errors="replace"))
    return Report(
        rounds=rounds,
        beam_seconds=statistics.median(beam),
        first_candidate_seconds=statistics.median(first),
        packages=dict(sorted(took.items(), key=lambda each: -each[1])[:packages]),
    )


def _import_of_beam() -> float:
    """Processor time of a process that imports Beam."""
    code = f"{BEAM}, time; print(time.process_time())"
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE)
    return float(done.stdout)


def _until_first_candidate(folder: Path, python: list[str], log: Path | None = None) -> float:
    """Processor time of `videonet curate` until it asks for its first video."""
    site = Site()
    for name in ("store", "out"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / "classes.txt").write_text(CLASSES)
    (folder / "videos.csv").write_text(f"id,url,title\n1,{site.address}/1.mp4,A balloon\n")
    arguments = [
        *("curate", "--targets", folder / "classes.txt"),
        *("--source", f"catalogue:{folder / 'videos.csv'}", "--classifier", MODEL),
        *("--store", folder / "store", "--out", folder / "out"),
        *("--allow-private-hosts", "127.0.0.1"),
    ]
    with (log or folder / "stderr").open("w") as stderr:
        process = subprocess.Popen(
            [*python, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=stderr
        )
        try:
            if not site.asked.wait(PATIENCE):
                raise SystemExit("the command asked for no video")
            return _processor_time(psutil.Process(process.pid))
        finally:
            # What comes later does not count.
            process.kill()
            process.wait(PATIENCE)
            site.measured.set()


def _processor_time(process: psutil.Process) -> float:
    """Seconds of a process and of those that it started, ended or not."""
    times = process.cpu_times()
    own = times.user + times.system + times.children_user + times.children_system
    return own + sum(map(_processor_time, process.children()))


def imports_beyond_beam(log: str) -> dict[str, float]:
    """Seconds that modules took by themselves, by package, after Beam had been imported."""
    took: dict[str, float] = defaultdict(float)
    beyond = False
    for line in re.finditer(r"^import time: +(\d+) \| +\d+ \| +(\S+)$", log, re.MULTILINE):
        microseconds, module = int(line[1]), line[2]
        if beyond:
            took[module.partition(".")[0]] += microseconds / 1e6
        beyond = beyond or module == "apache_beam"
    return took


def tables_of(report: Report) -> tuple[Table, Table]:
    """The numbers as tables, in Markdown."""
    table = Table("until", "processor", box=box.MARKDOWN)
    table.add_row("`import apache_beam` is done", f"{report.beam_seconds:.2f} s")
    table.add_row("the first candidate is looked at", f"{report.first_candidate_seconds:.2f} s")
    table.add_row("beyond Beam", f"{report.beyond:.2f} s")
    packages = Table("imported beyond Beam", "by itself, clock", box=box.MARKDOWN)
    for package, seconds in report.packages.items():
        packages.add_row(package, f"{seconds:.2f} s")
    return table, packages


if __name__ == "__main__":
    main()
