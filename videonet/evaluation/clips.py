"""Clips of videos as an evaluation shows them: which frames, how they are cut out, and decoding.

A clip is so many frames at an even rate. Videos are decoded from their beginning, in other
processes, and the n-th frame is taken to be shown at n / rate: those of UCF-101 have an even rate,
and many have no times.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, cast

import av
import numpy as np
import torch
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import center_crop, resize, resized_crop

from videonet.errors import UsageError
from videonet.evaluation.dataset_files import unreadable
from videonet.evaluation.facts import Preparation
from videonet.evaluation.images import CROP_FROM, loaded
from videonet.training.augment.augmentation import CROP_ATTEMPTS, FLIP, crop_boxes
from videonet.video.container import VideoError, opened, packets

# Most that brightness, contrast and saturation change, as a part of 1, and hue, in turns.
JITTER_BY = (0.4, 0.4, 0.4, 0.2)


class Length(NamedTuple):
    """How long a video is."""

    frames: int
    # frames a second
    rate: Fraction
    # frames that are damaged, or that the file says it has and has not
    damaged: int = 0


class Form(NamedTuple):
    """What a clip is: frames, and how many a second."""

    frames: int
    rate: int


class ClipPlace(NamedTuple):
    """A clip at one time of a training: what is drawn for it depends on these alone."""

    epoch: int
    # number of the clip within the epoch
    clip: int
    # among the videos
    video: int


class Clips(NamedTuple):
    """Clips that train: uint8 [N, frames, 3, crop, crop], and how their colours are changed."""

    frames: Tensor
    # of brightness, contrast, saturation and hue, as in `augmentation.Drawn`: [N, 4]
    factors: Tensor
    order: Tensor


def even_frames(length: Length, rate: int) -> list[int]:
    """Numbers of the frames that are shown each 1 / `rate` seconds, over the whole video."""
    count = math.ceil(length.frames * rate / length.rate)
    return [int(place * length.rate / rate) for place in range(count)]


def even_clips(count: int, size: int, clips: int) -> list[list[int]]:
    """Places of the frames of each clip, among `count` even ones: evenly from first to last.

    Of fewer frames than a clip has, all clips are the same: these, repeated from the first on.
    """
    if count <= size:
        return [filled(range(count), size)] * clips
    starts = np.linspace(0, count - size, clips).astype(int).tolist()
    return [[*range(start, start + size)] for start in starts]


def random_clip(length: Length, form: Form, begin: float) -> list[int]:
    """Numbers of the frames of a clip; `begin` in [0, 1) says where, from the first to the last."""
    seconds = float(length.frames / length.rate)
    start = begin * max(seconds - form.frames / form.rate, 0)
    rate = float(length.rate)
    numbers = [int((start + place / form.rate) * rate) for place in range(form.frames)]
    return filled([each for each in numbers if each < length.frames], form.frames)


def filled(numbers: Sequence[int], size: int) -> list[int]:
    """The numbers, repeated from the first on up to `size` of them."""
    return [numbers[place % len(numbers)] for place in range(size)]


def length_of(path: Path) -> Length:
    """How long a video is, all of which is decoded. Raises UsageError for one of no frames."""
    frames = broken = 0
    try:
        with opened(path) as (container, stream):
            for frame in _shown(container, stream):
                frames += frame is not None
                broken += frame is None or frame.is_corrupt
            rate, said = stream.average_rate or stream.guessed_rate, stream.frames
    except (VideoError, OSError) as error:
        raise unreadable(path, error) from error
    if not frames or not rate:
        raise unreadable(path, "it has no frame, or no rate of frames")
    return Length(frames, Fraction(rate), max(broken, said - frames))


def frames_of(path: Path, numbers: Sequence[int]) -> Tensor:
    """The frames of these numbers, uint8 [n, 3, H, W], RGB. Raises UsageError.

    All are as large as the first of the video.
    """
    wanted = frozenset(numbers)
    last = max(numbers)
    found: dict[int, NDArray[Any]] = {}
    width = height = 0
    # One of its own for each frame would be made anew each time.
    reformatter = VideoReformatter()
    try:
        with opened(path) as (container, stream):
            made = (frame for frame in _shown(container, stream) if frame is not None)
            for number, frame in enumerate(made):
                width, height = width or frame.width, height or frame.height
                if number in wanted:
                    rgb = reformatter.reformat(frame, width, height, "rgb24")
                    found[number] = rgb.to_ndarray()
                if number == last:
                    break
    except (VideoError, OSError) as error:
        raise unreadable(path, error) from error
    if last not in found:
        raise unreadable(path, f"it has no frame {last}, and had it before")
    images = torch.from_numpy(np.stack([found[number] for number in numbers]))
    return images.permute(0, 3, 1, 2)


def _shown(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame | None]:
    """The frames as FFmpeg makes them, in order; None for a packet of which it can make none.

    NOTE: what damage has taken of a frame is as FFmpeg fills it in, as others see these videos.
    """
    for packet in packets(container, stream):
        try:
            yield from packet.decode()
        except av.FFmpegError:
            yield None


def middles(images: Tensor, preparation: Preparation) -> Tensor:
    """The middle of each frame, as of images: uint8 [n, 3, crop, crop]."""
    interpolation = InterpolationMode(preparation.interpolation)
    resized = resize(images, preparation.resize, interpolation, antialias=True)
    return cast(Tensor, center_crop(resized, preparation.crop)).contiguous()


def cropped(images: Tensor, preparation: Preparation, random: np.random.Generator) -> Tensor:
    """A random part, the same of all frames, in half of all cases mirrored: as `middles`."""
    drawn, where = (
        torch.from_numpy(random.random(shape)) for shape in ((1, 2, CROP_ATTEMPTS), (1, 2))
    )
    (box,) = crop_boxes(torch.tensor([images.shape[2:]]), CROP_FROM, drawn, where).tolist()
    interpolation = InterpolationMode(preparation.interpolation)
    size = [preparation.crop, preparation.crop]
    parts = cast(Tensor, resized_crop(images, *box, size, interpolation, antialias=True))
    return (parts.flip(-1) if random.random() < FLIP else parts).contiguous()


def lengths_of(paths: Sequence[Path], workers: int) -> Iterator[Length]:
    """The length of each video, in order; see `length_of`."""
    yield from _loaded(_Made(paths, length_of), workers, batch_size=None)


def whole_videos(
    paths: Sequence[Path],
    lengths: Sequence[Length],
    rate: int,
    preparation: Preparation,
    workers: int,
) -> Iterator[Tensor]:
    """The middles of all even frames of each video, in order. Raises UsageError."""

    def made(place: int) -> Tensor:
        numbers = even_frames(lengths[place], rate)
        return middles(frames_of(paths[place], numbers), preparation)

    yield from _loaded(_Made(range(len(paths)), made), workers, batch_size=None)


def random_clips(
    paths: Sequence[Path],
    lengths: Sequence[Length],
    form: Form,
    preparation: Preparation,
    steps: Iterable[list[ClipPlace]],
    seed: int,
    workers: int,
) -> Iterator[Clips]:
    """Random clips of the videos of each step, cropped at random. Raises UsageError.

    What is drawn depends on the seed, the epoch and the clip alone.
    """

    def made(place: ClipPlace) -> Clips:
        random = np.random.default_rng((seed, place.epoch, place.clip))
        numbers = random_clip(lengths[place.video], form, random.random())
        frames = cropped(frames_of(paths[place.video], numbers), preparation, random)
        unchanged = np.array((1.0, 1.0, 1.0, 0.0))
        factors = unchanged + np.array(JITTER_BY) * (2 * random.random(4) - 1)
        return Clips(
            frames, torch.from_numpy(factors).float(), torch.from_numpy(random.permutation(4))
        )

    yield from _loaded(_Made(None, made), workers, batch_sampler=steps, collate_fn=_clips_together)


class _Made(Dataset[Any]):
    """What a function makes of each item; where it cannot, the sentence that says so.

    Without items, places themselves are what it is given.
    """

    def __init__(self, items: Sequence[Any] | None, make: Callable[[Any], Any]) -> None:
        self._items, self._make = items, make

    def __len__(self) -> int:
        return len(self._items or ())

    def __getitem__(self, place: Any) -> Any:
        try:
            return self._make(place if self._items is None else self._items[place])
        except UsageError as error:
            return str(error)


def _clips_together(found: list[Clips | str]) -> Clips | str:
    wrong = next((each for each in found if isinstance(each, str)), None)
    return wrong or Clips(*map(torch.stack, zip(*cast(list[Clips], found), strict=True)))


def _as_it_is(found: Any) -> Any:
    return found


def _loaded(made: _Made, workers: int, **how: Any) -> Iterator[Any]:
    return loaded(made, workers, **{"collate_fn": _as_it_is, **how})
