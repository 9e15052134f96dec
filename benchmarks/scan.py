"""How fast first frames are classified: frames a second of the scan, against the bare limit.

    python -m benchmarks.scan [--device NAME] [--model FILE ...] [--videos FOLDER] [--json FILE]

On a CPU, the limit is what would be left if a scan did nothing but decode and resize frames and run
the network, one after the other: 1 / (1 / decoding + 1 / network), each measured alone on all
cores, with several settings of threads and batches, of which the best counts. With a GPU both go on
at the same time, and the limit is the slower of them (goal: 0.9 of it). The scan is
`videonet.curation.scan.scan_video` in as many threads as there are cores, and twice as many where
half of them wait for a GPU. It decodes in processes that are shut in; what that costs is measured
against the same scan that decodes in this process. All go on in turns, on the first 100 frames of
the same videos, one a core and others in every round.

The network is a ResNet-50 with random weights; --model adds others, which take ImageNet's mean and
std or have a JSON file beside them that says otherwise. Without --videos, videos are drawn. Where
there is a GPU, the same is measured there, too, with weights of 32 and of 16 bits.
"""

import argparse
import os
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.scan_ways import (
    bare,
    decoding,
    drawn_videos,
    equal_top1,
    in_16_bits,
    random_resnet50,
    rate,
    scanning,
    still_video,
    videos_in,
)
from videonet.classifier.model import Classifier
from videonet.errors import UsageError
from videonet.schemas.settings import Device
from videonet.video import decode
from videonet.video.decoder import Decoder

ROUNDS = 5
SECONDS = 1.0
"""Of each way in a round, at least."""

CORES = os.cpu_count() or 1
BATCHES: dict[str, tuple[int, ...]] = {"cpu": (1, 2, 5, 8), "cuda": (10, 50, 100)}


class Way(msgspec.Struct, frozen=True):
    """One way to work on frames: medians over the rounds."""

    name: str
    frames_per_second: float
    # of all threads, a frame
    cpu_milliseconds: float


class Measured(msgspec.Struct, frozen=True):
    """A network on a device."""

    network: str
    device: str
    # the best of several settings
    decoding: Way
    bare: Way
    limit: Way
    scan: Way
    # Speed of the scan, of the limit's; and processor time of the limit, of the scan's. The latter
    # is that of the settings that need least.
    share: float
    cpu_share: float
    # a scan of a video in which nothing moves, and how many of its frames were classified
    still: Way
    still_classified: int
    # the scan that decodes in this process, and speed of the one that does not, of its speed
    open_scan: Way
    cage_share: float
    # share of the videos' frames that get the same class as with weights of 32 bits
    equal_top1: float | None


class Report(msgspec.Struct, frozen=True):
    """What is printed."""

    cores: int
    videos: int
    measured: tuple[Measured, ...]
    # why nothing was measured on a GPU
    no_gpu: str | None


