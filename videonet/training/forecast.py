"""What a training asks of a machine, before it begins: memory, shared memory and time."""

import os
import time

import torch

from videonet.text import duration, file_size
from videonet.training.config import Config, after, as_dict, steps_in
from videonet.training.data.clip_index import ClipIndex
from videonet.training.memory_estimate import SHARED, Fit, fit
from videonet.training.methods.method import method_of
from videonet.training.train import network_of

# The most clips of a step that is timed, and how often: the first one is slow, and others may be
# held up by what else the machine does.
_TIMES = 4
_TIMED = 8


def fit_here(config: Config) -> Fit:
    """What a step takes here, with as many ranks as torchrun started."""
    device, ranks = _here(config)
    with torch.device("meta"), torch.random.fork_rng(devices=[]):
        network = network_of(config)
    return fit(config, network, device, ranks)


def seconds_of_step(config: Config) -> float:
    """Seconds in which a rank computes a step here: one of a few clips of noise is timed."""
    device, ranks = _here(config)
    clips = max(1, config.train.batch // ranks)
    few = min(clips, _TIMED)
    size, method = config.augmentation.size, method_of(config)
    with torch.random.fork_rng(devices=[]):
        learner = method.learner(network_of(config)).train().to(device)
        views = [torch.randn(few, 3, size, size).to(device) for _ in method.views]
    is_bfloat16 = config.train.precision == "bfloat16"
    seconds = []
    for _ in range(_TIMES):
        begun = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16, enabled=is_bfloat16):
            if method.has_target:
                with torch.no_grad():
                    learner(views)  # as the network that follows does
            found = learner(views)
        given = found if isinstance(found, tuple) else (found,)
        made = [each.float().square().mean() for each in given if each is not None]
        torch.stack(made).sum().backward()  # type: ignore[no-untyped-call]
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - begun)
    return min(seconds) * clips / few


def lines(config: Config, dataset: ClipIndex, fits: Fit) -> list[tuple[str, str]]:
    """What a training comes to, as names and what is said of each."""
    steps = steps_in(config.train.epochs, config)
    method = method_of(config)
    images = config.train.batch * len(method.views)
    device, ranks = _here(config)
    rows, videos = len(dataset.training_rows()), int((~dataset.held_out).sum())
    said = after(as_dict(config))
    of = "clips" if method.shots is None else "videos"
    found, free, shared = fits.found, _known(fits.free), _known(fits.shared_free)
    how = ", with activation checkpointing" if fits.recompute else ""
    return [
        ("data", f"{rows:,} clips of {videos:,} videos"),
        *([("method", f"{config.method.name} {said}")] if said else []),
        ("steps", f"{steps:,}, each of {config.train.batch:,} {of} and {images:,} images"),
        ("images", f"{steps * images:,}"),
        ("memory", f"about {file_size(found.total)} of each rank's {device.type}{how}, {free}"),
        ("shared", f"{file_size(found.shared)} of {SHARED} for each rank, {shared}"),
        (
            "time",
            f"about {duration(seconds_of_step(config) * steps)} of computing on {ranks} x "
            f"{device.type}, without reading clips; by a step of a few clips of noise",
        ),
    ]


def _here(config: Config) -> tuple[torch.device, int]:
    """The device of this rank, and how many ranks there are."""
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    is_gpu = config.train.device != "cpu" and torch.cuda.is_available()
    local = int(os.environ.get("LOCAL_RANK", "0"))
    return torch.device("cuda", local) if is_gpu else torch.device("cpu"), ranks


def _known(free: int | None) -> str:
    return "how much is free is not known" if free is None else f"{file_size(free)} free"
