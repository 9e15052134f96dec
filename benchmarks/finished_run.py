"""How long a command takes to see that its run is finished: a data set of as many files as it has.

    python -m benchmarks.finished_run [--candidates N]

The demo's videos are curated into as many shards as a run over N candidates has. So OUT has all the
files of such a run, though most of them hold nothing. The same command is given again: it looks at
each file, and reads neither lists nor verdicts, so how much they hold makes no difference. (Where
candidates are local files, their list is read; this does not measure that.)
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from demo.server import HOST
from demo.train_classifier import MODEL
from demo.world import build_world
from videonet.shards.layout import number_of_shards

VIDEONET = Path(sys.executable).with_name("videonet")

SETTLED = ("valley", "meadow", "ten", "both", "either", "wait", "brief", "best", "official")
"""Videos of the demo that are kept or rejected: what failed would be tried again."""


def main() -> None:
    """Make the data set, give its command again, and print what that took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=int, default=1_000_000)
    shards = number_of_shards(parser.parse_args().candidates)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        world, catalogue = build_world(folder / "world"), folder / "catalogue.csv"
        command = [
            *(str(VIDEONET), "curate", "--targets", str(world.classes)),
            *("--source", f"catalogue:{catalogue}", "--classifier", str(MODEL)),
            *("--store", str(folder / "store"), "--out", str(folder / "out")),
            *("--shards", str(shards), "--allow-private-hosts", HOST),
        ]
        with world.serve():
            rows = world.catalogue.read_text().splitlines(keepends=True)
            chosen = [row for row in rows if row.partition(",")[0] in ("id", *SETTLED)]
            catalogue.write_text("".join(chosen))
            made = subprocess.run(command, check=False, capture_output=True)
        print(f"{shards:,} shards were written; exit code {made.returncode}.")
        files = sum(path.is_file() for path in (folder / "out").rglob("*"))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begin = time.perf_counter()
        again = subprocess.run(command, check=False, capture_output=True, text=True)
        seconds = time.perf_counter() - begin
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(again.stdout.strip().splitlines()[-1])
    print(f"{files:,} files: {seconds:.1f} s by the clock, {cpu:.1f} s of a processor.")


if __name__ == "__main__":
    main()
