"""What the classifier saw in the first frames of a video."""

from videonet.schemas.decode_limits import DecodeLimits
from videonet.schemas.reason import Reason
from videonet.schemas.record import Record


class Probe(Record, frozen=True, kw_only=True):
    """What the container says of the video stream that was read."""

    # as shown, turned upright and with square pixels; pixels
    width: int
    height: int
    # average frames per second
    fps: float | None
    # its own name, such as av1; scans of earlier versions have the decoder's, such as libdav1d
    codec: str
    pixel_format: str
    # clockwise turn that was applied, after `mirrored`, degrees
    rotation: int
    container: str
    video_streams: int
    audio_streams: int
    # whether it was mirrored left-right before it was turned
    mirrored: bool = False
    # width of a stored pixel, of its height
    pixel_aspect: float = 1.0


class Scan(Record, frozen=True, kw_only=True):
    """Top-1 class of each of the first frames, whatever the video was looked up for."""

    video_key: str
    # content that was scanned: of the whole file, or of the part of it that was here
    sha256: str
    # why the frames could not be had; None when they could
    reason: Reason | None
    # original error text, at most 300 characters
    error: str | None
    # classifier output with the highest score, one a frame in presentation order
    top1: tuple[int, ...]
    # its softmax probability, rounded to 4 digits
    probability: tuple[float, ...]
    probe: Probe | None
    # perceptual hash (64 bit, hex) of each thumbnail frame
    phash: tuple[str, ...]
    # time spent decoding and classifying, seconds
    seconds: float
    # of the first frames, how many damage took: they are not among `top1`
    lost: int = 0
    # the decoder that read it
    decoder: str | None = None
    # the limits that it broke, or under which its decoder crashed; under others it is tried again
    limits: DecodeLimits | None = None
