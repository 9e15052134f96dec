"""How the frames of clips may be coded: bytes, PSNR, time to decode, and what networks see of it.

    python -m benchmarks.codecs --videos FOLDER --classifier MODEL [--seeds N] [--folder DIR]
                                [--json FILE]

Of each video, frames spread over its first clip are coded at quality 100, 4:4:4, which stands for
frames that no JPEG has touched; then in each of the forms. PSNR is told of luma and of the two
chroma planes, of all pixels. The classifier says how often its top-1 class is the one of the frame
before. All forms are decoded in turns.

With --seeds, `vito_tiny` is trained on the clips in each form from so many seeds: does a frame of
the first third of a held-out video find one of its last third, among those of all of them? The
difference to the first form has an interval of 95 %, Student's over the seeds. (Nearest frames of a
class are not asked for: folders of real videos at hand have one or two of each.)
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image
from rich import box
from rich.console import Console
from rich.table import Table
from scipy import stats

from benchmarks.learning import Score, measure
from videonet.classifier.model import Classifier
from videonet.dataset.manifest import VERSION
from videonet.schemas.clip import Clip
from videonet.schemas.manifest import ClassifierCard, Counts, Manifest, ManifestSettings, Totals
from videonet.schemas.target import Target
from videonet.shards.writer import write_shard
from videonet.storage.dataset_dir import DatasetDir
from videonet.versions import clip_versions
from videonet.video.clips import DATASET, ClipOrigin, ClipSettings, cut_clips
from videonet.video.container import VideoError
from videonet.video.decode import video_length

# Quality and subsampling; the first is what the others are held against.
FORMS = ((90, "4:4:4"), (93, "4:2:0"), (90, "4:2:0"), (85, "4:2:0"))

FRAMES = 16
"""Of each video."""

ROUNDS = 9

SURE = 0.5
"""Probability of the top-1 class of a frame."""

# 300 steps: some minutes of a processor, for each seed and form.
TRAINING = ("train.epochs=6", "train.batch=32", "data.clips_per_video=all")

Pixels = NDArray[np.uint8]


class Form(msgspec.Struct, frozen=True):
    """What was measured of one way to code frames."""

    quality: int
    subsampling: str
    bytes_of_a_frame: float
    # dB, mean over the frames
    luma: float
    chroma: float
    # how much faster than the first form
    decodes: float
    # share of frames whose top-1 class stays, of all and of those of which the network was sure
    same_class: float
    same_if_sure: float


class Difference(msgspec.Struct, frozen=True):
    """How far trainings on one form are from those on the first, points of 100."""

    quality: int
    subsampling: str
    # of finding a held-out video again by another moment
    mean: float
    low: float
    high: float


def main() -> None:
    """Measure, and print tables, and the same as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--videos", type=Path, required=True, help="folder of real videos")
    parser.add_argument("--classifier", type=Path, required=True, help="ONNX file")
    parser.add_argument("--seeds", type=int, default=0, help="trainings on each form")
    parser.add_argument("--folder", type=Path, help="where data sets and trainings are kept")
    parser.add_argument("--json", type=Path, help="a file for the numbers")
    arguments = parser.parse_args()
    frames = list(frames_of(arguments.videos))
    forms = coded(frames, Classifier(arguments.classifier))
    Console().print(table_of(forms, len(frames)))
    found: dict[str, object] = {"forms": forms}
    if arguments.seeds:
        with tempfile.TemporaryDirectory() as temporary:
            folder = arguments.folder or Path(temporary)
            differences = trained(arguments, folder)
        Console().print(differences_of(differences))
        found["trainings"] = differences
    encoded = msgspec.json.format(msgspec.json.encode(found)).decode()
    print(encoded)
    if arguments.json:
        arguments.json.write_text(encoded + "\n")


