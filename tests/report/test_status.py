"""`videonet status`: what it makes of the counts of processes, and how it says so."""

import io
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from tests.curated import VIDEONET, Curated, curated_once, sentence, videonet
from tests.patience import wait_for
from videonet.cli.status import shown
from videonet.curation.progress import namespace_here
from videonet.curation.run_progress import (
    Phase,
    hosts_of,
    restart_counts,
)
from videonet.curation.signs_of_life import MISSED, SILENCE
from videonet.report.status import End, Floor, HostOfLate, Status, status_of
from videonet.schemas.progress import HostCount, ProcessProgress, StageCost
from videonet.schemas.run import Lookup
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store

# The moment at which the tests with counts of their own ask: however slow they are, it is later
# than all that was written before.
NOW = datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


@pytest.fixture
def unfinished(curated: Curated, tmp_path: Path) -> DatasetDir:
    """A copy of a data set as it is before its manifest: 5 pairs, and no process has counted."""
    out = Path(shutil.copytree(curated.out, tmp_path / "out"))
    (out / "manifest.json").unlink()
    Store(tmp_path / "store").write("found/some.parquet", b"what a store has")
    return DatasetDir(out)


def says(output: DatasetDir, name: str, ago: float, **counts: object) -> None:
    """Let a process have said something `ago` seconds before NOW, into the store beside OUT."""
    store = Store(Path(output.address).parent / "store")
    store.prepare()
    plan = output.plan()
    assert plan is not None
    record = ProcessProgress(
        process=name,
        begun=(NOW - timedelta(seconds=ago + 100)).isoformat(),
        updated=(NOW - timedelta(seconds=ago)).isoformat(),
        **{
            "searched": 0,
            "pairs": 5,
            "kept": 0,
            "rejected": {},
            "failed": {},
            "recent_pairs": 0,
            "recent_seconds": 0.0,
            "stages": {},
            **counts,
        },
    )
    store.write(store.progress_name(plan.run_id, name), record.to_json())


def write_store(output: DatasetDir, store: Path) -> None:
    """Let the run have had its store there."""
    facts = json.loads((Path(output.address) / "run.json").read_bytes())
    output.write_run_facts({**facts, "plan": {**facts["plan"], "store": str(store)}})


@contextmanager
def watching(monkeypatch: pytest.MonkeyPatch, then: Callable[[], object]) -> Iterator[None]:
    """A terminal for a command in this process; `then` is done once it has shown something."""
    monkeypatch.setenv("FORCE_COLOR", "1")

    def shown() -> str:
        # What is kept up on a terminal stands between a command and its stdout.
        stdout = getattr(sys.stdout, "rich_proxied_file", sys.stdout)
        return stdout.getvalue() if isinstance(stdout, io.StringIO) else ""

    def wait_and_do() -> None:
        wait_for(lambda: "pairs" in shown() or "not begun" in shown())
        then()

    thread = threading.Thread(target=wait_and_do)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def seen_in(output: DatasetDir) -> Status:
    return status_of(Path(output.address), Path(output.address).parent / "store", NOW)


def test_the_counts_of_all_processes_are_summed(unfinished: DatasetDir):
    cost = StageCost(seconds=2.0, items=3, bytes=4)
    says(unfinished, "a-1", 1, kept=1, rejected={"too_short": 1}, stages={"scan": cost})
    says(unfinished, "b-1", 2, kept=1, rejected={"too_short": 1}, stages={"scan": cost})
    # Kept of an attempt before: what it has decided does not count.
    says(unfinished, "earlier", 3, kept=3, stages={"scan": cost})
    seen = seen_in(unfinished)
    assert (seen.phase, seen.processes) == (Phase.VIDEOS, 2)
    assert (seen.done, seen.kept, seen.rejected) == (4, 2, {"too_short": 2})
    assert seen.stages == {"scan": StageCost(seconds=6.0, items=9, bytes=12)}
    assert (seen.silent, seen.seconds) == (1, 102)


def test_the_rates_of_those_at_work_are_summed_and_say_how_long_the_rest_takes(
    unfinished: DatasetDir,
):
    says(unfinished, "a-1", 1, kept=1, recent_pairs=1, recent_seconds=100.0)
    says(unfinished, "b-1", 1, kept=2, recent_pairs=2, recent_seconds=50.0)
    says(unfinished, "c-1", 1)
    says(unfinished, "killed-1", SILENCE + 60, recent_pairs=1000, recent_seconds=1.0)
    seen = seen_in(unfinished)
    assert seen.rate == pytest.approx(1 / 100 + 2 / 50)
    assert seen.seconds_left == pytest.approx(2 / 0.05)


