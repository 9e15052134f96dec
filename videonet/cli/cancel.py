"""`videonet cancel`: ends the run that is at work on OUT, from any machine that sees OUT."""

from videonet.cli.options import Out
from videonet.cli.terminal import Console
from videonet.errors import UsageError


def cancel(out: Out) -> None:
    """End the run that is at work on OUT: a job of Dataflow or Flink, or a process of this machine.

    Nothing that is finished is lost; the command that began it goes on. Exit codes: 0 it was told
    to end, 2 nothing is at work there, or it cannot be told.

    Example: videonet cancel gs://bucket/out
    """
    # --help needs none of these.
    from videonet.execution.engines import cancel_job, state_of
    from videonet.execution.job_note import is_at_work, noted_job
    from videonet.schemas.job import JobState
    from videonet.storage.dataset_dir import DatasetDir

    output = DatasetDir(out)
    job = noted_job(output)
    if job is None:
        raise UsageError(
            f"Nothing is known of a run over {out}: _state/job.json is not there, or of a run "
            "before. Give the --out of a curation."
        )
    if output.manifest() is not None:
        raise UsageError(f"The run over {out} is finished; nothing is to be cancelled.")
    if job.is_process and not is_at_work(output):
        raise UsageError(
            f"No run is at work on {out}; nothing is to be cancelled. Parts of one (--part) are "
            "ended as they were begun."
        )
    state = state_of(job)
    if state in (JobState.DONE, JobState.FAILED, JobState.CANCELLED):
        raise UsageError(f"{job.shown} is {state} already; nothing is to be cancelled.")
    Console(soft_wrap=True, highlight=False, markup=False).print(cancel_job(job))
