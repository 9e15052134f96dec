"""Beam's local runner over worker processes of this machine, each watched as long as it lives.

Beam's own way to start processes waits for ever for one that is gone, and loses what it has said.
Here the first one that is gone ends the run: with a sentence, and with all the others.
"""

import os
import queue
import subprocess
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from signal import Signals
from typing import Any

import apache_beam as beam
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.portability.fn_api_runner.worker_handlers import (
    GrpcWorkerHandler,
    WorkerHandler,
)
from apache_beam.transforms.environments import Environment, python_sdk_capabilities

from videonet.errors import MachineError
from videonet.execution.quiet import quiet_connections
from videonet.execution.worker import FAULT
from videonet.files import import_path

# Seconds for workers to say what they have counted when a run is done, and when it is given up.
_LAST_WORDS, _GRACE = 60.0, 4.0

# Seconds for Beam to let go of a pipeline whose workers are gone, and to say why another one ended.
_LET_GO, _SAY_WHY = 15.0, 2.0

# Of what a worker says, the last lines, which have its traceback.
_MOST_LINES = 60

# Under this name Beam finds how a worker of ours is started.
_URN = "videonet:env:worker_process:v1"


class WorkerFaultError(Exception):
    """A stage failed in a worker, whose traceback this carries. It ends the run."""


class WorkerProcesses:
    """The worker processes of one run: see `watched_workers`. Beam says when one is to be started.

    What ends the run is whatever comes first: the pipeline's end, or that of a worker.
    """

    def __init__(self, key: bytes) -> None:
        self._environment = _WorkerEnvironment(key)
        self._lock = threading.Lock()
        self._processes: list[subprocess.Popen[str]] = []
        self._is_over = False
        # None: the pipeline is done
        self._ends: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
        # what the first worker that was lost ended with
        self._losses: queue.SimpleQueue[Exception] = queue.SimpleQueue()

    def runner(self) -> Any:
        """The runner that a pipeline is to be made with."""
        return FnApiRunner(default_environment=self._environment)

    def run(self, pipeline: beam.Pipeline) -> None:
        """Run a pipeline of this runner to its end.

        Raises MachineError where a worker was killed or could not work, WorkerFaultError with the
        traceback of a stage that failed, and what Beam raises.
        """
        thread = threading.Thread(target=self._run, args=(pipeline,), name="beam", daemon=True)
        thread.start()
        error = self._ends.get()
        if error is None:
            thread.join()
            self._end(_LAST_WORDS)
            return
        # Beam sees that a connection is gone, and the watcher why.
        with suppress(queue.Empty):
            error = self._losses.get(timeout=_SAY_WHY)
        self.end()
        thread.join(_LET_GO)
        raise error

    def start(self, worker_id: str, control_address: str) -> None:
        """Start one more worker, which asks for work at `control_address`. Raises OSError."""
        environment = os.environ | {
            "PYTHONPATH": import_path(),
            "WORKER_ID": worker_id,
            "CONTROL_API_SERVICE_DESCRIPTOR": f'url: "{control_address}"',
        }
        with self._lock:
            if self._is_over:
                raise RuntimeError("the run is over")
            # It ends when its standard input does: with this process, however that ends.
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "videonet.execution.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                env=environment,
            )
            self._processes.append(process)
        threading.Thread(target=self._watch, args=(process,), daemon=True).start()

    def end(self) -> None:
        """End all workers; those that do not heed it are killed."""
        with self._lock:
            self._is_over = True
            processes = list(self._processes)
        for process in processes:
            assert process.stdin is not None
            with suppress(OSError):
                process.stdin.close()
        self._end(_GRACE)

    def _end(self, seconds: float) -> None:
        """Wait so long for the end of all workers, then kill those that are left."""
        with self._lock:
            self._is_over = True
        give_up = time.monotonic() + seconds
        for process in self._processes:
            try:
                process.wait(max(0.0, give_up - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _run(self, pipeline: beam.Pipeline) -> None:
        try:
            pipeline.run().wait_until_finish()
        except Exception as error:  # noqa: BLE001
            self._ends.put(error)
        else:
            self._ends.put(None)

    def _watch(self, process: subprocess.Popen[str]) -> None:
        """See to it that the end of a worker ends the run, unless that is over."""
        assert process.stderr is not None
        said = deque[str](maxlen=_MOST_LINES)
        # What it started may have the other end longer than it lives.
        reader = threading.Thread(target=said.extend, args=(process.stderr,), daemon=True)
        reader.start()
        code = process.wait()
        # One that was told that there is no more work ends with 0.
        if code == 0 or self._is_over:
            return
        reader.join(1.0)
        loss = _loss(process.pid, code, "".join(said).strip())
        self._losses.put(loss)
        self._ends.put(loss)


@contextmanager
def watched_workers() -> Iterator[WorkerProcesses]:
    """Worker processes for one pipeline; none is left afterwards."""
    key = uuid.uuid4().hex.encode()
    workers = WorkerProcesses(key)
    _at_work[key] = workers
    with quiet_connections():
        try:
            yield workers
        finally:
            workers.end()
            del _at_work[key]


def _loss(process: int, code: int, said: str) -> Exception:
    """What the run ends with when a worker ended with an exit code, as of `Popen.wait`."""
    if code == FAULT:
        return WorkerFaultError(f"A stage failed in worker process {process}:\n{said}")
    if code < 0:
        name = str(-code)
        with suppress(ValueError):
            name = Signals(-code).name
        how = f"was ended from outside ({name}): is memory short?"
    else:
        last = said.splitlines()[-1:] or ["it said nothing"]
        how = f"ended with exit code {code} ({last[0]})."
    return MachineError(
        f"Worker process {process} {how} The run was stopped; the same command goes on."
    )


# Of the runs in this process, by what their pipelines name: Beam makes its handlers by itself.
_at_work: dict[bytes, WorkerProcesses] = {}


class _WorkerEnvironment(Environment):
    """Says in a pipeline whose workers its stages run in."""

    def __init__(self, key: bytes) -> None:
        super().__init__(capabilities=python_sdk_capabilities())
        self._key = key

    def to_runner_api_parameter(self, context: object) -> tuple[str, bytes]:  # noqa: ARG002
        return _URN, self._key


@WorkerHandler.register_environment(_URN, bytes)
class _WorkerProcessHandler(GrpcWorkerHandler):
    """Starts a worker when Beam first has work for it."""

    def __init__(self, key: bytes, *beams: object) -> None:
        super().__init__(*beams)
        self._workers = _at_work[key]

    def start_worker(self) -> None:
        self._workers.start(self.worker_id, self.control_address)

    def stop_worker(self) -> None:
        """It ends when Beam has no more work for it, or with the run."""
