"""What a classifier sees in the first frames of a video, whatever the video was looked up for."""

import hashlib
import json
import time
from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import imagehash
import msgspec
from PIL import Image

from videonet.classifier.model import Classifier
from videonet.schemas.scan import Scan
from videonet.text import shortened
from videonet.versions import decoder_version
from videonet.video import thumbnails
from videonet.video.container import VideoError
from videonet.video.decoder import Decoder, Part, shared_decoder

# Probabilities are stored rounded: the last digits differ between machines.
PROBABILITY_DIGITS = 4

NOTHING_ELSE: AbstractContextManager[object] = nullcontext()

# To be raised with every change to this code, or to the decoder's, that changes what is seen.
# (2: the whole display matrix, the pixels' aspect, damage)
SCAN_VERSION = 2


@dataclass(frozen=True)
class Scanned:
    """A scan and what was seen on the way."""

    scan: Scan
    # JPEG of a few frames side by side, see `videonet.video.thumbnails`
    thumbnail: bytes | None


def earlier_scan_keys(classifier: Classifier, frames: int) -> frozenset[str]:
    """Names that earlier versions of this code had for the same classifier and setting."""
    return frozenset(scan_key(classifier, frames, each) for each in range(1, SCAN_VERSION))


def scan_key(classifier: Classifier, frames: int, version: int = SCAN_VERSION) -> str:
    """Name under which scans are stored: another classifier, setting or version has another."""
    depends = {
        "version": version,
        "classifier": classifier.sha256,
        **classifier.settings,
        "frames": frames,
        "digits": PROBABILITY_DIGITS,
    }
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:32]


def scan_video(
    source: str | Path | Part,
    classifier: Classifier,
    frames: int = 100,
    looked_for: Iterable[Collection[int]] = (),
    *,
    video_key: str = "",
    sha256: str = "",
    decoder: Decoder | None = None,
    while_gpu_works: AbstractContextManager[object] = NOTHING_ELSE,
) -> Scanned:
    """Classify the first `frames` frames of `source`, in presentation order.

    The scan is the same whatever the video was looked up for. The thumbnail shows besides, for each
    of the sets of outputs `looked_for`, the frame that confirms it best. `video_key` and `sha256`
    name the video and its content in the record. A video that cannot be decoded has a `reason`
    there. It is decoded in a process of its own, by `decoder`; None: by one with the usual limits.
    `while_gpu_works` is entered where frames are at the classifier, so that others may decode.
    Raises InterruptionError if that process was ended by something else than the video.

    >>> scanned = scan_video("swan.mp4", load_classifier("classifier.onnx"))
    >>> scanned.scan.reason, len(scanned.scan.top1), scanned.scan.probe.codec
    (None, 100, 'h264')
    """
    source = Path(source) if isinstance(source, str) else source
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
        decoder=decoder_version(),
    )
    try:
        decoder = decoder or shared_decoder()
        first = decoder.first_frames(source, frames, classifier.resize, classifier.crop)
    except VideoError as error:
        failed = msgspec.structs.replace(
            empty, reason=error.reason, error=shortened(str(error)), limits=error.limits
        )
        return Scanned(failed, None)
    with while_gpu_works:
        top1, probability = classifier.classify(first.images)
    shown = thumbnails.spread(len(first.images))
    scan = msgspec.structs.replace(
        empty,
        top1=tuple(top1.tolist()),
        probability=tuple(round(float(each), PROBABILITY_DIGITS) for each in probability),
        probe=first.probe,
        phash=tuple(str(imagehash.phash(Image.fromarray(first.images[i]))) for i in shown),
        seconds=round(time.monotonic() - begin, 3),
        lost=first.lost,
    )
    best = [_best(scan, outputs) for outputs in looked_for]
    shown += [frame for frame in best if frame is not None]
    return Scanned(scan, thumbnails.strip(first.images, shown))


def _best(scan: Scan, outputs: Collection[int]) -> int | None:
    """Index of the frame whose top-1 is one of `outputs` and is the most probable, if any is."""
    matching = [i for i, output in enumerate(scan.top1) if output in outputs]
    return max(matching, key=lambda i: scan.probability[i], default=None)
