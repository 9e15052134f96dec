"""scan: what a classifier sees in the first frames, whatever the video was looked up for."""

import io
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import msgspec
import numpy as np
import onnx
import pytest
from PIL import Image

from demo.drawing import KINDS, Scene, draw_video
from demo.encoding import Encoding, encode
from demo.odd_files import truncate, write_page, write_sound
from demo.train_classifier import MODEL
from videonet.classifier.model import Classifier, load_classifier
from videonet.curation.scan import scan_key, scan_video
from videonet.fetch.sparse_file import PartFile, PartSource
from videonet.schemas.reason import Reason
from videonet.schemas.scan import Scan
from videonet.text import ERROR_LENGTH
from videonet.video.decode import first_frames, probe
from videonet.video.thumbnails import frames_of


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return load_classifier(str(MODEL))


def scan(path: Path, classifier: Classifier, frames: int = 100) -> Scan:
    return scan_video(path, classifier, frames, video_key="youtube:x", sha256="ab").scan


def draw(path: Path, kind="balloon", seconds: float = 2, **options) -> Path:
    draw_video(path, kind, seconds, **options)
    return path


def timeless(record: Scan) -> Scan:
    return msgspec.structs.replace(record, seconds=0.0)


# The record.


@pytest.mark.parametrize("kind", ["balloon", "locomotive"])
def test_the_class_that_is_shown_is_the_top_1_of_most_frames(tmp_path, classifier, kind):
    found = scan(draw(tmp_path / "v.mp4", kind, 4), classifier)
    assert len(found.top1) == 50
    assert found.top1.count(KINDS.index(kind)) > 25


def test_each_frame_has_its_class_and_its_probability_in_the_order_shown(tmp_path, classifier):
    path = draw(tmp_path / "v.mp4", ("mushroom", "lighthouse"), 4)
    found = scan(path, classifier)
    images = first_frames(path, 100, classifier.resize, classifier.crop).images
    top1, probability = classifier.classify(images)
    assert found.top1 == tuple(top1)
    assert found.probability == tuple(round(float(each), 4) for each in probability)
    assert KINDS.index("mushroom") in found.top1[:25]
    assert KINDS.index("lighthouse") in found.top1[25:]


def test_probabilities_are_rounded_to_four_digits_of_what_they_were(tmp_path, classifier):
    one, other = (Scene(kind, (96, 96), 0) for kind in ("balloon", "mushroom"))
    blended = (Image.blend(one.frame(i / 10), other.frame(i / 10), i / 20) for i in range(20))
    encode(tmp_path / "v.mp4", blended, (96, 96), 10, Encoding())
    found = scan(tmp_path / "v.mp4", classifier)
    assert all(0 < each <= 1 for each in found.probability)
    assert all(each == round(each, 4) for each in found.probability)
    assert len({each for each in found.probability if each < 0.99}) > 1


def test_the_record_says_whose_it_is_and_what_the_file_holds(tmp_path, classifier):
    path = draw(tmp_path / "v.mp4", size=(96, 160), encoding=Encoding(rotation=90))
    found = scan(path, classifier)
    assert (found.video_key, found.sha256) == ("youtube:x", "ab")
    assert found.reason is found.error is None
    assert found.probe == probe(path)
    assert found.probe.rotation == 90
    assert found.seconds > 0
    assert Scan.from_json(found.to_json()) == found
    assert len(found.to_json()) < 4096


def test_only_the_first_frames_are_looked_at(tmp_path, classifier):
    path = draw(tmp_path / "v.mp4", ("mushroom", "lighthouse"), 4)
    few, all_of_them = (scan(path, classifier, frames) for frames in (10, 100))
    assert few.top1 == all_of_them.top1[:10]
    assert few.probability == all_of_them.probability[:10]


def test_a_video_with_fewer_frames_is_looked_at_whole(tmp_path, classifier):
    found = scan(draw(tmp_path / "v.mp4", seconds=0.24), classifier)
    assert len(found.top1) == len(found.probability) == len(found.phash) == 3