def test_without_a_verdict_of_late_nobody_knows_how_long_the_rest_takes(unfinished: DatasetDir):
    says(unfinished, "a-1", 1, kept=3, recent_pairs=0, recent_seconds=180.0)
    seen = seen_in(unfinished)
    assert (seen.done, seen.rate, seen.seconds_left) == (3, None, None)


def test_a_pair_that_two_workers_have_done_is_done_once(unfinished: DatasetDir):
    for name in ("a-1", "b-1"):
        says(unfinished, name, 1, kept=5)
    seen = seen_in(unfinished)
    assert (seen.phase, seen.done, seen.pairs) == (Phase.SHARDS, 5, 5)


def test_until_there_is_a_list_titles_are_looked_at(unfinished: DatasetDir):
    (Path(unfinished.address) / "lookup.json").unlink()
    says(unfinished, "a-1", 1, searched=2, pairs=0)
    seen = seen_in(unfinished)
    assert (seen.phase, seen.searched, seen.targets) == (Phase.TITLES, 2, 3)
    said = videonet(
        "status", Path(unfinished.address), "--store", Path(unfinished.address).parent / "store"
    ).stdout
    assert said.startswith("looking at titles: 2 of 3 classes searched\n")


def test_a_list_without_pairs_leaves_shards_to_be_written(unfinished: DatasetDir):
    lookup = unfinished.lookup()
    assert isinstance(lookup, Lookup)
    unfinished.write_lookup(msgspec.structs.replace(lookup, pairs=0))
    says(unfinished, "a-1", 1, pairs=0)
    assert seen_in(unfinished).phase is Phase.SHARDS


def test_a_run_goes_on_while_one_process_lives(unfinished: DatasetDir):
    says(unfinished, "a-1", SILENCE + 60, kept=1)
    says(unfinished, "b-1", 1, kept=1)
    seen = seen_in(unfinished)
    assert (seen.phase, seen.processes, seen.done) == (Phase.VIDEOS, 1, 2)


def test_a_run_without_a_sign_of_life_may_have_been_killed(unfinished: DatasetDir):
    says(unfinished, "a-1", 3600 + 12 * 60, kept=3)
    assert seen_in(unfinished).phase is Phase.INTERRUPTED
    said = videonet(
        "status", Path(unfinished.address), "--store", Path(unfinished.address).parent / "store"
    ).stdout
    assert re.match(
        "interrupted: 3 of 5\n"
        "No sign of life for [0-9]+ min: it may have been killed; the same command goes on.\n",
        said,
    )


def test_a_process_of_this_machine_that_is_not_there_is_missed_sooner(unfinished: DatasetDir):
    gone = subprocess.Popen(["true"])
    gone.wait()
    ago = (MISSED + SILENCE) / 2
    says(unfinished, f"{platform.node()}-{gone.pid}", ago)
    assert seen_in(unfinished).phase is Phase.INTERRUPTED
    says(unfinished, f"{platform.node()}-{os.getpid()}", ago)
    assert seen_in(unfinished).phase is Phase.VIDEOS


def test_a_process_that_ended_its_work_was_stopped_and_not_killed(unfinished: DatasetDir):
    says(unfinished, "elsewhere-1", 1, kept=3, ended=True)
    seen = seen_in(unfinished)
    assert (seen.phase, seen.end, seen.processes) == (Phase.INTERRUPTED, End.STOPPED, 0)
    said = videonet(
        "status", Path(unfinished.address), "--store", Path(unfinished.address).parent / "store"
    ).stdout
    assert re.search(
        "\nIt was stopped .* ago, and nothing is lost; the same command goes on.", said
    )


def test_a_process_that_is_not_here_any_more_was_killed_and_that_is_known_at_once(
    unfinished: DatasetDir,
):
    gone = subprocess.Popen(["true"])
    gone.wait()
    name = f"{platform.node()}-{gone.pid}"
    says(unfinished, name, 0, namespace=namespace_here())
    seen = seen_in(unfinished)
    assert (seen.phase, seen.end) == (Phase.INTERRUPTED, End.KILLED)
    said = videonet(
        "status", Path(unfinished.address), "--store", Path(unfinished.address).parent / "store"
    ).stdout
    assert "\nIt was killed, " in said
    # The number of a process of another container says nothing.
    says(unfinished, name, 0, namespace="another")
    assert seen_in(unfinished).phase is Phase.VIDEOS