def main() -> None:
    """Measure, and print a table, and the same as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--device", choices=["cpu", "cuda"], help="one device only")
    parser.add_argument("--model", type=Path, nargs="+", default=[], help="further ONNX files")
    parser.add_argument("--videos", type=Path, help="a folder of videos; without it some are drawn")
    parser.add_argument("--json", type=Path, help="a file for the numbers")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        videos = videos_in(arguments.videos) if arguments.videos else drawn_videos(folder)
        videos = videos[:: max(1, len(videos) // (ROUNDS * CORES))]
        models = [random_resnet50(folder), *arguments.model]
        report = measure(models, videos, folder, arguments.device)
    Console(width=132).print(table_of(report))
    encoded = msgspec.json.format(msgspec.json.encode(report)).decode()
    print(encoded)
    if arguments.json:
        arguments.json.write_text(encoded + "\n")


def measure(
    models: Sequence[Path], videos: Sequence[Path], folder: Path, device: str | None
) -> Report:
    """All networks, on the CPU and, where there is one, on a GPU; or on one of them."""
    still = still_video(folder)
    measured = []
    if device != "cuda":
        measured = [measure_on("cpu", model, videos, still) for model in models]
    if device == "cpu":
        return Report(CORES, len(videos), tuple(measured), None)
    no_gpu = None
    try:
        Classifier(models[0], device="cuda")
    except UsageError as error:
        no_gpu = str(error)
    else:
        for model in models:
            half = in_16_bits(model, folder)
            equal = equal_top1(
                Classifier(model, device="cuda"), Classifier(half, device="cuda"), videos
            )
            of_half = measure_on("cuda", half, videos, still)
            measured.append(measure_on("cuda", model, videos, still))
            measured.append(msgspec.structs.replace(of_half, equal_top1=round(equal, 4)))
    return Report(CORES, len(videos), tuple(measured), no_gpu)


def measure_on(device: Device, model: Path, videos: Sequence[Path], still: Path) -> Measured:
    """One network on one device: decoding, network and scan in turns."""
    classifier = Classifier(model, device=device)
    networks = dict(bare(model, classifier, BATCHES[device], CORES))
    of_still = scanning([still] * CORES, classifier, CORES)
    rate(of_still, 0)  # libraries are loaded
    rounds: dict[str, list[tuple[float, float]]] = {}
    for number in range(ROUNDS):
        # One a core, and others in every round.
        taken = [videos[(number * CORES + core) % len(videos)] for core in range(CORES)]
        decoders = decoding(taken, classifier, CORES)
        rate(decoders[next(iter(decoders))], 0)  # files come into the page cache
        ways = {
            **decoders,
            **networks,
            "scan": scanning(taken, classifier, CORES),
            "open scan": scanning(taken, classifier, CORES, cast("Decoder", decode)),
            "still": of_still,
        }
        for name, steps in ways.items():
            rounds.setdefault(name, []).append(rate(steps, SECONDS))
    decoder, network = (
        max(names, key=lambda name: _median(rounds[name], 0)) for names in (decoders, networks)
    )
    # What takes the least processor time need not be the fastest.
    thrifty = [
        min(names, key=lambda name: _median(rounds[name], 1)) for names in (decoders, networks)
    ]
    limits = [
        (
            _limit(device, rounds[decoder][place][0], rounds[network][place][0]),
            sum(rounds[name][place][1] for name in thrifty),
        )
        for place in range(ROUNDS)
    ]
    # Of each round, as the machine may be slower in another.
    pairs = list(zip(rounds["scan"], limits, strict=True))
    before = classifier.frames_classified
    (count,) = {step() for step in scanning([still], classifier, 1)}
    return Measured(
        network=model.stem,
        device=device,
        decoding=_way(decoder, rounds[decoder]),
        bare=_way(network, rounds[network]),
        limit=_way("of both", limits),
        scan=_way(f"{CORES} threads, batches of {classifier.batch}", rounds["scan"]),
        share=round(statistics.median(scan[0] / limit[0] for scan, limit in pairs), 3),
        cpu_share=round(statistics.median(limit[1] / scan[1] for scan, limit in pairs), 3),
        still=_way(f"{count} frames", rounds["still"]),
        still_classified=classifier.frames_classified - before,
        open_scan=_way("in this process", rounds["open scan"]),
        cage_share=round(
            statistics.median(
                shut[0] / open_[0]
                for shut, open_ in zip(rounds["scan"], rounds["open scan"], strict=True)
            ),
            3,
        ),
        equal_top1=None,
    )


def _limit(device: Device, decoding: float, network: float) -> float:
    """The most frames a second, from those of both parts."""
    return min(decoding, network) if device == "cuda" else 1 / (1 / decoding + 1 / network)


def _way(name: str, rounds: Sequence[tuple[float, float]]) -> Way:
    return Way(name, round(_median(rounds, 0), 1), round(_median(rounds, 1), 3))


def _median(rounds: Sequence[tuple[float, float]], place: int) -> float:
    return statistics.median(each[place] for each in rounds)


def table_of(report: Report) -> Table:
    """The numbers as a table, in Markdown."""
    table = Table(
        "network",
        "what",
        "frames a second",
        "of the limit",
        "processor ms a frame",
        "of the limit's",
        box=box.MARKDOWN,
    )
    for each in report.measured:
        rows = {
            f"decoding alone ({each.decoding.name})": each.decoding,
            f"network alone ({each.bare.name})": each.bare,
            "the limit": each.limit,
            f"scan ({each.scan.name})": each.scan,
            f"scan, decoding in this process: of its speed the other has {each.cage_share:.1%}": (
                each.open_scan
            ),
            f"scan of a still picture ({each.still_classified} of {each.still.name} classified)": (
                each.still
            ),
        }
        for what, way in rows.items():
            scan = way is each.scan
            table.add_row(
                f"{each.network}, {each.device}",
                what,
                f"{way.frames_per_second:,.1f}",
                f"{each.share:.1%}" if scan else "",
                f"{way.cpu_milliseconds:.2f}",
                f"{1 / each.cpu_share:.1%}" if scan else "",
            )
        if each.equal_top1 is not None:
            table.add_row(f"{each.network}, {each.device}", f"equal top-1: {each.equal_top1:.2%}")
    if report.no_gpu:
        table.add_row("any, cuda", "not measured: there is no GPU that ONNX Runtime can use here")
    return table


if __name__ == "__main__":
    main()
