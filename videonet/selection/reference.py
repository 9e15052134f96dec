"""An evaluation set as clips are compared with it: the hashes of its frames, also altered ones.

What somebody may have done to a video before it was published is done here to the frames of the
set, which are few, and not to those of a million candidates: mirrored, and cropped at the edges.
"""

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import faiss
import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from videonet.errors import UsageError
from videonet.files import is_folder, sha256_of
from videonet.schemas.exclusion import ReferenceSet
from videonet.selection.agreement import small_picture
from videonet.storage.store import Store
from videonet.video.clips import WINDOW, ClipOrigin, ClipSettings, CutReport
from videonet.video.container import VideoError
from videonet.video.decoder import Decoder
from videonet.video.frame_hash import (
    HASH_BYTES,
    HASH_VERSION,
    LEAST_QUALITY,
    frame_hash,
    grey_frame,
    without_bars,
)

# To be raised with every change to which frames are hashed, or how they are altered.
# (2: videos that are shorter than a clip)
REFERENCE_VERSION = 2

IMAGES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"})
VIDEOS = frozenset(
    {".mp4", ".m4v", ".mkv", ".webm", ".avi", ".mov", ".mpg", ".mpeg", ".ogv", ".flv", ".3gp"}
)

# Frames of a video that are hashed, one in so many microseconds: the frames of a clip, which come
# each half second, are then no more than an eighth of a second away from one.
_EVERY = 250_000
# More than a reference video has; each of 10.24 s.
_MOST_CLIPS = 5_000

# Short side of what images are scaled to first, as the frames of clips are decoded; pixels.
_SHORT_SIDE = 128
_MOST_PIXELS = 200_000_000

# What is cut off at the left, top, right and bottom, as shares of width and height: evenly all
# around up to 15 %; at one side, or at two that meet, up to 10 %.
CROPS: tuple[tuple[float, float, float, float], ...] = (
    (0, 0, 0, 0),
    *((each, each, each, each) for each in (0.025, 0.05, 0.075)),
    *((each, 0, 0, 0) for each in (0.05, 0.1)),
    *((0, each, 0, 0) for each in (0.05, 0.1)),
    *((0, 0, each, 0) for each in (0.05, 0.1)),
    *((0, 0, 0, each) for each in (0.05, 0.1)),
    *((0.1, 0.1, 0, 0), (0, 0.1, 0.1, 0), (0, 0, 0.1, 0.1), (0.1, 0, 0, 0.1)),
)

# Height and width of the pictures that are kept to compare pixels with, pixels.
_KEPT_SIDE = 64


class Variant(NamedTuple):
    """How a frame was altered."""

    crop: tuple[float, float, float, float]
    mirrored: bool


VARIANTS = tuple(Variant(crop, mirrored) for crop in CROPS for mirrored in (False, True))


@dataclass(frozen=True)
class Reference:
    """The frames of an evaluation set. Files and frames are numbered from 0 on."""

    # paths below the folder of the set
    names: tuple[str, ...]
    # whether each file is a video, whose frames have times
    is_video: NDArray[np.bool_]
    # of each frame its file, its time (microseconds; 0 for an image), and the picture
    file: NDArray[np.int32]
    time: NDArray[np.int64]
    picture: NDArray[np.uint8]
    # of each hash, uint8 [N, 32], its frame and which of VARIANTS it is
    hashes: NDArray[np.uint8]
    frame: NDArray[np.int32]
    variant: NDArray[np.uint8]

    @cached_property
    def index(self) -> Any:
        """All hashes, for searching."""
        index = faiss.IndexBinaryFlat(8 * HASH_BYTES)
        index.add(np.ascontiguousarray(self.hashes))
        return index

    def near(self, hashes: NDArray[np.uint8], most: int) -> Iterator[tuple[int, int, int, int]]:
        """Pairs of hashes, uint8 [M, 32], with those of the set that differ in at most `most` bits.

        Each is the place among `hashes`, the frame, the variant and the distance: of one frame of
        the set, the nearest variant.
        """
        if not len(hashes) or not len(self.hashes):
            return
        limits, found, places = self.index.range_search(hashes, most + 1)
        for number in range(len(hashes)):
            begin, end = int(limits[number]), int(limits[number + 1])
            nearest: dict[int, tuple[int, int]] = {}
            for far, place in zip(found[begin:end], places[begin:end], strict=True):
                frame = int(self.frame[place])
                this = int(far), int(self.variant[place])
                nearest[frame] = min(this, nearest.get(frame, this))
            for frame, (far_off, variant) in sorted(nearest.items()):
                yield number, frame, variant, far_off

    def altered(self, frame: int, variant: int) -> NDArray[np.float32]:
        """A frame of the set as it was altered, grey levels [32, 32]."""
        return small_picture(_altered(self.picture[frame], VARIANTS[variant]))


