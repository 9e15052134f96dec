"""The whole job on the demo's world, offline: `python -m demo`, or `make demo`."""

import shutil
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from demo.server import HOST
from demo.train_classifier import MODEL
from demo.videos import EXPECTED, VIDEOS
from demo.world import World, build_world

FOLDER = Path(".demo")
PYTHON = Path(sys.executable)
VIDEONET = PYTHON.with_name("videonet")

NEXT = """\
The data set is {folder}/out: clips in clips/parquet and clips/tfrecord, what became of every
video in verdicts, all numbers in manifest.json.

See what was found, kept and thrown away, and why; and one video from close by:
    {videonet} report {folder}/out
    {videonet} show {folder}/out both
Judge its clips by eye, and mark what is wrong:
    {videonet} sample {folder}/out --out {folder}/sample.html
Check it:
    {videonet} verify {folder}/out
Build another one from what is already here, for other classes; nothing is classified again:
    echo 'lighthouse: light tower' > {folder}/lighthouses.txt
    {videonet} curate --targets {folder}/lighthouses.txt --source store \\
        --classifier {model} --store {folder}/store --out {folder}/lighthouses
Train a network on its clips, and see where it looks (brings PyTorch, 5 GB):
    make demo-train
Read its clips:
    {python} -c "import pyarrow.parquet; \\
        print(pyarrow.parquet.read_table('{folder}/out/clips/parquet').schema)"

The classifier is the demo's own: it knows six drawn things and nothing of the real world. Without
--classifier, videonet takes a ResNet-50 that knows the 1,000 classes of ImageNet.
"""


def main() -> int:
    """Builds the world, runs a curation against its server, and says what to look at next."""
    console = Console(highlight=False, soft_wrap=True)
    shutil.rmtree(FOLDER, ignore_errors=True)
    console.rule("a small world")
    world = build_world(FOLDER)
    console.print(
        f"{len(VIDEOS)} videos were drawn under {world.files}. Most show what their title says; "
        f"some do not, and some are too short, broken or missing.\n"
        f"{len(EXPECTED)} pairs of video and class are to be decided."
    )
    with world.serve() as server:
        console.print(f"A web server for them runs at {server.address}.")
        console.rule("the curation")
        code = _curate(console, world)
        console.print(f"The server answered {len(server.requests())} requests.")
    console.rule("what now")
    if code:
        console.print(f"The curation ended with exit code {code}.")
    else:
        shown = {"videonet": _shown(VIDEONET), "python": _shown(PYTHON), "model": _shown(MODEL)}
        console.print(NEXT.format(folder=FOLDER, **shown))
    return code


def _curate(console: Console, world: World) -> int:
    """Runs the command as a user would. Returns its exit code."""
    arguments = [
        *("curate", "--targets", str(world.classes)),
        *("--source", f"catalogue:{world.catalogue}"),
        *("--classifier", _shown(MODEL)),
        *("--store", str(FOLDER / "store")),
        *("--out", str(FOLDER / "out")),
        # The server is our own.
        *("--requests-per-second", "100", "--allow-private-hosts", HOST),
    ]
    console.print(f"[bold]$ {_shown(VIDEONET)} {' '.join(arguments)}[/bold]")
    return subprocess.run([VIDEONET, *arguments], check=False).returncode


def _shown(path: Path) -> str:
    """`path` as one would type it here."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


if __name__ == "__main__":
    sys.exit(main())
