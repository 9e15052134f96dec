"""Engines that the tests run the job on, fetched once and kept in a cache folder.

Flink comes from PyPI (`apache-flink-libraries`), Beam's job server for it from Maven Central, and
Prism, Beam's runner in one program, is built from its Go module.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import apache_beam as beam

# The newest that Beam has a job server for.
FLINK = "2.2.1"

# What Maven says of why it has not brought something, among many lines.
_OF_MAVEN = re.compile(r"Couldn't download artifact: (.+?)(?: during a previous attempt.*)?$")

# Seconds for a registry to answer, and for what is fetched to be there.
_PATIENCE = 300.0


class NotHadError(Exception):
    """An engine cannot be had here; the message says why, in one sentence."""


def cache() -> Path:
    """Where engines are kept: `VIDEONET_ENGINES`, or a folder of the user's."""
    return Path(os.environ.get("VIDEONET_ENGINES") or Path.home() / ".cache/videonet-engines")


def java() -> str:
    """The program that runs Java. Raises NotHadError."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java") or (home and shutil.which("java", path=f"{home}/bin"))
    if not found:
        raise NotHadError("there is no Java here (apt-get install openjdk-17-jre-headless)")
    return found


def flink_libraries(version: str = FLINK) -> Path:
    """The folder with the jars of Flink of a version. Raises NotHadError."""
    folder = cache() / f"flink-{version}"
    if not folder.exists():
        with _draft() as draft:
            _fetch(
                f"Flink {version} from PyPI",
                [
                    *(sys.executable, "-m", "pip", "install", "--disable-pip-version-check"),
                    *("--quiet", "--no-deps", "--no-compile", "--target", str(draft / "there")),
                    f"apache-flink-libraries=={version}",
                ],
            )
            _put(draft / "there", folder)
    return folder / "pyflink/lib"


def job_server(version: str = FLINK) -> Path:
    """The jar of Beam's job server for Flink of a version. Raises NotHadError."""
    name = f"beam-runners-flink-{'.'.join(version.split('.')[:2])}-job-server"
    jar = cache() / f"{name}-{beam.__version__}.jar"
    if jar.exists():
        return jar
    if shutil.which("mvn") is None:
        raise NotHadError(
            f"there is no Maven here to fetch {jar.name} with (apt-get install maven)"
        )
    artifact = f"org.apache.beam:{name}:{beam.__version__}"
    maven = ("mvn", "--quiet", "--batch-mode", "-Dstyle.color=never")
    _fetch(
        f"{artifact} from Maven Central",
        [*maven, "dependency:get", f"-Dartifact={artifact}", "-Dtransitive=false"],
    )
    with _draft() as draft:
        _fetch(
            f"{artifact} from Maven's own cache",
            [*maven, "dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={draft}"],
        )
        _put(draft / jar.name, jar)
    return jar


def prism() -> Path:
    """Prism of the version of Beam that is here. Raises NotHadError."""
    program = cache() / f"prism-{beam.__version__}"
    if not program.exists():
        if shutil.which("go") is None:
            raise NotHadError("there is no Go here to build Prism with (apt-get install golang)")
        module = f"github.com/apache/beam/sdks/v2/go/cmd/prism@v{beam.__version__}"
        with _draft() as draft:
            _fetch(f"Prism {beam.__version__}", ["go", "install", module], GOBIN=str(draft))
            _put(draft / "prism", program)
    return program


@contextmanager
def _draft() -> Iterator[Path]:
    """A folder in the cache for what is not whole yet."""
    cache().mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".draft-", dir=cache()) as folder:
        yield Path(folder)


def _put(draft: Path, place: Path) -> None:
    """Let it be there as a whole; somebody else may have been faster."""
    if not place.exists():
        draft.rename(place)


def _fetch(what: str, command: Sequence[str], **environment: str) -> None:
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_PATIENCE,
            env=os.environ | environment,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NotHadError(f"{what} was not there within {_PATIENCE:.0f} s") from error
    if done.returncode:
        said = [line.strip() for line in done.stdout.splitlines() if line.strip()]
        reason = next((found[1] for found in map(_OF_MAVEN.search, said) if found), said[-1])
        raise NotHadError(f"{what} cannot be had: {reason}")
