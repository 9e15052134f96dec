"""What a training step costs, against its forward and backward passes alone.

    python -m benchmarks.training_step --data OUT [--config vito_resnet50] [--set ...] [--steps N]

Trains the configuration on the data set as `videonet train` does, and runs the same forward and
backward passes bare on the same device, on images that lie there ready: no loader, no augmentation,
no optimiser, no logging. Images a second are those of all views. The two are measured in turns,
and the median of each is shown. On a GPU, the most memory that the training took stands beside what
`videonet train --dry-run` estimates; of a CPU PyTorch does not tell it.
"""

import argparse
import gc
import statistics
import tempfile
import time
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import msgspec
import torch
from rich import box
from rich.console import Console
from rich.table import Table

from videonet.text import file_size
from videonet.training.config import Config, Log, load
from videonet.training.distributed import init
from videonet.training.fixed_shapes import fixed_shapes
from videonet.training.forecast import fit_here
from videonet.training.log_lines import StepLine, lines_of
from videonet.training.methods.ema import make_target
from videonet.training.methods.vito import vito_loss
from videonet.training.models.network import PerView
from videonet.training.train import network_of, train

# Steps that are not counted: kernels are chosen, compiled and warmed up.
WARM_UP = 5


class Measured(msgspec.Struct, frozen=True):
    """One configuration on one device."""

    config: str
    device: str
    # clips a step, and steps that were counted in each round
    batch: int
    steps: int
    # medians over the rounds
    bare_images_per_second: float
    trained_images_per_second: float
    # share of the time of training in which the loop waited for the loader
    waited: float
    # what a step was estimated to take, and the most that the trainings took, bytes; None: on a CPU
    memory_estimated: int
    memory_taken: int | None


def main() -> None:
    """Measure, and print a table, and the same as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder that a curation wrote")
    parser.add_argument("--config", default="vito_resnet50")
    parser.add_argument("--set", dest="settings", action="append", default=[])
    parser.add_argument("--steps", type=int, default=20, help="steps of a round")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    measured = measure(
        load(arguments.config, arguments.settings),
        arguments.config,
        arguments.data,
        arguments.steps,
        arguments.rounds,
    )
    table = Table(box=box.MARKDOWN)
    for column in (
        *("config", "device", "batch", "bare", "trained", "of bare", "waited for data"),
        *("memory", "estimated"),
    ):
        table.add_column(column)
    taken, estimated = measured.memory_taken, measured.memory_estimated
    table.add_row(
        measured.config,
        measured.device,
        f"{measured.batch}",
        f"{measured.bare_images_per_second:,.0f} images/s",
        f"{measured.trained_images_per_second:,.0f} images/s",
        f"{measured.trained_images_per_second / measured.bare_images_per_second:.0%}",
        f"{measured.waited:.1%}",
        "not told" if taken is None else f"{file_size(taken)} ({taken / estimated:.0%})",
        file_size(estimated),
    )
    # A log has no width of its own.
    Console(width=200).print(table)
    print(msgspec.json.encode(measured).decode())


def measure(config: Config, name: str, data: Path, steps: int, rounds: int) -> Measured:
    """Both in turns."""
    bare, trained, waited = [], [], []
    taken: list[int] = []
    estimated = fit_here(config).found.total
    for _ in range(rounds):
        with (
            init(config.train.device, config.train.timeout_seconds) as ranks,
            fixed_shapes(deterministic=config.train.deterministic),
            closing(bare_steps(config, ranks.device)) as run,
        ):
            seconds = [next(run) for _ in range(WARM_UP + steps)]
            bare.append(statistics.median(seconds[WARM_UP:]))
        if ranks.device.type == "cuda":
            # What the bare steps took is given back: it is no part of the training.
            gc.collect()
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        with tempfile.TemporaryDirectory() as folder:
            seconds, waiting = trained_steps(config, data, Path(folder), WARM_UP + steps)
        trained.append(statistics.median(seconds))
        waited.append(sum(waiting) / sum(seconds))
        if ranks.device.type == "cuda":
            taken.append(torch.cuda.max_memory_allocated())
    images = config.train.batch * len(config.views.recipes)
    return Measured(
        config=name,
        device=torch.cuda.get_device_name() if ranks.device.type == "cuda" else "CPU",
        batch=config.train.batch,
        steps=steps,
        bare_images_per_second=images / statistics.median(bare),
        trained_images_per_second=images / statistics.median(trained),
        waited=statistics.median(waited),
        memory_estimated=estimated,
        memory_taken=max(taken, default=None),
    )


def bare_steps(config: Config, device: torch.device) -> Generator[float, None, None]:
    """Seconds of each step that is nothing but forward and backward passes."""
    layout = torch.channels_last if config.train.channels_last else torch.contiguous_format
    online = network_of(config).to(memory_format=layout).to(device)
    learner, follower = PerView(online), PerView(make_target(online))
    if config.train.compile:
        learner.compile()
        follower.compile()
    size = config.augmentation.size
    views = [
        torch.randn(config.train.batch, 3, size, size, device=device).to(memory_format=layout)
        for _ in config.views.recipes
    ]
    videos = torch.arange(config.train.batch, device=device)
    precision = torch.autocast(
        device.type, torch.bfloat16, enabled=config.train.precision == "bfloat16"
    )
    while True:
        begun = time.perf_counter()
        with precision:
            with torch.no_grad():
                targets = follower(views)
            projections = learner(views)
        loss = vito_loss(
            projections, targets, videos, config.loss.temperature, config.loss.negatives
        )
        online.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if device.type == "cuda":
            torch.cuda.synchronize()
        yield time.perf_counter() - begun


def trained_steps(
    config: Config, data: Path, run: Path, steps: int
) -> tuple[list[float], list[float]]:
    """Seconds of each step of a training run, and those of them spent waiting for the loader."""
    length = msgspec.structs.replace(
        config.train, epochs=steps * config.train.batch / config.data.examples_per_epoch
    )
    # NOTE: a line a step makes the loop wait for the GPU each time, so that a step's time is its
    # own; a training run does so every `log.every` steps only.
    quiet = Log(every=1, checkpoint_every=steps, picture_every=0)
    train(msgspec.structs.replace(config, train=length, log=quiet), data, run)
    counted = [line for line in lines_of(run) if isinstance(line, StepLine)][WARM_UP:]
    return [line.seconds for line in counted], [line.seconds_waiting for line in counted]


if __name__ == "__main__":
    main()
