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

from videonet.classifier.embedding import Embedding
from videonet.classifier.model import Classifier
from videonet.classifier.neighbours import Neighbours
from videonet.schemas.neighbours import EmbeddedVideo
from videonet.schemas.scan import Scan
from videonet.text import shortened
from videonet.versions import decoder_version
from videonet.video import thumbnails
from videonet.video.container import VideoError
from videonet.video.decode import FirstFrames
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
    # features of them, where neighbours are looked for
    embedded: EmbeddedVideo | None = None


def earlier_scan_keys(classifier: Classifier, frames: int) -> frozenset[str]:
    """Names that earlier versions of this code had for the same classifier and setting."""
    return frozenset(scan_key(classifier, frames, each) for each in range(1, SCAN_VERSION))


def scan_key(classifier: Classifier | Neighbours, frames: int, version: int = SCAN_VERSION) -> str:
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
    begin = time.monotonic()
    empty, first = _first_frames(source, classifier, frames, video_key, sha256, decoder)
    if first is None:
        return Scanned(empty, None)
    with while_gpu_works:
        top1, probability = classifier.classify(first.images)
    scan = msgspec.structs.replace(
        empty,
        top1=tuple(top1.tolist()),
        probability=tuple(round(float(each), PROBABILITY_DIGITS) for each in probability),
        seconds=round(time.monotonic() - begin, 3),
    )
    shown = thumbnails.spread(len(first.images))
    best = [_best(scan, outputs) for outputs in looked_for]
    shown += [frame for frame in best if frame is not None]
    return Scanned(scan, thumbnails.strip(first.images, shown))


def embed_video(
    source: Path | Part,
    neighbours: Neighbours,
    frames: int,
    *,
    video_key: str,
    sha256: str,
    decoder: Decoder,
    while_gpu_works: AbstractContextManager[object] = NOTHING_ELSE,
) -> Scanned:
    """Compare a few of the first `frames` frames of `source` with the targets of `neighbours`.

    These are the frames of the thumbnail, evenly spread. The scan says of each of them which target
    is nearest, and how near. What the store is to keep of them comes with it. All else is as in
    `scan_video`.
    """
    begin = time.monotonic()
    empty, first = _first_frames(source, neighbours.embedding, frames, video_key, sha256, decoder)
    if first is None:
        return Scanned(empty, None)
    chosen = thumbnails.spread(len(first.images))
    with while_gpu_works:
        embedded = neighbours.embedded(first.images[chosen], empty)
    seen = msgspec.structs.replace(empty, seconds=round(time.monotonic() - begin, 3))
    embedded = msgspec.structs.replace(embedded, scan=seen)
    strip = thumbnails.strip(first.images, chosen)
    return Scanned(neighbours.compared(embedded), strip, embedded)


def _first_frames(
    source: str | Path | Part,
    model: Classifier | Embedding,
    frames: int,
    video_key: str,
    sha256: str,
    decoder: Decoder | None,
) -> tuple[Scan, FirstFrames | None]:
    """The first frames as a model sees them, and a scan without classes; None: why there are none.

    The scan says why, then.
    """
    source = Path(source) if isinstance(source, str) else source
    scan = Scan(
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
        first = decoder.first_frames(source, frames, model.resize, model.crop)
    except VideoError as error:
        failed = msgspec.structs.replace(
            scan, reason=error.reason, error=shortened(str(error)), limits=error.limits
        )
        return failed, None
    shown = thumbnails.spread(len(first.images))
    phash = tuple(str(imagehash.phash(Image.fromarray(first.images[i]))) for i in shown)
    return msgspec.structs.replace(scan, probe=first.probe, phash=phash, lost=first.lost), first


def _best(scan: Scan, outputs: Collection[int]) -> int | None:
    """Index of the frame whose top-1 is one of `outputs` and is the most probable, if any is."""
    matching = [i for i, output in enumerate(scan.top1) if output in outputs]
    return max(matching, key=lambda i: scan.probability[i], default=None)
