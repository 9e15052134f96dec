"""How fast evaluations are: features of images against the bare network, masks against all keys.

    python -m benchmarks.evaluation [--arch NAME] [--images N] [--workers N] [--frames N]
        [--positions HEIGHT WIDTH] [--channels N] [--device cpu|cuda] [--json FILE]

The first part writes N pictures of 500 x 375 pixels and asks for their pooled features as
`imagenet-knn` does: reading, decoding, resizing and the network. Bare is the network alone, on
images that lie on the device already. The second part propagates masks over random features, a
frame at a time, with keys within 18 positions as `davis2017` does, and with all keys.

What is to be believed are the ratios; seconds depend on what else the machine does.
"""

import argparse
import tempfile
import time
from pathlib import Path

import msgspec
import numpy as np
import timm
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from videonet.evaluation.images import batches
from videonet.evaluation.model import Model
from videonet.evaluation.opening import How, open_model
from videonet.evaluation.propagation import Rule, propagated

GOAL = 0.9
BATCH = 64


class Measured(msgspec.Struct, frozen=True):
    """What was measured, and where."""

    device: str
    arch: str
    # images a second: of the network alone, and of the whole way from files to features
    bare: float
    whole: float
    # seconds a frame: keys near by, and all keys
    windowed: float
    dense: float

    @property
    def share(self) -> float:
        """How much of the bare network's speed is left."""
        return self.whole / self.bare


def main() -> None:
    """Measure both, and print them."""
    asked = arguments()
    device = torch.device(asked.device)
    with tempfile.TemporaryDirectory() as folder:
        model = opened(asked.arch, Path(folder), asked.device)
        paths = pictures(Path(folder), asked.images)
        bare, whole = features(model, paths, asked.workers)
    windowed, dense = propagation(
        asked.positions, asked.channels, asked.frames, device, Rule(radius=asked.radius)
    )
    found = Measured(str(device), asked.arch, bare, whole, windowed, dense)
    print(f"{asked.arch} on {device}: bare {bare:,.1f} images/s, from files {whole:,.1f}")
    print(f"  {found.share:.2f} of bare (goal {GOAL})")
    height, width = asked.positions
    print(f"{height} x {width} positions of {asked.channels} channels, {asked.frames} frames:")
    print(f"  {windowed:.3f} s a frame with keys near by, {dense:.3f} s with all: ", end="")
    print(f"{dense / windowed:.1f} times as fast")
    if asked.json:
        asked.json.write_bytes(msgspec.json.encode(found))


def opened(arch: str, folder: Path, device: str) -> Model:
    """The network with the weights that it begins with."""
    torch.manual_seed(0)
    file = folder / "weights.pth"
    torch.save(timm.create_model(arch, num_classes=0).state_dict(), file)
    return open_model(f"timm:{arch}@{file}", How(device="cuda" if device == "cuda" else "cpu"))


def pictures(folder: Path, count: int) -> list[Path]:
    """Files of pictures as large as ImageNet's are on average."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (count, 12, 16, 3)).astype(np.uint8)
    paths = []
    for number, each in enumerate(coarse):
        path = folder / f"{number:06}.jpg"
        Image.fromarray(each).resize((500, 375), Image.Resampling.BICUBIC).save(path, quality=90)
        paths.append(path)
    return paths


@torch.inference_mode()
def features(model: Model, paths: list[Path], workers: int) -> tuple[float, float]:
    """Images a second: of the network alone, and of the way from files to features."""
    assert model.features is not None
    crop = model.preparation.crop
    images = torch.randint(0, 256, (BATCH, 3, crop, crop), dtype=torch.uint8)
    ready = model.normalised(images)
    model.features(ready)  # what is done but once
    waited(model.device)
    began = time.perf_counter()
    for _ in range(max(1, len(paths) // BATCH)):
        model.features(ready)
    waited(model.device)
    bare = max(1, len(paths) // BATCH) * BATCH / (time.perf_counter() - began)
    began = time.perf_counter()
    for part in batches(paths, model.preparation, BATCH, workers):
        model.features(model.normalised(part))
    waited(model.device)
    return bare, len(paths) / (time.perf_counter() - began)


@torch.inference_mode()
def propagation(
    positions: tuple[int, int], channels: int, frames: int, device: torch.device, rule: Rule
) -> tuple[float, float]:
    """Seconds a frame: with keys near by, and with all of them."""
    random = torch.Generator().manual_seed(0)
    video = [torch.randn(channels, *positions, generator=random).to(device) for _ in range(frames)]
    objects = torch.randint(0, 3, positions, generator=random)
    first = functional.one_hot(objects, 3).permute(2, 0, 1).float().to(device)
    seconds = []
    for way in (propagated, densely):
        began = time.perf_counter()
        *_, last = way(video, first, rule)
        waited(device)
        seconds.append((time.perf_counter() - began) / (frames - 1))
        del last
    return seconds[0], seconds[1]


def densely(video: list[Tensor], first: Tensor, rule: Rule) -> list[Tensor]:
    """The same, as VFS computes it: every position against all, and those too far left out."""
    height, width = first.shape[1:]
    rows, columns = (
        torch.arange(height).repeat_interleave(width),
        torch.arange(width).repeat(height),
    )
    places = torch.stack([rows, columns], 1)
    far = (places[:, None] - places[None]).square().sum(2) >= rule.radius**2
    far = far.to(first.device)
    flat = [functional.normalize(each, dim=0).flatten(1) for each in video]
    maps = [first.flatten(1)]
    for now in range(1, len(video)):
        looked_at = [0, *range(max(0, now - rule.before), now)]
        held = torch.cat([maps[each] for each in looked_at], dim=1)
        found = torch.empty_like(maps[0])
        # So many queries at a time as VFS has.
        for begin in range(0, height * width, 32):
            part = slice(begin, begin + 32)
            cosines = torch.cat(
                [
                    (flat[now][:, part].mT @ flat[each]).masked_fill(far[part], -torch.inf)
                    for each in looked_at
                ],
                dim=1,
            )
            alike = cosines.topk(rule.top, dim=1)
            weights = (alike.values / rule.temperature).softmax(dim=1)
            found[:, part] = (held[:, alike.indices] * weights).sum(dim=2)
        maps.append(found)
    return [each.view_as(first) for each in maps]


def waited(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arch", default="resnet50")
    parser.add_argument("--images", type=int, default=2048)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--frames", type=int, default=25)
    parser.add_argument("--positions", type=int, nargs=2, default=(60, 107))
    parser.add_argument("--channels", type=int, default=1024)
    parser.add_argument("--radius", type=float, default=18.0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
