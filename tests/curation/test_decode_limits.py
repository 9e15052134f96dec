"""A video that breaks the limits of decoding is undecodable, until a run has other limits."""

import io
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from PIL import Image

from tests.curating import curate, verdicts_of
from tests.video import containers, hostile
from tests.video.files import draw, stored
from videonet.cage.confinement import can_shut_in
from videonet.schemas.decode_limits import DecodeLimits
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.verdict import Verdict
from videonet.storage.store import Store

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not can_shut_in(), reason="this system shuts no process in"),
]

SMALL, LARGE = 64_000_000, 2_000_000_000

# The step that breaks the small limit, by the video's name.
STEPS = ("fetch", "scan", "length", "cut")


def jpeg(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.convert("RGB").save(file, "JPEG")
    return file.getvalue()


def of_many_samples(picture: bytes, samples: int = 500_000) -> bytes:
    """A film of one picture again and again: its index is large, its first frames are not."""
    place = len(containers.FTYP) + 8
    claims = containers.tables(samples, len(picture), place, of_chunk=1)
    places = containers.full(
        b"stco", samples.to_bytes(4, "big"), place.to_bytes(4, "big") * samples
    )
    claims = claims[: -(8 + 12)] + places
    film = containers.track(1, containers.entry(b"jpeg", 160, 120), claims)
    return containers.FTYP + containers.box(b"mdat", picture) + containers.moov(film)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("limits")
    videos = folder / "videos"
    videos.mkdir()
    drawn = draw(videos / "a balloon honest.mp4", 11, size=(160, 120))
    picture = jpeg(next(stored(drawn)))
    large = jpeg(Image.new("RGB", (8000, 8000)))
    entry = containers.entry(b"jpeg", 160, 120)
    broken = {
        "fetch": containers.ivf(b"VP80", [hostile.vp8_frame(7000)] * 2, 7000),
        "scan": containers.mp4([picture] * 50 + [large] + [picture] * 250, entry),
        "length": of_many_samples(picture),
        "cut": containers.mp4([picture] * 150 + [large] + [picture] * 150, entry),
    }
    for step, data in broken.items():
        (videos / f"a balloon {step}.mp4").write_bytes(data)
    (folder / "classes.txt").write_text("balloon: hot air balloon\n")
    return folder


@contextmanager
def killing() -> Iterator[None]:
    """Kill from outside whatever decodes for longer than most do."""
    done = threading.Event()

    def kill() -> None:
        since: dict[int, float] = {}
        while not done.wait(0.02):
            for server in psutil.Process().children():
                with suppress(psutil.Error):
                    if "videonet.cage.server" not in server.cmdline():
                        continue
                    for child in server.children():
                        begin = since.setdefault(child.pid, time.monotonic())
                        if time.monotonic() - begin > 1:
                            child.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        done.set()
        killer.join()


def run(folder: Path, place: Path, name: str, memory: int) -> dict[str, Verdict]:
    """A run with such a limit over the store of this place: its verdicts, by the videos' names."""
    curate(
        f"folder:{folder / 'videos'}",
        folder / "classes.txt",
        place / name,
        store=place / "store",
        decode_memory=memory,
    )
    verdicts = verdicts_of(place / name / "out")
    return {each.video.title.removeprefix("a balloon "): each for each in verdicts}


def records(place: Path, key: str) -> list:
    record = Store(place / "store").record(key).record
    found = [record.fetch, record.length]
    for name in record.sections:
        kind, _, settings = name.partition("/")
        found += [getattr(record, kind)(settings)] if settings else []
    return [each for each in found if each is not None]


def test_it_is_judged_anew_when_the_limits_are_raised(folder: Path, tmp_path: Path):
    first = run(folder, tmp_path, "first", SMALL)
    assert first.pop("honest").outcome is Outcome.KEPT
    broke = DecodeLimits(memory=SMALL)
    for step in STEPS:
        assert first[step].reason is Reason.UNDECODABLE, step
        kept = [each for each in records(tmp_path, first[step].video_key) if each.limits == broke]
        assert [type(each).__name__.lower() for each in kept] == [step]
    before = {step: records(tmp_path, first[step].video_key) for step in STEPS}

    again = run(folder, tmp_path, "again", SMALL)
    assert {step: again[step].reason for step in STEPS} == dict.fromkeys(STEPS, Reason.UNDECODABLE)
    for step in STEPS:
        # It is not decoded a second time.
        after = records(tmp_path, first[step].video_key)
        assert [each for each in after if each.reason] == [
            each for each in before[step] if each.reason
        ]

    raised = run(folder, tmp_path, "raised", LARGE)
    for step in STEPS:
        assert raised[step].reason is not Reason.UNDECODABLE, step
        assert all(each.limits is None for each in records(tmp_path, first[step].video_key))
    assert raised["length"].outcome is Outcome.KEPT
    assert raised["cut"].outcome is Outcome.KEPT


def test_what_is_killed_from_outside_is_tried_again_by_the_next_run(folder: Path, tmp_path: Path):
    (tmp_path / "videos").mkdir()
    shutil.copy(folder / "classes.txt", tmp_path)
    shutil.copy(folder / "videos" / "a balloon length.mp4", tmp_path / "videos")
    with killing():
        first = run(tmp_path, tmp_path, "first", LARGE)["length"]
    assert (first.outcome, first.reason) == (Outcome.FAILED, Reason.INTERRUPTED)
    assert all(
        each.reason is None or each.limits is None for each in records(tmp_path, first.video_key)
    )
    assert run(tmp_path, tmp_path, "again", LARGE)["length"].outcome is Outcome.KEPT
