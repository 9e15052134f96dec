"""What is known of the job of a run: its engine is asked, and the store says what it can."""

from dataclasses import dataclass

from videonet.execution.engines import EngineError, state_of
from videonet.execution.job_note import noted_complaint, noted_job
from videonet.schemas.job import JobState
from videonet.storage.dataset_dir import DatasetDir


@dataclass(frozen=True)
class JobSeen:
    """The job that was begun last over OUT, as it is now."""

    # "local", "flink", "dataflow", or Beam's name of another runner
    runner: str
    # as people are told of it
    name: str
    # of a cluster's job; "": not known
    job_id: str
    state: JobState
    # why it could not be asked, or what a worker had to say last; None: nothing
    said: str | None

    @property
    def is_over(self) -> bool:
        """Whether it has ended, as far as that is known, and the data set is not finished."""
        return self.state in (JobState.FAILED, JobState.CANCELLED, JobState.ENDED)


def job_seen(output: DatasetDir, *, finished: bool, at_work: bool, over: bool) -> JobSeen | None:
    """The job over OUT; None: nothing is known of it.

    `finished`: whether the data set is; `at_work`: whether processes show life in the store;
    `over`: whether it is known there that all have ended.
    """
    job = noted_job(output)
    if job is None:
        return None
    state, said = JobState.DONE, None
    if not finished:
        state = JobState.UNKNOWN
        if not job.is_process:
            try:
                state = state_of(job)
            except EngineError as error:
                said = str(error)
            said = noted_complaint(output) or said
        if state is JobState.UNKNOWN and (at_work or over):
            state = JobState.RUNNING if at_work else JobState.ENDED
    return JobSeen(job.runner, job.shown, job.job_id, state, said)
