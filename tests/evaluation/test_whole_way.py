"""From videos to a page: two short trainings, evaluated on a whole data set, and compared."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.curated import videonet
from tests.evaluation.asked import refused

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from tests.report.browser import browsing, complaints, show  # noqa: E402
from tests.training.training import ALONE, VIDEONET, command, small_data  # noqa: E402
from videonet.evaluation.result import read  # noqa: E402
from videonet.files import sha256_of  # noqa: E402

pytestmark = pytest.mark.slow

# What DAVIS-2017 has.
SEQUENCES, FRAMES, OBJECTS = 30, 1999, 61


def write_davis(root: Path) -> Path:
    """A data set as large as DAVIS-2017, of small pictures: squares that move."""
    random = np.random.default_rng(0)
    names = [f"made-{number:02}" for number in range(SEQUENCES)]
    for number, name in enumerate(names):
        frames = FRAMES // SEQUENCES + (number < FRAMES % SEQUENCES)
        objects = OBJECTS // SEQUENCES + (number < OBJECTS % SEQUENCES)
        ground = random.integers(0, 256, (32, 56, 3))
        colours = random.integers(0, 256, (objects, 3))
        places = [root / kind / "480p" / name for kind in ("JPEGImages", "Annotations")]
        for place in places:
            place.mkdir(parents=True)
        for time in range(frames):
            image, mask = ground.copy(), np.zeros((32, 56), np.uint8)
            for label, colour in enumerate(colours, start=1):
                left, top = (3 * label + time // 3) % 44, 10 * (label - 1)
                image[top : top + 9, left : left + 12] = colour
                mask[top : top + 9, left : left + 12] = label
            Image.fromarray(image.astype(np.uint8)).save(places[0] / f"{time:05}.jpg")
            Image.fromarray(mask).save(places[1] / f"{time:05}.png")
    (root / "ImageSets" / "2017").mkdir(parents=True)
    (root / "ImageSets" / "2017" / "val.txt").write_text("\n".join(names) + "\n")
    return root


def test_two_trainings_stand_side_by_side_with_the_paper(tmp_path):
    videos = small_data(tmp_path / "videos")
    davis = write_davis(tmp_path / "davis")
    runs = [tmp_path / "first", tmp_path / "second"]
    for seed, run in enumerate(runs):
        trained = [VIDEONET, "train", *command(videos, run, f"train.seed={seed}")]
        subprocess.run(trained, check=True, capture_output=True, env=ALONE)
        ended = videonet(
            *("evaluate", run, "--on", "davis2017", "--data", davis, "--device", "cpu"),
            *("--set", "short_side=32", "--set", "radius=4", "--trained-on", videos),
        )
        assert ended.code == 0, ended.stderr
        result = read(run / "evaluations" / "davis2017.json")
        assert not result.data.partial
        assert result.trained_on.manifest_sha256 == sha256_of(videos / "manifest.json")
        assert result.trained_on.videos == 20
        assert "and so by the labels that it was trained on" in result.trained_on.chosen_by
        assert result.model.images_seen == 8 * 8 * 3
        assert str(tmp_path) not in (run / "evaluations" / "davis2017.json").read_text()
    page = tmp_path / "page.html"
    ended = videonet("compare", *runs, "--paper", "--out", page)
    assert ended.code == 0, ended.stderr
    assert "paper, davis2017: J   VITO (resnet50) 65.5, supervised (resnet50)" in ended.stdout
    with browsing() as chrome:
        complaints(chrome)
        show(chrome, page)
        assert complaints(chrome) == []
        count = "return document.querySelectorAll(arguments[0]).length"
        # J&F, J and F of two trainings; the paper's three models have J and F.
        assert chrome.execute_script(count, ".band .dot.hollow") == 6
        assert chrome.execute_script(count, "g.paper .mark.other") == 6

    # A data set that it was not trained on says nothing of it.
    other = small_data(tmp_path / "others", videos=10)
    said = refused(runs[0], "davis2017", davis, tmp_path / "a.json", "--trained-on", other)
    assert "was trained on a data set with another manifest" in said
