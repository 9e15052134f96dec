"""What is cut is what was fetched: a stored video whose bytes changed is fetched again."""

import csv
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.behaviours import Status
from demo.drawing import draw_video
from demo.server import VideoServer
from tests.curating import bytes_of, curate, outcomes_of, verdicts_of
from tests.fetch.fetching import fetch
from tests.fetch.visiting import LIMITS, candidate, quick_web
from tests.stored import file_of
from videonet.fetch.disk_budget import DiskBudget
from videonet.fetch.verified_file import AlteredError, verified_file
from videonet.schemas.reason import Outcome, Reason
from videonet.storage.store import Store

CLASSES = "balloon: hot air balloon\nsailboat\n"
VIDEOS = {"one": "balloon", "two": "sailboat"}

# Clips that are cut in another way, so that the stored videos are opened again.
OTHERWISE = {"max_clips": 3}


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for name, kind in VIDEOS.items():
        draw_video(folder / f"{name}.mp4", kind, 12, size=(160, 120), seed=name)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "classes.txt").write_text(CLASSES)
    return tmp_path


@pytest.fixture
def server(videos: Path) -> Iterator[VideoServer]:
    with VideoServer(videos) as server:
        yield server


def flip(file: Path) -> None:
    """Change one byte of the frames; neither the size nor the time tells."""
    before = file.stat()
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0x10
    file.write_bytes(content)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def run(folder: Path, server: VideoServer, out: str, store: str = "store", **options: Any) -> Path:
    """A run over the server's videos; the folder of its data set."""
    with (folder / "videos.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "url", "title"])
        rows.writerows([name, server.url(f"{name}.mp4"), f"a {VIDEOS[name]}"] for name in VIDEOS)
    given = {"store": folder / store, "keep": "all", "out": folder / out, "frames": 10}
    source = f"catalogue:{folder / 'videos.csv'}"
    curate(source, folder / "classes.txt", folder, **given | options)
    return folder / out


def stored(folder: Path) -> list[Path]:
    return sorted(file for file in (folder / "store/video").rglob("*") if file.is_file())


def sent(server: VideoServer) -> int:
    return sum(each.bytes_sent for each in server.requests())


def test_a_stored_video_with_a_flipped_byte_is_fetched_again(folder, server):
    run(folder, server, "first")
    before = {file: file.read_bytes() for file in stored(folder)}
    assert len(before) == len(VIDEOS)
    for file in before:
        flip(file)
    again = run(folder, server, "again", **OTHERWISE)
    fresh = run(folder, server, "fresh", store="other", **OTHERWISE)
    assert bytes_of(again) == bytes_of(fresh)
    assert {file: file.read_bytes() for file in stored(folder)} == before


def test_stored_videos_that_are_as_they_were_are_not_fetched_again(folder, server):
    run(folder, server, "first")
    before = sent(server)
    run(folder, server, "again", **OTHERWISE)
    assert sent(server) == before


def test_frames_of_an_altered_video_are_not_classified(folder, server):
    run(folder, server, "first")
    for file in stored(folder):
        flip(file)
    again = run(folder, server, "again", frames=12)
    fresh = run(folder, server, "fresh", store="other", frames=12)
    assert bytes_of(again) == bytes_of(fresh)
    seen = [
        [(each.frames_matched, each.best_match, each.best_probability) for each in verdicts_of(out)]
        for out in (again, fresh)
    ]
    assert seen[0] == seen[1]


def test_an_altered_video_that_is_gone_from_its_server_fails(folder, server):
    run(folder, server, "first")
    for file in stored(folder):
        flip(file)
    server.behaviours = {f"{name}.mp4": Status(404) for name in VIDEOS}
    again = run(folder, server, "again", **OTHERWISE)
    assert set(outcomes_of(again).values()) == {(Outcome.FAILED, Reason.UNAVAILABLE)}
    assert stored(folder) == []


def test_where_each_step_is_a_stage_of_its_own_it_is_fetched_again_too(folder, server):
    run(folder, server, "first")
    for file in stored(folder):
        flip(file)
    again = run(folder, server, "again", form="apart", **OTHERWISE)
    fresh = run(folder, server, "fresh", store="other", **OTHERWISE)
    assert bytes_of(again) == bytes_of(fresh)


def test_an_altered_local_file_is_another_video(folder, videos):
    """It is not deleted, and what the run found is not there any more."""
    own = Path(shutil.copytree(videos, folder / "own"))
    given = {"store": folder / "store", "keep": "all", "frames": 10}
    for name in VIDEOS:
        (own / f"{name}.mp4").rename(own / f"a {VIDEOS[name]} {name}.mp4")
    curate(f"folder:{own}", folder / "classes.txt", folder, out=folder / "first", **given)
    files = sorted(own.iterdir())
    catalogue = folder / "own.csv"
    catalogue.write_text(
        "id,url,title\n" + "".join(f"{each.stem},{each.name},{each.stem}\n" for each in files)
    )
    listed = {"files_root": own, **given}
    curate(f"catalogue:{catalogue}", folder / "classes.txt", folder, out=folder / "a", **listed)
    for file in files:
        flip(file)
    altered = {hashlib.sha256(each.read_bytes()).hexdigest() for each in files}
    out = folder / "b"
    curate(f"catalogue:{catalogue}", folder / "classes.txt", folder, out=out, **listed, **OTHERWISE)
    assert {each.sha256 for each in verdicts_of(out)} == altered
    fresh = folder / "fresh"
    curate(
        f"catalogue:{catalogue}",
        folder / "classes.txt",
        folder,
        out=fresh,
        **listed | {"store": folder / "other"},
        **OTHERWISE,
    )
    assert bytes_of(out) == bytes_of(fresh)


def test_a_file_is_read_only_if_it_is_what_was_fetched(tmp_path, videos):
    store = Store(tmp_path / "store")
    store.prepare()
    with VideoServer(videos) as server:
        url = server.url("one.mp4")
        record = fetch(candidate(url), store, DiskBudget(None), LIMITS, quick_web(), "run")
    with verified_file(record, store) as file:
        assert file.read_bytes() == (videos / "one.mp4").read_bytes()
    flip(file_of(store, record))
    with pytest.raises(AlteredError), verified_file(record, store):
        raise AssertionError("it must not be read")


def test_what_was_made_of_a_file_that_changed_meanwhile_is_not_used(tmp_path, videos):
    store = Store(tmp_path / "store")
    store.prepare()
    with VideoServer(videos) as server:
        url = server.url("one.mp4")
        record = fetch(candidate(url), store, DiskBudget(None), LIMITS, quick_web(), "run")
    with pytest.raises(AlteredError), verified_file(record, store) as file:
        flip(file)
    with pytest.raises(AlteredError), verified_file(record, store) as file:
        file.unlink()
