"""videonet.classifier.batches: the frames of several videos share the batches of one session."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.classifier.conftest import MakeModel
from videonet.classifier.batches import Batches
from videonet.classifier.opened import OpenModel
from videonet.classifier.sidecar import UNSAID

BATCH = 5
CROP = (4, 6)
COLOURS = {
    "labels": [{"wnid": None, "name": name} for name in ("red", "green", "blue")],
    "input_size": list(CROP),
    "mean": [0, 0, 0],
    "std": [1, 1, 1],
}


class Session:
    """Gives the mean of each frame, and remembers how many frames it was given."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.may_run = threading.Event()
        self.may_run.set()

    def run(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.may_run.wait()
        self.sizes.append(len(frames))
        return frames.mean(axis=(1, 2, 3), dtype=np.float32)[:, None]


def video(number: int, frames: int) -> NDArray[np.uint8]:
    return np.random.default_rng(number).integers(0, 256, (frames, *CROP, 3), np.uint8)


@given(st.lists(st.integers(1, 23), min_size=1, max_size=12))
def test_each_video_gets_its_own_scores(lengths: list[int]):
    session = Session()
    batches = Batches(session.run, BATCH, CROP)
    videos = [video(number, frames) for number, frames in enumerate(lengths)]

    def scores(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = batches.scores(frames, np.arange(len(frames)))
        return found

    with ThreadPoolExecutor(len(videos)) as pool:
        found = list(pool.map(scores, videos))
    for frames, of_video in zip(videos, found, strict=True):
        np.testing.assert_array_equal(of_video, Session().run(frames))
    assert set(session.sizes) == {BATCH}


def test_only_the_places_that_are_asked_for_are_run():
    frames, session = video(0, 20), Session()
    places = np.array([19, 3, 3, 7])
    found = Batches(session.run, BATCH, CROP).scores(frames, places)
    np.testing.assert_array_equal(found, Session().run(frames[places]))


def test_videos_that_wait_share_batches():
    session = Session()
    session.may_run.clear()
    batches = Batches(session.run, BATCH, CROP)
    with ThreadPoolExecutor(8) as pool:
        waiting = [
            pool.submit(batches.scores, video(number, 2), np.arange(2)) for number in range(8)
        ]
        session.may_run.set()
        for each in waiting:
            each.result()
    # 16 frames: four batches if none is run before it is full but the first and the last.
    assert len(session.sizes) <= 6


def test_a_session_that_fails_fails_those_alone_whose_frames_it_had():
    frames = video(0, 3)

    def run(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        if (images[0] == frames[0]).all():
            raise RuntimeError("out of memory")
        return Session().run(images)

    batches = Batches(run, BATCH, CROP)
    with pytest.raises(RuntimeError, match="out of memory"):
        batches.scores(frames, np.arange(3))
    other = video(1, 9)
    np.testing.assert_array_equal(batches.scores(other, np.arange(9)), Session().run(other))


def test_a_real_session_says_the_same_whatever_stands_beside_a_frame(make_model: MakeModel):
    path = make_model(sidecar=COLOURS)
    model = OpenModel(path, path.read_bytes(), UNSAID)
    frames = video(0, 41)
    alone = np.concatenate([model.run(frames[[place] * model.batch])[:1] for place in range(41)])
    batches = Batches(model.run, model.batch, CROP)
    order = np.random.default_rng(0).permutation(41)
    np.testing.assert_array_equal(batches.scores(frames, order), alone[order])
