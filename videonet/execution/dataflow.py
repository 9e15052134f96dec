"""What a job on Dataflow needs that a user has not said: options of Beam's, and of ours.

A user's own words win. Project, region, places and image must be given: nobody can guess them.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from videonet.errors import UsageError
from videonet.execution.runner import parsed
from videonet.schemas.settings import CurateOptions, RunOptions
from videonet.storage.places import is_remote

# Machines for all that needs no GPU; and where a GPU is only had on machines of another kind.
MACHINE = "e2-standard-8"
_WITH_GPU = {
    "nvidia-tesla-t4": "n1-standard-8",
    "nvidia-l4": "g2-standard-8",
}

# The cheapest GPU that CUDA 13 knows, and the newest driver that Dataflow has: it needs 580.
GPU = "nvidia-tesla-t4"
_DRIVER = "install-nvidia-driver:5xx"
_SCAN_MEMORY = 16_000_000_000

# Politeness bounds what a job does in an hour, and machines that wait for it are paid for.
MOST_MACHINES = 10

# For the image, the copies within --scratch-budget, and downloads on their way, GB.
DISK = 100

# One process a machine: its threads share a classifier, connections and copies of files, and what
# takes the processor, decoding, has processes of its own.
_ONE_PROCESS = "no_use_multiple_sdk_containers"
_SEVERAL_PROCESSES = "use_multiple_sdk_containers"

# What nobody can guess, and what a person is told of it.
_MUST = {
    "project": "PROJECT",
    "region": "REGION",
    "temp_location": "gs://BUCKET/tmp",
}

# Any of these brings videonet to the workers.
_BRINGS_CODE = ("sdk_container_image", "setup_file", "requirements_file", "extra_packages")


def fitted(
    options: CurateOptions,
    run: RunOptions,
    beam_options: Sequence[str],
    typed: Collection[str],
) -> tuple[RunOptions, list[str]]:
    """The options of a run and Beam's, with what a job on Dataflow needs besides.

    `typed` are the names of the options of a run that a user gave. Raises UsageError for what must
    be given, and for what machines of Google's cannot see.
    """
    given = parsed(beam_options)
    _require(given, beam_options)
    if not given["dry_run"]:
        _require_seen(options, run)
    machine = given["machine_type"] or MACHINE
    cores = cores_of(machine)
    run = _with_gpu(run)
    if cores is not None and "workers" not in typed:
        run = msgspec.structs.replace(run, workers=cores)
    defaults: dict[str, object] = {
        "machine_type": MACHINE,
        "disk_size_gb": DISK,
        "max_num_workers": MOST_MACHINES,
        "number_of_worker_harness_threads": cores,
    }
    more = [
        f"--{name}={value}"
        for name, value in defaults.items()
        if given[name] is None and value is not None
    ]
    if given["sdk_container_image"] and given["sdk_location"] == "default":
        # The image has it: nothing is fetched from an index, and nothing staged.
        more.append("--sdk_location=container")
    if given["save_main_session"] is None:
        # On Dataflow, Beam's default is to stage a copy of what the command has imported.
        more.append("--no_save_main_session")
    if not {_ONE_PROCESS, _SEVERAL_PROCESSES} & set(given["experiments"] or ()):
        more.append(f"--experiments={_ONE_PROCESS}")
    return run, [*beam_options, *more]


def hint_of(accelerator: str) -> str:
    """Beam's hint for a type of GPU; a whole hint is left as it is."""
    if ":" in accelerator:
        return accelerator
    machine = _WITH_GPU.get(accelerator)
    on = f"machine_type:{machine};" if machine else ""
    return f"type:{accelerator};count:1;{on}{_DRIVER}"


def cores_of(machine: str) -> int | None:
    """The processors of a machine type such as n2-standard-8 or n2-custom-4-8192; None: unknown."""
    found = re.search(r"custom-(\d+)-\d+|-(\d+)(?:-lssd)?$", machine)
    return int(found[1] or found[2]) if found else None


def _with_gpu(run: RunOptions) -> RunOptions:
    """A run whose scans name their GPU; one that names it scans there."""
    if run.accelerator is None and run.device != "cuda":
        return run
    if run.device == "cpu":
        raise UsageError(
            f"--device cpu and --accelerator {run.accelerator} exclude each other; give one."
        )
    return msgspec.structs.replace(
        run,
        device="cuda",
        accelerator=hint_of(run.accelerator or GPU),
        scan_memory=run.scan_memory or _SCAN_MEMORY,
    )


def _require(given: Mapping[str, Any], beam_options: Sequence[str]) -> None:
    missing = [f"--{name}={value}" for name, value in _MUST.items() if not given[name]]
    if not any(given[name] for name in _BRINGS_CODE):
        missing.append("--sdk_container_image=IMAGE")
    if missing:
        raise UsageError(
            f"A job on Dataflow needs {' '.join(missing)} besides, among the options for Beam: "
            f"-- {' '.join([*beam_options, *missing])}. docs/dataflow.md says how they are made."
        )


def _require_seen(options: CurateOptions, run: RunOptions) -> None:
    """Raise UsageError for what lies on this machine, and would be read or written on others."""
    for name in ("store", "out"):
        place = getattr(run, name)
        if not is_remote(place):
            raise UsageError(
                f"--{name} {place} is a folder of this machine, which Dataflow's machines do not "
                "see; give gs://BUCKET/PREFIX."
            )
    kind, _, place = options.source.partition(":")
    if kind == "folder" or (kind == "catalogue" and not is_remote(place)):
        raise UsageError(
            f"--source {options.source} lies on this machine, and is read on Dataflow's; copy it "
            "into a bucket, and give catalogue:gs://BUCKET/NAME."
        )
