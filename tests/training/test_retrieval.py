"""What is nearest to what: counted by a loop, and where the answer is plain."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from videonet.training.retrieval import knn_accuracy, same_video_retrieval


def cosine(one, other):
    return one @ other / np.linalg.norm(one) / np.linalg.norm(other)


def slow_same_video(queries, keys):
    hits = 0
    for index, query in enumerate(queries):
        hits += max(range(len(keys)), key=lambda each: cosine(query, keys[each])) == index
    return hits / len(queries)


def slow_knn(features, labels, videos, k):
    hits = 0
    for index, query in enumerate(features):
        others = [each for each in range(len(features)) if videos[each] != videos[index]]
        others.sort(key=lambda each: -cosine(query, features[each]))
        near = [labels[each] for each in others[:k]]
        votes = Counter(near)
        winner = next(label for label in near if votes[label] == max(votes.values()))
        hits += winner == labels[index]
    return hits / len(features)


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.floats(0, 2))
@settings(max_examples=40)
def test_same_video_retrieval_is_what_a_loop_counts(seed, count, noise):
    random = np.random.default_rng(seed)
    queries = random.normal(size=(count, 8)) * random.uniform(0.1, 10, (count, 1))
    keys = queries + noise * random.normal(size=queries.shape)
    assert same_video_retrieval(queries, keys) == pytest.approx(slow_same_video(queries, keys))


@given(st.integers(0, 2**32 - 1), st.integers(2, 12), st.integers(1, 3), st.integers(1, 12))
@settings(max_examples=40)
def test_knn_accuracy_is_what_a_loop_counts(seed, count, frames, k):
    random = np.random.default_rng(seed)
    videos = np.repeat(np.arange(count), frames)
    labels = random.integers(0, 3, count)[videos]
    features = random.normal(size=(len(videos), 6)) + 2 * np.eye(3, 6)[labels]
    expected = slow_knn(features, labels, videos, k)
    assert knn_accuracy(features, labels, videos, k) == pytest.approx(expected)


def test_tensors_give_what_arrays_give():
    random = np.random.default_rng(0)
    features, labels = random.normal(size=(20, 4)), random.integers(0, 2, 20)
    videos = np.arange(20) // 2
    tensors = [torch.from_numpy(each) for each in (features, labels, videos)]
    assert knn_accuracy(*tensors, k=3) == knn_accuracy(features, labels, videos, k=3)
    halves = features[:10], features[10:]
    found = same_video_retrieval(*(torch.from_numpy(each) for each in halves))
    assert found == same_video_retrieval(*halves)


def test_length_of_a_vector_does_not_count():
    keys = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert same_video_retrieval(keys * [[100], [0.01]], keys) == 1


def test_features_that_are_all_equal_find_no_video():
    features = np.ones((10, 3))
    assert same_video_retrieval(features, features) == 0


def test_random_features_find_as_many_videos_as_chance_does():
    random = np.random.default_rng(0)
    found = same_video_retrieval(*random.normal(size=(2, 1000, 16)))
    assert found == pytest.approx(1 / 1000, abs=5 / 1000)


def test_frames_of_the_same_video_do_not_count_as_neighbours():
    # Each frame has its own video's other frame beside it, and then the other class.
    features = np.array([[1, 0], [1, 0.01], [0.9, 0.3], [0.9, 0.31]])
    labels, videos = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1])
    assert knn_accuracy(features, labels, videos, k=1) == 0
    assert knn_accuracy(features, labels, np.arange(4), k=1) == 1


def test_as_many_votes_for_two_classes_go_to_the_nearer():
    # Seen from the first, the neighbours are of the classes 5, 7, 7, 5.
    angles = np.array([0.0, 0.1, 0.2, 0.3, 0.4])
    features = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    labels = np.array([5, 5, 7, 7, 5])
    alone = knn_accuracy(features, labels, np.array([0, 1, 1, 1, 1]), k=4)
    # Of the other four each has only the first to look at, which is of class 5.
    assert alone == pytest.approx(3 / 5)


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="one video"):
        knn_accuracy(np.ones((4, 2)), np.zeros(4, int), np.zeros(4, int), k=1)
    with pytest.raises(ValueError, match="as many"):
        same_video_retrieval(np.ones((4, 2)), np.ones((3, 2)))
    with pytest.raises(ValueError, match="at least one"):
        same_video_retrieval(np.ones((0, 2)), np.ones((0, 2)))
