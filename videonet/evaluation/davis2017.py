"""DAVIS-2017: the first frame's masks, propagated through the video by features alone.

J is the region's intersection over union, F the agreement of the boundary, J&F their mean.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import pyarrow as pa
import torch
from msgspec import Meta
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import resize

from videonet.errors import UsageError
from videonet.evaluation.about import About, Needs
from videonet.evaluation.bootstrap import Weights, interval
from videonet.evaluation.dataset_files import checked, folder, unreadable
from videonet.evaluation.j_and_f import Labels, ObjectScores, decay, recall, scores
from videonet.evaluation.model import Model
from videonet.evaluation.propagation import Rule, labels, propagated
from videonet.evaluation.protocol import Data, Given, Number, Outcome
from videonet.evaluation.stages import is_of_basic_blocks, of_stride_8

_SOURCES = (
    "xvjiarui/VFS configs/r50_nc_sgd_cos_100e_r5_1xNx2_k400.py, "
    "mmaction/models/trackers/vanilla_tracker.py (87ca362); "
    "davisvideochallenge/davis2017-evaluation davis2017/{metrics,evaluation,davis}.py (30b698a)"
)

PROTOCOL = About(
    name="davis2017-vfs",
    mark="published stand-in",
    source=_SOURCES,
    assumptions=(
        "Of networks that are no ResNet: the last stage of stride 8. VFS has ResNets alone.",
        "Of ResNets that pool beside the first block of a stage: no pooling where no stride is.",
        "Frames are normalised as the model itself wants them.",
        "Of equal similarities, which ones are among the top ten depends on the device.",
    ),
    confirmed_by=(
        "VFS's own ResNet-50: J 67.0, F 72.0 in its README, J 65.3, F 70.2 in the paper's table"
    ),
    main=("J&F", "J", "F"),
)

NEEDS = Needs(
    data="DAVIS-2017, 480p",
    layout=(
        "JPEGImages/480p/SEQUENCE/*.jpg",
        "Annotations/480p/SEQUENCE/*.png",
        "ImageSets/2017/val.txt",
    ),
    model="a network with features of its stages",
    cost="2 to 4 minutes",
)

EXPECTED = {"sequences": 30, "frames": 1999, "objects": 61}

# Positions to either side that VFS looks at, with ResNet-50 and with ResNet-18.
_RADIUS, _RADIUS_BASIC = 18.0, 12.0

# Frames that the backbone gets at a time.
_AT_ONCE = 4


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """VFS's, for ResNet-50."""

    # shorter side of the frames, pixels: 480 leaves them as they are
    short_side: Annotated[int, Meta(ge=32, le=4096)] = 480
    # in positions of the features; 0: 18, or for a ResNet of basic blocks 12
    radius: Annotated[float, Meta(ge=0)] = 0.0
    before: Annotated[int, Meta(ge=1)] = 20
    top: Annotated[int, Meta(ge=1)] = 10
    temperature: Annotated[float, Meta(gt=0)] = 0.07


@dataclass(frozen=True)
class Video:
    """One video: its frames, and the true masks of all of them."""

    name: str
    frames: list[Path]
    masks: list[Path]


# How the numbers of a mask's file become those of objects.
Reading = Callable[[NDArray[np.uint8]], Labels]


def evaluate(given: Given) -> Outcome:
    """J, F and J&F over the objects of all sequences of the validation set."""
    root = folder(given.data, PROTOCOL.name, NEEDS.layout)
    names = _listed(root / "ImageSets" / "2017" / "val.txt")
    return evaluated(given, names, _without_void, EXPECTED, PROTOCOL.name)


def evaluated(
    given: Given, names: Sequence[str], reading: Reading, expected: dict[str, int], what: str
) -> Outcome:
    """The same of the sequences of these names, whose masks are read by `reading`."""
    features = of_stride_8(given.model, what)
    rule = rule_of(given.settings, given.model)
    sequences = _sequences(given, names)
    firsts = {each.name: _first(each, reading) for each in sequences}
    data = _checked(given, sequences, firsts, expected)
    given.parts.of(data.fingerprint)
    _check_masks(sequences, firsts, reading)
    tables = []
    for number, each in enumerate(sequences):
        given.told(what, number, len(sequences))

        def of_sequence(each: Video = each) -> pa.Table:
            truth = _read_masks(each.masks, reading)
            size = given.settings.short_side
            found = masks_of(given.model, features, each.frames, truth[0], size, rule)
            return _table(each.name, scores(truth, found, each.name))

        tables.append(given.parts.made(f"{what} {each.name}", of_sequence))
    items = pa.concat_tables(tables)
    facts = {"radius": rule.radius}
    return Outcome(_numbers(items, given.seed), "sequences", items, data, facts)


