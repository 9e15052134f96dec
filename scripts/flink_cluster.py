"""A real Flink cluster on this machine: a JobManager, two TaskManagers, a pool of workers for each.

    python -m scripts.flink_cluster

Flink comes from PyPI, Beam's job server for it from Maven Central; both are kept, see
`scripts.engines`. Ctrl-C ends all of it. It needs Java 17 or 11, and 2 GB of memory.

All TaskManagers of a job are given one address for their workers' pool. For each machine of a real
cluster that is its own. Here `pool` is another address of this machine for each TaskManager, by a
file of names that its Java reads: so each has a pool of its own, as on machines of their own.
"""

import argparse
import json
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from scripts.engines import FLINK, NotHadError, flink_libraries, java, job_server

TASK_MANAGERS = 2
SLOTS = 2

# Seconds for a part of the cluster to be there, and for one to end by itself.
_PATIENCE, _GRACE = 180.0, 10.0

_JOB_MANAGER = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
_TASK_MANAGER = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"

# Flink's scripts, which PyPI's package leaves out, open these to it.
_OPENED = (
    *("lang", "net", "io", "nio", "lang.reflect", "text", "time", "util", "util.concurrent"),
    *("util.concurrent.atomic", "util.concurrent.locks"),
)

# What those scripts work out of a size for the whole process. There is no room for less network.
_MEMORY = {
    "taskmanager.cpu.cores": "2.0",
    "taskmanager.memory.task.heap.size": "256m",
    "taskmanager.memory.task.off-heap.size": "0",
    "taskmanager.memory.framework.heap.size": "128m",
    "taskmanager.memory.framework.off-heap.size": "128m",
    "taskmanager.memory.network.min": "64m",
    "taskmanager.memory.network.max": "64m",
    "taskmanager.memory.managed.size": "128m",
    "taskmanager.memory.jvm-metaspace.size": "200m",
    "taskmanager.memory.jvm-overhead.min": "168m",
    "taskmanager.memory.jvm-overhead.max": "168m",
}

_CONFIG = """\
jobmanager.rpc.address: 127.0.0.1
jobmanager.rpc.port: {rpc}
jobmanager.bind-host: 127.0.0.1
jobmanager.memory.process.size: 1g
rest.address: 127.0.0.1
rest.bind-address: 127.0.0.1
rest.port: {rest}
taskmanager.host: 127.0.0.1
taskmanager.bind-host: 127.0.0.1
taskmanager.numberOfTaskSlots: {slots}
heartbeat.interval: 2 s
heartbeat.timeout: 8 s
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 10
restart-strategy.fixed-delay.delay: 2 s
"""

_LOGGING = """\
rootLogger.level = INFO
rootLogger.appenderRef.out.ref = out
appender.out.name = out
appender.out.type = CONSOLE
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{HH:mm:ss} %-5p %c{1} %m%n
"""


