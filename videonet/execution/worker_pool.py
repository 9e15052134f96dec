"""Starts workers where an engine asks for them: `python -m videonet.execution.worker_pool`.

One of these stands beside each machine's part of an engine, such as a TaskManager of Flink, which
is told `--environment_type=EXTERNAL --environment_config=localhost:50000`. Beam has one of its own
(`apache_beam.runners.worker.worker_pool_main`). That one starts whatever `python` is first on PATH
and answers at once, so that an engine waits for ever for a worker that has no Beam. This one starts
the Python that it runs in itself, and answers when the worker is ready, or with why it is not: then
the engine's job fails, and says so. Its workers end when it does, however that ends.

    python -m videonet.execution.worker_pool --port 50000

Whoever reaches the address can have any code run here, so it is this machine's alone unless --host
names another one.
"""

import argparse
import logging
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import grpc
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc

from videonet.errors import MachineError
from videonet.files import import_path
from videonet.stop_signal import ENDING

PORT = 50_000

# Seconds for a worker to be ready, which a machine that starts many at once needs, and to end.
_TO_START, _GRACE = 120.0, 6.0

# Of what a worker says, the last lines, which have its traceback; and so many of them for others.
_MOST_LINES, _TOLD_LINES = 60, 5

# What a worker prints as soon as it can work.
_READY = "ready"

# Workers that are started at once.
_AT_ONCE = 16

_LOG = logging.getLogger(__name__)


class WorkerPool(beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolServicer):
    """Answers an engine's calls, as Beam's protocol for worker pools has them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._workers: dict[str, _Worker] = {}
        self._is_over = False

    def StartWorker(self, request: Any, _: object) -> Any:  # noqa: N802, D102
        worker = _Worker(request)
        try:
            with self._lock:
                if self._is_over:
                    raise MachineError("the pool of workers is ending")
                worker.start()
                self._workers[request.worker_id] = worker
            worker.wait_until_ready()
        except (OSError, MachineError) as error:
            worker.end()
            _LOG.error("%s: %s", request.worker_id, error)
            return beam_fn_api_pb2.StartWorkerResponse(error=str(error))
        return beam_fn_api_pb2.StartWorkerResponse()

    def StopWorker(self, request: Any, _: object) -> Any:  # noqa: N802, D102
        with self._lock:
            worker = self._workers.pop(request.worker_id, None)
        if worker is not None:
            worker.end()
        return beam_fn_api_pb2.StopWorkerResponse()

    def close(self) -> None:
        """End all workers, and start no more."""
        with self._lock:
            self._is_over = True
            workers = list(self._workers.values())
            self._workers.clear()
        with ThreadPoolExecutor(max(1, len(workers))) as threads:
            list(threads.map(_Worker.end, workers))


class _Worker:
    """One worker process."""

    def __init__(self, request: Any) -> None:
        self._worker_id = request.worker_id
        self._environment = os.environ | {
            "PYTHONPATH": import_path(),
            "WORKER_ID": request.worker_id,
            "CONTROL_API_SERVICE_DESCRIPTOR": f'url: "{request.control_endpoint.url}"',
        }
        if request.logging_endpoint.url:
            # What it says is then in the engine's log, too.
            url = f'url: "{request.logging_endpoint.url}"'
            self._environment["LOGGING_API_SERVICE_DESCRIPTOR"] = url
        self._process: subprocess.Popen[str] | None = None
        self._said = deque[str](maxlen=_MOST_LINES)
        self._told = threading.Event()
        self._is_ready = False

    def start(self) -> None:
        """Begin it. Raises OSError."""
        # It ends when its standard input does: with this process, however that ends.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "videonet.execution.worker", _READY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=self._environment,
        )
        _LOG.info("%s: worker process %d", self._worker_id, self._process.pid)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        threading.Thread(target=self._listen, daemon=True).start()

    def wait_until_ready(self) -> None:
        """Wait until it can work. Raises MachineError with its last words where it cannot."""
        assert self._process is not None
        if not self._told.wait(_TO_START):
            raise MachineError(
                f"a worker was not ready within {_TO_START:.0f} s of its start; is the machine "
                "overloaded?"
            )
        if self._is_ready:
            return
        code = self._process.wait()
        self._reader.join(1.0)
        last = " / ".join(list(self._said)[-_TOLD_LINES:]) or "it said nothing"
        raise MachineError(f"a worker could not start (exit code {code}): {last}")

    def end(self) -> None:
        """End it; if it does not heed that, kill it."""
        process = self._process
        if process is None:
            return
        assert process.stdin is not None
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _listen(self) -> None:
        """Learn whether it says that it is ready, before it ends."""
        assert self._process is not None
        assert self._process.stdout is not None
        self._is_ready = any(
            line.strip() == _READY for line in iter(self._process.stdout.readline, "")
        )
        self._told.set()

    def _read(self) -> None:
        """Hand on what it says, and keep the last of it."""
        assert self._process is not None
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._said.append(line.strip())
            with suppress(OSError):
                sys.stderr.write(line)


def main(typed: Sequence[str] | None = None) -> int:
    """Start workers for whoever asks, until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(description="Starts workers where an engine asks for them.")
    parser.add_argument("--port", type=int, default=PORT, help=f"default: {PORT}")
    parser.add_argument("--host", default="localhost", help="address to be asked at; default: here")
    given = parser.parse_args(typed)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    pool = WorkerPool()
    # A second pool on a port would take every other request.
    server = grpc.server(ThreadPoolExecutor(_AT_ONCE), options=[("grpc.so_reuseport", 0)])
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(pool, server)
    try:
        server.add_insecure_port(f"{given.host}:{given.port}")
    except RuntimeError:
        _LOG.error("%s:%d cannot be listened at; is another pool there?", given.host, given.port)
        return 2
    over = threading.Event()
    for number in ENDING:
        signal.signal(number, lambda *_: over.set())
    server.start()
    _LOG.info("workers are started for whoever asks at %s:%d", given.host, given.port)
    over.wait()
    pool.close()
    server.stop(0).wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
