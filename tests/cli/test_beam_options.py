"""videonet.cli: options for Beam, and what follows from them for a run."""

from pathlib import Path

import msgspec
import pytest

from demo.train_classifier import MODEL
from tests.curated import Ended, sentence, videonet
from tests.execution.job_servers import free_port, outside
from videonet.cli import curate_with_beam_options
from videonet.errors import UsageError
from videonet.execution.prepare import prepare
from videonet.execution.runner import engine_of, stays, with_runner
from videonet.schemas.settings import CurateOptions, RunOptions
from videonet.storage.dataset_dir import DatasetDir


def test_what_follows_two_dashes_reaches_beam(asked: list[str], tmp_path: Path):
    said = sentence(videonet(*asked, "--", "--runner=NoSuchRunner"))
    assert "There is no runner 'NoSuchRunner' for Beam here" in said
    (tmp_path / "run.toml").write_text('beam_options = ["--runner=NoRunnerEither"]\n')
    said = sentence(videonet(*asked, "--config", tmp_path / "run.toml"))
    assert "'NoRunnerEither'" in said


def test_a_word_too_many_is_not_taken_for_an_option_of_beam(asked: list[str]):
    assert "'folder' is no option" in sentence(videonet(*asked, "folder"))


@pytest.mark.parametrize("typed", [("--per_class=2",), ("--runer", "x"), ("-x",)])
def test_an_option_that_neither_we_nor_beam_know_is_named(
    asked: list[str], tmp_path: Path, typed: tuple[str, ...]
):
    name = typed[0].partition("=")[0]
    assert f"{name!r} is no option of" in sentence(videonet(*asked, "--", *typed))
    assert not (tmp_path / "out" / "_state").exists()


def test_a_value_that_beam_does_not_take_is_a_sentence(asked: list[str]):
    said = sentence(videonet(*asked, "--", "--num_workers=many"))
    assert "--num_workers: invalid int value: 'many'" in said


BEAMS_OWN = [
    *("--runner", "DataflowRunner", "--project=p", "--region=europe-west4"),
    *("--temp_location=gs://b/t", "--experiments=a,b", "--dry_run=True"),
    *("--direct_num_workers=2", "--setup_file", "./setup.py", "--save_main_session"),
]


PROCESSES = ("--direct_running_mode=multi_processing",)


def as_beam_main(*typed: str | Path) -> Ended:
    return videonet(*typed, main=curate_with_beam_options)


def test_options_of_beam_are_taken_among_ours_and_ours_as_beam_writes_them(
    asked: list[str], tmp_path: Path
):
    # What is wrong comes last in the checks: all options before it were understood.
    ours = ("--per_class=2", "--disk-budget=1GB", "--max_bytes", "9GB", "--format=avi")
    said = sentence(as_beam_main(*asked[1:], *BEAMS_OWN, *ours))
    assert "There is no format 'avi'" in said
    ended = as_beam_main(*asked[1:], "--per_class=2", "--runner=DirectRunner")
    assert ended.code == 3
    state = DatasetDir(tmp_path / "out").run_state()
    assert state is not None
    assert state.settings.per_class == 2


def test_an_option_that_nobody_knows_is_named_among_those_of_beam(asked: list[str]):
    said = sentence(as_beam_main(*asked[1:], *BEAMS_OWN, "--per_clas=2", "--max_frames", "3"))
    assert "'--per_clas', '--max_frames' is no option of" in said


@pytest.mark.parametrize("runner", ["PortableRunner", "FlinkRunner", "SparkRunner"])
def test_options_that_only_a_job_server_knows_are_passed_on_and_slips_are_not(runner: str):
    of_flink = ("--max_bundle_size=1000", "--number_of_execution_retries", "3")
    engine = engine_of([f"--runner={runner}", *of_flink])
    assert (engine.local, engine.processes, engine.runner) == (False, 0, runner)
    for slip in ("--per_clas=2", "-x", "--requests_per_secnd=3"):
        with pytest.raises(UsageError, match=f"'{slip.partition('=')[0]}' is no option"):
            engine_of([f"--runner={runner}", *of_flink, slip])
    with pytest.raises(UsageError, match="'folder' is no option"):
        engine_of(["folder", f"--runner={runner}", *of_flink])
    with pytest.raises(UsageError, match="'--max_bundle_size', '--number_of_execution_retries'"):
        engine_of(of_flink)


