"""Real videos from the web with STORE and OUT in a bucket: the bytes of a run on this machine."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from demo.server import VideoServer
from tests.curating import verdicts_of
from tests.local import LOCAL
from tests.patience import PATIENCE
from tests.pipelines.test_real_videos import FEW, MODEL, VIDEOS, pytestmark, title_of
from tests.published import published
from tests.storage.conftest import bucket, gcs, s3, server  # noqa: F401
from videonet.execution.curate import curate
from videonet.schemas.reason import Outcome

pytestmark = [pytestmark, pytest.mark.thorough]

# All of them in `make test-all`: to classify their 5,600 frames three times takes minutes.
THOROUGH = hypothesis.settings().max_examples >= 1000


@pytest.fixture(scope="module")
def web() -> Iterator[VideoServer]:
    with VideoServer(VIDEOS) as web:
        yield web


@pytest.fixture(scope="module")
def source(web: VideoServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("catalogue") / "videos.csv"
    with file.open("w", newline="") as lines:
        rows = csv.writer(lines)
        rows.writerow(["id", "url", "title"])
        for each in map(json.loads, (VIDEOS / "videos.jsonl").read_text().splitlines()):
            if THOROUGH or each["file"] in FEW:
                rows.writerow([each["file"], web.url(each["file"]), title_of(each)])
    return f"catalogue:{file}"


def made(source: str, place: str, out: str, scratch: Path, **options: Any) -> dict[str, bytes]:
    """What a run publishes whose machine has nothing but its scratch folder."""
    curate(
        "imagenet1k",
        source,
        store=f"{place}/store",
        out=f"{place}/{out}",
        classifier=str(MODEL),
        min_seconds=0.0,
        workers=2,
        deadline=PATIENCE,
        requests_per_second=10_000.0,
        per_host=8,
        allow_private_hosts=LOCAL,
        scratch=str(scratch),
        **options,
    )
    return published(f"{place}/{out}")


# What is made of them at first, and then of those that are kept.
WAYS: dict[str, dict[str, Any]] = {"out": {}, "other": {"max_clips": 1, "max_hole": 1.0}}


@pytest.fixture(scope="module")
def here(source: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """What runs on this machine give."""
    folder = tmp_path_factory.mktemp("here")
    return {
        out: made(source, str(folder), out, folder / "scratch", **options)
        for out, options in WAYS.items()
    }


@pytest.mark.parametrize("server", ["gcs", "s3"], indirect=True)
def test_they_go_up_and_come_back_and_their_clips_are_the_same(
    source: str,
    web: VideoServer,
    here: dict[str, dict[str, bytes]],
    bucket: str,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    for out, options in WAYS.items():
        asked = len(web.requests())
        # Each is a machine of its own.
        monkeypatch.setenv("VIDEONET_CACHE", str(tmp_path / out / "cache"))
        there = made(source, bucket, out, tmp_path / out / "scratch", **options)
        assert there == here[out]
    kept = {each.video.url for each in verdicts_of(bucket + "/out") if each.outcome is Outcome.KEPT}
    assert len(kept) > (40 if THOROUGH else 4)
    assert kept.isdisjoint(web.url(each.path) for each in web.requests()[asked:])
