"""What segmentation shows: sizes, random parts, and that a mask stays with its image."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from videonet.evaluation import ade20k, pascal_voc  # noqa: E402
from videonet.evaluation.images import Place  # noqa: E402
from videonet.evaluation.labelled_images import Labelling, Pair  # noqa: E402
from videonet.evaluation.overlap import IGNORED  # noqa: E402
from videonet.evaluation.segmentation_images import (  # noqa: E402
    Shown,
    distorted,
    part,
    parts,
    wholes,
)
from videonet.evaluation.training_state import places  # noqa: E402

MEAN = (0.5, 0.25, 0.0)
LABELLING = Labelling(("left", "right"))


def halves(height: int, width: int) -> tuple[Image.Image, np.ndarray]:
    """An image whose left half is white, and its right half black; class 0 left, 1 right."""
    mask = np.zeros((height, width), np.uint8)
    mask[:, width // 2 :] = 1
    pixels = np.repeat(((1 - mask) * 255)[..., None], 3, axis=2)
    return Image.fromarray(pixels), mask


def test_sizes_are_those_of_mmsegmentation():
    shown = pascal_voc.FCN.shown
    # VOC's usual sizes: the shorter side becomes 513, in training times the ratio.
    assert shown.size(375, 500) == (513, 684)
    assert shown.size(500, 375) == (684, 513)
    assert shown.size(375, 500, 0.5) == (256, 341)
    # A panorama is bound by its longer side.
    assert shown.size(100, 1000) == (205, 2049)
    assert ade20k.FCN.shown.size(683, 512) == (683, 512)


@pytest.mark.parametrize("ratios", [(0.5, 0.5), (1.0, 1.0), (2.0, 2.0)])
def test_a_mask_stays_with_its_image(ratios):
    image, mask = halves(40, 60)
    shown = Shown(short_side=32, longest=128, crop=32, ratios=ratios)
    mirrored = set()
    for seed in range(12):
        found = part(image, mask, shown, MEAN, np.random.default_rng(seed)).numpy()
        assert found.shape == (4, 32, 32)
        assert found.dtype == np.uint8
        labels = found[3]
        inside = labels != IGNORED
        # But for the border between the halves, which is blurred.
        assert ((found[0] > 127) == (labels == 0))[inside].mean() > 0.95
        assert inside.all() == (ratios[0] >= 1)
        if ratios[0] < 1:
            # 16 x 24 pixels, and beyond it the mean colour.
            assert inside.sum() == 16 * 24
            assert (found[:3][:, ~inside].T == [128, 64, 0]).all()
        if set(labels[inside]) == {0, 1}:
            mirrored.add(bool(labels[0, 0] == 1))
    assert mirrored == {True, False}


def test_no_class_fills_a_part_where_others_can_be_had():
    image, mask = halves(64, 64)
    mask[:, 32:40] = IGNORED
    shown = Shown(short_side=64, longest=256, crop=32, ratios=(1.0, 1.0))

    def too_full(shown: Shown) -> int:
        """Parts of 40 that one class fills to three quarters."""
        found = 0
        for seed in range(40):
            labels = part(image, mask, shown, MEAN, np.random.default_rng(seed))[3].numpy()
            counts = np.bincount(labels[labels != IGNORED], minlength=2)
            found += counts.max() >= 0.75 * counts.sum()
        return found

    assert too_full(shown) > 20
    # Of ten places that were drawn, the last is taken as it is.
    assert too_full(replace(shown, most_of_a_class=0.75)) <= 2


def test_distortion_changes_colours_and_keeps_pixels_where_they_are():
    random = np.random.default_rng(0)
    pixels = random.integers(60, 190, (8, 8, 3)).astype(np.uint8)
    flat = np.full((4, 4, 3), (200, 90, 40), np.uint8)
    found = [distorted(pixels, np.random.default_rng(seed)) for seed in range(400)]
    assert all(each.shape == pixels.shape and each.dtype == np.uint8 for each in found)
    # Four changes, each in half of all cases.
    assert 0.9 < np.mean([(each != pixels).any() for each in found]) < 0.97
    for seed in range(40):
        assert (
            len(np.unique(distorted(flat, np.random.default_rng(seed)).reshape(-1, 3), axis=0)) == 1
        )


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[Pair]:
    root, made = tmp_path_factory.mktemp("pairs"), []
    for number in range(5):
        image, mask = halves(40 + number, 60)
        pair = Pair(root / f"{number}.png", root / f"{number}-mask.png")
        image.save(pair.image)
        Image.fromarray(mask).save(pair.mask)
        made.append(pair)
    return made


def test_what_is_drawn_depends_on_the_seed_the_epoch_and_the_image_alone(pairs):
    shown = Shown(short_side=32, longest=128, crop=32, distorts=True)

    def of(steps, seed=0, workers=0):
        return list(parts(pairs, LABELLING, shown, MEAN, steps, seed, workers))

    steps = [[Place(0, 1), Place(0, 2)], [Place(1, 2), Place(0, 3)]]
    first = of(steps)
    assert torch.equal(first[0][1], of([[Place(0, 2)]])[0][0])
    assert torch.equal(first[1], of(steps, workers=1)[1])
    assert not torch.equal(first[0][1], first[1][0])  # of another epoch
    assert not torch.equal(first[0], of(steps, seed=1)[0])


def test_whole_images_are_as_they_are(pairs, tmp_path):
    for pair, found in zip(pairs, wholes(pairs, LABELLING, workers=0), strict=True):
        assert np.array_equal(found[0, :3].permute(1, 2, 0), np.array(Image.open(pair.image)))
        assert np.array_equal(found[0, 3], np.array(Image.open(pair.mask)))


@pytest.mark.parametrize(("count", "batch"), [(7, 3), (5, 5), (2, 5)])
def test_each_image_is_shown_once_an_epoch_also_after_going_on(count, batch):
    whole = list(places(count, batch, 0, 20, seed=4))
    shown = [place for step in whole for place in step]
    for epoch in range(len(shown) // count):
        of_epoch = shown[epoch * count : (epoch + 1) * count]
        assert sorted(of_epoch) == [Place(epoch, image) for image in range(count)]
    assert shown[:count] != shown[count : 2 * count]
    for begin in (0, 1, 9, 20):
        assert list(places(count, batch, begin, 20, seed=4)) == whole[begin:]
    assert list(places(count, batch, 0, 20, seed=5)) != whole
