"""The models that videos are compared by: features, their scale, and real weights."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.evaluation.material import shared, write_lite0
from tests.neighbours.material import write_embedding, write_images
from videonet.classifier.embedding import Embedding, of_unit_length
from videonet.classifier.neighbours import Neighbours, centres_of
from videonet.classifier.read_image import read_image
from videonet.classifier.target_images import ImageCluster, image_clusters
from videonet.errors import UsageError
from videonet.schemas.neighbours import EmbeddedVideo


def plain(colour: tuple[int, int, int], frames: int = 1) -> np.ndarray:
    return np.full((frames, 32, 32, 3), colour, np.uint8)


def test_features_have_unit_length_and_depend_on_their_frame_alone(tmp_path: Path):
    embedding = Embedding(write_embedding(tmp_path))
    frames = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    features = embedding.features(frames)
    assert np.allclose((features**2).sum(axis=1), 1)
    for place in range(5):
        assert np.array_equal(embedding.features(frames[place : place + 1])[0], features[place])


def test_features_of_zeros_stay_zeros():
    assert of_unit_length(np.zeros((1, 3))).tolist() == [[0, 0, 0]]


def test_a_wrong_json_file_is_named(tmp_path: Path):
    path = write_embedding(tmp_path)
    path.with_suffix(".json").write_text(json.dumps({"std": [0, 1, 1]}))
    with pytest.raises(UsageError, match=r"colours\.json: "):
        Embedding(path)


def test_the_centre_of_a_target_is_the_mean_of_its_images(tmp_path: Path):
    embedding = Embedding(write_embedding(tmp_path))
    colours = {"warm/1.png": (255, 0, 0), "warm/2.png": (255, 255, 0), "cold.png": (0, 0, 255)}
    clusters = image_clusters(write_images(tmp_path / "images", colours))
    neighbours = Neighbours(embedding, centres_of(embedding, clusters))
    assert neighbours.centres.names == ("cold", "warm")
    assert neighbours.centres.counts == (1, 2)
    seen = neighbours.embedded(
        np.concatenate([plain((255, 128, 0)), plain((0, 0, 255))]), scan_of_nothing()
    )
    assert neighbours.compared(seen).top1 == (1, 0)
    nearest, mean = neighbours.similarities(seen)
    assert nearest.dtype == np.float16
    assert nearest.min() > 0.99
    assert mean.max() < 0.9


def test_centres_are_made_once_of_the_same_images(tmp_path: Path):
    embedding = Embedding(write_embedding(tmp_path))
    folder = write_images(tmp_path / "images", {"red.png": (255, 0, 0)})
    made = centres_of(embedding, image_clusters(folder))
    assert centres_of(embedding, image_clusters(folder), made) is made
    write_images(folder, {"red.png": (200, 0, 0)})
    assert centres_of(embedding, image_clusters(folder), made).images != made.images


class Counted(Embedding):
    """An embedding that knows how many frames it was given at a time."""

    given: tuple[int, ...] = ()

    def features(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.given += (len(frames),)
        return super().features(frames)


def test_images_of_several_targets_are_embedded_together_and_each_centre_is_to_the_bit_its_own(
    tmp_path: Path,
):
    random = np.random.default_rng(1)
    clusters = []
    for cluster, number in enumerate((1, 1, 130, 1, 3, 64)):
        files = [tmp_path / f"{cluster}-{image:03d}.png" for image in range(number)]
        for file in files:
            Image.fromarray(random.integers(0, 256, (40, 40, 3), np.uint8)).save(file)
        clusters.append(ImageCluster(str(cluster), tuple(files)))
    embedding = Counted(write_embedding(tmp_path))
    centres = centres_of(embedding, clusters)
    assert embedding.given == (64, 64, 64, 8)
    alone = b"".join(centres_of(embedding, [cluster]).centres for cluster in clusters)
    assert centres.centres == alone


def test_an_image_is_upright_and_cut_in_the_middle(tmp_path: Path):
    from PIL import Image

    picture = Image.new("RGB", (120, 40), (0, 0, 255))
    picture.paste((255, 0, 0), (40, 0, 80, 40))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    picture.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    pixels = read_image(tmp_path / "turned.jpg", 40, (32, 32))
    assert pixels.shape == (32, 32, 3)
    assert pixels[:, :, 0].mean() > 240


def scan_of_nothing():
    from tests.neighbours.test_nearest import scanned

    return scanned()


@pytest.mark.slow
def test_a_timm_model_finds_real_videos_near_to_an_image_of_what_they_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from videonet.curation.scan import embed_video
    from videonet.evaluation.embedding_file import embedding_file
    from videonet.video.decoder import shared_decoder

    monkeypatch.setenv("VIDEONET_CACHE", str(tmp_path / "cache"))
    images = shared("evaluation/imagenet_sample")
    wanted = {"n01860187": "samtrack_blackswan.mp4", "n02007558": "vidtome_flamingo.mp4"}
    (tmp_path / "images").mkdir()
    for wnid in (*wanted, "n04487394", "n02823428"):
        (tmp_path / "images" / f"{wnid}.jpg").symlink_to(next(images.glob(f"{wnid}.*")))
    file = embedding_file(write_lite0(tmp_path))
    assert embedding_file(f"timm:tf_efficientnet_lite0@{tmp_path / 'lite0.safetensors'}") == file
    embedding = Embedding(file)
    assert (embedding.crop, embedding.size) == ((224, 224), 1280)
    clusters = image_clusters(tmp_path / "images")
    neighbours = Neighbours(embedding, centres_of(embedding, clusters))
    for wnid, name in wanted.items():
        video = shared("videos") / name
        found = embed_video(
            video, neighbours, 100, video_key="a", sha256="", decoder=shared_decoder()
        )
        assert {neighbours.centres.names[each] for each in found.scan.top1} == {wnid}
        assert isinstance(found.embedded, EmbeddedVideo)
        # Four frames, 16 bits a number.
        assert len(found.embedded.features) == 4 * 1280 * 2
