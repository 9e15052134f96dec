"""A job server of Beam's own, and pools of workers, as processes of this machine."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import psutil

from tests.patience import PATIENCE, wait_for

OURS = "videonet.execution.worker_pool"
BEAMS = "apache_beam.runners.worker.worker_pool_main"


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def answers(port: int) -> bool:
    """Whether somebody listens at a port of this machine."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
        return True
    return False


@contextmanager
def served(port: int, command: Sequence[str], **environment: str) -> Iterator[psutil.Process]:
    """A program that listens at a port; it is ended with all that it has started."""
    process = psutil.Popen(command, env=os.environ | environment)
    try:
        wait_for(lambda: answers(port) or process.poll() is not None, 0.1)
        assert process.poll() is None, "it has ended"
        yield process
    finally:
        theirs = [process, *(process.children(recursive=True) if process.is_running() else ())]
        process.terminate()
        _, left = psutil.wait_procs(theirs, timeout=20)
        for each in left:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        process.wait(PATIENCE)


@contextmanager
def job_server() -> Iterator[str]:
    """Beam's job server; its address."""
    port = free_port()
    module = "apache_beam.runners.portability.local_job_service_main"
    with served(port, [sys.executable, "-m", module, "--port", str(port)]):
        yield f"localhost:{port}"


@contextmanager
def worker_pool(module: str = OURS, **environment: str) -> Iterator[tuple[str, psutil.Process]]:
    """A pool of workers; its address, and its process."""
    port = free_port()
    option = "--port" if module == OURS else "--service_port"
    command = [sys.executable, "-m", module, f"{option}={port}"]
    with served(port, command, **environment) as process:
        yield f"localhost:{port}", process


def outside(server: str, pool: str) -> tuple[str, ...]:
    """Beam's options for a job of a job server with the workers of a pool."""
    return (
        *("--runner=PortableRunner", f"--job_endpoint={server}"),
        *("--environment_type=EXTERNAL", f"--environment_config={pool}"),
    )


def pooled(pool: psutil.Process) -> list[psutil.Process]:
    """The workers of a pool, the first that was begun first."""
    found = [each for each in pool.children() if each.is_running()]
    return sorted(found, key=lambda each: each.create_time())


def subprocess_output(command: Sequence[str]) -> str:
    """What a program prints, of both kinds, that ends by itself."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE
    )
    return done.stdout
