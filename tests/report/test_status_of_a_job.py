"""`videonet status` of a job of a cluster: what its engine says, the store, and the exit code."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.curated import Curated, curated_once, sentence, videonet
from tests.engines import Dataflow, Flink, noted, serving
from videonet.schemas.progress import ProcessProgress
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store

FLINK_ID = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


@pytest.fixture
def unfinished(curated: Curated, tmp_path: Path) -> DatasetDir:
    """OUT of a run that is not finished, whose process has ended long ago; its store beside it."""
    out = Path(shutil.copytree(curated.out, tmp_path / "out"))
    (out / "manifest.json").unlink()
    says(DatasetDir(out), ended=True)
    return DatasetDir(out)


def says(output: DatasetDir, *, ended: bool) -> None:
    """Let a process of the run have told its store just now, and ended its work or not."""
    plan, now = output.plan(), datetime.now(UTC).isoformat()
    assert plan is not None
    store = Store(Path(output.address).parent / "store")
    store.prepare()
    counts = {"searched": 0, "pairs": 5, "kept": 1, "rejected": {}, "failed": {}}
    recent = {"recent_pairs": 0, "recent_seconds": 0.0, "stages": {}}
    told = ProcessProgress(process="far-1", begun=now, updated=now, ended=ended, **counts, **recent)
    store.write(store.progress_name(plan.run_id, "far-1"), told.to_json())


def asked(output: DatasetDir, *more: str) -> tuple[int, dict]:
    store = Path(output.address).parent / "store"
    ended = videonet("status", output.address, "--store", store, "--json", *more)
    return ended.code, json.loads(ended.stdout)


STATES = {
    "JOB_STATE_QUEUED": ("running", 0),
    "JOB_STATE_RUNNING": ("running", 0),
    "JOB_STATE_CANCELLING": ("running", 0),
    "JOB_STATE_FAILED": ("failed", 1),
    "JOB_STATE_CANCELLED": ("cancelled", 1),
}


def test_dataflow_says_how_its_job_is_whatever_the_store_says(unfinished: DatasetDir):
    with serving(Dataflow()) as dataflow:
        where = {"project": dataflow.project, "region": dataflow.region}
        job_id = dataflow.begin("videonet-1")
        for known in ({"job_id": job_id}, {}):
            noted(unfinished, "dataflow", name="videonet-1", endpoint=dataflow.address, **where)
            for said, (state, code) in STATES.items():
                dataflow.end(job_id, said)
                ended, seen = asked(unfinished)
                assert (seen["job"]["state"], ended) == (state, code), (said, known)
                # Between two workers, a job that runs is not interrupted.
                assert (seen["phase"] == "interrupted") is (code == 1)


def test_flink_says_how_its_job_is(unfinished: DatasetDir):
    job = {"jid": FLINK_ID, "name": "videonet-1", "state": "RESTARTING"}
    with serving(Flink(job)) as flink:
        noted(unfinished, "flink", master=flink.address, name="videonet-1")
        for said, state, code in [
            ("RESTARTING", "running", 0),
            ("FAILED", "failed", 1),
            ("CANCELED", "cancelled", 1),
        ]:
            job["state"] = said
            assert asked(unfinished)[0] == code
            assert asked(unfinished)[1]["job"]["state"] == state


def test_where_a_cluster_cannot_be_asked_the_store_says_what_it_can(unfinished: DatasetDir):
    noted(unfinished, "flink", master="http://localhost:1", name="videonet-1")
    code, seen = asked(unfinished)
    assert (code, seen["job"]["state"]) == (1, "ended")
    assert "http://localhost:1 was asked about Flink job videonet-1 in vain" in seen["job"]["said"]
    says(unfinished, ended=False)
    code, seen = asked(unfinished)
    assert (code, seen["job"]["state"], seen["phase"]) == (0, "running", "looking at videos")


def test_what_a_worker_had_to_say_last_is_said(unfinished: DatasetDir):
    job = {"jid": FLINK_ID, "name": "videonet-1", "state": "FAILED"}
    with serving(Flink(job)) as flink:
        noted(unfinished, "flink", master=flink.address, name="videonet-1", job_id=FLINK_ID)
        unfinished.complain("There is no room for it; make some.")
        store = Path(unfinished.address).parent / "store"
        said = videonet("status", unfinished.address, "--store", store).stdout
        assert f"Flink job {FLINK_ID}: failed." in said
        assert "There is no room for it; make some." in said
        # It stays for whoever asks next, and who watches does not wait for more.
        watched = videonet("status", unfinished.address, "--store", store, "--watch")
    assert (watched.code, "There is no room" in watched.stdout) == (1, True)


def test_a_finished_run_has_the_exit_code_of_its_command_on_any_machine(
    curated: Curated, tmp_path: Path
):
    assert videonet("status", curated.out).code == curated.result.returncode == 0
    # Its cluster is not asked any more, nor is its store.
    out = DatasetDir(Path(shutil.copytree(curated.out, tmp_path / "out")))
    noted(out, "flink", master="http://localhost:1", name="videonet-1")
    assert asked(out)[1]["job"]["state"] == "done"
    facts = json.loads((tmp_path / "out/run.json").read_bytes())
    closed = [{"host": "a.example", "refusals": 9, "until": "2026-11-30T00:00:00+00:00"}]
    out.write_run_facts({**facts, "hosts_no_longer_asked": closed})
    assert videonet("status", tmp_path / "out").code == 3


def test_a_second_command_does_not_overtake_a_job_that_is_at_work(
    curated: Curated, unfinished: DatasetDir, tmp_path: Path
):
    again = [*curated.request[:-4], "--store", tmp_path / "store", "--out", tmp_path / "out"]
    again += ["--config", curated.folder / "run.toml"]
    job = {"jid": FLINK_ID, "name": "videonet-1", "state": "RUNNING"}
    before = unfinished.fence.last()
    with serving(Flink(job)) as flink:
        noted(unfinished, "flink", master=flink.address, name="videonet-1")
        said = sentence(videonet(*again))
        assert f"Flink job videonet-1 is at work on {unfinished.address}. Wait for it" in said
    # Its processes show life, wherever its cluster is by now.
    says(unfinished, ended=False)
    assert "is at work on" in sentence(videonet(*again))
    assert unfinished.fence.last() == before
    says(unfinished, ended=True)
    assert "is at work on" not in videonet(*again).stderr
    assert unfinished.fence.last() != before
