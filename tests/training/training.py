"""Training runs that are over in seconds, and the data set that they train on."""

import os
import sys
from fractions import Fraction
from pathlib import Path

from benchmarks.moving_objects.dataset import write_dataset
from videonet.training.config import Config, load

VIDEONET = Path(sys.executable).with_name("videonet")

# Eight clips a step for eight steps, a checkpoint after every three of them.
SETTINGS = (
    *("backbone.name=test_resnet", "augmentation.size=32", "pooling.hidden=8"),
    *("projector.hidden=32", "projector.out=16", "train.batch=8", "train.device=cpu"),
    *("data.examples_per_epoch=16", "train.epochs=4", "optimizer.warmup_epochs=1"),
    *("data.workers=0", "log.every=1", "log.checkpoint_every=3", "log.keep_last=9"),
    *("log.picture_every=0", "log.retrieval_every=0"),
)
STEPS = 8

# One thread: so a process of its own computes the same bits.
ALONE = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def quick(*settings: str) -> Config:
    return load("vito_tiny", [*SETTINGS, *settings])


def command(data: Path | str, run: Path, *settings: str) -> list[str]:
    typed = [word for each in (*SETTINGS, *settings) for word in ("--set", each)]
    return ["--data", str(data), "--out", str(run), "--config", "vito_tiny", *typed]


def small_data(out: Path, videos: int = 20) -> Path:
    write_dataset(out, videos=videos, seed=1, seconds=Fraction("3.2"), shards=2)
    return out
