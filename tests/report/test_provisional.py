"""provisional: what is known of a run before it has finished, and that looking changes nothing."""

import shutil
import threading
from pathlib import Path

import msgspec
import pytest

from demo.behaviours import Hold, Status
from demo.server import VideoServer
from demo.world import World
from tests.curated import Curated, curated_once
from tests.curating import curate, verdicts_of
from videonet.errors import UsageError
from videonet.report.provisional import Provisional, provisional
from videonet.schemas.fetch import Fetch
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.verdict import Verdict
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store


@pytest.fixture
def finished(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


@pytest.fixture
def out(finished: Curated, tmp_path: Path) -> DatasetDir:
    """OUT of a run that was stopped just before its shards were written."""
    shutil.copytree(finished.out, tmp_path / "out")
    (tmp_path / "out" / "manifest.json").unlink()
    shutil.rmtree(tmp_path / "out" / "verdicts")
    return DatasetDir(tmp_path / "out")


def of(run: Provisional) -> list[Verdict]:
    return list(DatasetDir(run.verdicts.parent).verdicts(0, 1))


@pytest.mark.slow
def test_verdicts_that_are_known_during_a_run_are_those_that_it_ends_with(
    world: World, tmp_path: Path
):
    titles = {
        "valley.mp4": "balloon",
        "rain.ts": "a mushroom and a balloon",
        "regatta.mp4": "mushroom",
        "gone.mp4": "balloon",
        "meadow.mp4": "butterfly",
    }
    go_on = threading.Event()
    seen: list[Provisional] = []
    behaviours = {"meadow.mp4": Hold(go_on), "gone.mp4": Status(404)}
    with VideoServer(world.files, behaviours) as server:
        rows = [f"{path},{server.url(path)},{title}\n" for path, title in titles.items()]
        catalogue = tmp_path / "catalogue.csv"
        catalogue.write_text("id,url,title\n" + "".join(rows))

        def look() -> None:
            while not over.wait(0.05):
                try:
                    known = provisional(DatasetDir(tmp_path / "out"), None, tmp_path / "looked")
                except (UsageError, FileNotFoundError):
                    continue  # nothing is there yet
                if known.decided == len(titles):
                    seen.append(known)
                    break
            go_on.set()

        over = threading.Event()
        looking = threading.Thread(target=look)
        looking.start()
        try:
            curate(f"catalogue:{catalogue}", world.classes, tmp_path)
        finally:
            over.set()
            looking.join()
    (during,) = seen
    assert during.state == "not finished: 5 of 6 pairs have a verdict"
    assert not during.sampled
    final = {(each.video.video_id, each.target_id): each for each in verdicts_of(tmp_path / "out")}
    known = {(each.video.video_id, each.target_id): each for each in of(during)}
    assert set(final) - set(known) == {("meadow.mp4", "butterfly")}
    assert known["rain.ts", "mushroom"].clips > 0
    for pair, verdict in known.items():
        # Rejected for one class before it was measured for the other: now the length is known.
        duration = final[pair].duration if pair == ("rain.ts", "balloon") else verdict.duration
        assert msgspec.structs.replace(verdict, duration=duration) == final[pair]


def test_of_a_run_that_lacks_only_its_last_step_all_is_known(
    finished: Curated, out: DatasetDir, tmp_path: Path
):
    known = provisional(out, None, tmp_path / "looked")
    assert known.decided == known.pairs == len(verdicts_of(finished.out))
    by_pair = {(each.video_key, each.target_id): each for each in of(known)}
    for verdict in verdicts_of(finished.out):
        assert by_pair[verdict.video_key, verdict.target_id] == verdict


def test_looking_writes_nothing_to_out_or_to_the_store(
    finished: Curated, out: DatasetDir, tmp_path: Path
):
    store = tmp_path / "store"
    shutil.copytree(finished.store, store)
    before = {
        file: file.stat().st_mtime_ns
        for place in (Path(out.address), store)
        for file in every(place)
    }
    provisional(out, Store(store), tmp_path / "looked")
    after = {
        file: file.stat().st_mtime_ns
        for place in (Path(out.address), store)
        for file in every(place)
    }
    assert after == before


def every(folder: Path) -> list[Path]:
    return [folder, *folder.rglob("*")]


@pytest.mark.parametrize(
    ("reason", "of_this_run", "is_known"),
    [
        (Reason.UNAVAILABLE, False, True),
        (Reason.NETWORK, False, False),
        (Reason.NETWORK, True, True),
        (None, True, False),
    ],
)
def test_a_failure_that_this_run_is_still_to_try_again_is_no_verdict(
    out: DatasetDir, tmp_path: Path, reason: Reason | None, of_this_run: bool, is_known: bool
):
    store = Store(tmp_path / "store")
    store.prepare()
    plan = out.plan()
    assert plan is not None
    candidate = next(out.candidates(0, 2))
    failed = Fetch(
        video_key=candidate.video_key,
        here=False,
        path=None,
        sha256=None,
        bytes=None,
        mtime_ns=None,
        reason=reason,
        error=None if reason is None else "as it was said",
        declared_duration=None,
        licence=None,
        attempts=2,
        run_id=plan.run_id if of_this_run else "another",
    )
    store.write_fetch(failed)
    known = of(provisional(out, store, tmp_path / "looked"))
    if is_known:
        assert {each.video_key for each in known} == {candidate.video_key}
        (outcome,) = {(each.outcome, each.reason, each.error) for each in known}
        assert outcome == (Outcome.FAILED, reason, "as it was said")
    else:
        assert known == []


def test_of_many_candidates_the_first_few_are_looked_at_and_the_state_says_so(
    finished: Curated, out: DatasetDir, tmp_path: Path
):
    known = provisional(out, None, tmp_path / "looked", most=3)
    assert known.sampled
    videos = {each.video_key for each in of(known)}
    assert len(videos) == 3
    assert videos < {each.video_key for each in verdicts_of(finished.out)}
    pairs = f"{known.decided} of {known.pairs} pairs"
    assert known.state == f"not finished: {pairs} have a verdict, in a sample of 3 of 4 videos"


def test_what_is_missing_is_said_in_a_sentence(out: DatasetDir, tmp_path: Path):
    with pytest.raises(UsageError, match=r"nowhere is not here.*--store"):
        provisional(out, Store(tmp_path / "nowhere"), tmp_path / "looked")
    (Path(out.address) / "lookup.json").unlink()
    with pytest.raises(UsageError, match="no complete list of candidates yet"):
        provisional(out, None, tmp_path / "looked")
    (Path(out.address) / "run.json").unlink()
    with pytest.raises(UsageError, match=r"no run\.json"):
        provisional(out, None, tmp_path / "looked")