def frames_of(folder: Path) -> Iterator[list[Pixels]]:
    """Frames of the first clip of each video that has one, uint8 RGB [H, W, 3]."""
    origin, settings = ClipOrigin("", "", "", ""), ClipSettings(1, jpeg_quality=100)
    for path in sorted(folder.iterdir()):
        try:
            clip = next(cut_clips(path, video_length(path), origin, settings), None)
        except (VideoError, OSError):
            continue
        if clip is not None:
            count = len(clip.image_encoded)
            places = np.unique(np.linspace(0, count - 1, FRAMES).astype(int))
            yield [simplejpeg.decode_jpeg(clip.image_encoded[place]) for place in places]


def coded(videos: Sequence[Sequence[Pixels]], classifier: Classifier) -> list[Form]:
    """What becomes of the frames in each form."""
    frames = [frame for video in videos for frame in video]
    before, probability = classes_of(frames, classifier)
    sure = probability >= SURE
    jpegs = {form: [encode(frame, *form) for frame in frames] for form in FORMS}
    speeds = speeds_of(jpegs)
    found = []
    for form, coded_frames in jpegs.items():
        after = [simplejpeg.decode_jpeg(each) for each in coded_frames]
        same = classes_of(after, classifier)[0] == before
        planes = [psnr(*both) for both in zip(frames, after, strict=True)]
        found.append(
            Form(
                quality=form[0],
                subsampling=form[1],
                bytes_of_a_frame=statistics.mean(map(len, coded_frames)),
                luma=statistics.mean(each[0] for each in planes),
                chroma=statistics.mean(each[1] for each in planes),
                decodes=speeds[form],
                same_class=float(same.mean()),
                same_if_sure=float(same[sure].mean()),
            )
        )
    return found


def encode(frame: Pixels, quality: int, subsampling: str) -> bytes:
    """A frame as clips have it."""
    jpeg: bytes = simplejpeg.encode_jpeg(
        frame, quality=quality, colorspace="RGB", colorsubsampling=subsampling.replace(":", "")
    )
    return jpeg


