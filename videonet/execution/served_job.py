"""A job of a job server, from the graph to its end: what goes wrong there becomes a sentence.

Such a server (Flink's, Spark's, Prism, Beam's own) has the work done by workers that this process
does not know. Beam waits for it for ever, also where no worker ever comes.
"""

import queue
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import apache_beam as beam
import grpc
from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions

from videonet.errors import MachineError, UsageError
from videonet.execution.quiet import quiet_connections
from videonet.text import duration

# Seconds without the first word of any worker, after which a job is given up. A cluster that has to
# get machines first takes minutes.
NO_WORKER = 1800.0

# Seconds for a server to take a connection, and between two looks at whether a worker has come.
_TO_CONNECT, _LOOK_EVERY = 15.0, 1.0

# Of what an engine says of a failure, characters: the last, which have the cause.
_MOST_SAID = 500

_EMBEDDED = "embed"


def run_job(
    pipeline: beam.Pipeline, has_worker: Callable[[], bool], no_worker: float = NO_WORKER
) -> None:
    """Hand a pipeline to the job server that its options name, and wait for its end.

    `has_worker` says whether any worker has come yet.

    Raises UsageError where no server answers; MachineError where the job fails, with the last of
    what is said of that, or where no worker comes within `no_worker` seconds: the job is cancelled
    then.
    """
    _require_server(pipeline.options)
    with quiet_connections():
        try:
            result = pipeline.run()
        except Exception as error:
            raise MachineError(f"The job was not begun: {cause_of(error)}.") from error
        wait_for_job(result, has_worker, no_worker)


def wait_for_job(result: Any, has_worker: Callable[[], bool], no_worker: float = NO_WORKER) -> None:
    """Wait for the end of a job, of which `result` is what `Pipeline.run` gave: see `run_job`."""
    ends: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()

    def wait() -> None:
        try:
            result.wait_until_finish()
        except Exception as error:  # noqa: BLE001  # Beam's runners have none in common
            ends.put(error)
        else:
            ends.put(None)

    threading.Thread(target=wait, name="job", daemon=True).start()
    give_up: float | None = time.monotonic() + no_worker
    while True:
        try:
            error = ends.get(timeout=_LOOK_EVERY)
        except queue.Empty:
            if give_up is not None and has_worker():
                give_up = None
            if give_up is not None and time.monotonic() > give_up:
                with suppress(Exception):
                    result.cancel()
                raise MachineError(
                    f"No worker has come for {duration(no_worker)}, so the job was cancelled. Can "
                    "workers start (their logs, and those of the engine, say more), and do they "
                    "see the store? The same command goes on."
                ) from None
            continue
        if error is None:
            return
        raise MachineError(
            f"The job failed: {cause_of(error)}. The same command goes on."
        ) from error


def _require_server(options: PipelineOptions) -> None:
    """Raise UsageError where nobody answers at the address of a job server, if there is one."""
    address = options.view_as(PortableOptions).job_endpoint
    if not address or address == _EMBEDDED:
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise UsageError(
            f"--job_endpoint={address} is no address of a job server; give HOST:PORT, such as "
            "localhost:8099."
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), _TO_CONNECT).close()
    except OSError as error:
        raise UsageError(
            f"No job server answers at {address} (--job_endpoint): {error.strerror or error}; "
            "start it, or name another one."
        ) from error


def cause_of(error: BaseException) -> str:
    """One sentence of what is often a traceback of another machine: its last line has the cause."""
    if isinstance(error, grpc.RpcError) and isinstance(error, grpc.Call):
        return f"the connection to the job server is gone ({error.details()}); its log says more"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = lines[-1].rstrip(".") if lines else type(error).__name__
    if len(said) <= _MOST_SAID:
        return said
    # From where a word begins.
    return "..." + said[-_MOST_SAID:].partition(" ")[2]