def resolve_reference(
    folders: Sequence[Path], store: Store, decoder: Decoder, say: Callable[[str], object]
) -> ReferenceSet | None:
    """Hash the images and videos below folders, unless the store has that; None: no folders.

    `say` is given sentences about what this takes time for, and what could not be read. Raises
    UsageError.
    """
    if not folders:
        return None
    files = [each for folder in folders for each in _files(folder)]
    readable = _readable(files)
    if not readable:
        raise UsageError(
            f"{', '.join(map(str, folders))}, given with --exclude-like, has no image and no video "
            "in it; give the folder of an evaluation set."
        )
    try:
        sha256 = _sha256(readable)
    except OSError as error:
        raise UsageError(f"{error.filename}, below --exclude-like, cannot be read.") from error
    names = tuple(sorted({each.resolve().name for each in folders}))
    reference = read_reference(store, sha256)
    if reference is None:
        say(
            f"{len(readable):,} files of {', '.join(names)} are hashed, once, to compare clips with"
        )
        reference = make_reference([(each.name, each.path) for each in readable], decoder)
        _write(store, sha256, reference)
    read = len(set(reference.file.tolist()))
    unread = len(files) - read
    left = f"; {unread:,} files are no images or videos, or show nothing" if unread else ""
    say(f"{', '.join(names)}: {len(reference.file):,} frames of {read:,} files{left}")
    if not read:
        raise UsageError(
            f"{', '.join(names)}, given with --exclude-like, has no frame that shows enough to be "
            "compared."
        )
    return ReferenceSet(
        sha256=sha256, names=names, files=read, frames=len(reference.file), unread=unread
    )


def load_reference(store: Store, said: ReferenceSet) -> Reference:
    """What the settings of a run compare with. Raises UsageError if the store does not have it."""
    reference = read_reference(store, said.sha256)
    if reference is None:
        raise UsageError(
            f"{store.location} does not have the frames of {', '.join(said.names)} any more; give "
            "the same command again, with --exclude-like."
        )
    return reference


def is_of(said: ReferenceSet, folders: Sequence[Path]) -> bool:
    """Whether a set is of these folders: of files of the same names and contents, and of no others.

    It is none of them, too, if another version of videonet has hashed it. Raises OSError.
    """
    files = [each for folder in folders for each in _files(folder)]
    # Most are told apart without being read.
    return len(files) == said.files + said.unread and _sha256(_readable(files)) == said.sha256


class _File(NamedTuple):
    # path below the folder that was given, with that folder's name
    name: str
    path: Path


def _files(folder: Path) -> list[_File]:
    if not is_folder(folder):
        raise UsageError(f"There is no folder {folder}, given with --exclude-like.")
    below = sorted(path for path in folder.rglob("*") if path.is_file())
    above = folder.resolve().name
    return [_File(f"{above}/{path.relative_to(folder).as_posix()}", path) for path in below]


def _readable(files: Sequence[_File]) -> list[_File]:
    return [each for each in files if each.path.suffix.lower() in IMAGES | VIDEOS]


def _sha256(files: Sequence[_File]) -> str:
    """Of their names and contents, and of the way in which they are compared."""
    contents = sorted((each.name, sha256_of(each.path)) for each in files)
    depends = [HASH_VERSION, REFERENCE_VERSION, LEAST_QUALITY, contents]
    return hashlib.sha256(msgspec.json.encode(depends)).hexdigest()


# Making it.


def make_reference(
    files: Sequence[tuple[str, Path]],
    decoder: Decoder,
    variants: Sequence[int] = range(len(VARIANTS)),
) -> Reference:
    """The frames of files, by their names. What cannot be read, or shows nothing, has none.

    Each frame is hashed in these variants, numbers of VARIANTS.
    """
    numbers: list[int] = []
    times: list[int] = []
    pictures: list[NDArray[np.uint8]] = []
    hashes: list[bytes] = []
    frames: list[int] = []
    made_variants: list[int] = []
    hashed = partial(_hashed, variants=variants)
    with ThreadPoolExecutor() as pool:
        for number, (_, path) in enumerate(files):
            found = _frames_of(path, decoder)
            for (time, grey), made in zip(
                found, pool.map(hashed, (g for _, g in found)), strict=True
            ):
                if not made:
                    continue
                frames += [len(numbers)] * len(made)
                made_variants += [variant for variant, _ in made]
                hashes += [bits for _, bits in made]
                numbers.append(number)
                times.append(time)
                picture = Image.fromarray(grey).resize((_KEPT_SIDE,) * 2, Image.Resampling.BOX)
                pictures.append(np.asarray(picture))
    return Reference(
        names=tuple(name for name, _ in files),
        is_video=np.array([path.suffix.lower() in VIDEOS for _, path in files], bool),
        file=np.array(numbers, np.int32),
        time=np.array(times, np.int64),
        picture=np.array(pictures, np.uint8).reshape(-1, _KEPT_SIDE, _KEPT_SIDE),
        hashes=np.frombuffer(b"".join(hashes), np.uint8).reshape(-1, HASH_BYTES),
        frame=np.array(frames, np.int32),
        variant=np.array(made_variants, np.uint8),
    )


