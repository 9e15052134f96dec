"""How surely clips are recognised that show what is in an evaluation set, and innocent ones not.

    VIDEONET_SHARED=... python -m benchmarks.likeness [--videos N] [--only altered|innocent]

The set are real videos. Candidates are the same videos, begun 0.32 s later, altered in the ways of
`benchmarks/alterations.py`, and encoded anew by x264; they go through what a run does with them:
cutting, hashing, comparing. The limits of what counts as alike were chosen by the first half of the
videos, in the order of their names; the second half is for the rates, though it was seen as well
while rules were compared. Rates have Wilson's intervals of 95 %. Videos none of whose frames shows
enough to be compared are counted apart.

Innocent are all pairs of different scenes, of these videos and of images of ImageNet and COCO: see
`benchmarks/innocents.py`.
"""

import argparse
import math
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import simplejpeg
from PIL import Image

from benchmarks import innocents
from benchmarks.alterations import ALTERATIONS, Frame
from videonet.schemas.clip import Clip
from videonet.schemas.clip_hashes import ClipHashes
from videonet.schemas.decode_limits import DecodeLimits
from videonet.selection import likeness
from videonet.selection.reference import VARIANTS, Reference, make_reference
from videonet.video.clips import ClipOrigin, ClipSettings, CutReport
from videonet.video.container import VideoError
from videonet.video.decoder import Decoder
from videonet.video.frame_hash import LEAST_QUALITY, clip_hashes, pictures_to_hash

SHARED = Path(os.environ.get("VIDEONET_SHARED") or Path(__file__).parents[2] / "shared")

# Names of files that begin so show the same scene.
SAME = (
    *("nasa_13013", "rabbit320", "decord_video", "dinov3_dog", "moviepy_"),
    *(("vidtome_dog", "v2v_dog-walking"), ("samtrack_blackswan", "v2v_black-swan")),
)

# Seconds of each video, and what an altered copy lacks of its beginning, in frames of 0.08 s; of a
# video with fewer frames, too little would be left for a clip.
SECONDS, LATER, LEAST = 6, 4, 40

# Short and long side of the frames of sequences that are published as images.
_SIZE = (456, 256)


@dataclass
class Original:
    """A real video."""

    name: str
    # RGB, 12.5 a second
    frames: list[Frame]
    # whether the limits were chosen by it
    is_first_half: bool = False
    # by alteration: whether it was found, and in how many bits the nearest frames differ
    found: dict[str, tuple[bool, int | None]] = field(default_factory=dict)


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


def is_same_scene(one: str, other: str) -> bool:
    """Whether a file shows what another one does, or is the same."""
    return one == other or same(one, other)


def nearest(hashes: ClipHashes, reference: Reference, file: int) -> int | None:
    """In how many bits the nearest frames of a candidate and a file of the set differ."""
    good = [each >= LEAST_QUALITY for each in hashes.qualities]
    query = np.frombuffer(hashes.hashes, np.uint64).reshape(-1, 4)[good]
    held = reference.hashes[reference.file[reference.frame] == file].copy().view(np.uint64)
    if not len(query) or not len(held):
        return None
    return int(min(np.bitwise_count(each ^ held).sum(axis=1).min() for each in query))


def originals(wanted: int | None, decoder: Decoder) -> list[Original]:
    """The real videos that are long enough, in the order of their names."""
    data = SHARED / "data"
    files = sorted(each for each in (data / "videos").iterdir() if each.suffix != ".jsonl")
    found: list[Original] = []
    for file in files[:wanted]:
        clips = clips_of(file, decoder)
        jpegs = clips[0].image_encoded[: int(SECONDS * 12.5)] if clips else ()
        frames = [simplejpeg.decode_jpeg(each, colorspace="RGB") for each in jpegs]
        found.append(Original(file.name, frames))
    for folder in (data / "davis" / "car-shadow", data / "davis" / "cows") if not wanted else ():
        images = sorted((folder / "frames").iterdir())
        # Both have 24 frames a second.
        images = images[:: 2 if len(images) > 2 * LEAST else 1]
        frames = [np.asarray(Image.open(each).convert("RGB").resize(_SIZE)) for each in images]
        found.append(Original(folder.name, frames))
    long_enough = sorted((e for e in found if len(e.frames) >= LEAST), key=lambda each: each.name)
    for place, each in enumerate(long_enough):
        each.is_first_half = 2 * place < len(long_enough)
    return long_enough


