"""Who does the work of a run, so that any machine that sees OUT can ask about it and end it."""

from enum import StrEnum
from typing import Annotated

import msgspec

from videonet.schemas.record import Record
from videonet.schemas.run import RunId

# Addresses are made of it, and what a stranger's file says must not lead elsewhere.
_Word = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9._:-]*\Z")]


class JobState(StrEnum):
    """What is known of a job."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    # its processes have stopped or were killed, and the data set is not finished
    ENDED = "ended"
    # it cannot be asked, or does not know the job
    UNKNOWN = "not known"


class Job(Record, frozen=True, kw_only=True):
    """OUT/_state/job.json: the job that was begun last over OUT."""

    run_id: RunId
    # how often a command had taken OUT up, with the one that began it: see `TakenUp`
    number: int
    # "local", "flink", "dataflow", or Beam's name of another runner
    runner: _Word
    # the process that began it, see `videonet.files.process_name`, and its machine's name
    process: _Word
    host: str
    # what the cluster calls it: a name, which is known before the job is, and an id
    name: str = ""
    job_id: _Word = ""
    # of Dataflow; the address of its service where that is not Google's
    project: _Word = ""
    region: _Word = ""
    endpoint: str = ""
    # address of Flink's master, which any machine can ask
    master: str = ""

    @property
    def is_process(self) -> bool:
        """Whether the work ends with the process that began it: no cluster has it."""
        return self.runner != "dataflow" and not self.master

    @property
    def shown(self) -> str:
        """As people are told of it."""
        if self.is_process:
            return f"the run of a process on {self.host}"
        where = {"flink": "Flink", "dataflow": "Dataflow"}.get(self.runner, self.runner)
        return f"{where} job {self.job_id or self.name}"
