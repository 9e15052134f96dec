"""What records of many candidates take: files, bytes, reads, writes, seconds, memory.

    python -m benchmarks.store [--candidates N ...] [--forms FORM ...] [--folder DIR] [--json FILE]

Records are made up: of five candidates four were looked at, and one is kept. Each form is given the
same:

    packed   what a store is: a loose record a video, packed into shards when a run ends
    before   what it was: a file for each step of each video
    sqlite   one database in WAL mode, a row a video, a transaction a write

and each phase is a process of its own, so that its memory is its own:

    first    a run that knows nothing writes a record a candidate, and ends
    made     instead of that, for more than 100,000: shards are written as such a run leaves them
    again    a run over the same candidates is told what is known of each
    list     a run with another class list: a tenth of its candidates is new
    looks    600 records are looked at, one by one
    found    a source's titles for all candidates are written, and packed
    source   all of them are read, as --source store does
    status   `videonet status` over a data set of so many verdicts, see benchmarks.many_verdicts
    report   `videonet report` likewise: it asks the store for 600 videos

At last two processes write to one database, and one of them is killed: what was acknowledged must
be there. (For the packed form, tests/storage/test_record_shards.py does that at every step.)
"""

import argparse
import multiprocessing
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, redirect_stdout, suppress
from pathlib import Path

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.record_forms import Before, Form, Packed, Sqlite, connected, key_of, put
from videonet.storage.store import digest

CANDIDATES = (10_000, 100_000)
FORMS = ("packed", "before", "sqlite")
PHASES = ("first", "again", "list", "looks")
OF_STORE = ("found", "source", "status", "report")

# For more candidates, loose records take too long to write.
MOST_LOOSE = 100_000

# So many records are looked at one by one, and so many candidates of another list are new.
LOOKED_AT, NEW = 600, 10


class Measured(msgspec.Struct, frozen=True):
    """One phase of one form."""

    form: str
    phase: str
    candidates: int
    # wall clock, and time of all processor cores
    seconds: float
    cpu_seconds: float
    # calls of verbs, by name; of files and statements where there are no verbs
    calls: dict[str, int]
    peak_bytes: int
    # at rest, after it
    files: int
    bytes: int