class FlinkCluster:
    """A cluster; its logs and settings lie in `folder`. See `flink_cluster`."""

    def __init__(self, folder: Path, libraries: Path) -> None:
        self._folder, self._libraries, self._java = folder, libraries, java()
        self._rest, self._rpc = _free_port("127.0.0.1"), _free_port("127.0.0.1")
        self._pool_port = _free_port(*map(_address, range(TASK_MANAGERS)))
        # by name
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def address(self) -> str:
        """Of the JobManager's REST interface."""
        return f"http://127.0.0.1:{self._rest}"

    def hosts(self, number: int) -> Path:
        """The file of names that a TaskManager's Java reads."""
        return self._folder / f"conf/hosts-{number}"

    def beam_options(self, jar: Path | None) -> list[str]:
        """What Beam has to be told so that a job runs here; None: the job server is not here."""
        return [
            *("--runner=FlinkRunner", f"--flink_master={self.address}"),
            *("--environment_type=EXTERNAL", f"--environment_config=pool:{self._pool_port}"),
            *((f"--flink_job_server_jar={jar}",) if jar else ()),
        ]

    def start(self) -> None:
        """Start all of it, and wait until it is there. Raises RuntimeError where it does not come.

        Somebody must close it then as well.
        """
        conf = self._folder / "conf"
        conf.mkdir(parents=True)
        (self._folder / "tmp").mkdir()
        settings = _CONFIG.format(rpc=self._rpc, rest=self._rest, slots=SLOTS)
        (conf / "config.yaml").write_text(settings)
        (conf / "log4j.properties").write_text(_LOGGING)
        self._start_java("jobmanager", _JOB_MANAGER, "-Xmx600m")
        for number in range(TASK_MANAGERS):
            self.bring_back(number)
        self.wait_for_task_managers(TASK_MANAGERS)

    def kill(self, number: int) -> None:
        """End a TaskManager and its workers at once, as a machine that is lost (SIGKILL)."""
        for name in (f"taskmanager-{number}", f"pool-{number}"):
            process = self._processes.pop(name)
            process.kill()
            process.wait()

    def bring_back(self, number: int) -> None:
        """Start a TaskManager, and the pool of its workers."""
        hosts = self.hosts(number)
        hosts.write_text(f"127.0.0.1 localhost {socket.gethostname()}\n{_address(number)} pool\n")
        pool = ["-m", "videonet.execution.worker_pool", f"--host={_address(number)}"]
        self._start(f"pool-{number}", [sys.executable, *pool, f"--port={self._pool_port}"])
        self._wait(lambda: _answers(_address(number), self._pool_port), f"pool-{number}")
        settings = [f"-D{name}={value}" for name, value in _MEMORY.items()]
        name = f"taskmanager-{number}"
        self._start_java(
            name,
            _TASK_MANAGER,
            *("-Xmx512m", f"-Djdk.net.hosts.file={hosts}"),
            settings=[f"-Dtaskmanager.resource-id={name}-{time.time_ns()}", *settings],
        )

    def close(self) -> None:
        """End all of it."""
        processes = list(self._processes.values())
        for process in processes:
            process.terminate()
        give_up = time.monotonic() + _GRACE
        for process in processes:
            try:
                process.wait(max(0.0, give_up - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def wait_for_task_managers(self, number: int) -> None:
        """Wait until the JobManager has so many TaskManagers, and the slots of all of them."""

        def is_so() -> bool:
            with suppress(OSError):
                said = self.ask("overview")
                # It counts a TaskManager a moment before it has its slots.
                return bool(
                    said["taskmanagers"] == number and said["slots-total"] == number * SLOTS
                )
            return False

        self._wait(is_so, *self._processes)

    def ask(self, path: str) -> Any:
        """An answer of the JobManager's. Raises OSError."""
        with urlopen(f"{self.address}/{path}", timeout=10) as answer:  # noqa: S310
            return json.load(answer)

    def log(self, name: str) -> str:
        """What a part of the cluster has said: jobmanager, taskmanager-0, pool-0."""
        return (self._folder / f"{name}.log").read_text(errors="replace")

    def _start_java(
        self, name: str, entry: str, *options: str, settings: Sequence[str] = ()
    ) -> None:
        conf = self._folder / "conf"
        opened = [f"--add-opens=java.base/java.{each}=ALL-UNNAMED" for each in _OPENED]
        opened += [
            "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
            "--add-exports=java.base/sun.net.util=ALL-UNNAMED",
        ]
        logging = f"-Dlog4j.configurationFile={conf / 'log4j.properties'}"
        temporary = f"-Djava.io.tmpdir={self._folder / 'tmp'}"
        command = [
            self._java,
            *options,
            temporary,
            *opened,
            logging,
            "-cp",
            f"{self._libraries}/*",
            entry,
        ]
        self._start(name, [*command, "--configDir", str(conf), *settings])

    def _start(self, name: str, command: Sequence[str]) -> None:
        with (self._folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._folder
            )

    def _wait(self, seen: Callable[[], bool], *names: str) -> None:
        give_up = time.monotonic() + _PATIENCE
        while not seen():
            for name in names:
                if self._processes[name].poll() is not None:
                    raise RuntimeError(f"{name} has ended: {self.log(name)[-2000:]}")
            if time.monotonic() > give_up:
                raise RuntimeError(f"{', '.join(names)} did not come within {_PATIENCE:.0f} s")
            time.sleep(0.2)


@contextmanager
def flink_cluster(folder: Path, libraries: Path) -> Iterator[FlinkCluster]:
    """A cluster while this lasts. Raises NotHadError without Java."""
    cluster = FlinkCluster(folder, libraries)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.close()


def _address(number: int) -> str:
    """Where the pool of a TaskManager is: all addresses of 127.0.0.0/8 are this machine's."""
    return f"127.0.0.{1 + number}"


def _free_port(*addresses: str) -> int:
    """A port that nobody listens at, the same at all these addresses."""
    while True:
        with ExitStack() as stack:
            first = stack.enter_context(socket.socket())
            first.bind((addresses[0], 0))
            port = int(first.getsockname()[1])
            with suppress(OSError):
                for each in addresses[1:]:
                    stack.enter_context(socket.socket()).bind((each, port))
                return port


def _answers(address: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((address, port), 1.0):
        return True
    return False


def main() -> int:
    """Start a cluster, say where it is, and end it with Ctrl-C."""
    parser = argparse.ArgumentParser(description="A Flink cluster on this machine.")
    parser.add_argument("--version", default=FLINK, help=f"of Flink; default: {FLINK}")
    version = parser.parse_args().version
    jar = None
    try:
        java()
        libraries = flink_libraries(version)
    except NotHadError as error:
        print(f"no cluster: {error}", file=sys.stderr)  # noqa: T201
        return 1
    try:
        jar = job_server(version)
    except NotHadError as error:
        print(f"without a job server: {error}", file=sys.stderr)  # noqa: T201
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    with (
        tempfile.TemporaryDirectory(prefix="flink-") as folder,
        flink_cluster(Path(folder) / "cluster", libraries) as cluster,
    ):
        options = shlex.join(cluster.beam_options(jar))
        print(f"Flink {version} is at {cluster.address}, its logs in {folder}/cluster.")  # noqa: T201
        print(f"videonet curate ... -- {options}", flush=True)  # noqa: T201
        over.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
