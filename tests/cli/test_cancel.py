"""`videonet cancel`: a run of this machine, jobs of clusters, and what is not there to be ended."""

import shutil
import signal
import subprocess
from pathlib import Path

import msgspec
import pytest

from demo.train_classifier import MODEL
from demo.world import World
from tests.curated import VIDEONET, curated_once, sentence, videonet
from tests.engines import Dataflow, Flink, noted, serving
from tests.local import TYPED
from tests.patience import PATIENCE, wait_for
from videonet.execution.job_note import note_job, noted_job
from videonet.schemas.run import TakenUp
from videonet.storage.dataset_dir import DatasetDir

FLINK_ID = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def unfinished(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> DatasetDir:
    """OUT of a run that was begun, and is not finished."""
    out = shutil.copytree(curated_once(tmp_path_factory.getbasetemp()).out, tmp_path / "out")
    (out / "manifest.json").unlink()
    return DatasetDir(out)


@pytest.mark.slow
def test_a_run_of_this_machine_is_ended_as_by_ctrl_c(world: World, tmp_path: Path):
    with world.serve(delay=0.2):
        run = subprocess.Popen(
            [
                *(VIDEONET, "curate", "--targets", world.classes, "--classifier", MODEL),
                *("--source", f"catalogue:{world.catalogue}", *TYPED),
                *("--store", tmp_path / "store", "--out", tmp_path / "out"),
            ],
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        wait_for(lambda: any((tmp_path / "store").glob("record/*/*.json")))
        ended = videonet("cancel", tmp_path / "out")
        assert ended.stderr == ""
        _, said = run.communicate(timeout=PATIENCE)
    assert (ended.code, ended.stdout.split()[:2]) == (0, ["Process", str(run.pid)])
    assert run.returncode == 130, said
    assert "No run is at work" in sentence(videonet("cancel", tmp_path / "out"))


def test_a_process_that_has_ended_is_not_mistaken_for_another(unfinished: DatasetDir):
    job = noted(unfinished, "local")
    # This process is alive, and holds no run.
    assert "No run is at work" in sentence(videonet("cancel", unfinished.address))
    # Of the same number, and begun at another time.
    earlier = job.process.rpartition("-")[0] + "-1"
    note_job(unfinished, msgspec.structs.replace(job, process=earlier, host="elsewhere"))
    with unfinished.files.exclusive():
        said = sentence(videonet("cancel", unfinished.address))
    assert "it was begun on elsewhere. Give this command there" in said


def test_a_job_of_flink_is_cancelled_by_its_id_or_its_name(unfinished: DatasetDir):
    job = {"jid": FLINK_ID, "name": "videonet-1", "state": "RUNNING", "start-time": 2}
    other = {"jid": "f" * 32, "name": "another", "state": "RUNNING", "start-time": 3}
    for known in ({"name": "videonet-1"}, {"name": "videonet-1", "job_id": FLINK_ID}):
        with serving(Flink(dict(job), other)) as flink:
            noted(unfinished, "flink", master=flink.address, **known)
            ended = videonet("cancel", unfinished.address)
        assert (ended.code, flink.cancelled) == (0, [FLINK_ID])
        assert "is being cancelled" in ended.stdout


def test_a_job_of_dataflow_is_cancelled_by_its_id_or_its_name(unfinished: DatasetDir):
    with serving(Dataflow()) as dataflow:
        where = {"project": dataflow.project, "region": dataflow.region}
        for number in (1, 2):
            body = {"name": f"videonet-{number}"}
            job_id = dataflow.begin(body["name"])
            known = {"job_id": job_id} if number == 1 else {}
            job = {"name": body["name"], "endpoint": dataflow.address, **where, **known}
            noted(unfinished, "dataflow", **job)
            ended = videonet("cancel", unfinished.address)
            assert (ended.code, ended.stderr) == (0, "")
            assert dataflow.jobs[job_id]["currentState"] == "JOB_STATE_CANCELLING"
            dataflow.end(job_id, "JOB_STATE_CANCELLED")
            said = sentence(videonet("cancel", unfinished.address))
            assert "is cancelled already" in said
        assert dataflow.credentials == set()


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://googleapis.com.evil.example",
        "https://dataflow.googleapis.com@evil.example",
        "https://evil.example\\@dataflow.googleapis.com",
        "http://dataflow.googleapis.com",
        "https://evil.example/.googleapis.com",
        "http://localhost.evil.example",
    ],
)
def test_nobody_but_google_is_shown_credentials(unfinished: DatasetDir, endpoint: str):
    where = {"project": "p", "region": "r", "name": "j"}
    noted(unfinished, "dataflow", endpoint=endpoint, **where)
    said = sentence(videonet("cancel", unfinished.address))
    assert said.endswith(f"{endpoint} is no service of Google's, and is not asked for a job.")


def test_a_cluster_that_does_not_answer_is_a_sentence(unfinished: DatasetDir):
    with serving(Flink()) as flink:
        noted(unfinished, "flink", master=flink.address, name="videonet-1")
        assert "it knows no such job" in sentence(videonet("cancel", unfinished.address))
    said = sentence(videonet("cancel", unfinished.address))
    assert f"{flink.address} was asked about Flink job videonet-1 in vain" in said


def test_what_is_finished_unknown_or_taken_over_is_not_cancelled(
    unfinished: DatasetDir, tmp_path: Path
):
    assert "Nothing is known of a run" in sentence(videonet("cancel", tmp_path / "nothing"))
    noted(unfinished, "flink", master="http://localhost:1", name="videonet-1")
    last = TakenUp(number=99, run_id="a" * 32)
    unfinished.files.write("_state/taken_up.json", last.to_json())
    assert noted_job(unfinished) is None
    assert "or of a run before" in sentence(videonet("cancel", unfinished.address))