def main() -> None:
    """Measure all phases of all forms, print a table, and the same as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--candidates", type=int, nargs="+", default=CANDIDATES)
    parser.add_argument("--forms", nargs="+", default=FORMS, choices=FORMS)
    parser.add_argument("--folder", type=Path, help="where stores are made")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        form, phase, place, number = arguments.one
        print(msgspec.json.encode(measure(form, phase, Path(place), int(number))).decode())
        return
    measured = []
    with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
        for candidates in arguments.candidates:
            for form in arguments.forms:
                folder = Path(temporary) / f"{form}-{candidates}"
                for phase in _phases(form, candidates):
                    if phase == "status":
                        # By another process: a child's peak memory is at least its parent's.
                        maker = (sys.executable, "-m", "benchmarks.many_verdicts")
                        subprocess.run([*maker, str(folder), str(candidates)], check=True)
                    measured.append(_in_a_process(form, phase, folder / "store", candidates))
                    print(measured[-1], file=sys.stderr)
                shutil.rmtree(folder)
        if "sqlite" in arguments.forms:
            print(killed_while_two_write(Path(temporary), min(arguments.candidates)))
    Console(width=160).print(table_of(measured))
    if arguments.json:
        arguments.json.write_bytes(msgspec.json.encode(measured))


def _phases(form: str, candidates: int) -> list[str]:
    begin = "made" if form == "packed" and candidates > MOST_LOOSE else "first"
    return [begin, *PHASES[1:], *(OF_STORE if form == "packed" else ())]


def _in_a_process(form: str, phase: str, place: Path, candidates: int) -> Measured:
    one = ("--one", form, phase, str(place), str(candidates))
    command = [sys.executable, "-m", "benchmarks.store", *one]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    return msgspec.json.decode(told, type=Measured)


def measure(form: str, phase: str, place: Path, candidates: int) -> Measured:
    """Carry out a phase in this process."""
    forms: dict[str, type[Packed | Before | Sqlite]] = {
        "packed": Packed,
        "before": Before,
        "sqlite": Sqlite,
    }
    at: Form = forms[form](place)
    begin, cpu = time.monotonic(), time.process_time()
    if phase == "first":
        at.write(range(candidates))
    elif isinstance(at, Packed) and phase in ("made", *OF_STORE):
        _of_store(at, phase, place, candidates)
    elif phase == "again":
        known = sum(record is not None for record in at.known(candidates, 0))
        assert known == candidates, known
    elif phase == "list":
        fresh = candidates // NEW
        known = sum(record is not None for record in at.known(candidates, fresh))
        assert known == candidates - fresh, known
        at.write(range(candidates, candidates + fresh))
    else:
        numbers = random.Random(0).choices(  # noqa: S311
            range(candidates), k=LOOKED_AT
        )
        assert all(at.one(number) is not None for number in numbers)
    seconds, cpu = time.monotonic() - begin, time.process_time() - cpu
    files = [entry for folder in os.walk(place) for entry in _files(folder)]
    return Measured(
        form=form,
        phase=phase,
        candidates=candidates,
        seconds=round(seconds, 2),
        cpu_seconds=round(cpu, 2),
        calls=dict(sorted(at.calls.items())),
        # kB, but bytes on macOS
        peak_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        * (1 if sys.platform == "darwin" else 1024),
        files=len(files),
        bytes=sum(files),
    )


def _of_store(at: Packed, phase: str, place: Path, candidates: int) -> None:
    if phase == "made":
        at.write_packed(range(candidates))
    elif phase == "found":
        at.write_found(range(candidates))
    elif phase == "source":
        found = at.found()
        assert found == candidates, found
    else:
        from videonet.cli import main as command

        sys.argv = ["videonet", phase, str(place.with_name("out")), "--store", str(place)]
        with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), suppress(SystemExit):
            command()


def _files(folder: tuple[str, list[str], list[str]]) -> Iterator[int]:
    path, _, names = folder
    for name in names:
        yield (Path(path) / name).stat().st_size


def killed_while_two_write(folder: Path, candidates: int) -> str:
    """Two processes write to one database, and one is killed; what came of it."""
    file = folder / "two.sqlite"
    connected(file).close()
    context = multiprocessing.get_context("spawn")
    ends = [context.Pipe(duplex=False) for _ in range(2)]
    half = candidates // 2
    writers = [
        context.Process(target=_write, args=(file, range(half * each, half * (each + 1)), end[1]))
        for each, end in enumerate(ends)
    ]
    begin = time.monotonic()
    for writer in writers:
        writer.start()
    acknowledged: list[list[int]] = [[], []]

    def listen(each: int) -> None:
        with suppress(EOFError):
            while True:
                acknowledged[each].append(ends[each][0].recv())

    listeners = [threading.Thread(target=listen, args=(each,)) for each in range(2)]
    for end, listener in zip(ends, listeners, strict=True):
        end[1].close()
        listener.start()
    while len(acknowledged[1]) < half // 2:
        time.sleep(0.01)
    os.kill(writers[1].pid or 0, signal.SIGKILL)
    for writer in writers:
        writer.join()
    for listener in listeners:
        listener.join()
    seconds = time.monotonic() - begin
    with closing(connected(file)) as db:
        sound = db.execute("pragma integrity_check").fetchone()[0]
        there = {row[0].hex() for row in db.execute("select digest from records")}
    due = [number for each in acknowledged for number in each]
    lost = sum(digest(key_of(number)) not in there for number in due)
    return (
        f"SQLite, two processes and a kill: {len(due):,} writes acknowledged in {seconds:.1f} s, "
        f"{lost} of them lost, integrity {sound}"
    )


def _write(file: Path, numbers: range, end: "multiprocessing.connection.Connection") -> None:
    db = connected(file)
    for number in numbers:
        put(db, number)
        end.send(number)


def table_of(measured: list[Measured]) -> Table:
    """The numbers as a table, in Markdown, all but memory per candidate."""
    table = Table(
        *("form", "candidates", "phase", "ms each", "processor", "reads", "writes", "lists"),
        *("deleted", "memory", "files", "bytes"),
        box=box.MARKDOWN,
    )
    for each in measured:
        one = 1 / each.candidates
        table.add_row(
            each.form,
            f"{each.candidates:,}",
            each.phase,
            f"{1_000 * each.seconds * one:.3f}",
            f"{1_000 * each.cpu_seconds * one:.3f}",
            *(f"{each.calls.get(verb, 0) * one:.4f}" for verb in ("read", "write", "list")),
            f"{each.calls.get('delete', 0) * one:.2f}",
            f"{each.peak_bytes / 1e6:,.0f} MB",
            f"{each.files * one:.4f}",
            f"{each.bytes * one:,.0f}",
        )
    return table


if __name__ == "__main__":
    main()
