"""Services that speak the REST interfaces of Flink's master and of Dataflow, and run no job."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qs, urlsplit

from videonet.execution.job_note import job_of, note_job
from videonet.schemas.job import Job
from videonet.storage.dataset_dir import DatasetDir


class Service(Protocol):
    """What answers requests."""

    address: str

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        """JSON to answer with; None: 404."""


S = TypeVar("S", bound=Service)


class Flink:
    """A master of Flink, with jobs as its REST interface lists them."""

    def __init__(self, *jobs: dict[str, Any]) -> None:
        self.address = ""
        self.jobs = list(jobs)
        self.cancelled: list[str] = []

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        del body
        if (method, path) == ("GET", "/jobs/overview"):
            return {"jobs": self.jobs}
        if method == "PATCH" and query == {"mode": "cancel"}:
            for job in self.jobs:
                if path == f"/jobs/{job['jid']}":
                    job["state"] = "CANCELLING"
                    self.cancelled.append(job["jid"])
                    return {}
        return None


class Dataflow:
    """Dataflow's service for one project and region: jobs that it is given wait for ever."""

    project, region = "some-project", "us-central1"

    def __init__(self) -> None:
        self.address = ""
        # as they were sent, with what the service adds, by id
        self.jobs: dict[str, dict[str, Any]] = {}
        self.credentials: set[str] = set()

    def begin(self, name: str) -> str:
        """A job that somebody else has begun; its id."""
        jobs = f"/v1b3/projects/{self.project}/locations/{self.region}/jobs"
        return str(self.answer("POST", jobs, {}, {"name": name})["id"])

    def end(self, job_id: str, state: str) -> None:
        self.jobs[job_id]["currentState"] = state

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        jobs = f"/v1b3/projects/{self.project}/locations/{self.region}/jobs"
        if path == jobs and method == "POST":
            job_id = f"2026-11-30_00_00_00-{len(self.jobs) + 1}"
            self.jobs[job_id] = body | {
                "id": job_id,
                "currentState": "JOB_STATE_RUNNING",
                "createTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            }
            return self.jobs[job_id]
        if path == jobs and method == "GET":
            named = query.get("name")
            return {"jobs": [each for each in self.jobs.values() if named in (None, each["name"])]}
        job_id, _, rest = path.removeprefix(f"{jobs}/").partition("/")
        if not path.startswith(f"{jobs}/") or job_id not in self.jobs:
            return None
        if rest == "messages":
            return {"jobMessages": []}
        if method == "PUT" and body["requestedState"] in (2, 5, "JOB_STATE_CANCELLED"):
            self.end(job_id, "JOB_STATE_CANCELLING")
        return self.jobs[job_id]


def noted(output: DatasetDir, runner: str, **at_engine: str) -> Job:
    """A job of the run that was begun over OUT, and its note there."""
    plan = output.plan()
    assert plan is not None
    job = job_of(plan, runner, **at_engine)
    note_job(output, job)
    return job


@contextmanager
def serving(service: S) -> Iterator[S]:
    """A service at an address of this machine, as long as this lasts."""

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65_537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size) or b"null")
            seen = getattr(service, "credentials", set())
            if "Authorization" in self.headers:
                seen.add(self.headers["Authorization"])
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            query.pop("$alt", None)
            answer = service.answer(self.command, parts.path, query, body)
            data = json.dumps({} if answer is None else answer).encode()
            self.send_response(404 if answer is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.address = f"http://localhost:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
