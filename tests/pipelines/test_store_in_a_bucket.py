"""The job over the web with STORE and OUT in a bucket: the same bytes as in folders."""

import uuid
from pathlib import Path

import pytest

from demo.train_classifier import MODEL
from demo.world import World
from tests.curating import few_of
from tests.local import LOCAL
from tests.patience import PATIENCE
from tests.published import published
from tests.storage.servers import fake_gcs
from videonet.execution.curate import curate
from videonet.storage.places import open_place


@pytest.mark.slow
def test_videos_in_hand_stay_on_the_machine_and_those_that_are_kept_go_up(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("VIDEONET_CACHE", str(tmp_path / "cache"))
    scratch = tmp_path / "scratch"
    given = {
        "classifier": str(MODEL),
        "workers": 2,
        "deadline": PATIENCE,
        "requests_per_second": 10_000.0,
        "per_host": 8,
        "allow_private_hosts": LOCAL,
        "scratch": str(scratch),
    }

    def made(store: str | Path, out: str | Path, **options: object) -> dict[str, bytes]:
        source = f"catalogue:{tmp_path / 'few.csv'}"
        curate(world.classes, source, store=store, out=out, **given, **options)
        return published(out)

    with world.serve() as server, fake_gcs() as gcs:
        few_of(world.catalogue, tmp_path)
        gcs.set_environment(monkeypatch)
        bucket = gcs.make_bucket(f"bucket-{uuid.uuid4().hex[:12]}")
        in_folders = made(tmp_path / "store", tmp_path / "out")
        assert made(f"{bucket}/store", f"{bucket}/out") == in_folders
        kept = sorted(each.name for each in open_place(tmp_path / "store").list("video/"))
        assert sorted(each.name for each in open_place(f"{bucket}/store").list("video/")) == kept
        assert kept
        assert not list(open_place(f"{bucket}/store").list("part/"))
        # Nothing of a video is left on this machine but what can be had again.
        assert not [each for each in scratch.glob("stores/*/[vp]*/*/*") if each.is_file()]
        # Cut otherwise, they are read from where they lie: the web is asked for no kept one.
        asked = len(server.requests())
        assert [each for each in server.requests() if "valley" in each.path]
        again = made(f"{bucket}/store", f"{bucket}/other", max_clips=1)
        on_the_web = [each.path for each in server.requests()[asked:]]
        assert again == made(tmp_path / "store", tmp_path / "other", max_clips=1)
    assert not [path for path in on_the_web if "valley" in path or "meadow" in path]
