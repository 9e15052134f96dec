"""How surely clips are recognised that show what is in an evaluation set, and innocent ones not.

    VIDEONET_SHARED=... python -m benchmarks.likeness [--videos N] [--only altered|innocent]

The set are real videos. Candidates are the same videos, begun 0.32 s later, altered in six ways of
several strengths each, and encoded anew by x264; they go through what a run does with them:
cutting, hashing, comparing. Rates have Wilson's intervals of 95 %.

Innocent are all pairs of different videos. What is rejected of them by mistake is too seldom to be
counted. So of each pair the nearest two frames are taken, altered ones among them; how near these
are is extrapolated, by a Gumbel distribution of minima, to the bits that count as alike, and by the
number of videos to a set of 100,000 frames. Its upper bound is the 95th percentile over 1,000 draws
of the videos with replacement. That is the chance that one frame counts as alike; what else is
needed, more frames in sequence or like pixels, is not counted on.
"""

import argparse
import math
import os
import tempfile
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from videonet.schemas.clip import Clip
from videonet.schemas.clip_hashes import ClipHashes
from videonet.schemas.decode_limits import DecodeLimits
from videonet.selection import likeness
from videonet.selection.reference import VARIANTS, Reference, make_reference
from videonet.video.clips import ClipOrigin, ClipSettings, CutReport
from videonet.video.container import VideoError
from videonet.video.decoder import Decoder
from videonet.video.frame_hash import LEAST_QUALITY, clip_hashes, pictures_to_hash

Frame = NDArray[np.uint8]

SHARED = Path(os.environ.get("VIDEONET_SHARED") or Path(__file__).parents[2] / "shared")

# Names of files that begin so show the same scene.
SAME = (
    *("nasa_13013", "rabbit320", "decord_video", "dinov3_dog", "moviepy_"),
    *(("vidtome_dog", "v2v_dog-walking"), ("samtrack_blackswan", "v2v_black-swan")),
)

# Seconds of each video, and what an altered copy lacks of its beginning, in frames of 0.08 s.
SECONDS, LATER = 6, 4

# What the bound is extrapolated to: frames of a set, four a second; and clips of a candidate.
REFERENCE_FRAMES, CANDIDATE_SECONDS = 100_000, 4 * 10.24


def scaled(by: float) -> Callable[[Frame], Frame]:
    """Frames of so much of their height and width."""

    def act(frame: Frame) -> Frame:
        height, width = frame.shape[:2]
        size = max(16, round(width * by)), max(16, round(height * by))
        return np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BILINEAR))

    return act


def letterboxed(share: float, axis: int) -> Callable[[Frame], Frame]:
    """Frames with black bars at both ends of an axis, each of this share of it."""

    def act(frame: Frame) -> Frame:
        bar = round(frame.shape[axis] * share)
        return np.pad(frame, [(bar, bar) if each == axis else (0, 0) for each in range(3)])

    return act


def mirrored(frame: Frame) -> Frame:
    """A frame with left and right changed."""
    return np.ascontiguousarray(frame[:, ::-1])


def with_logo(width: float, opaque: float) -> Callable[[Frame], Frame]:
    """Frames with a logo of this share of their width, at the top right."""

    def act(frame: Frame) -> Frame:
        image = Image.fromarray(frame)
        drawn = image.copy()
        w, h = image.size
        box = (w * (0.97 - width), h * 0.04, w * 0.97, h * 0.04 + w * width / 2)
        draw = ImageDraw.Draw(drawn)
        draw.rectangle(box, fill=(250, 250, 250))
        draw.text((box[0] + 4, box[1] + 4), "LOGO", fill=(200, 0, 0))
        return np.asarray(Image.blend(image, drawn, opaque))

    return act


def cropped(*sides: float) -> Callable[[Frame], Frame]:
    """What is left without these shares at the left, top, right and bottom."""

    def act(frame: Frame) -> Frame:
        height, width = frame.shape[:2]
        left, top, right, bottom = sides
        rows = slice(round(height * top), height - round(height * bottom))
        return np.ascontiguousarray(frame[rows, round(width * left) : width - round(width * right)])

    return act


def unaltered(frame: Frame) -> Frame:
    """A frame as it is."""
    return frame


