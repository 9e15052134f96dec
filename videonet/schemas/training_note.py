"""What a training notes of itself beside its log, in RUN/training.json."""

from videonet.schemas.record import Hex, Record


class TrainedOn(Record, frozen=True, kw_only=True):
    """The data set of a training."""

    # as its manifest calls it
    dataset: str
    manifest_sha256: Hex
    # all there are, and those of them that are never trained on
    videos: int
    held_out: int
    # all there are, and those that are trained on
    clips: int
    trained_clips: int


class Session(Record, frozen=True, kw_only=True):
    """One process's share of a training: from a beginning to an end."""

    # such as "2026-05-09 07:12 UTC"
    begun: str
    # steps that were done before
    after: int
    # as `videonet.files.process_name` gives it; of several ranks, that of the first
    process: str
    ranks: int
    # what each rank computed on, "CPU" or the name of a GPU
    device: str
    # of what the losses depend on, by name
    versions: dict[str, str]
    # "finished", "interrupted" by a signal, or "failed"; None: it goes on, or was killed
    end: str | None = None
    # steps done by then; None: only the log and the checkpoints tell
    until: int | None = None
    # of a failed one, why
    said: str = ""


class TrainingNote(Record, frozen=True, kw_only=True):
    """The whole file."""

    trained_on: TrainedOn
    # in the order in which they began
    sessions: tuple[Session, ...]
