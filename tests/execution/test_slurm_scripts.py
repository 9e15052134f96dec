"""examples/slurm, run by bash, with stand-ins for the commands of Slurm."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from demo.train_classifier import MODEL
from demo.world import World
from tests.curated import VIDEONET
from tests.curating import bytes_of, curate, few_of
from tests.local import LOCAL
from tests.patience import PATIENCE, wait_for
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store

SCRIPTS = Path(__file__).parents[2] / "examples" / "slurm"


@pytest.fixture
def slurm(tmp_path: Path) -> dict[str, str]:
    """An environment with stand-ins: they note what they are given, and sbatch gives numbers."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sbatch", "scontrol", "scancel"):
        (programs / name).write_text(
            f'#!/bin/bash\necho "{name} $*" >> {tmp_path}/given\nwc -l < {tmp_path}/given\n'
        )
        (programs / name).chmod(0o755)
    (programs / "videonet").symlink_to(VIDEONET)
    path = f"{programs}:{VIDEONET.parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "SLURM_JOB_ID": "77", "SLURM_CPUS_PER_TASK": "2"}


def given(folder: Path) -> list[str]:
    """What the stand-ins were given."""
    return (folder / "given").read_text().splitlines()


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.s*")), ids=lambda each: each.name)
def test_bash_can_read_each_script(script: Path):
    subprocess.run(["bash", "-n", script], check=True)


def test_the_list_the_parts_and_the_rest_wait_for_each_other(
    slurm: Mapping[str, str], tmp_path: Path
):
    submit = ["bash", SCRIPTS / "submit_curation.sh", "c.toml", "100", "50", "--partition=cpu"]
    done = subprocess.run(submit, env=slurm, capture_output=True, text=True, check=True)
    assert "list 1, parts 2, rest 3" in done.stdout
    job = SCRIPTS / "curate.sbatch"
    asked = "sbatch --parsable --kill-on-invalid-dep=yes --partition=cpu"
    assert given(tmp_path) == [
        f"{asked} --job-name=videonet-list {job} c.toml list",
        f"{asked} --job-name=videonet-part --array=1-100%50 --dependency=afterok:1 {job} "
        "c.toml part 100",
        f"{asked} --job-name=videonet-rest --dependency=afterok:2 {job} c.toml rest",
    ]


def test_another_word_than_those_of_the_three_commands_is_refused(slurm: Mapping[str, str]):
    job = ["bash", SCRIPTS / "curate.sbatch", "c.toml", "parts"]
    done = subprocess.run(job, env=slurm, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "list, part N or rest, and not parts\n")


@pytest.fixture
def served(world: World) -> Iterator[None]:
    with world.serve(delay=0.3):
        yield


@pytest.mark.slow
def test_the_jobs_make_a_data_set_also_where_the_time_of_one_is_up(
    served: None, world: World, slurm: dict[str, str], tmp_path: Path
):
    catalogue = few_of(world.catalogue, tmp_path)
    curate(f"catalogue:{catalogue}", world.classes, tmp_path / "alone", shards=3)
    config = tmp_path / "curation.toml"
    config.write_text(
        f'targets = "{world.classes}"\nsource = "catalogue:{catalogue}"\nclassifier = "{MODEL}"\n'
        f'store = "{tmp_path}/store"\nout = "{tmp_path}/out"\nshards = 3\n'
        f'requests_per_second = 10000\nallow_private_hosts = ["{LOCAL[0]}"]\n'
    )
    slurm["SLURM_TMPDIR"] = str(tmp_path)

    def begun(*words: str, task: str = "") -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", SCRIPTS / "curate.sbatch", config, *words],
            env=slurm | ({"SLURM_ARRAY_TASK_ID": task} if task else {}),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def done(*words: str, task: str = "") -> None:
        job = begun(*words, task=task)
        _, said = job.communicate(timeout=PATIENCE)
        assert job.returncode == 0, said

    done("list")
    store, output = Store(tmp_path / "store"), DatasetDir(tmp_path / "out")
    state = output.run_state()
    assert state is not None
    job = begun("part", "2", task="1")
    wait_for(lambda: any(each.part == "1/2" for each in store.progress(state.run_id)), 0.02)
    # As Slurm does before the time of a job is up.
    job.send_signal(signal.SIGUSR1)
    _, said = job.communicate(timeout=PATIENCE)
    assert job.returncode == 143, said
    assert "Interrupted; the same command goes on." in said
    assert given(tmp_path) == ["scontrol requeue 77"]
    done("part", "2", task="1")
    done("part", "2", task="2")
    done("rest")
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "alone/out")
    assert given(tmp_path) == ["scontrol requeue 77"], "a job that was done came back"