def _frames_of(path: Path, decoder: Decoder) -> list[tuple[int, NDArray[np.uint8]]]:
    """Times, microseconds, and pictures [H, W] of a file; none for what cannot be read."""
    if path.suffix.lower() in VIDEOS:
        try:
            return decoder.twice(lambda: list(_of_video(path, decoder)))
        except VideoError:
            return []
    try:
        with Image.open(path) as image:
            if image.width * image.height > _MOST_PIXELS:
                return []
            scale = _SHORT_SIDE / min(image.size)
            size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
            grey = image.convert("L").resize(size, Image.Resampling.BILINEAR)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return []
    return [(0, each) for each in without_bars([np.asarray(grey)])]


def _of_video(path: Path, decoder: Decoder) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    recordings = decoder.recordings_in(path)
    length = sum((each.length for each in recordings), start=type(recordings[0].length)(0))
    # What is too short for a clip has frames all the same; after its end there are none.
    length = max(length, WINDOW)
    origin = ClipOrigin("", "reference", "", "")
    settings = ClipSettings(_MOST_CLIPS, max_hole=1e9, max_lost=1.0)
    clips = decoder.cut_clips(path, length, origin, settings, None, CutReport())
    for clip in clips:
        size, due = (clip.image_height, clip.image_width), 0
        chosen = []
        for jpeg, time in zip(clip.image_encoded, clip.image_timestamp, strict=True):
            if time - clip.image_timestamp[0] >= due:
                chosen.append((time, grey_frame(jpeg, size)))
                due += _EVERY
        bare = without_bars([grey for _, grey in chosen])
        yield from ((time, grey) for (time, _), grey in zip(chosen, bare, strict=True))


def _hashed(grey: NDArray[np.uint8], variants: Sequence[int]) -> list[tuple[int, bytes]]:
    """The hashes of a picture in some variants; none if it shows too little."""
    if frame_hash(grey).quality < LEAST_QUALITY:
        return []
    made = ((each, frame_hash(_altered(grey, VARIANTS[each]))) for each in variants)
    return [(number, each.bits) for number, each in made if each.quality >= LEAST_QUALITY]


def _altered(grey: NDArray[np.uint8], variant: Variant) -> NDArray[np.uint8]:
    height, width = grey.shape
    left, top, right, bottom = variant.crop
    cut = grey[
        round(height * top) : height - round(height * bottom),
        round(width * left) : width - round(width * right),
    ]
    return np.ascontiguousarray(cut[:, ::-1] if variant.mirrored else cut)


# Keeping it.

_ARRAYS = ("is_video", "file", "time", "picture", "hashes", "frame", "variant")


def _name(sha256: str) -> str:
    return f"reference/{sha256}.npz"


def _write(store: Store, sha256: str, reference: Reference) -> None:
    # `savez` has a parameter called file.
    arrays = {f"{name}_": getattr(reference, name) for name in _ARRAYS}
    names = np.frombuffer(msgspec.json.encode(reference.names), np.uint8)
    data = io.BytesIO()
    np.savez(data, names=names, **arrays)
    file = store.temporary()
    try:
        file.write_bytes(data.getvalue())
        store.adopt(file, _name(sha256))
    finally:
        file.unlink(missing_ok=True)


def read_reference(store: Store, sha256: str) -> Reference | None:
    """A set that the store has; None: it has none, or a damaged one."""
    with store.files.local(_name(sha256)) as file:
        if file is None:
            return None
        try:
            with np.load(file, allow_pickle=False) as held:
                arrays = {name: held[f"{name}_"] for name in _ARRAYS}
                names = msgspec.json.decode(held["names"].tobytes(), type=tuple[str, ...])
                return Reference(names=names, **arrays)
        except (OSError, ValueError, KeyError, EOFError, BadZipFile, msgspec.DecodeError):
            return None