def look_for(
    original: Original, number: int, reference: Reference, decoder: Decoder, folder: Path
) -> None:
    """Alter a video in all ways, and note whether it is found."""
    copy = folder / f"copy of {number}.mp4"
    for name, (act, crf) in ALTERATIONS.items():
        encode([act(each) for each in original.frames[LATER:]], copy, crf)
        clips = clips_of(copy, decoder)
        hashes = hashed(clips)
        result = likeness.compare(hashes, reference, pictures_of(clips, hashes))
        is_found = is_same_scene(result.neighbour or "", original.name)
        original.found[name] = is_found, nearest(hashes, reference, number)
        if not is_found:
            print(f"  <!-- {name}: {original.name}, {original.found[name][1]} bits -->", flush=True)


def tell_altered(videos: Sequence[Original]) -> None:
    """Print how many are found of each alteration."""
    print("| altered | first half | second half | rate there | interval of 95 % | bits, half |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name in ALTERATIONS:
        first, second = (
            [each.found[name][0] for each in videos if each.is_first_half == which]
            for which in (True, False)
        )
        bits = [each.found[name][1] for each in videos]
        low, high = wilson(sum(second), len(second))
        print(
            f"| {name} | {sum(first)} of {len(first)} | {sum(second)} of {len(second)} | "
            f"{100 * sum(second) / len(second):.1f} % | {100 * low:.1f} to {100 * high:.1f} % | "
            f"{np.median([each for each in bits if each is not None]):.0f} |"
        )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--videos", type=int, default=None)
    parser.add_argument("--only", choices=["altered", "innocent"])
    arguments = parser.parse_args()
    decoder = Decoder(DecodeLimits(memory=2_000_000_000, seconds=600))
    videos = originals(arguments.videos, decoder)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        files = [(each.name, folder / f"{number}.mp4") for number, each in enumerate(videos)]
        for each, (_, file) in zip(videos, files, strict=True):
            encode(each.frames, file, 10)
        reference = make_reference(files, decoder)
        shown = set(reference.file.tolist())
        plain = [each.name for number, each in enumerate(videos) if number not in shown]
        print(
            f"set: {len(videos)} videos, {len(reference.file)} frames, {len(VARIANTS)} forms of "
            f"each; {likeness.LEAST_FRAMES} frames of at most {likeness.MOST_BITS} bits, or 1 of "
            f"at most {likeness.MOST_BITS_BY_PIXELS} whose pixels agree by "
            f"{likeness.least_agreement(0):g} to "
            f"{likeness.least_agreement(likeness.MOST_BITS_BY_PIXELS):g}. {len(plain)} of them "
            f"show too little to be compared and are never found: {', '.join(plain)}\n",
            flush=True,
        )
        if arguments.only != "innocent":
            with ThreadPoolExecutor(2) as pool:
                done = [
                    pool.submit(look_for, videos[number], number, reference, decoder, folder)
                    for number in sorted(shown)
                ]
            for one in done:
                one.result()
            tell_altered([videos[number] for number in sorted(shown)])
        if arguments.only != "altered":
            tell_innocent(files, reference, decoder)
    decoder.close()


def tell_innocent(files: Sequence[tuple[str, Path]], videos: Reference, decoder: Decoder) -> None:
    """Print how near innocent pairs are: of two videos, and of a video and an image."""
    candidates, wrongly = [], 0
    for name, file in files:
        clips = clips_of(file, decoder)
        hashes = hashed(clips)
        shown = pictures_of(clips, hashes)
        like = likeness.compare(hashes, videos, shown)
        wrongly += like.neighbour is not None and not is_same_scene(like.neighbour, name)
        pictures = shown(range(len(hashes.clips)))
        candidates.append((name, hashes, [pictures[each] for each in sorted(pictures)]))
    seconds = len(videos.file) / 4 / len(set(videos.file.tolist()))
    passes = innocents.SECONDS / seconds
    found = innocents.nearness(candidates, videos, is_same_scene)
    innocents.tell("two videos", found, innocents.FRAMES / (4 * seconds) * passes)
    print(f"{wrongly} of {len(candidates)} videos were taken for another one.")
    folder = SHARED / "data" / "evaluation"
    of_images = [*(folder / "imagenet_sample").iterdir(), *(folder / "coco").rglob("*.jpg")]
    images = make_reference([(each.name, each) for each in sorted(of_images)], decoder)
    found = innocents.nearness(candidates, images, is_same_scene)
    innocents.tell("a video and an image", found, innocents.FRAMES * passes)


if __name__ == "__main__":
    main()