def rule_of(settings: Settings, model: Model) -> Rule:
    """VFS's rule, with what the settings change."""
    usual = _RADIUS_BASIC if is_of_basic_blocks(model) else _RADIUS
    return Rule(settings.before, settings.radius or usual, settings.top, settings.temperature)


@torch.inference_mode()
def masks_of(
    model: Model,
    features: Callable[[Tensor], Tensor],
    frames: Sequence[Path],
    first: Labels,
    short_side: int,
    rule: Rule,
) -> Labels:
    """The masks of all frames, uint8 [frames, H, W], of the first frame's mask [H, W]."""
    # On the device until all are there: nothing waits for one frame.
    found = torch.stack(list(carried(model, features, frames, first, short_side, rule)))
    return np.concatenate([first[None], found.cpu().numpy()])


def carried(
    model: Model,
    features: Callable[[Tensor], Tensor],
    frames: Sequence[Path],
    first: Labels,
    short_side: int,
    rule: Rule,
) -> Iterator[Tensor]:
    """The masks of the frames after the first, uint8 [H, W], on a device that is not waited for."""
    height, width = first.shape

    def of_frames() -> Iterator[Tensor]:
        for images in _read_ahead(frames, short_side):
            yield from features(model.normalised(images))

    stream = of_frames()
    beginning = next(stream)
    maps = one_hot(first, *beginning.shape[1:]).to(beginning, non_blocking=True)
    for each in islice(propagated(chain([beginning], stream), maps, rule), 1, None):
        yield labels(each, height, width)


def one_hot(mask: Labels, height: int, width: int) -> Tensor:
    """The objects of a mask [H, W] as maps [K, height, width], the background first."""
    small = np.array(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST))
    count = int(mask.max()) + 1
    return functional.one_hot(torch.from_numpy(small).long(), count).permute(2, 0, 1)


def _read_ahead(frames: Sequence[Path], short_side: int) -> Iterator[Tensor]:
    """The frames, uint8 [N, 3, H, W], some at a time: the next ones are read meanwhile."""
    # Decoding leaves Python's lock alone.
    with ThreadPoolExecutor(1) as pool:
        coming: deque[Future[Tensor]] = deque()
        for begin in range(0, len(frames), _AT_ONCE):
            coming.append(pool.submit(_stacked, frames[begin : begin + _AT_ONCE], short_side))
            if len(coming) > 1:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


def _stacked(frames: Sequence[Path], short_side: int) -> Tensor:
    images = torch.stack([_frame(path, short_side) for path in frames])
    # A GPU then fetches them by itself, and is not waited for.
    return images.pin_memory() if torch.cuda.is_available() else images


def _frame(path: Path, short_side: int) -> Tensor:
    try:
        with Image.open(path) as opened:
            image = opened.convert("RGB")
    except Exception as error:  # a broken file can raise almost anything in Pillow
        raise unreadable(path, error) from error
    if min(image.size) != short_side:
        image = resize(image, short_side, InterpolationMode.BILINEAR)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def _read_masks(paths: Sequence[Path], reading: Reading) -> Labels:
    """The masks of a sequence, uint8 [frames, H, W]."""
    with ThreadPoolExecutor(4) as pool:
        return np.stack(list(pool.map(partial(_read_mask, reading=reading), paths)))


def _read_mask(path: Path, reading: Reading) -> Labels:
    try:
        with Image.open(path) as image:
            found = np.array(image)
    except Exception as error:  # likewise
        raise unreadable(path, error) from error
    if found.ndim != 2 or found.dtype != np.uint8:
        raise UsageError(
            f"{path} is {found.dtype} of shape {found.shape}; a mask has one number a pixel, "
            f"which says of which object it is."
        )
    try:
        return reading(found)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def _without_void(mask: NDArray[np.uint8]) -> Labels:
    """A mask whose pixels of no object, 255, are background, as the reference code has it."""
    return np.where(mask == 255, 0, mask).astype(np.uint8)


