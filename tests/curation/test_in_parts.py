"""Videos are rejected by a part of them: same verdicts as by the whole files, and fewer bytes."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from demo.behaviours import NoRanges
from demo.drawing import draw_video
from demo.encoding import Encoding
from demo.server import VideoServer
from tests.curating import bytes_of, curate, frames_classified, outcomes_of
from tests.fetch.fetching import fetch
from tests.fetch.padding import pad
from tests.fetch.visiting import LIMITS, candidate, quick_web
from tests.fetch.withholding import Withholding
from videonet.fetch.disk_budget import DiskBudget
from videonet.fetch.sparse_file import digest_of
from videonet.report.status import status_of
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.settings import Keep
from videonet.sources.video_key import canonical
from videonet.storage.store import Store

CLASSES = "balloon: hot air balloon\nsailboat\n"
SIZE = 3_000_000
KEPT, SHORT = (Outcome.KEPT, None), (Outcome.REJECTED, Reason.TOO_SHORT)
UNLIKE = (Outcome.REJECTED, Reason.NO_TOP1_MATCH)

# By id: title, what is shown, for how many seconds, whether the index is in front, and the verdict.
VIDEOS = {
    "kept": ("a balloon", "balloon", 12, True, KEPT),
    "unlike": ("a balloon", "sailboat", 12, True, UNLIKE),
    "kept-last": ("a sailboat", "sailboat", 11, False, KEPT),
    "unlike-last": ("a sailboat", "balloon", 12, False, UNLIKE),
    "short": ("hot air balloon", "balloon", 9, True, SHORT),
}


KEEPS = [Keep.KEPT, pytest.param(Keep.ALL, marks=pytest.mark.slow)]

# Seconds after which a server that breaks off is asked no more. On a busy machine too, the first
# frames of a video are fetched by then.
DEADLINE = 10.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("large")
    for name, (_, kind, seconds, index_first, _) in VIDEOS.items():
        path = folder / f"{name}.mp4"
        encoding = Encoding(index_first=index_first)
        draw_video(path, kind, seconds, size=(160, 120), encoding=encoding, seed=name)
        pad(path, SIZE)
    (folder / "classes.txt").write_text(CLASSES)
    return folder


def run(url: Callable[[str], str], folder: Path, place: Path, **options) -> Path:
    """Curate all videos, at the addresses that `url` gives for their file names; OUT."""
    place.mkdir(exist_ok=True)
    rows = [f"{name},{url(f'{name}.mp4')},{title}" for name, (title, *_) in VIDEOS.items()]
    (place / "catalogue.csv").write_text("\n".join(["id,url,title", *rows]))
    curate(f"catalogue:{place / 'catalogue.csv'}", folder / "classes.txt", place, **options)
    return place / "out"


def by_id(out: Path) -> dict[str, tuple[Outcome, Reason | None]]:
    return {name: verdict for (name, _), verdict in outcomes_of(out).items()}


def sent(server: VideoServer, name: str) -> int:
    return sum(each.bytes_sent for each in server.requests(f"{name}.mp4"))


def test_what_is_rejected_by_its_first_frames_is_not_fetched_whole(folder, tmp_path):
    with VideoServer(folder) as server:
        out = run(server.url, folder, tmp_path)
        for name, (*_, verdict) in VIDEOS.items():
            size = (folder / f"{name}.mp4").stat().st_size
            if verdict == UNLIKE:
                assert sent(server, name) < size / 4
            else:
                assert sent(server, name) == size
    assert by_id(out) == {name: verdict for name, (*_, verdict) in VIDEOS.items()}
    # A video counts once for its host, be it fetched in one part or in two.
    (host,) = status_of(out).hosts.values()
    assert (host.fetched, host.failed) == (len(VIDEOS), 0)
    store = Store(tmp_path / "store")
    assert not list(store.list("part"))


@pytest.mark.slow
def test_parts_and_whole_files_give_the_same_data_set(folder, tmp_path):
    with VideoServer(folder) as server:
        in_parts = run(server.url, folder, tmp_path / "parts")
        whole = run(server.url, folder, tmp_path / "whole", keep=Keep.ALL)
        server.behaviours = {f"{name}.mp4": NoRanges() for name in VIDEOS}
        without = run(server.url, folder, tmp_path / "without")
    assert bytes_of(in_parts) == bytes_of(whole) == bytes_of(without)
    assert outcomes_of(in_parts) == outcomes_of(whole) == outcomes_of(without)


@pytest.mark.slow
@pytest.mark.parametrize("keep", KEEPS)
@pytest.mark.parametrize("ranges", [True, False])
def test_of_a_server_that_breaks_off_behind_the_first_frames_only_their_class_counts(
    folder, tmp_path, keep, ranges
):
    limits = {f"{name}.mp4": 2_000_000 for name in VIDEOS if not name.endswith("last")}
    with Withholding(folder, limits, ranges=ranges).serving() as server:
        out = run(server.url, folder, tmp_path, keep=keep, deadline=DEADLINE)
    verdicts = by_id(out)
    assert verdicts["unlike"] == UNLIKE
    assert verdicts["unlike-last"] == UNLIKE
    assert verdicts["kept-last"] == KEPT
    for name in ("kept", "short"):
        outcome, reason = verdicts[name]
        assert outcome is Outcome.FAILED
        assert reason in {Reason.NETWORK, Reason.REFUSED, Reason.TIMEOUT}


@pytest.mark.parametrize("keep", KEEPS)
def test_of_a_server_that_breaks_off_before_all_first_frames_nothing_counts_but_that(
    folder, tmp_path, keep
):
    limits = {f"{name}.mp4": 20_000 for name in VIDEOS}
    with Withholding(folder, limits).serving() as server:
        out = run(server.url, folder, tmp_path, keep=keep, deadline=3.0)
    assert {outcome for outcome, _ in by_id(out).values()} == {Outcome.FAILED}


@pytest.mark.slow
def test_another_class_list_fetches_what_it_newly_keeps_and_scans_nothing(folder, tmp_path):
    with VideoServer(folder) as server:
        run(server.url, folder, tmp_path)
        before = {name: sent(server, name) for name in VIDEOS}
        classified = frames_classified()
        shutil.rmtree(tmp_path / "out")
        (tmp_path / "classes.txt").write_text("sailboat: balloon\n")
        out = run(server.url, tmp_path, tmp_path)
        after = {name: sent(server, name) for name in VIDEOS}
    assert frames_classified() == classified
    for name, (_, kind, *_) in VIDEOS.items():
        assert by_id(out)[name] == (KEPT if kind == "sailboat" else UNLIKE)
        assert (after[name] > before[name]) == (name == "unlike")


def test_a_part_that_is_too_little_is_completed_and_looked_at_again(folder, tmp_path):
    """As where a packet is half a frame, so that the first packets are too few."""
    store = Store(tmp_path / "store")
    store.prepare()
    with VideoServer(folder) as server:
        url = server.url("unlike.mp4")
        key = f"url:{hashlib.sha256(canonical(url).encode()).hexdigest()}"
        one = msgspec.structs.replace(candidate(url), video_key=key)
        record = fetch(one, store, DiskBudget(None), LIMITS, quick_web(), "earlier", 100)
        assert record.part is not None
        spans = ((0, 8192),)
        sha256 = digest_of(store.root / store.part(key), spans)
        little = msgspec.structs.replace(record.part, spans=spans, sha256=sha256)
        store.write_fetch(msgspec.structs.replace(record, part=little))
        out = run(server.url, folder, tmp_path)
    assert by_id(out) == {name: verdict for name, (*_, verdict) in VIDEOS.items()}
    assert not (store.root / store.part(key)).exists()
