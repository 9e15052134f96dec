"""What a classifier sees in the first frames of a video, whatever the video was looked up for."""

import hashlib
import io
import json
import time
from dataclasses import dataclass
from pathlib import Path

import imagehash
import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from schemas import Scan
from videonet.classifier import Classifier
from videonet.fetch import shortened
from videonet.video import VideoError, first_frames

# Probabilities are stored rounded: the last digits differ between machines.
PROBABILITY_DIGITS = 4

# To be raised with every change to this code, or to the decoder's, that changes what is seen.
SCAN_VERSION = 1

# Frames of a thumbnail, evenly spread over the scanned ones, and their height in pixels.
THUMBNAIL_FRAMES = 4
THUMBNAIL_HEIGHT = 112


@dataclass(frozen=True)
class Scanned:
    """A scan and what was seen on the way."""

    scan: Scan
    # JPEG of a few frames side by side, as the classifier saw them
    thumbnail: bytes | None


def scan_key(classifier: Classifier, frames: int) -> str:
    """Name under which scans are stored: another classifier or setting has another."""
    depends = {
        "version": SCAN_VERSION,
        "classifier": classifier.sha256,
        **classifier.settings,
        "frames": frames,
        "digits": PROBABILITY_DIGITS,
    }
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:32]


def scan_video(
    file: Path, video_key: str, sha256: str, classifier: Classifier, frames: int
) -> Scanned:
    """Classify the first `frames` frames of `file`, whose content is `sha256`."""
    begin = time.monotonic()
    empty = Scan(
        video_key=video_key,
        sha256=sha256,
        reason=None,
        error=None,
        top1=(),
        probability=(),
        probe=None,
        phash=(),
        seconds=0.0,
    )
    try:
        first = first_frames(file, frames, classifier.resize, classifier.crop)
    except VideoError as error:
        failed = msgspec.structs.replace(empty, reason=error.reason, error=shortened(str(error)))
        return Scanned(failed, None)
    top1, probability = classifier.classify(first.images)
    shown = _spread(first.images)
    scan = msgspec.structs.replace(
        empty,
        top1=tuple(top1.tolist()),
        probability=tuple(round(float(each), PROBABILITY_DIGITS) for each in probability),
        probe=first.probe,
        phash=tuple(str(imagehash.phash(image)) for image in shown),
        seconds=round(time.monotonic() - begin, 3),
    )
    return Scanned(scan, _strip(shown))


def _spread(images: NDArray[np.uint8]) -> list[Image.Image]:
    """A few of `images`, first and last included, none twice."""
    positions = np.linspace(0, len(images) - 1, THUMBNAIL_FRAMES).round().astype(int)
    return [Image.fromarray(images[position]) for position in sorted(set(positions.tolist()))]


def _strip(images: list[Image.Image]) -> bytes:
    height = min(THUMBNAIL_HEIGHT, images[0].height)
    width = round(images[0].width * height / images[0].height)
    strip = Image.new("RGB", (width * len(images), height))
    for position, image in enumerate(images):
        strip.paste(image.resize((width, height), Image.Resampling.BILINEAR), (position * width, 0))
    jpeg = io.BytesIO()
    strip.save(jpeg, "JPEG", quality=80)
    return jpeg.getvalue()
