"""The first time that a model is opened: in a process of its own, whose means are limited.

A file of a few hundred bytes can ask for more memory than there is, or compute for ever; one that
was made for it may do worse to the library that opens it. So each model that nobody vouches for is
opened and run once where this costs nothing: in a process that is shut in as decoders are. What
passed is remembered in the user's cache folder. What the process is given: the model at its
standard input, and a line of JSON as its argument.
"""

import hashlib
import os
import resource
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import msgspec
from onnx import TensorProto, helper

from videonet.cage.cage import bare_environment
from videonet.cage.confinement import shut_in
from videonet.classifier.download import RESNET50
from videonet.classifier.onnx_runtime import onnxruntime
from videonet.classifier.opened import OpenModel
from videonet.classifier.sidecar import UNSAID, Preparation
from videonet.errors import UsageError
from videonet.files import cache_folder
from videonet.text import as_shown, file_size, shortened

# A change of what is tried, or of its limits, tries all models again.
_VERSION = 2

# Bytes for Python, its libraries and what passes through a network.
_MEMORY = 8_000_000_000
# And for each byte of the model: its content, what that is parsed to, the graph with another input,
# and ONNX Runtime's own weights.
_MEMORY_PER_BYTE = 8

# Of a processor. ResNet-50 takes 1.5 s from the start of Python to its end, and a model that takes
# a minute for two frames would take an hour for the first frames of one video.
_PROCESSOR_SECONDS = 120

# Of the clock: for a machine that has other things to do.
_WALL_SECONDS = 900


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the process of a trial may use."""

    # bytes
    memory: int
    # seconds of a processor
    processor: int = _PROCESSOR_SECONDS
    # seconds of the clock
    wall: int = _WALL_SECONDS


class _Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What the process is told."""

    # a path may hold what is no text
    path: bytes
    preparation: Preparation
    limits: Limits


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the process says: a sentence if the model is refused."""

    refused: str | None = None


def limits_for(size: int) -> Limits:
    """What a model of so many bytes may use."""
    return Limits(memory=_MEMORY + _MEMORY_PER_BYTE * size)


def try_first(
    path: Path, content: bytes, preparation: Preparation, limits: Limits | None = None
) -> None:
    """Open the model in `content`, of the file `path`, in a process of its own, unless it has been.

    It runs on the processor, on a batch of noise. Raises UsageError if the model is refused there,
    or that process ends otherwise.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 == RESNET50.sha256:
        return
    parts = (_VERSION, sha256, preparation, onnxruntime.__version__)
    name = hashlib.sha256(msgspec.json.encode(parts)).hexdigest()
    passed = cache_folder() / "tried-models" / name
    if _is_there(passed):
        return
    answer = _answer_of(path, content, preparation, limits or limits_for(len(content)))
    if answer.refused is not None:
        raise UsageError(answer.refused)
    # Where nothing can be kept, it is tried again the next time.
    with suppress(OSError):
        passed.parent.mkdir(parents=True, exist_ok=True)
        passed.touch()


def _is_there(file: Path) -> bool:
    try:
        return file.exists()
    except OSError:
        return False


def _answer_of(path: Path, content: bytes, preparation: Preparation, limits: Limits) -> _Answer:
    told = _Trial(path=os.fsencode(path), preparation=preparation, limits=limits)
    process = subprocess.Popen(
        # Nothing of the working directory is imported.
        [sys.executable, "-P", "-m", __name__, msgspec.json.encode(told).decode()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=bare_environment(),
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(content, limits.wall)
    except subprocess.TimeoutExpired as error:
        raise _failed(path, f"took more than {limits.wall:,} s") from error
    finally:
        # Also where Ctrl-C ends the waiting.
        process.kill()
        process.communicate()
    try:
        answer = msgspec.json.decode(said, type=_Answer)
    except msgspec.DecodeError as error:
        raise _failed(path, _end(process.returncode, limits)) from error
    return answer


def _end(code: int, limits: Limits) -> str:
    """How a process ended that said nothing."""
    if code == -signal.SIGXCPU:
        return f"took more than {limits.processor:,} s of a processor"
    if code < 0:
        return f"crashed (signal {-code})"
    return f"ended without a word (exit code {code})"


def _failed(path: Path, why: str) -> UsageError:
    return UsageError(
        f"{path}: its first run, which is made in a process of its own, {why}; no classifier of "
        "images does that: give another model"
    )


def _confine(limits: Limits) -> None:
    """Limit this process, as far as its system knows such limits."""
    for kind, most, end in (
        (resource.RLIMIT_DATA, limits.memory, limits.memory),
        # Libraries and the stacks of threads take addresses, and hardly memory.
        (resource.RLIMIT_AS, 2 * limits.memory, 2 * limits.memory),
        # A second signal ends what catches the first.
        (resource.RLIMIT_CPU, limits.processor, limits.processor + 10),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        # macOS knows some of them by name alone.
        with suppress(OSError, ValueError):
            resource.setrlimit(kind, (most, end))
    # A machine with less memory than that ends this process, and not the run.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _warm_up() -> None:
    """Have the libraries read now what they read once: a process that is shut in opens no file."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 8, 8])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 3])
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["scores"]),
    ]
    graph = helper.make_graph(nodes, "colours", [image], [scores])
    versions = {"opset_imports": [helper.make_opsetid("", 13)], "ir_version": 8}
    model = helper.make_model(graph, **versions)
    try:
        OpenModel(Path("warm-up"), model.SerializeToString(), UNSAID)
    except UsageError as error:
        # Nothing is wrong with that model: the machine lacks something.
        raise RuntimeError(str(error)) from error


def _try(argument: str) -> _Answer:
    """Open what comes at the standard input: the process of a trial does this."""
    trial = msgspec.json.decode(argument, type=_Trial)
    _confine(trial.limits)
    path = Path(os.fsdecode(trial.path))
    try:
        _warm_up()
        content = sys.stdin.buffer.read()
        # On one thread a library, ONNX Runtime begins no other.
        shut_in()
        OpenModel(path, content, trial.preparation)
    except UsageError as error:
        return _Answer(refused=as_shown(str(error)))
    except MemoryError:
        room = file_size(trial.limits.memory)
        return _Answer(refused=str(_failed(path, f"needs more than {room} of memory")))
    except Exception as error:  # noqa: BLE001  # whatever a library raises on a stranger's file
        why = shortened(as_shown(f"{type(error).__name__}: {error}"))
        return _Answer(refused=str(_failed(path, f"failed ({why})")))
    return _Answer()


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(_try(sys.argv[1])))
    sys.stdout.buffer.flush()
    # Without the ends of libraries that a model may have left in disorder.
    os._exit(0)
