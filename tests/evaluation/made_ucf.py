"""Small sets that lie as UCF-101 does: drawn ones, in which motion decides, and real videos."""

from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Frames = Sequence[NDArray[np.uint8]]

# Frames a second, and pixels.
RATE, HEIGHT, WIDTH = 4, 48, 64

# Two seconds, as a clip has: then that is the whole video.
FRAMES = 2 * RATE


def write_avi(file: Path, frames: Frames, rate: int = RATE, codec: str = "ffv1") -> None:
    """Frames as an AVI; of ffv1 each pixel is as it was."""
    file.parent.mkdir(parents=True, exist_ok=True)
    height, width, _ = frames[0].shape
    with av.open(str(file), "w", format="avi") as output:
        stream = output.add_stream(codec, rate=rate)
        stream.width, stream.height = width, height
        stream.pix_fmt = "bgr0" if codec == "ffv1" else "yuv420p"
        for each in frames:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(each, format="rgb24")))
        output.mux(stream.encode(None))


def growing(seed: int) -> list[NDArray[np.uint8]]:
    """A bright disc that grows. Backwards, one that shrinks, of the very same frames."""
    random = np.random.default_rng(seed)
    ground = tuple(random.integers(0, 60, 3).tolist())
    colour = tuple(random.integers(190, 256, 3).tolist())
    across, down = random.uniform(0.4, 0.6, 2) * (WIDTH, HEIGHT)
    frames = []
    for time in range(FRAMES):
        radius = WIDTH * time / FRAMES
        image = Image.new("RGB", (WIDTH, HEIGHT), ground)
        box = (across - radius, down - radius, across + radius, down + radius)
        ImageDraw.Draw(image).ellipse(box, fill=colour)
        frames.append(np.array(image))
    return frames


def write_drawn(root: Path, groups: range, tested: range) -> Path:
    """Growing and shrinking discs: each group has one of each class, of the same frames."""
    names: dict[int, dict[str, str]] = {}
    for group in (*groups, *tested):
        frames = growing(group)
        names[group] = {}
        for kind, shown in (("Growing", frames), ("Shrinking", frames[::-1])):
            names[group][kind] = name = f"{kind}/v_{kind}_g{group:02}_c01.avi"
            write_avi(root / "UCF-101" / name, shown)
    write_lists(
        root,
        ["Growing", "Shrinking"],
        [names[group][kind] for kind in ("Growing", "Shrinking") for group in groups],
        [names[group][kind] for kind in ("Growing", "Shrinking") for group in tested],
    )
    return root


def write_lists(
    root: Path, classes: Sequence[str], train: Sequence[str], test: Sequence[str], split: int = 1
) -> None:
    """Lists as UCF-101 has them, with its line ends."""

    def write(name: str, lines: Sequence[str]) -> None:
        file = root / "ucfTrainTestlist" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes("".join(f"{line}\r\n" for line in lines).encode())

    write("classInd.txt", [f"{place} {name}" for place, name in enumerate(classes, start=1)])
    numbered = [f"{name} {classes.index(name.partition('/')[0]) + 1}" for name in train]
    write(f"trainlist{split:02}.txt", numbered)
    write(f"testlist{split:02}.txt", test)


def write_copies(
    root: Path, sources: Sequence[Path], change: Callable[[Path, Path], None], copies: int = 2
) -> Path:
    """Each source as a class of its own: one copy that trains and others that test.

    `change` writes a file from a source.
    """
    classes = [f"Class{place}" for place in range(len(sources))]
    train, test = [], []
    for name, source in zip(classes, sources, strict=True):
        for group in range(1, copies + 1):
            listed = f"{name}/v_{name}_g{group:02}_c01.avi"
            file = root / "UCF-101" / listed
            file.parent.mkdir(parents=True, exist_ok=True)
            change(source, file)
            (train if group == 1 else test).append(listed)
    write_lists(root, classes, train, test)
    return root