# By name: what is done to a frame, and x264's quality factor.
ALTERED: dict[str, tuple[Callable[[Frame], Frame], int]] = {
    "re-encoded, crf 40": (unaltered, 40),
    "scaled to a quarter": (scaled(0.25), 28),
    "letterboxed by 12 % above and below": (letterboxed(0.125, 0), 28),
    "pillarboxed by 40 % at both sides": (letterboxed(0.4, 1), 28),
    "mirrored": (mirrored, 28),
    "logo of 12 % of the width": (with_logo(0.12, 1), 28),
    "logo of 20 % of the width": (with_logo(0.2, 1), 28),
    "cropped by 10 %, evenly": (cropped(0.05, 0.05, 0.05, 0.05), 28),
    "cropped by 10 %, left alone": (cropped(0.1, 0, 0, 0), 28),
    "cropped by 10 %, at a corner": (cropped(0.1, 0.1, 0, 0), 28),
    "cropped by 20 %, evenly": (cropped(0.1, 0.1, 0.1, 0.1), 28),
    "mirrored, cropped by 10 %, with a logo": (
        lambda frame: with_logo(0.12, 1)(cropped(0.05, 0.05, 0.05, 0.05)(mirrored(frame))),
        28,
    ),
}


def encode(frames: Sequence[Frame], file: Path, crf: int) -> None:
    """Write frames, 12.5 a second, as H.264."""
    height, width = (each // 2 * 2 for each in frames[0].shape[:2])
    with av.open(str(file), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(25, 2))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": str(crf), "preset": "veryfast"}
        for frame in frames:
            image = np.ascontiguousarray(frame[:height, :width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def clips_of(file: Path, decoder: Decoder) -> list[Clip]:
    """The clips of a video, as a run cuts them; none if it cannot be decoded."""
    try:
        recordings = decoder.recordings_in(file)
        length = sum((each.length for each in recordings), Fraction(0))
        origin, settings = ClipOrigin("", "candidate", "", ""), ClipSettings(1)
        return decoder.twice(
            lambda: list(decoder.cut_clips(file, length, origin, settings, None, CutReport()))
        )
    except VideoError:
        return []


def hashed(clips: Sequence[Clip]) -> ClipHashes:
    """The hashes of clips."""
    return clip_hashes(clips, video_key="candidate", sha256="", cut_key="")


def pictures_of(clips: Sequence[Clip], hashes: ClipHashes) -> likeness.Pictures:
    """The frames of the clips by their places among the hashes, without bars."""
    shown = [picture for clip in clips for picture in pictures_to_hash(clip)]
    assert len(shown) == len(hashes.clips)
    return lambda places: {place: shown[place] for place in places}


def wilson(found: int, of: int) -> tuple[float, float]:
    """Wilson's interval of 95 % of a rate."""
    z, rate = 1.96, found / of
    centre, width = rate + z * z / 2 / of, z * math.sqrt(rate * (1 - rate) / of + z * z / 4 / of**2)
    scale = 1 + z * z / of
    return (centre - width) / scale, (centre + width) / scale


def same(one: str, other: str) -> bool:
    """Whether two files show the same scene."""
    return any(one.startswith(names) and other.startswith(names) for names in SAME)


def nearest(hashes: ClipHashes, reference: Reference, file: int) -> int | None:
    """In how many bits the nearest frames of a candidate and a file of the set differ."""
    good = [each >= LEAST_QUALITY for each in hashes.qualities]
    query = np.frombuffer(hashes.hashes, np.uint64).reshape(-1, 4)[good]
    held = reference.hashes[reference.file[reference.frame] == file].copy().view(np.uint64)
    if not len(query) or not len(held):
        return None
    return int(min(np.bitwise_count(each ^ held).sum(axis=1).min() for each in query))


def gumbel(minima: NDArray[np.float64], at: float) -> float:
    """The chance that a minimum is at most `at`, by a Gumbel distribution fitted to its moments."""
    beta = max(float(minima.std()), 1e-9) * math.sqrt(6) / math.pi
    mode = float(minima.mean()) + 0.5772 * beta
    return -math.expm1(-math.exp(min(0.0, (at - mode) / beta)))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--videos", type=int, default=None)
    parser.add_argument("--only", choices=["altered", "innocent"])
    arguments = parser.parse_args()
    wanted = arguments.videos
    decoder = Decoder(DecodeLimits(memory=2_000_000_000, seconds=600))
    files = sorted(
        each for each in (SHARED / "data" / "videos").iterdir() if each.suffix != ".jsonl"
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        originals: list[tuple[str, Path]] = []
        frames: dict[str, list[Frame]] = {}
        for file in files[:wanted]:
            clips = clips_of(file, decoder)
            if not clips or len(clips[0].image_encoded) < 40:
                continue
            jpegs = clips[0].image_encoded[: int(SECONDS * 12.5)]
            frames[file.name] = [simplejpeg.decode_jpeg(each, colorspace="RGB") for each in jpegs]
            original = folder / f"{file.stem}.mp4"
            encode(frames[file.name], original, 10)
            originals.append((file.name, original))
        reference = make_reference(originals, decoder)
        print(
            f"set: {len(originals)} videos, {len(reference.file)} frames, "
            f"{len(VARIANTS)} forms of each; {likeness.LEAST_FRAMES} frames of at most "
            f"{likeness.MOST_BITS} bits, or 1 with a correlation of "
            f"{likeness.LEAST_CORRELATION:g}\n"
        )
        print("| altered | found | rate | interval of 95 % | bits, half of frames within |")
        print("| --- | ---: | ---: | ---: | ---: |")
        for name, (act, crf) in ALTERED.items() if arguments.only != "innocent" else ():
            found, near = 0, list[int]()
            for number, (key, _) in enumerate(originals):
                copy = folder / "copy.mp4"
                encode([act(each) for each in frames[key][LATER:]], copy, crf)
                clips = clips_of(copy, decoder)
                hashes = hashed(clips)
                result = likeness.compare(hashes, reference, pictures_of(clips, hashes))
                is_found = result.neighbour is not None and (
                    result.neighbour == key or same(result.neighbour, key)
                )
                found += is_found
                bits = nearest(hashes, reference, number)
                near += [] if bits is None else [bits]
                if not is_found:
                    print(f"  <!-- {name}: {key} {bits} {result.frames} -->")
            low, high = wilson(found, len(originals))
            print(
                f"| {name} | {found} of {len(originals)} | {100 * found / len(originals):.1f} % | "
                f"{100 * low:.1f} to {100 * high:.1f} % | {np.median(near):.0f} |",
                flush=True,
            )
        if arguments.only != "altered":
            innocent(originals, reference, decoder)
    decoder.close()


def innocent(originals: Sequence[tuple[str, Path]], reference: Reference, decoder: Decoder) -> None:
    """Print how near innocent pairs are, and what that comes to for a set of 100,000 frames."""
    names = [name for name, _ in originals]
    table = np.full((len(names), len(names)), np.nan)
    wrongly = 0
    for place, (name, file) in enumerate(originals):
        clips = clips_of(file, decoder)
        hashes = hashed(clips)
        for other in range(len(names)):
            bits = None if same(name, names[other]) else nearest(hashes, reference, other)
            if other != place and bits is not None:
                table[place, other] = bits
        result = likeness.compare(hashes, reference, pictures_of(clips, hashes))
        wrongly += not (result.neighbour in (None, name) or same(str(result.neighbour), name))
    pairs = table[~np.isnan(table)]
    seconds = len(reference.file) / 4 / len(names)
    each = REFERENCE_FRAMES / (4 * seconds) * (CANDIDATE_SECONDS / seconds)
    random = np.random.default_rng(0)
    draws = []
    for _ in range(1_000):
        chosen = random.integers(0, len(names), len(names))
        drawn = table[np.ix_(chosen, chosen)]
        draws.append(gumbel(drawn[~np.isnan(drawn)], likeness.MOST_BITS))
    chance = gumbel(pairs, likeness.MOST_BITS)
    print(
        f"\ninnocent: {len(pairs)} pairs, of which {wrongly} videos were taken for another; the "
        f"nearest frames of a pair differ in {pairs.min():.0f} bits at least, in "
        f"{np.quantile(pairs, 0.01):.0f} for 1 %, in {np.median(pairs):.0f} for half of the pairs"
    )
    for bits in (32, 36, 40, 44, 48):
        values = [
            gumbel(d[~np.isnan(d)], bits)
            for d in (
                table[np.ix_(c, c)] for c in random.integers(0, len(names), (200, len(names)))
            )
        ]
        print(
            f"at {bits} bits: {min(1, gumbel(pairs, bits) * each):.2g} of candidates, at most "
            f"{min(1, np.quantile(values, 0.95) * each):.2g} (95 %)"
        )
    print(
        f"one frame within {likeness.MOST_BITS} bits of a set of {REFERENCE_FRAMES:,} frames: "
        f"{chance * each:.2g} of innocent candidates of 4 clips, with a confidence of 95 % at most "
        f"{np.quantile(draws, 0.95) * each:.2g}"
    )


if __name__ == "__main__":
    main()
