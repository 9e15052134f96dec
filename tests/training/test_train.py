"""train: what a run leaves behind, and what it refuses."""

import io
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import msgspec
import psutil
import pytest
from filelock import FileLock
from PIL import Image
from rich.console import Console

from tests.curated import sentence, videonet
from tests.patience import PATIENCE
from tests.training.training import ALONE, STEPS, VIDEONET, command, quick, small_data

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from videonet.cli.train import too_little_memory_named  # noqa: E402
from videonet.errors import UsageError  # noqa: E402
from videonet.training import checkpoint  # noqa: E402
from videonet.training.config import as_dict, load, steps_in  # noqa: E402
from videonet.training.log_lines import EvaluationLine, StepLine, lines_of  # noqa: E402
from videonet.training.train import network_of, train  # noqa: E402


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_data(tmp_path_factory.mktemp("data"))


CONFIG = quick("data.held_out=0.3", "log.retrieval_every=4", "log.picture_every=5")


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, to be read only."""
    run = tmp_path_factory.mktemp("run")
    train(CONFIG, data, run)
    return run


def steps_of(run: Path) -> list[StepLine]:
    return [line for line in lines_of(run) if isinstance(line, StepLine)]


def test_each_step_is_a_line_of_the_log(run):
    lines = steps_of(run)
    assert [line.step for line in lines] == list(range(1, STEPS + 1))
    assert all(0 < line.loss < 100 for line in lines)
    # Two of eight steps are the warm-up, and the cosine ends at zero after the last.
    rates = [line.learning_rate for line in lines]
    assert rates[0] == 0
    assert max(rates) == rates[2]
    assert 0 < rates[-1] < rates[2] / 10
    momenta = [line.target_momentum for line in lines]
    assert momenta == sorted(momenta)
    assert momenta[0] == CONFIG.target.momentum


def test_checkpoints_are_written_every_so_many_steps_and_at_the_end(run):
    assert [checkpoint.path_of(run, step).exists() for step in range(STEPS + 1)] == [
        step in (3, 6, 8) for step in range(STEPS + 1)
    ]


def test_a_checkpoint_says_what_was_trained_on_what_and_with_what(run, data):
    found = checkpoint.load(checkpoint.path_of(run, STEPS))
    assert found["config"] == as_dict(CONFIG)
    assert load(str(run / "config.toml")) == CONFIG
    assert found["versions"]["torch"] == version("torch")
    assert len(found["manifest_sha256"]) == 64
    network_of(CONFIG).load_state_dict(found["online"])
    network_of(CONFIG).load_state_dict(found["target"])


def test_the_target_follows_and_is_not_the_online_network(run):
    found = checkpoint.load(checkpoint.path_of(run, STEPS))
    torch.manual_seed(CONFIG.train.seed)
    name = "projector.3.weight"
    begin, online, target = (
        each[name] for each in (network_of(CONFIG).state_dict(), found["online"], found["target"])
    )
    moved = (target - begin).norm() / (online - begin).norm()
    assert 0 < moved < 0.5


def test_pictures_of_the_attention_are_drawn(run):
    pictures = sorted((run / "pictures").iterdir())
    assert [each.name for each in pictures] == ["attention-00000005.png", "attention-00000008.png"]
    assert Image.open(pictures[0]).width > 100


def test_held_out_videos_are_searched_as_it_goes(run):
    lines = [line for line in lines_of(run) if isinstance(line, EvaluationLine)]
    found = [line for line in lines if line.name == "retrieval"]
    assert [line.step for line in found] == [4, 8]
    for line in found:
        assert set(line.values) == {"same_video", "same_class"}
        assert all(0 <= value <= 1 for value in line.values.values())


def test_evaluations_and_pictures_do_not_change_what_is_learned(run, data, tmp_path):
    # The same videos are held out: the order of the clips depends on them.
    train(quick("data.held_out=0.3"), data, tmp_path)
    assert [line.loss for line in steps_of(tmp_path)] == [line.loss for line in steps_of(run)]


def test_the_seed_changes_all_of_it(run, data, tmp_path):
    train(quick("data.held_out=0.3", "train.seed=1", "train.epochs=2"), data, tmp_path)
    assert steps_of(tmp_path)[0].loss != steps_of(run)[0].loss


def test_a_finished_run_is_not_trained_again(run, data):
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}
    assert train(CONFIG, data, run) == checkpoint.path_of(run, STEPS)
    del before[run / ".lock"]
    assert all(path.stat().st_mtime_ns == written for path, written in before.items())


@pytest.mark.parametrize(
    "settings",
    [
        ("train.precision=bfloat16", "train.channels_last=true"),
        ("backbone.scales=1", "pooling.kind=average", "views.sampling=same"),
        ("optimizer.name=lars", "optimizer.base_lr=0.3", "loss.negatives=all_views"),
        ('views.recipes=["A1", "A2"]', "data.clips_per_video=all", "data.workers=1"),
    ],
)
def test_other_settings_train_too(settings, data, tmp_path):
    config = quick("train.epochs=1.5", "log.picture_every=2", *settings)
    last = train(config, data, tmp_path)
    assert checkpoint.load(last)["step"] == 3
    assert (tmp_path / "pictures").exists() == (config.pooling.kind == "attention")


def test_a_run_cannot_go_on_with_other_settings(run, data):
    with pytest.raises(UsageError, match=r"begun with optimizer\.weight_decay = .* another --out"):
        train(quick("data.held_out=0.3", "optimizer.weight_decay=0.5"), data, run)


def test_a_run_cannot_go_on_with_another_data_set(run, tmp_path):
    other = small_data(tmp_path, videos=12)
    with pytest.raises(UsageError, match="another manifest"):
        train(CONFIG, other, run)


@pytest.mark.parametrize("share", ["0", "0.03"])
def test_too_few_held_out_videos_to_search_are_refused_before_training(share, data, tmp_path):
    config = quick("data.held_out=0.5", "log.retrieval_every=2")
    config = msgspec.structs.replace(
        config, data=msgspec.structs.replace(config.data, held_out=float(share))
    )
    with pytest.raises(UsageError, match="needs at least 2; set data"):
        train(config, data, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_weights_that_are_no_numbers_are_not_kept(data, tmp_path):
    config = quick("optimizer.base_lr=1e30", "log.every=100", "log.checkpoint_every=1")
    with pytest.raises(UsageError, match=r"in another --out, with a lower optimizer\.base_lr"):
        train(config, data, tmp_path)
    newest = checkpoint.newest(tmp_path)
    assert newest is not None
    kept = checkpoint.load(newest)["online"]
    assert all(torch.isfinite(tensor.float()).all() for tensor in kept.values())


@pytest.mark.parametrize(
    ("epochs", "steps"), [(0.29, 29), (0.57, 57), (2.3, 230), (8.2, 820), (1.001, 100)]
)
def test_epochs_are_counted_exactly(epochs, steps):
    config = load("vito_tiny", ["data.examples_per_epoch=1600", "train.batch=16"])
    assert steps_in(epochs, config) == steps


def test_two_processes_do_not_train_in_one_folder(data, tmp_path):
    with FileLock(tmp_path / ".lock"), pytest.raises(UsageError, match="Another process trains"):
        train(CONFIG, data, tmp_path)


@pytest.mark.slow
def test_torchrun_starts_two_ranks_that_leave_one_log_and_one_network(data, tmp_path):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    ranks = ["--nproc-per-node=2", "-m", "videonet.training.train"]
    arguments = command(data, tmp_path, "train.epochs=1.5", "data.workers=1")
    ended = subprocess.run(
        [*torchrun, *ranks, *arguments], env=ALONE, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert [line.step for line in steps_of(tmp_path)] == [1, 2, 3]
    found = checkpoint.load(checkpoint.path_of(tmp_path, 3))
    network_of(quick()).load_state_dict(found["online"])


def test_wrong_input_is_one_sentence(data, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    said = sentence(videonet("train", *command(tmp_path / "none", tmp_path / "run")))
    assert "is no folder" in said
    said = sentence(videonet("train", *command(data, tmp_path / "run", "optimizer.lr=1")))
    assert "did you mean" in said
    said = sentence(videonet("train", *command(data, tmp_path / "run", "backbone.name=resnet5O")))
    assert "did you mean resnet50?" in said
    said = sentence(videonet("train", *command(data, data / "run")))
    assert "is in the data set" in said
    said = sentence(videonet("train", *command("gs://bucket/out", tmp_path / "run")))
    assert "No credentials for gs://bucket/out were found" in said


def test_without_pytorch_it_says_what_to_install(data, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in [each for each in sys.modules if each.startswith("videonet.training.")]:
        monkeypatch.delitem(sys.modules, name)
    said = sentence(videonet("train", *command(data, tmp_path / "run")))
    assert "videonet train needs PyTorch" in said


@pytest.mark.gpu
def test_a_gpu_trains_in_bfloat16(data, tmp_path):
    if not torch.cuda.is_available():
        pytest.skip("needs an NVIDIA GPU")
    faster = ("train.device=cuda", "train.precision=bfloat16", "train.channels_last=true")
    train(quick(*faster, "data.workers=2"), data, tmp_path)
    assert [line.step for line in steps_of(tmp_path)] == list(range(1, STEPS + 1))


@pytest.mark.slow
def test_a_reading_process_that_ends_is_a_sentence(data, tmp_path):
    arguments = command(data, tmp_path, "data.workers=1", "train.epochs=400")
    started = [str(VIDEONET), "train", *arguments]
    process = subprocess.Popen(started, env=ALONE, stderr=subprocess.PIPE, text=True)
    try:
        while process.poll() is None and len(steps_of(tmp_path)) < 2:
            time.sleep(0.01)
        for child in psutil.Process(process.pid).children(recursive=True):
            if "multiprocessing" not in " ".join(child.cmdline()):
                child.kill()
        _, said = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 2, said
    assert "videonet: A process that reads clips has ended" in said


def test_a_step_of_more_clips_than_there_are_videos_is_warned_of(data, tmp_path):
    console = Console(file=io.StringIO(), width=200)
    more = ("train.batch=24", "data.examples_per_epoch=24", "train.epochs=1")
    train(quick(*more, "optimizer.warmup_epochs=0"), data, tmp_path / "run", console)
    said = console.file.getvalue()
    assert "warning: train.batch is 24 clips, and there are 20 videos: a step shows some" in said
    train(quick("train.epochs=1", "optimizer.warmup_epochs=0"), data, tmp_path / "other", console)
    assert console.file.getvalue().count("warning") == 1
    assert "step 1 of 2: loss " in console.file.getvalue()


def test_the_settings_of_a_training_are_printed_and_nothing_is_begun(data, tmp_path):
    run = tmp_path / "run"
    ended = videonet("train", *command(data, run, "train.seed=7"), "--print-config")
    assert ended.code == 0, ended.stderr
    (tmp_path / "printed.toml").write_text(ended.stdout)
    assert load(str(tmp_path / "printed.toml")) == quick("train.seed=7")
    assert not run.exists()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried"),
            "The memory of the GPU is not enough",
        ),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
            "The memory of this machine is not enough",
        ),
        (MemoryError(), "The memory of this machine is not enough"),
    ],
)
def test_too_little_memory_is_a_sentence_with_the_setting_to_change(error, said):
    with pytest.raises(UsageError) as raised, too_little_memory_named(quick()):
        raise error
    assert said in str(raised.value)
    assert "a step of 8 clips of 3 views" in str(raised.value)
    assert 'set train.activation_checkpointing to "on", or train.batch lower' in str(raised.value)
    assert "another train.batch wants another --out if this one has checkpoints" in str(
        raised.value
    )
    with pytest.raises(RuntimeError, match="something else"), too_little_memory_named(quick()):
        raise RuntimeError("something else")