def test_where_no_job_server_answers_the_command_says_so(asked: list[str]):
    address = f"localhost:{free_port()}"
    said = sentence(videonet(*asked, "--", *outside(address, "localhost:1")))
    assert f"No job server answers at {address} (--job_endpoint):" in said
    said = sentence(videonet(*asked, "--", *outside("somewhere", "localhost:1")))
    assert "--job_endpoint=somewhere is no address of a job server" in said


FLINK = ("--flink_master=cluster:8081",)


@pytest.mark.parametrize(
    ("named", "beam_options", "kind"),
    [
        (None, (), "local"),
        ("local", (), "local"),
        ("DirectRunner", (), "local"),
        ("local", PROCESSES, "local"),
        ("flink", FLINK, "flink"),
        ("FLINKRUNNER", FLINK, "flink"),
        (None, ("--runner=flinkrunner", *FLINK), "flink"),
        ("dataflow", (), "dataflow"),
        ("DataflowRunner", (), "dataflow"),
        (None, ("--runner=dataflow",), "dataflow"),
        ("dataflowrunner", ("--runner=DataflowRunner",), "dataflow"),
        ("Spark", (), "SparkRunner"),
    ],
)
def test_a_runner_has_a_short_name_and_that_of_beam_in_any_case(
    named: str | None, beam_options: tuple[str, ...], kind: str
):
    assert engine_of(with_runner(named, beam_options)).kind == kind


def test_two_runners_at_once_are_refused(asked: list[str]):
    said = sentence(videonet(*asked, "--runner", "flink", "--", "--runner=DataflowRunner"))
    assert "--runner flink and the option --runner=DataflowRunner for Beam name two runners" in said


def test_a_command_stays_with_what_would_end_with_it_and_leaves_what_goes_on_by_itself():
    here = [engine_of(()), engine_of(PROCESSES), engine_of(["--runner=FlinkRunner"])]
    loopback = [*FLINK, "--runner=FlinkRunner", "--environment_type=LOOPBACK"]
    for engine in (*here, engine_of(loopback), engine_of(["--runner=PortableRunner"])):
        assert stays(engine, None)
        with pytest.raises(UsageError, match="cannot be left"):
            stays(engine, False)
        with pytest.raises(UsageError, match="cannot be left"):
            stays(engine, None, ["--no_wait_until_finish"])
    for options in (["--runner=DataflowRunner"], ["--runner=FlinkRunner", *FLINK]):
        engine = engine_of(options)
        assert not stays(engine, None)
        assert stays(engine, True)
        with pytest.raises(UsageError, match="exclude each other"):
            stays(engine, True, ["--no_wait_until_finish"])


def options_in(tmp_path: Path) -> tuple[CurateOptions, RunOptions]:
    options = CurateOptions(
        targets=str(tmp_path / "classes.txt"),
        source=f"folder:{tmp_path / 'videos'}",
        classifier=str(MODEL),
    )
    return options, RunOptions(store=str(tmp_path / "store"), out=str(tmp_path / "out"))


def test_machines_that_share_a_folder_share_its_disk_budget(asked: list[str], tmp_path: Path):
    options, run = options_in(tmp_path)
    alone = prepare(options, run)
    assert alone.alone
    assert alone.disk_budget is not None
    elsewhere = msgspec.structs.replace(run, out=str(tmp_path / "other"))
    shared = prepare(options, elsewhere, beam_options=BEAMS_OWN)
    assert shared.disk_budget == alone.disk_budget


def test_worker_processes_of_this_machine_share_what_is_allowed(asked: list[str], tmp_path: Path):
    options, run = options_in(tmp_path)
    run = msgspec.structs.replace(
        run, disk_budget=1_000_000, workers=4, requests_per_second=3.0, per_host=4, downloads=9
    )
    plan = prepare(options, run, beam_options=(*PROCESSES, "--direct_num_workers=2"))
    assert (plan.local, plan.alone, plan.form) == (False, False, "together")
    assert (plan.workers, plan.downloads, plan.disk_budget) == (2, 4, 1_000_000)
    with pytest.raises(UsageError, match=r"10 processes .* cannot share --downloads 9"):
        prepare(options, run, beam_options=(*PROCESSES, "--direct_num_workers=10"))


def test_what_a_host_is_asked_is_no_more_with_more_processes_and_is_not_divided(
    asked: list[str], tmp_path: Path
):
    options, run = options_in(tmp_path)
    run = msgspec.structs.replace(run, requests_per_second=3.0, per_host=2)
    plan = prepare(options, run, beam_options=(*PROCESSES, "--direct_num_workers=5"))
    assert (plan.requests_per_second, plan.per_host, plan.alone) == (3.0, 2, False)