def _first(sequence: Video, reading: Reading) -> Labels:
    first = _read_mask(sequence.masks[0], reading)
    objects = np.unique(first[first > 0])
    if not objects.size or objects[-1] != len(objects):
        raise UsageError(
            f"{sequence.masks[0]} has the objects {objects.tolist()}; they should be numbered "
            f"from 1 on without a gap. Masks of 0 and 255 are those of DAVIS-2016, for "
            f"davis2016-masks."
        )
    return first


def _check_masks(sequences: Sequence[Video], firsts: dict[str, Labels], reading: Reading) -> None:
    """Raise UsageError where a mask has another size than its frame and the first, or more objects.

    Before anything is computed, since what was computed of other data is not gone on from.
    """

    def check(frame: Path, path: Path, first: Labels) -> None:
        mask = _read_mask(path, reading)
        try:
            with Image.open(frame) as image:
                width, height = image.size
        except Exception as error:  # likewise
            raise unreadable(frame, error) from error
        if mask.shape != (height, width) or mask.shape != first.shape:
            raise UsageError(
                f"{path} is {mask.shape[1]} x {mask.shape[0]} pixels, its frame {width} x "
                f"{height}, and the first mask {first.shape[1]} x {first.shape[0]}; give all of a "
                f"sequence at 480p."
            )
        if mask.max() > first.max():
            raise UsageError(
                f"{path} has the object {mask.max()}, and the first mask of its sequence "
                f"{first.max()} objects; give the masks as they were published."
            )

    # Decoding leaves Python's lock alone.
    with ThreadPoolExecutor(4) as pool:
        for each in sequences:
            list(pool.map(partial(check, first=firsts[each.name]), each.frames, each.masks))


def _sequences(given: Given, names: Sequence[str]) -> list[Video]:
    found = []
    for name in names:
        frames = sorted((given.data / "JPEGImages" / "480p" / name).glob("*.jpg"))
        masks = sorted((given.data / "Annotations" / "480p" / name).glob("*.png"))
        if not frames and not masks and given.partial:
            continue
        if [each.stem for each in frames] != [each.stem for each in masks] or len(frames) < 3:
            raise UsageError(
                f"{name} has {len(frames)} frames and {len(masks)} masks of the same names, below "
                f"{given.data}; there should be {'; '.join(NEEDS.layout)}, a mask a frame."
            )
        found.append(Video(name, frames, masks))
    if not found:
        raise UsageError(
            f"{given.data} has none of the sequences; there should be {'; '.join(NEEDS.layout)}."
        )
    return found


def _checked(
    given: Given,
    sequences: Sequence[Video],
    firsts: dict[str, Labels],
    expected: dict[str, int],
) -> Data:
    counts = {
        "sequences": len(sequences),
        "frames": sum(len(each.frames) for each in sequences),
        "objects": sum(int(each.max()) for each in firsts.values()),
    }
    files = [path for each in sequences for path in (*each.frames, *each.masks)]
    return checked(given.data, files, counts, expected, partial=given.partial, told=given.told)


def _listed(file: Path) -> list[str]:
    try:
        names = file.read_text(encoding="utf-8").split()
    except (OSError, ValueError) as error:
        raise unreadable(file, error) from error
    if not names or any("/" in name or name.startswith(".") for name in names):
        raise UsageError(f"{file} should have the name of a sequence in each line.")
    return names


def _table(sequence: str, objects: Sequence[ObjectScores]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "sequence": sequence,
                "object": each.label,
                "J": each.j.mean(),
                "J recall": recall(each.j),
                "J decay": decay(each.j),
                "F": each.f.mean(),
                "F recall": recall(each.f),
                "F decay": decay(each.f),
                "J of frames": each.j.tolist(),
                "F of frames": each.f.tolist(),
            }
            for each in objects
        ]
    )


_COLUMNS = ("J", "J recall", "J decay", "F", "F recall", "F decay")


def _numbers(items: pa.Table, seed: int) -> dict[str, Number]:
    """Means over objects; resampled are sequences, whose objects fail together."""
    of_object = items["sequence"].to_pylist()
    names = sorted(set(of_object))
    places = np.array([names.index(name) for name in of_object])
    columns = {name: items[name].to_numpy() for name in _COLUMNS}
    columns = {"J&F": (columns["J"] + columns["F"]) / 2, **columns}

    def means(weights: Weights) -> dict[str, NDArray[np.float64]]:
        mine = weights[:, places]
        return {name: mine @ each / mine.sum(axis=1) for name, each in columns.items()}

    return interval(len(names), seed, means)