def test_two_scans_of_a_video_are_equal_but_for_the_time_they_took(tmp_path, classifier):
    path = draw(tmp_path / "v.mp4")
    one, other = (
        scan_video(path, classifier, video_key="youtube:x", sha256="ab") for _ in range(2)
    )
    assert timeless(one.scan) == timeless(other.scan)
    assert one.thumbnail == other.thumbnail


def test_a_part_with_all_that_is_needed_is_scanned_like_its_file(tmp_path, classifier):
    path = draw(tmp_path / "v.mp4")
    size = path.stat().st_size
    part = PartSource(PartFile(path, size, None, [(0, size)]))
    scanned = scan_video(part, classifier, video_key="youtube:x", sha256="ab")
    assert part.failure is None
    assert timeless(scanned.scan) == timeless(scan(path, classifier))


def test_a_picture_that_stands_still_is_classified_once_and_recorded_as_often_as_shown(
    tmp_path, classifier
):
    still, moving = (Scene(kind, (96, 96), 0) for kind in ("balloon", "mushroom"))
    pictures = [still.frame(0)] * 20 + [moving.frame(i / 10) for i in range(5)]
    with av.open(str(tmp_path / "v.mkv"), "w") as file:
        stream = file.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 96, "bgr0"
        for picture in pictures:
            file.mux(stream.encode(av.VideoFrame.from_image(picture)))
        file.mux(stream.encode())
    before = classifier.frames_classified
    found = scan(tmp_path / "v.mkv", classifier)
    assert classifier.frames_classified - before == 6
    images = first_frames(tmp_path / "v.mkv", 100, classifier.resize, classifier.crop).images
    alone = [classifier.classify(image[None]) for image in images]
    assert found.top1 == tuple(int(top1[0]) for top1, _ in alone)
    assert found.probability == tuple(round(float(each[0]), 4) for _, each in alone)
    assert len(found.top1) == 25


def test_many_scans_at_once_are_equal_to_one_alone(tmp_path, classifier):
    paths = [draw(tmp_path / f"{kind}.mp4", kind) for kind in KINDS[:3]]
    alone = [timeless(scan(path, classifier)) for path in paths]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda path: timeless(scan(path, classifier)), paths * 4))
    assert together == alone * 4


# Thumbnails and hashes.


def thumbnail(path: Path, classifier: Classifier) -> Image.Image:
    return Image.open(
        io.BytesIO(scan_video(path, classifier, video_key="k", sha256="ab").thumbnail)
    )


@pytest.mark.parametrize(("seconds", "frames"), [(2, 4), (0.24, 3), (0.08, 1)])
def test_a_thumbnail_is_a_strip_of_a_few_frames(tmp_path, classifier, seconds, frames):
    path = draw(tmp_path / "v.mp4", seconds=seconds)
    picture = thumbnail(path, classifier)
    assert picture.format == "JPEG"
    assert picture.size == (frames * 64, 64)
    assert len(scan(path, classifier).phash) == frames


def test_a_thumbnail_begins_with_the_first_frame_and_ends_with_the_last(tmp_path, classifier):
    path = draw(tmp_path / "v.mp4", ("mushroom", "lighthouse"), 2)
    images = first_frames(path, 100, classifier.resize, classifier.crop).images
    picture = thumbnail(path, classifier)
    for left, index in ((0, 0), (192, 24)):
        seen = np.asarray(picture.crop((left, 0, left + 64, 64)), np.int16)
        assert np.abs(seen - images[index]).mean() < 8 < np.abs(seen - images[24 - index]).mean()


def test_a_thumbnail_shows_the_frame_that_confirms_best_what_was_looked_for(tmp_path, classifier):
    path = draw(tmp_path / "v.mp4", ("balloon", "sailboat"), 2)
    plain = scan_video(path, classifier, video_key="k", sha256="ab")
    seen = plain.scan
    looked_for = [[output] for output in sorted(set(seen.top1))] + [[len(classifier.labels)]]
    scanned = scan_video(path, classifier, 100, looked_for, video_key="k", sha256="ab")
    best = {
        max(
            (i for i, top1 in enumerate(seen.top1) if top1 == output),
            key=lambda i: seen.probability[i],
        )
        for output in set(seen.top1)
    }
    spread = set(frames_of(plain.thumbnail))
    assert best - spread, "else this shows nothing"
    assert timeless(scanned.scan) == timeless(seen)
    assert set(frames_of(scanned.thumbnail)) == spread | best


