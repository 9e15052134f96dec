"""The note in OUT of who does the work of its run: see `videonet.schemas.job`."""

import platform

import msgspec

from videonet.errors import UsageError
from videonet.files import process_name
from videonet.schemas.job import Job
from videonet.schemas.run import Plan
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.dataset_files import MISSING

_NAME = "_state/job.json"
_MOST_BYTES = 10_000


def noted_job(output: DatasetDir) -> Job | None:
    """The job that was begun last over OUT; None: not known, or it is of another run."""
    try:
        job = Job.from_json(output.files.read(_NAME, _MOST_BYTES))
    except (*MISSING, OSError, msgspec.DecodeError):
        return None
    last = output.fence.last()
    return job if last is None or last == (job.number, job.run_id) else None


def note_job(output: DatasetDir, job: Job) -> None:
    """Say who does the work of the run that OUT belongs to."""
    output.files.write(_NAME, job.to_json())


def noted_complaint(output: DatasetDir) -> str | None:
    """The sentence that a worker of a cluster had to say last; None: none."""
    try:
        return output.files.read("_state/complaint.txt", _MOST_BYTES).decode("utf-8", "replace")
    except (*MISSING, OSError):
        return None


def is_at_work(output: DatasetDir) -> bool:
    """Whether a command holds OUT: it keeps others out until it ends, however that is."""
    try:
        with output.files.exclusive():
            return False
    except UsageError:
        return True


def job_of(plan: Plan, runner: str, **at_engine: str) -> Job:
    """A note of a job that this process begins; `at_engine` is what an engine calls it."""
    return Job(
        run_id=plan.run_id,
        number=plan.number,
        runner=runner,
        process=process_name(),
        host=platform.node(),
        **at_engine,
    )
