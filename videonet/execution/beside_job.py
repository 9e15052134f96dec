"""A job of a cluster goes on by itself: another command over its OUT would overtake it unseen."""

from videonet.errors import UsageError
from videonet.execution.engines import EngineError, state_of
from videonet.execution.job_note import noted_job
from videonet.execution.parts import at_work
from videonet.schemas.job import JobState
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store


def refuse_beside_job(output: DatasetDir, store: Store) -> None:
    """Raise UsageError while a job of a cluster is at work on OUT, as far as that can be known.

    Where its engine cannot be asked, signs of life in the store count.
    """
    job = noted_job(output)
    if job is None or job.is_process or output.manifest() is not None:
        return
    try:
        state = state_of(job)
    except EngineError:
        state = JobState.UNKNOWN
    if state is JobState.UNKNOWN and at_work(store, job.run_id, lambda _: True):
        state = JobState.RUNNING
    if state is JobState.RUNNING:
        raise UsageError(
            f"{job.shown} is at work on {output.address}. Wait for it (videonet status "
            f"{output.address} --watch), or end it first (videonet cancel {output.address})."
        )
