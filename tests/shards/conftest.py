"""Small clips of real JPEGs."""

import numpy as np
import pytest
import simplejpeg

from videonet.schemas.clip import Clip

FRAME = 80_000  # microseconds


def make_clip(number: int, frames: int = 3, **changes: object) -> Clip:
    pixels = np.random.default_rng(number).integers(0, 256, (frames, 16, 24, 3), dtype=np.uint8)
    fields = {
        "example_id": f"youtube:{number}#0",
        "example_dataset_name": "videonet",
        "clip_data_path": f"https://example.org/watch?v={number}",
        "clip_media_id": str(number),
        "clip_start_timestamp": 40_000,
        "clip_end_timestamp": 40_000 + frames * FRAME,
        "clip_label_index": (3,),
        "clip_label_string": ("tiger shark",),
        "clip_label_text": ("tiger shark",),
        "image_format": "jpeg",
        "image_height": 16,
        "image_width": 24,
        "image_channels": 3,
        "image_colorspace": "RGB",
        "image_frame_rate": 12.5,
        "image_encoded": tuple(simplejpeg.encode_jpeg(frame) for frame in pixels),
        "image_timestamp": tuple(40_000 + tick * FRAME for tick in range(frames)),
    }
    return Clip(**fields | changes)


# Columns of motion, as they may be.
MOTION = {
    "clip_motion_repeated": 0.25,
    "clip_motion_difference": 1.5,
    "clip_cut_timestamp": (40_000 + FRAME,),
}

# Columns of the labels' ids, of one label.
LABEL_IDS = {"clip_label_target_id": ("n01491361",), "clip_label_wnid": ("n01491361",)}


@pytest.fixture
def clips() -> list[Clip]:
    """Three clips; the middle one has two labels."""
    two = {
        "clip_label_index": (2, 3),
        "clip_label_string": ("white shark", "tiger shark"),
        "clip_label_text": ("white shark", "tiger shark"),
    }
    return [make_clip(0), make_clip(1, frames=2, **two), make_clip(2)]