def classes_of(
    frames: Sequence[Pixels], classifier: Classifier
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The top-1 class of each frame, resized and cropped to its middle, and how probable it is."""
    height, width = classifier.crop
    cropped = []
    for frame in frames:
        image = Image.fromarray(frame)
        scale = classifier.resize / min(image.size)
        size = (max(width, round(image.width * scale)), max(height, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.BILINEAR)
        left, top = (image.width - width) // 2, (image.height - height) // 2
        cropped.append(np.asarray(image.crop((left, top, left + width, top + height))))
    return classifier.classify(np.stack(cropped))


def psnr(before: Pixels, after: Pixels) -> tuple[float, float]:
    """Of luma, and of both chroma planes together, dB."""
    one, other = (
        np.asarray(Image.fromarray(each).convert("YCbCr"), float) for each in (before, after)
    )
    squares = (one - other) ** 2
    errors = squares[..., 0].mean(), squares[..., 1:].mean()
    luma, chroma = (float(10 * np.log10(255**2 / max(each, 1e-6))) for each in errors)
    return luma, chroma


def speeds_of(jpegs: dict[tuple[int, str], list[bytes]]) -> dict[tuple[int, str], float]:
    """How much faster each form is decoded than the first: medians of rounds in turns."""
    taken: dict[tuple[int, str], list[float]] = {form: [] for form in jpegs}
    for _ in range(ROUNDS):
        for form, some in jpegs.items():
            begin = time.process_time()
            for jpeg in some:
                simplejpeg.decode_jpeg(jpeg, colorspace="RGB")
            taken[form].append(time.process_time() - begin)
    first = taken[FORMS[0]]
    return {
        form: statistics.median(a / b for a, b in zip(first, times, strict=True))
        for form, times in taken.items()
    }


def trained(arguments: argparse.Namespace, folder: Path) -> list[Difference]:
    """Trainings on a data set in each form, held against those on the first."""
    scores = {form: scores_of(arguments, folder, form) for form in FORMS}
    found = []
    for form in FORMS[1:]:
        pairs = zip(scores[form], scores[FORMS[0]], strict=True)
        points = [100 * (each.same_video - first.same_video) for each, first in pairs]
        low, high = interval(points)
        found.append(
            Difference(
                quality=form[0],
                subsampling=form[1],
                mean=statistics.mean(points),
                low=low,
                high=high,
            )
        )
    return found


def scores_of(arguments: argparse.Namespace, folder: Path, form: tuple[int, str]) -> list[Score]:
    """Those of the trainings on a data set in one form, a seed each."""
    out = folder / f"q{form[0]}-{form[1].replace(':', '')}"
    if not (out / "manifest.json").exists():
        write_dataset(arguments.videos, out, form)
    scores = measure(
        out, folder / f"runs of {out.name}", range(arguments.seeds), ["VITO"], TRAINING
    )
    return [each for each in scores if each.name == "VITO"]


def write_dataset(videos: Path, out: Path, form: tuple[int, str]) -> None:
    """The clips of all videos, of one class, as a data set that can be trained on."""
    settings = ClipSettings(4, jpeg_quality=form[0], jpeg_subsampling=form[1])
    files = write_shard(out, 0, 1, ["parquet"], clips_of(videos, settings))
    (shard,) = files
    kept = Counts(pairs=shard.rows, kept=shard.rows, rejected={}, failed={})
    output = DatasetDir(out)
    output.write_targets(
        (Target(target_id="any", name="any", synonyms=(), wnid=None, outputs=(0,), senses=()),)
    )
    output.write_manifest(
        Manifest(
            version=VERSION,
            dataset=DATASET,
            settings=ManifestSettings(
                source="folder", targets="", scan_key="", shards=1, formats=("parquet",)
            ),
            versions=clip_versions(),
            classifier=ClassifierCard(name="none", sha256="", input_size=(), outputs=1),
            totals=Totals(
                titles=shard.rows,
                candidates=shard.rows,
                kept_videos=shard.rows,
                kept_without_clip=0,
                clips=shard.rows,
                verdicts=kept,
            ),
            targets={"any": kept},
            shards=tuple(files),
        )
    )


def clips_of(folder: Path, settings: ClipSettings) -> Iterator[Clip]:
    """The clips of each video, whose name is its key."""
    for path in sorted(folder.iterdir()):
        origin = ClipOrigin(DATASET, f"file:{path.name}", path.name, path.name, (0,), ("any",))
        try:
            yield from cut_clips(path, video_length(path), origin, settings)
        except (VideoError, OSError):
            continue


def interval(points: Sequence[float]) -> tuple[float, float]:
    """95 %: Student's, of the mean of so few."""
    if len(points) < 2:
        return float("-inf"), float("inf")
    quantile = float(stats.t.ppf(0.975, len(points) - 1))
    wide = quantile * statistics.stdev(points) / len(points) ** 0.5
    mean = statistics.mean(points)
    return mean - wide, mean + wide


def table_of(forms: Sequence[Form], videos: int) -> Table:
    """The forms, one a line."""
    table = Table(
        *(
            "form",
            "bytes a frame",
            "luma, dB",
            "chroma, dB",
            "decodes",
            "top-1 stays",
            "where sure",
        ),
        title=f"{videos} videos",
        box=box.MARKDOWN,
    )
    for each in forms:
        table.add_row(
            f"q{each.quality} {each.subsampling}",
            f"{each.bytes_of_a_frame:,.0f}",
            f"{each.luma:.1f}",
            f"{each.chroma:.1f}",
            f"{each.decodes:.2f} x",
            f"{each.same_class:.1%}",
            f"{each.same_if_sure:.1%}",
        )
    return table


def differences_of(differences: Sequence[Difference]) -> Table:
    """What trainings lose or gain, one a line."""
    table = Table("form", "videos found again, points", "95 %", box=box.MARKDOWN)
    for each in differences:
        table.add_row(
            f"q{each.quality} {each.subsampling}",
            f"{each.mean:+.1f}",
            f"{each.low:+.1f} to {each.high:+.1f}",
        )
    return table


if __name__ == "__main__":
    main()