def test_a_run_of_whose_processes_one_lives_is_not_over(unfinished: DatasetDir):
    says(unfinished, "a-1", 1, kept=1, ended=True)
    says(unfinished, "b-1", 1, kept=1)
    assert (seen_in(unfinished).phase, seen_in(unfinished).end) == (Phase.VIDEOS, None)


def test_how_each_host_answered_in_the_last_hour_is_summed(unfinished: DatasetDir):
    now = int(NOW.timestamp())
    lately = HostCount(begun=now - 300, fetched=3, failed=0)
    before = HostCount(begun=now - 3000, fetched=0, failed=1)
    long_ago = HostCount(begun=now - 4000, fetched=50, failed=50)
    says(unfinished, "a-1", 1, hosts={"a.org": (long_ago, before, lately), "b.org": (long_ago,)})
    says(unfinished, "b-1", 1, hosts={"a.org": (before,)})
    hosts = seen_in(unfinished).hosts
    assert hosts == {"a.org": HostOfLate(fetched=3, failed=2, success=0.6)}


def test_how_hosts_answered_of_late_outlives_another_attempt_and_the_next_run(
    unfinished: DatasetDir,
):
    now = int(NOW.timestamp())
    lately = HostCount(begun=now - 600, fetched=3, failed=1)
    long_ago = HostCount(begun=now - 4000, fetched=50, failed=50)
    says(unfinished, "a-1", 10, hosts={"a.org": (long_ago, lately), "b.org": (long_ago,)})
    plan, store = unfinished.plan(), Store(Path(unfinished.address).parent / "store")
    assert plan is not None
    restart_counts(store, plan.run_id)
    says(unfinished, "a-2", 1, hosts={"a.org": (lately,)})
    (earlier,) = (each for each in store.progress(plan.run_id) if each.process == "earlier")
    assert earlier.hosts == {"a.org": (lately,)}
    assert seen_in(unfinished).hosts == {"a.org": HostOfLate(fetched=6, failed=2, success=0.75)}
    restart_counts(store, "next", before=plan.run_id)
    assert hosts_of(store, "next", now).keys() == {"a.org"}
    assert hosts_of(store, "next", now + 3600) == {}


def test_a_run_of_which_nobody_has_heard_has_not_begun(unfinished: DatasetDir):
    seen = seen_in(unfinished)
    assert (seen.phase, seen.processes, seen.silent) == (Phase.NOT_BEGUN, 0, None)


def test_the_counts_of_the_run_before_are_not_those_of_the_next(unfinished: DatasetDir):
    says(unfinished, "a-1", 1, kept=5)
    state = unfinished.run_state()
    assert state is not None
    unfinished.write_run_state(msgspec.structs.replace(state, run_id="b" * 32))
    seen = seen_in(unfinished)
    assert (seen.phase, seen.done, seen.stages) == (Phase.NOT_BEGUN, 0, {})


def test_a_finished_data_set_needs_no_store(curated: Curated, tmp_path: Path):
    seen = status_of(curated.out, tmp_path / "nowhere")
    assert (seen.phase, seen.pairs, seen.kept, seen.seconds) == (Phase.FINISHED, 5, 4, None)
    ended = videonet("status", curated.out, "--store", tmp_path / "nowhere")
    assert ended.stdout.startswith("finished: 5 pairs of video and class\n")


def test_a_run_needs_its_store(unfinished: DatasetDir, tmp_path: Path):
    said = sentence(videonet("status", Path(unfinished.address), "--store", tmp_path / "nowhere"))
    assert str(tmp_path / "nowhere") in said
    assert "--store" in said


def test_a_folder_that_is_no_store_is_not_taken_for_one(unfinished: DatasetDir, tmp_path: Path):
    says(unfinished, "a-1", 1, kept=3)
    (tmp_path / "elsewhere").mkdir()
    said = sentence(videonet("status", Path(unfinished.address), "--store", tmp_path / "elsewhere"))
    assert f"{tmp_path / 'elsewhere'} is none" in said
    assert "--store" in said


def test_a_run_whose_store_was_moved_away_asks_where_it_is(unfinished: DatasetDir, tmp_path: Path):
    (tmp_path / "moved").mkdir()
    write_store(unfinished, tmp_path / "moved")
    said = sentence(videonet("status", Path(unfinished.address)))
    assert f"{tmp_path / 'moved'} is none" in said
    # As a run that is just begun leaves it.
    Store(tmp_path / "moved").prepare()
    assert status_of(Path(unfinished.address)).phase is Phase.NOT_BEGUN


