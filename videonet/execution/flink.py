"""What every job on Flink wants of Beam's options, and Beam does not choose by itself.

Beam leaves a job at one slot of the cluster, tries it once, and starts a container for its workers.
What is said here of Beam's options for Flink was read in Beam's source; docs/flink.md says what was
tried.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import apache_beam as beam
import requests
from apache_beam.options.pipeline_options import FlinkRunnerOptions, PipelineOptions

from videonet.errors import UsageError

# Where the pool of workers of each machine is, unless somebody says otherwise.
_POOL = "localhost:50000"

# Masters that are no cluster: Beam starts one, which ends with this process.
NO_CLUSTER = frozenset({"[local]", "[auto]"})

# A bundle ends when all that it has begun is done: slow downloads hold up the others then. Flink
# would end one after 10 s. What a lost bundle had finished lies in the store.
_BUNDLES = {"max_bundle_size": 100_000, "max_bundle_time_mills": 600_000}

# A job has no checkpoints, and begins again where a machine is lost. Flink by itself gives it up.
_RETRIES = {"number_of_execution_retries": 10, "execution_retry_delay": 10_000}

# Seconds for a master to answer.
_PATIENCE = 30.0


def flink_options(beam_options: Sequence[str]) -> list[str]:
    """Beam's options for a job on Flink: those that were typed, and what they leave open.

    The cluster is asked for its version, to which the job server must fit, and for its slots.
    Raises UsageError where it does not answer, or Beam has no job server for it.
    """
    flags = list(beam_options)
    options = PipelineOptions(flags).get_all_options()
    added: dict[str, object] = {**_BUNDLES, **_RETRIES}
    master = str(options["flink_master"]).strip().rstrip("/")
    if master not in NO_CLUSTER:
        if not options["environment_type"]:
            added["environment_type"] = "EXTERNAL"
            added["environment_config"] = options["environment_config"] or _POOL
        address = master if "://" in master else f"http://{master}"
        if not _is_given(flags, "flink_version"):
            added["flink_version"] = _version(address, options["flink_job_server_jar"])
        if not _is_given(flags, "parallelism"):
            added["parallelism"] = _slots(address)
    elif not _is_given(flags, "parallelism"):
        added["parallelism"] = os.cpu_count() or 1
    typed = [f"--{name}={value}" for name, value in added.items() if not _is_given(flags, name)]
    return [*flags, *typed]


def _is_given(flags: Sequence[str], name: str) -> bool:
    return any(flag.partition("=")[0] == f"--{name}" for flag in flags)


def _version(address: str, jar: str | None) -> str:
    """The version of the job server that a cluster needs, as Beam counts them."""
    full = str(_ask(address, "config").get("flink-version", ""))
    version = ".".join(full.split(".")[:2])
    known = FlinkRunnerOptions.PUBLISHED_FLINK_VERSIONS
    if version in known:
        return version
    if jar:
        # The name means nothing then.
        return str(known[-1])
    raise UsageError(
        f"{address} is Flink {full or 'of no version that it tells'}, and Beam {beam.__version__} "
        f"has job servers for {', '.join(known)}: take one of these, or name a job server with "
        "--flink_job_server_jar."
    )


def _slots(address: str) -> int:
    """How many slots a cluster has for this job. Raises UsageError where it has none."""
    said = _ask(address, "overview")
    slots = said.get("slots-available") or said.get("slots-total")
    if not isinstance(slots, int) or slots < 1:
        raise UsageError(
            f"{address} has no slots: start its TaskManagers first, or say with --parallelism how "
            "many slots it will have."
        )
    return slots


def _ask(address: str, path: str) -> Mapping[str, Any]:
    try:
        answer = requests.get(f"{address}/{path}", timeout=_PATIENCE)
        answer.raise_for_status()
        said = answer.json()
    except requests.ConnectionError as error:
        _refuse(address, f"nobody answers ({type(error).__name__})", error)
    except (requests.RequestException, ValueError) as error:
        _refuse(address, str(error), error)
    if not isinstance(said, dict):
        _refuse(address, f"/{path} is no answer of Flink's")
    return said


def _refuse(address: str, why: str, error: Exception | None = None) -> NoReturn:
    raise UsageError(
        f"--flink_master={address} cannot be asked: {why.rstrip('.')}. Give the address of the "
        "JobManager's REST interface, such as http://localhost:8081."
    ) from error
