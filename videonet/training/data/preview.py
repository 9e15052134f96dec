"""What the trainer sees of a clip, for a person to look at."""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from videonet.schemas.clip import Clip
from videonet.shards.jpeg import decode
from videonet.training.augment.augmentation import RECIPES, apply, draw
from videonet.training.config import Config
from videonet.training.data.temporal_sampling import (
    Interval,
    frames_at,
    interval_of,
    timestamps,
    window,
)


@dataclass(frozen=True)
class View:
    """One frame as the network sees it, before its mean and deviation are taken out."""

    # microseconds: the moment that was drawn; the frame shown then may be earlier
    moment: int
    # name of the augmentation
    recipe: str
    image: Image.Image


@dataclass(frozen=True)
class Views:
    """The views of one window of a clip."""

    window: Interval
    views: tuple[View, ...]


def views_of(clip: Clip, seed: int) -> Views:
    """The views of a clip in the paper's experiment, as drawn with this seed."""
    config = Config()
    recipes = [RECIPES[name] for name in config.views.recipes]
    generator = np.random.default_rng(seed)
    seen = window(interval_of(clip), generator, config.views.window_seconds)
    drawn_at = timestamps(
        config.views.sampling, seen, generator, len(recipes), config.views.delta_seconds
    )
    jpegs = [clip.image_encoded[index] for index in frames_at(clip.image_timestamp, drawn_at)]
    size = clip.image_height, clip.image_width
    frames = np.stack([decode(jpeg, size) for jpeg in jpegs])
    images = torch.from_numpy(frames).permute(0, 3, 1, 2)
    sizes = torch.tensor([images.shape[2:]])
    torch_generator = torch.Generator().manual_seed(seed)
    views = []
    for place, (moment, recipe) in enumerate(zip(drawn_at, recipes, strict=True)):
        drawn = draw(recipe, sizes, torch_generator, config.augmentation.crop_from)
        view = apply(images[place : place + 1], drawn, config.augmentation.size)[0]
        pixels = (view * 255).round().byte().permute(1, 2, 0).numpy()
        views.append(View(moment, recipe.name, Image.fromarray(pixels)))
    return Views(seen, tuple(views))