def test_hashes_tell_videos_apart_and_copies_not(tmp_path, classifier):
    original = draw(tmp_path / "v.mp4", "balloon", 2)
    copy = draw(tmp_path / "v.webm", "balloon", 2, encoding=Encoding("libvpx-vp9"))
    different = draw(tmp_path / "w.mp4", "locomotive", 2)
    hashes = [scan(path, classifier).phash for path in (original, copy, different)]
    assert all(len(each) == 16 for found in hashes for each in found)
    close, far = (
        sum((int(a, 16) ^ int(b, 16)).bit_count() for a, b in zip(hashes[0], found, strict=True))
        for found in hashes[1:]
    )
    assert close < 4 * 10 < far


# Failures.


def test_a_file_that_is_no_video_gives_a_record_with_the_reason(tmp_path, classifier):
    write_page(tmp_path / "page.mp4")
    write_sound(tmp_path / "sound.mp4", 1)
    for name in ("page.mp4", "sound.mp4"):
        scanned = scan_video(tmp_path / name, classifier, video_key="youtube:x", sha256="ab")
        found = scanned.scan
        assert found.reason is Reason.NOT_A_VIDEO
        assert 0 < len(found.error) <= ERROR_LENGTH
        assert (found.top1, found.probability, found.phash, found.probe) == ((), (), (), None)
        assert (found.video_key, found.sha256) == ("youtube:x", "ab")
        assert scanned.thumbnail is None
        assert Scan.from_json(found.to_json()) == found


def test_a_video_that_breaks_within_the_first_frames_is_undecodable_and_later_is_not(
    tmp_path, classifier
):
    path = draw(tmp_path / "v.mp4", seconds=8)
    truncate(path, 60)
    assert scan(path, classifier, 100).reason is Reason.UNDECODABLE
    assert scan(path, classifier, 30).reason is None


def test_a_file_that_is_gone_is_no_finding_about_the_video(tmp_path, classifier):
    with pytest.raises(FileNotFoundError):
        scan(tmp_path / "gone.mp4", classifier)


# The key.


def key_of(folder: Path, change_card=None, change_model=None, threads: int = 1) -> str:
    folder.mkdir()
    path = folder / "model.onnx"
    shutil.copy(MODEL, path)
    card = json.loads(MODEL.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps(card | (change_card or {})))
    if change_model:
        model = onnx.load(path)
        change_model(model)
        onnx.save(model, path)
    return scan_key(load_classifier(str(path), threads=threads), 100)


def double_a_weight(model: onnx.ModelProto) -> None:
    weight = next(each for each in model.graph.initializer if each.name == "bias0")
    values = onnx.numpy_helper.to_array(weight) * 2
    weight.CopyFrom(onnx.numpy_helper.from_array(values, "bias0"))


def test_a_key_is_that_of_the_classifier_wherever_it_lies(tmp_path, classifier):
    assert key_of(tmp_path / "a") == key_of(tmp_path / "b") == scan_key(classifier, 100)


def test_another_classifier_setting_or_number_of_frames_has_another_key(tmp_path, classifier):
    keys = [
        scan_key(classifier, 100),
        scan_key(classifier, 99),
        key_of(tmp_path / "model", change_model=double_a_weight),
        key_of(tmp_path / "mean", {"mean": [0.4, 0.5, 0.5]}),
        key_of(tmp_path / "std", {"std": [0.25, 0.25, 0.3]}),
        key_of(tmp_path / "threads", threads=2),
    ]
    assert len(set(keys)) == len(keys)
    assert all(key.isalnum() for key in keys)


def test_what_outputs_are_called_does_not_change_the_key(tmp_path, classifier):
    names = [{"wnid": None, "name": f"kind {index}"} for index in range(len(KINDS))]
    assert key_of(tmp_path / "names", {"labels": names}) == scan_key(classifier, 100)
