"""How busy decoders keep a GPU: a session of fixed speed stands in for one.

    python -m benchmarks.feeding [--speed FRAMES] [--seconds S] [--videos FOLDER] [--json FILE]

The stand-in is a real session of a network that takes floats of 32 bits, or of 16. It answers as
late as a GPU of the given speed would. Decoders that are shut in fill its batches across videos, on
the way that a scan takes: `videonet.classifier.batches`. Printed is the share of the time in which
the session runs (goal: 0.9), and how full its batches are. The speed has to be one that the cores
can decode at; without --speed it is half of what they decode here.
"""

import argparse
import itertools
import os
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.scan_ways import drawn_videos, rate, videos_in
from videonet.classifier.batches import Batches
from videonet.classifier.opened import OpenModel
from videonet.classifier.sidecar import UNSAID
from videonet.video.decoder import Decoder, shared_decoder

BATCH = 50
CROP = (224, 224)
FRAMES = 100
GOAL = 0.9
CORES = os.cpu_count() or 1


class Fed(msgspec.Struct, frozen=True):
    """How one kind of session was fed."""

    input: str
    # frames a second that the session can take, and those that it got
    speed: float
    frames_per_second: float
    # shares: of the time in which it ran, and of the places in its batches that held a frame
    busy: float
    full: float


class StandIn:
    """A session that takes its time."""

    def __init__(self, model: OpenModel, speed: float) -> None:
        self._model, self._seconds = model, model.batch / speed
        self.running, self.batches = 0.0, 0

    def run(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Scores of a batch, no sooner than a GPU would have them."""
        begin = time.perf_counter()
        scores: NDArray[np.float32] = self._model.run(frames)
        time.sleep(max(0.0, begin + self._seconds - time.perf_counter()))
        self.running += time.perf_counter() - begin
        self.batches += 1
        return scores


def main() -> None:
    """Measure, and print a table, and the same as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--speed", type=float, help="frames a second of the stand-in")
    parser.add_argument("--seconds", type=float, default=15, help="time for each session")
    parser.add_argument("--videos", type=Path, help="a folder of videos; without it some are drawn")
    parser.add_argument("--json", type=Path, help="a file for the numbers")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        videos = videos_in(arguments.videos) if arguments.videos else drawn_videos(folder)
        decoder = shared_decoder()
        speed = arguments.speed or decoded_per_second(decoder, videos, arguments.seconds) / 2
        fed = [
            feed(decoder, videos, network(folder, kind), kind, speed, arguments.seconds)
            for kind in ("float32", "float16")
        ]
    table = Table("input", "frames/s", "of a session of", "busy", "full", box=box.MARKDOWN)
    for each in fed:
        table.add_row(
            each.input,
            f"{each.frames_per_second:,.0f}",
            f"{each.speed:,.0f}",
            f"{each.busy:.1%}",
            f"{each.full:.1%}",
        )
    Console(width=100).print(table)
    print(f"Goal: busy {GOAL:.0%} of the time.")
    encoded = msgspec.json.encode(fed).decode()
    print(encoded)
    if arguments.json:
        arguments.json.write_text(encoded + "\n")


def network(folder: Path, kind: str) -> OpenModel:
    """A network that costs nothing: the mean of each colour."""
    element = TensorProto.FLOAT if kind == "float32" else TensorProto.FLOAT16
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["image"], ["mean"]),
            helper.make_node("Flatten", ["mean"], ["scores"]),
        ],
        "means",
        [helper.make_tensor_value_info("image", element, [BATCH, 3, *CROP])],
        [helper.make_tensor_value_info("scores", element, [BATCH, 3])],
    )
    path = folder / f"{kind}.onnx"
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return OpenModel(path, path.read_bytes(), UNSAID)


def decoded_per_second(decoder: Decoder, videos: Sequence[Path], seconds: float) -> float:
    """Frames a second that all cores decode, and do nothing else."""
    endless = itertools.cycle(videos)

    def step() -> int:
        return len(decoder.first_frames(next(endless), FRAMES, 256, CROP).images)

    return rate([step] * CORES, seconds)[0]


def feed(
    decoder: Decoder,
    videos: Sequence[Path],
    model: OpenModel,
    kind: str,
    speed: float,
    seconds: float,
) -> Fed:
    """Scan videos for so many seconds, all cores decoding and as many threads waiting."""
    session = StandIn(model, speed)
    batches = Batches(session.run, model.batch, CROP)
    processor, endless = threading.Semaphore(CORES), itertools.cycle(videos)
    answered: list[int] = []

    def step() -> int:
        with processor:
            images = decoder.first_frames(next(endless), FRAMES, 256, CROP).images
        batches.scores(images, np.arange(len(images)))
        answered.append(len(images))
        return len(images)

    rate([step] * 2 * CORES, 1)
    session.running, session.batches = 0.0, 0
    answered.clear()
    begin = time.perf_counter()
    # The last videos find fewer and fewer others beside them; what they wait counts, too.
    rate([step] * 2 * CORES, seconds)
    elapsed = time.perf_counter() - begin
    return Fed(
        input=kind,
        speed=round(speed, 1),
        frames_per_second=round(sum(answered) / elapsed, 1),
        busy=round(session.running / elapsed, 3),
        full=round(sum(answered) / (session.batches * model.batch), 3),
    )


if __name__ == "__main__":
    main()
