"""Trains the demo's classifier on frames drawn for it: `python -m demo.train_classifier`.

It writes demo/classifier.onnx, and demo/classifier.json beside it, which says what the outputs
mean and how a frame is made ready. It knows the demo's drawings and nothing else.
"""

import io
import json
from pathlib import Path
from random import Random
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from demo.convnet import ConvNet, Floats
from demo.drawing import KINDS, SCENERY, Scene

MODEL = Path(__file__).with_name("classifier.onnx")

SIZE = 64
"""Height and width of the classifier's input, pixels."""
MEAN: Floats = np.array([0.5, 0.5, 0.5], np.float32)
STD: Floats = np.array([0.25, 0.25, 0.25], np.float32)

CHANNELS = (3, 16, 32, 48, 64)
SCENES = 10_000
FRAMES = 2
"""Frames of each scene."""
JUNK = 1000
"""Frames of one colour and of noise: they show no subject either."""
STEPS = 900
BATCH = 128
RATE = 3e-3

Labels: TypeAlias = npt.NDArray[np.int64]


def main() -> None:
    """Draws, trains, and writes the model and its card."""
    drawn, classes = draw_frames(SCENES, "training")
    images = np.concatenate([drawn, junk_frames(JUNK)])
    labels = np.concatenate([classes, np.full(JUNK, KINDS.index(SCENERY))])
    net = ConvNet(SIZE, CHANNELS, len(KINDS), seed=0)
    rng = np.random.default_rng(0)
    losses = []
    for step in range(1, STEPS + 1):
        batch = rng.integers(len(images), size=BATCH)
        losses.append(net.learn(images[batch], labels[batch], RATE * (1 - step / STEPS)))
        if step % 100 == 0:
            print(f"step {step} of {STEPS}: loss {np.mean(losses[-100:]):.4f}")
    MODEL.write_bytes(net.to_onnx().SerializeToString(deterministic=True))
    card = {
        "labels": [{"wnid": None, "name": kind} for kind in KINDS],
        "input_size": [SIZE, SIZE],
        "mean": MEAN.tolist(),
        "std": STD.tolist(),
    }
    MODEL.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n")
    print(f"{MODEL}: {MODEL.stat().st_size / 1000:.0f} kB")


def draw_frames(scenes: int, name: str) -> tuple[Floats, Labels]:
    """Frames [N, SIZE, SIZE, 3] of so many scenes, all kinds in turn, and their classes [N].

    Scenes of another `name` are other scenes.
    """
    random = Random(name)
    images, labels = [], []
    for index in range(scenes):
        label = index % len(KINDS)
        size = random.choice(((160, 120), (176, 144), (192, 108), (108, 192)))
        scene = Scene(KINDS[label], size, seed=random.randrange(1 << 40, 1 << 41))
        for _ in range(FRAMES):
            picture = scene.frame(random.uniform(0, 12))
            images.append(prepare(_compressed(picture, random.randrange(15, 90))))
            labels.append(label)
    return np.stack(images), np.array(labels)


def junk_frames(count: int) -> Floats:
    """Frames [count, SIZE, SIZE, 3]: plain colours with noise, from none to nothing else."""
    rng = np.random.default_rng(0)
    plain = rng.random((count, 1, 1, 3), np.float32)
    share = rng.choice(np.linspace(0, 1, 6, dtype=np.float32), (count, 1, 1, 1))
    noise = rng.random((count, SIZE, SIZE, 3), np.float32)
    return _normalised(plain * (1 - share) + noise * share)


def _compressed(picture: Image.Image, quality: int) -> Image.Image:
    """With the artefacts that a JPEG has in common with a frame of a video."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(file)


def _normalised(pixels: Floats) -> Floats:
    """Pixels of 0 to 1 as the classifier takes them."""
    return (pixels - MEAN) / STD


def prepare(picture: Image.Image) -> Floats:
    """An RGB picture as the classifier's input [SIZE, SIZE, 3].

    As in ImageNet's usual evaluation: short side to 256 / 224 of the input, centre crop.
    """
    scale = SIZE * 256 / 224 / min(picture.size)
    width, height = (round(scale * side) for side in picture.size)
    left, top = (width - SIZE) // 2, (height - SIZE) // 2
    resized = picture.resize((width, height), Image.Resampling.BILINEAR)
    cropped = resized.crop((left, top, left + SIZE, top + SIZE))
    pixels: Floats = np.asarray(cropped, np.float32) / np.float32(255)
    return _normalised(pixels)


if __name__ == "__main__":
    main()
