"""What a training asks of a machine, before it begins: memory, shared memory and time.

Memory is counted on a network without numbers, PyTorch's "meta" device, which computes nothing. It
is an estimate: what libraries keep for themselves is not in it.
"""

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from videonet.text import duration
from videonet.training.config import Config
from videonet.training.data.clip_index import ClipIndex
from videonet.training.models.network import PerView
from videonet.training.train import network_of, steps_in

# Clips on which the count is made: that of a step is in proportion, but for the weights.
_COUNTED = 2

# The most clips of a step that is timed, and how often: the first one is slow, and others may be
# held up by what else the machine does.
_TIMES = 4
_TIMED = 8

# Bytes of a frame as it is stored, 455 x 256 pixels, and batches that each worker has in hand.
_FRAME, _IN_HAND = 455 * 256 * 3, 3

_SHARED = Path("/dev/shm")  # noqa: S108 (PyTorch's own place)


@dataclass(frozen=True)
class Needs:
    """Bytes that a rank's step takes of its device, those of all workers in /dev/shm, and the free.

    None: it is not known how many are free.
    """

    memory: int
    free: int | None
    shared: int
    shared_free: int | None

    def warnings(self, config: Config) -> list[str]:
        """What is likely to be too little, a sentence each, with the setting to change."""
        found = []
        if self.free is not None and self.memory > self.free:
            found.append(
                f"a step is estimated to take {_gb(self.memory)} of memory, and {_gb(self.free)} "
                f"are free; if it ends for want of memory, set train.batch lower than "
                f"{config.train.batch:,}, or train with more ranks"
            )
        if self.shared_free is not None and self.shared > self.shared_free:
            found.append(
                f"workers hand over batches in {_SHARED}, of which they take up to "
                f"{_gb(self.shared)}, and {_gb(self.shared_free)} are free; set data.workers lower "
                f"than {config.data.workers}"
            )
        return found


def needs(config: Config) -> Needs:
    """What a step takes here, with as many ranks as torchrun started."""
    device, ranks, ranks_here = _here(config)
    clips = max(1, config.train.batch // ranks)
    shared = _IN_HAND * config.data.workers * ranks_here * clips
    return Needs(
        memory=memory_of_step(config, clips, device.type),
        free=_free(device),
        shared=shared * len(config.views.recipes) * _FRAME,
        shared_free=shutil.disk_usage(_SHARED).free if _SHARED.is_dir() else None,
    )


def memory_of_step(config: Config, clips: int, device: str) -> int:
    """Bytes of a step of so many clips, estimated: weights, what backward needs, and images."""
    with torch.device("meta"), torch.random.fork_rng(devices=[]):
        network = network_of(config).train()
        size, views = config.augmentation.size, len(config.views.recipes)
        images = [torch.zeros(_COUNTED, 3, size, size) for _ in range(views)]
    weights = sum(each.nbytes for each in network.parameters())
    # Of the network, of its gradients, and of the one that follows it; then the optimiser's.
    copies = 3 + (2 if config.optimizer.name == "adamw" else 1)
    kept = _kept_for_backward(PerView(network), images) / _COUNTED
    if config.train.precision == "bfloat16" and device == "cuda":
        kept /= 2
    # As they come, uint8, and as floating point, of which changing them takes another copy.
    shown = views * (_FRAME + 2 * 4 * 3 * size * size)
    return round(copies * weights + clips * (kept + shown))


def _kept_for_backward(learner: nn.Module, images: list[Tensor]) -> int:
    """Bytes that a forward pass keeps for the backward one, weights left out."""
    own = {each.untyped_storage()._cdata for each in learner.parameters()}
    kept: dict[int, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        # It is held, so that no other one takes its place.
        kept.setdefault(tensor.untyped_storage()._cdata, tensor)
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        learner(images)
    return sum(each.untyped_storage().nbytes() for place, each in kept.items() if place not in own)


def seconds_of_step(config: Config) -> float:
    """Seconds in which a rank computes a step here: one of a few clips of noise is timed."""
    device, ranks, _ = _here(config)
    clips = max(1, config.train.batch // ranks)
    few = min(clips, _TIMED)
    size = config.augmentation.size
    with torch.random.fork_rng(devices=[]):
        learner = PerView(network_of(config)).train().to(device)
        views = [torch.randn(few, 3, size, size).to(device) for _ in config.views.recipes]
    is_bfloat16 = config.train.precision == "bfloat16"
    seconds = []
    for _ in range(_TIMES):
        begun = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16, enabled=is_bfloat16):
            with torch.no_grad():
                learner(views)  # as the network that follows does
            projections = learner(views)
        projections.float().square().mean().backward()  # type: ignore[no-untyped-call]
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - begun)
    return min(seconds) * clips / few


def lines(config: Config, dataset: ClipIndex, found: Needs) -> list[tuple[str, str]]:
    """What a training comes to, as names and what is said of each."""
    steps = steps_in(config.train.epochs, config)
    images = config.train.batch * len(config.views.recipes)
    device, ranks, _ = _here(config)
    rows, videos = len(dataset.training_rows()), int((~dataset.held_out).sum())
    return [
        ("data", f"{rows:,} clips of {videos:,} videos"),
        ("steps", f"{steps:,}, each of {config.train.batch:,} clips and {images:,} images"),
        ("images", f"{steps * images:,}"),
        ("memory", f"about {_gb(found.memory)} of each rank's {device.type}, {_known(found.free)}"),
        ("shared", f"{_gb(found.shared)} of {_SHARED}, {_known(found.shared_free)}"),
        (
            "time",
            f"about {duration(seconds_of_step(config) * steps)} of computing on {ranks} x "
            f"{device.type}, without reading clips; by a step of a few clips of noise",
        ),
    ]


def _here(config: Config) -> tuple[torch.device, int, int]:
    """The device of this rank, how many ranks there are, and how many of them on this machine."""
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    here = int(os.environ.get("LOCAL_WORLD_SIZE", str(ranks)))
    is_gpu = config.train.device != "cpu" and torch.cuda.is_available()
    local = int(os.environ.get("LOCAL_RANK", "0"))
    return torch.device("cuda", local) if is_gpu else torch.device("cpu"), ranks, here


def _free(device: torch.device) -> int | None:
    """Bytes that are free for a rank; None: this system does not say."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        said = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:
        return None
    known = dict(line.split(":", 1) for line in said.splitlines() if ":" in line)
    return int(known["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in known else None


def _known(free: int | None) -> str:
    return "how much is free is not known" if free is None else f"{_gb(free)} free"


def _gb(count: int) -> str:
    return f"{count / 1e9:,.1f} GB"
