"""ONNX Runtime tells its maker nothing, and no other library asks the network by itself."""

import ast
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.drawing import draw_video
from demo.train_classifier import MODEL
from tests.curated import CLASSES, VIDEOS, arguments

ROOT = Path(__file__).parents[1]
THE_ONE = "videonet/classifier/onnx_runtime.py"

# Of all code that can import it: the package and what belongs to the project beside it.
FOLDERS = ("videonet", "tests", "benchmarks", "demo", "examples", "scripts")


def imports_onnxruntime(file: Path) -> bool:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        names = (
            [each.name for each in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom) and not node.level
            else []
        )
        if any(name.partition(".")[0] == "onnxruntime" for name in names):
            return True
    return False


def test_one_module_alone_imports_onnx_runtime():
    files = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")]
    assert len(files) > 300
    found = [str(file.relative_to(ROOT)) for file in files if imports_onnxruntime(file)]
    assert found == [THE_ONE]


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    known = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=known | environment,
    )


OURS = "import os, videonet.classifier.onnx_runtime; print(os.environ.get('ORT_DISABLE_TELEMETRY'))"


@pytest.mark.parametrize("value", [None, "0", "1"])
def test_the_environment_is_left_as_it_was(value: str | None):
    given = {} if value is None else {"ORT_DISABLE_TELEMETRY": value}
    done = run(OURS, **given)
    assert done.stdout == f"{value}\n"
    assert done.stderr == ""


def test_a_program_that_imported_onnx_runtime_before_is_warned_once():
    done = run(f"import onnxruntime; {OURS}; import videonet.classifier.model")
    assert done.stderr.count("reports to its maker; set ORT_DISABLE_TELEMETRY=1") == 1
    assert done.stderr.count("RuntimeWarning") == 1


def test_a_program_that_switched_it_off_itself_is_not_warned():
    assert run(f"import onnxruntime; {OURS}", ORT_DISABLE_TELEMETRY="1").stderr == ""


# What the system is asked for.

CALLS = (
    *("connect", "sendto", "sendmsg", "sendmmsg", "open", "openat", "creat", "mkdir", "mkdirat"),
    *("rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat"),
)
WRITES = re.compile(
    r"(creat|mkdir|mkdirat|link|linkat|symlink\w*|rename\w*)\(|.*\bO_(CREAT|WRONLY|RDWR)\b"
)
NAMES = re.compile(r'"((?:[^"\\]|\\.)*)"')
RUN = "import sys; from videonet.cli import main; sys.argv[0] = 'videonet'; main()"


@dataclass(frozen=True)
class Traced:
    """A command, and what it asked the system for."""

    calls: list[str]
    home: Path

    @property
    def network(self) -> list[str]:
        """Connections and questions to other machines, and reading how names are looked up."""
        asked = [call for call in self.calls if re.match(r"(connect|send\w+)\(", call)]
        # Processes of one command also hand each other open files (SCM_RIGHTS).
        aside = ("AF_UNIX", "AF_NETLINK", "SCM_RIGHTS")
        asked = [call for call in asked if not any(each in call for each in aside)]
        return asked + [call for call in self.calls if '"/etc/resolv.conf"' in call]

    def written(self, *folders: Path) -> set[str]:
        """Files that were made or opened to be written, outside of these folders."""
        inside = (*map(str, folders), "/dev/", "/proc/")
        calls = (call for call in self.calls if WRITES.match(call) and "= -1 " not in call)
        names = {name for call in calls for name in NAMES.findall(call)}
        return {name for name in names if not name.startswith(inside) and "__pycache__" not in name}


def traced(folder: Path, *typed: str) -> Traced:
    """Run the command under strace, with a home and a folder for temporary files of its own."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    home, temporary, log = folder / "home", folder / "temporary", folder / "calls"
    for each in (home, temporary):
        each.mkdir()
    # A file for each thread, or the calls of one would cut those of another in two.
    whole = [strace, "-ff", "--seccomp-bpf", "-e", f"trace={','.join(CALLS)}", "-o", str(log)]
    environment = {**os.environ, "HOME": str(home), "TMPDIR": str(temporary)}
    for name in ("ORT_DISABLE_TELEMETRY", "VIDEONET_CACHE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        environment.pop(name, None)
    done = subprocess.run(
        [*whole, sys.executable, "-c", RUN, *typed],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
    )
    if "ptrace" in done.stderr.lower():
        pytest.skip(f"strace may not trace here: {done.stderr.splitlines()[0]}")
    assert done.returncode == 0, done.stderr
    logs = [each.read_text("utf-8") for each in folder.glob("calls.*")]
    calls = [line for each in logs for line in each.splitlines()]
    assert any('"/' in call for call in calls), "nothing was traced"
    return Traced(calls, home)


def test_showing_a_classifier_notes_that_it_was_tried_and_asks_no_other_machine(tmp_path: Path):
    seen = traced(tmp_path, "classifier", "show", str(MODEL))
    assert seen.network == []
    files = [file for file in seen.home.rglob("*") if file.is_file()]
    assert [file.parent.name for file in files] == ["tried-models"]
    cache = seen.home / ".cache"
    written = seen.written(tmp_path / "temporary")
    assert {each for each in written if not Path(each).is_relative_to(cache)} == set()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With two videos, and a class list that knows both."""
    folder = tmp_path_factory.mktemp("traced")
    (folder / "videos").mkdir()
    (folder / "classes.txt").write_text(CLASSES)
    for name, shows, seconds in VIDEOS[:2]:
        draw_video(folder / "videos" / name, shows, seconds, size=(160, 120), seed=name)
    return folder


@pytest.fixture(scope="module")
def curated(folder: Path) -> Traced:
    return traced(folder, *arguments(folder))


@pytest.mark.slow
def test_a_local_run_writes_its_folders_alone_and_asks_no_other_machine(
    folder: Path, curated: Traced
):
    assert (folder / "out" / "manifest.json").exists()
    assert curated.network == []
    # It is noted that the classifier was tried.
    assert [file.name for file in curated.home.rglob("tried-models")] == ["tried-models"]
    cache = curated.home / ".cache"
    named = (folder / "store", folder / "out", folder / "temporary", cache)
    assert curated.written(*named) == set()


# Two steps of four clips.
SETTINGS = (
    *("data.examples_per_epoch=8", "train.batch=4", "data.workers=0"),
    *("train.epochs=1", "optimizer.warmup_epochs=0"),
)
TRAINING = ("--config", "vito_tiny", *(word for each in SETTINGS for word in ("--set", each)))


@pytest.mark.slow
def test_a_training_writes_its_folder_alone_and_asks_no_other_machine(
    folder: Path, curated: Traced, tmp_path: Path
):
    given = ("train", "--data", str(folder / "out"), "--out", str(tmp_path / "run"))
    seen = traced(tmp_path, *given, *TRAINING, "--set", 'log.to=["tensorboard"]')
    assert (tmp_path / "run" / "tensorboard").exists()
    assert seen.network == []
    assert list(seen.home.iterdir()) == []
    assert seen.written(tmp_path / "run", tmp_path / "temporary") == set()
