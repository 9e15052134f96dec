"""What clusters say of their jobs, and how they are told to end one: without Beam, from anywhere.

Dataflow is asked by Google's client, Flink by the REST interface of its master, and a process of
this machine by its number.
"""

from __future__ import annotations

import functools
import os
import re
import signal
from typing import TYPE_CHECKING, Any, NoReturn

from videonet.errors import UsageError
from videonet.files import running_here
from videonet.schemas.job import Job, JobState

if TYPE_CHECKING:
    # slow, and needed for jobs of Dataflow alone
    from google.cloud.dataflow_v1beta3 import JobsV1Beta3Client

# Seconds for an engine to answer.
_PATIENCE = 30.0

# How the states that engines name are called here; all others are those of a job that goes on.
_OF_FLINK = {
    "FINISHED": JobState.DONE,
    "FAILED": JobState.FAILED,
    "CANCELED": JobState.CANCELLED,
}
_OF_DATAFLOW = {
    "JOB_STATE_DONE": JobState.DONE,
    "JOB_STATE_DRAINED": JobState.DONE,
    "JOB_STATE_UPDATED": JobState.DONE,
    "JOB_STATE_FAILED": JobState.FAILED,
    "JOB_STATE_CANCELLED": JobState.CANCELLED,
    "JOB_STATE_UNKNOWN": JobState.UNKNOWN,
}

# Where Google's own services are: nobody else is shown a user's credentials. OUT may be that of a
# stranger.
_OF_GOOGLE = re.compile(r"((https://)?([a-z0-9-]+\.)+googleapis\.com(:443)?)?")
_HERE = re.compile(r"http://(localhost|127\.0\.0\.1)(:[0-9]+)?")


class EngineError(UsageError):
    """An engine cannot be asked, or does not do what it is asked for."""


def state_of(job: Job) -> JobState:
    """What the engine of a job says of it. Raises EngineError where it cannot be asked."""
    if job.runner == "dataflow":
        return _state_on_dataflow(job)
    if not job.is_process:
        found = _on_flink(job)
        return JobState.UNKNOWN if found is None else _OF_FLINK.get(found[1], JobState.RUNNING)
    return JobState.RUNNING if running_here(job.process) is not None else JobState.UNKNOWN


def find_job(job: Job) -> str | None:
    """The id of a job whose name is known; None: its engine has none of that name.

    Raises EngineError where it cannot be asked.
    """
    if job.runner == "dataflow":
        return job.job_id or _id_on_dataflow(job)
    found = _on_flink(job)
    return None if found is None else found[0]


def cancel_job(job: Job) -> str:
    """Tell the engine of a job to end it; the sentence that says so. Raises EngineError."""
    if job.runner == "dataflow":
        _cancel_on_dataflow(job)
        return f"{job.shown} is being cancelled; its machines are gone within some minutes."
    if not job.is_process:
        found = _on_flink(job)
        if found is None:
            _refuse(job, "it knows no such job")
        _ask_flink(job, "PATCH", f"/jobs/{found[0]}?mode=cancel")
        return f"{job.shown} is being cancelled."
    process = running_here(job.process)
    if process is None:
        raise EngineError(
            f"The run is that of another process than those of this machine: it was begun on "
            f"{job.host}. Give this command there, or end it as it was begun."
        )
    os.kill(process, signal.SIGINT)
    return f"Process {process} was told to end, as by Ctrl-C; the same command goes on."


# Flink.


def _on_flink(job: Job) -> tuple[str, str] | None:
    """Id and state of a job on Flink; None: there is none."""
    jobs = _ask_flink(job, "GET", "/jobs/overview").get("jobs", [])
    key, value = ("jid", job.job_id) if job.job_id else ("name", job.name)
    found = [each for each in jobs if each.get(key) == value]
    if not found:
        return None
    last = max(found, key=lambda each: each.get("start-time", 0))
    return str(last["jid"]), str(last["state"])


def _ask_flink(job: Job, method: str, path: str) -> dict[str, Any]:
    import requests

    try:
        answer = requests.request(method, job.master.rstrip("/") + path, timeout=_PATIENCE)
        answer.raise_for_status()
        said = answer.json() if answer.content else {}
    except (requests.RequestException, ValueError) as error:
        _refuse(job, str(error))
    return said if isinstance(said, dict) else {}


# Dataflow.


def _state_on_dataflow(job: Job) -> JobState:
    from google.cloud import dataflow_v1beta3 as dataflow

    job_id = job.job_id or _id_on_dataflow(job)
    if job_id is None:
        return JobState.UNKNOWN
    request = dataflow.GetJobRequest(project_id=job.project, location=job.region, job_id=job_id)
    found = _asked(job, "get_job", request)
    return _OF_DATAFLOW.get(dataflow.JobState(found.current_state).name, JobState.RUNNING)


def _cancel_on_dataflow(job: Job) -> None:
    from google.cloud import dataflow_v1beta3 as dataflow

    job_id = job.job_id or _id_on_dataflow(job)
    if job_id is None:
        _refuse(job, "it knows no such job")
    request = dataflow.UpdateJobRequest(
        project_id=job.project,
        location=job.region,
        job_id=job_id,
        job=dataflow.Job(requested_state=dataflow.JobState.JOB_STATE_CANCELLED),
    )
    _asked(job, "update_job", request)


def _id_on_dataflow(job: Job) -> str | None:
    from google.cloud import dataflow_v1beta3 as dataflow

    request = dataflow.ListJobsRequest(project_id=job.project, location=job.region, name=job.name)
    found = [each for each in _asked(job, "list_jobs", request) if each.name == job.name]
    last = max(found, key=lambda each: each.create_time.timestamp(), default=None)
    return None if last is None else str(last.id)


def _asked(job: Job, verb: str, request: Any) -> Any:
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    try:
        answer = getattr(_client(job.endpoint), verb)(request=request, timeout=_PATIENCE)
        return list(answer) if verb == "list_jobs" else answer
    except (GoogleAPIError, GoogleAuthError, OSError) as error:
        _refuse(job, str(error).partition("\n")[0])


@functools.lru_cache(maxsize=1)
def _client(endpoint: str) -> JobsV1Beta3Client:
    """Google's client; with the user's credentials where it speaks to Google."""
    import google.auth
    from google.api_core.client_options import ClientOptions
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.dataflow_v1beta3 import JobsV1Beta3Client

    if _OF_GOOGLE.fullmatch(endpoint):
        credentials, _ = google.auth.default(
            scopes=["https://www.googleapis.com/auth/cloud-platform"]
        )
    elif _HERE.fullmatch(endpoint):
        credentials = AnonymousCredentials()  # type: ignore[no-untyped-call]
    else:
        raise EngineError(f"{endpoint} is no service of Google's, and is not asked for a job.")
    options = ClientOptions(api_endpoint=endpoint) if endpoint else None
    return JobsV1Beta3Client(credentials=credentials, client_options=options, transport="rest")


def _refuse(job: Job, why: str) -> NoReturn:
    where = job.master or f"Dataflow (project {job.project}, region {job.region})"
    raise EngineError(f"{where} was asked about {job.shown} in vain: {why.rstrip('.')}.")