def test_who_watches_sees_the_end(
    unfinished: DatasetDir, curated: Curated, monkeypatch: pytest.MonkeyPatch
):
    manifest = DatasetDir(curated.out).manifest()
    assert manifest is not None
    with watching(monkeypatch, lambda: unfinished.write_manifest(manifest)):
        ended = videonet(
            "status",
            Path(unfinished.address),
            "--store",
            Path(unfinished.address).parent / "store",
            "--watch",
        )
    assert ended.code == 0
    assert ended.stdout.index("not begun") < ended.stdout.index("finished: 5 pairs")


def test_who_stops_watching_ends_without_a_word(unfinished: DatasetDir):
    says(unfinished, "a-1", 1, kept=3)
    store = Path(unfinished.address).parent / "store"
    with subprocess.Popen(
        [VIDEONET, "status", Path(unfinished.address), "--store", store, "--watch"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"FORCE_COLOR": "1"},
        # Tests that run in the background ignore Ctrl-C, and so would the command.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stdout is not None
        said = b""
        while b"3 of 5" not in said:
            block = os.read(process.stdout.fileno(), 4096)
            assert block, said
            said += block
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate()
    assert (process.returncode, errors) == (130, b"")
    assert b"Aborted" not in said + rest
    assert b"Traceback" not in said + rest


def test_what_is_no_data_set_is_refused(tmp_path: Path):
    assert f"{tmp_path} holds no data set" in sentence(videonet("status", tmp_path))


def test_a_program_reads_it_as_json(curated: Curated):
    ended = videonet("status", curated.out, "--json")
    said = json.loads(ended.stdout)
    assert (said["phase"], said["pairs"], said["kept"]) == ("finished", 5, 4)
    assert said["stages"]["scan"]["items"] == 4
    assert (said["end"], said["hosts"]) == (None, {})
    assert "one of them" in sentence(videonet("status", curated.out, "--json", "--watch"))


def test_the_documentation_says_what_each_key_of_it_means():
    documented = (Path(__file__).parents[2] / "docs" / "curating.md").read_text()
    for kind in (Status, HostOfLate, StageCost, Floor):
        for name in kind.__annotations__:
            assert f"`{name}`" in documented, name


def test_each_stage_is_a_sentence_also_of_one_and_of_none():
    seen = Status(
        phase=Phase.VIDEOS,
        targets=1,
        searched=0,
        pairs=5,
        done=0,
        kept=0,
        rejected={},
        failed={},
        rate=None,
        seconds_left=None,
        seconds=None,
        processes=1,
        silent=None,
        end=None,
        hosts={},
        stages={
            "search": StageCost(seconds=90.0, items=0, bytes=0),
            "download": StageCost(seconds=214.78, items=1, bytes=0),
            "measure": StageCost(seconds=0.3, items=10, bytes=0),
            "write": StageCost(seconds=7.0, items=2, bytes=3_000_000),
        },
    )
    console = Console(width=80, file=io.StringIO())
    console.print(shown(seen))
    assert console.file.getvalue().splitlines()[1:] == [
        "So far, by all threads together:",
        "  Searches took 90 s, and none is done yet.",
        "  1 download took 4 min.",
        "  10 measurements took 0.3 s, 0.03 s each.",
        "  2 written shards took 7 s, 3.5 s each, for 3.0 MB.",
    ]


def test_what_the_pace_of_one_host_makes_of_a_run_is_said(unfinished: DatasetDir):
    lookup = unfinished.lookup()
    assert lookup is not None
    hosts = {"small.example": 400, "large.example": 90_003}
    unfinished.write_lookup(msgspec.structs.replace(lookup, pairs=100_000, hosts=hosts))
    says(unfinished, "one-1", 1, kept=2, failed={"unavailable": 1})
    write_store(unfinished, Path(unfinished.address).parent / "store")
    seen = status_of(unfinished.address, now=NOW)
    assert seen.floor == Floor("large.example", 90_000, 5.0, 18_000.0)
    console = Console(file=io.StringIO(), width=200)
    console.print(shown(seen))
    assert (
        "large.example has 90,000 candidates left or more: at 5 requests a second, that takes "
        "5 h 0 min or longer, on however many machines." in console.file.getvalue()
    )


def test_a_host_with_little_left_is_not_worth_a_word(unfinished: DatasetDir):
    says(unfinished, "one-1", 1, kept=2)
    write_store(unfinished, Path(unfinished.address).parent / "store")
    assert status_of(unfinished.address, now=NOW).floor is None
