"""RUN/training.json: what a training was begun on, when, and how each of its sessions ended.

The log and the checkpoints say nothing of that: they are those of a training that was never
interrupted. Needs no PyTorch.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from videonet.errors import UsageError
from videonet.files import drafted, read_bounded
from videonet.schemas.record import from_json
from videonet.schemas.training_note import Session, TrainedOn, TrainingNote
from videonet.text import shortened
from videonet.training.asked_to_end import AskedToEndError

# Below RUN.
NOTE = "training.json"

# Of sessions of some 500 bytes, more than a training can have.
_MOST_BYTES = 50_000_000


def read_note(run: Path) -> TrainingNote | None:
    """What a training has noted; None: it is of an earlier version. Raises UsageError."""
    file = run / NOTE
    try:
        return from_json(read_bounded(file, _MOST_BYTES), TrainingNote)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(
            f"{file} is no note of a training ({shortened(str(error))}); move it away, and what it "
            "says is missing."
        ) from error


@contextmanager
def noted(run: Path, data: str | Path, trained_on: TrainedOn, session: Session) -> Iterator[None]:
    """Note that a session begins, and at the end how it went.

    Why a training failed is noted without the paths of the run and of the data set. A note that
    cannot be read is begun anew: no training ends for it.
    """
    try:
        note = read_note(run)
    except UsageError:
        note = None
    before = note.sessions if note is not None else ()

    def write(now: Session) -> None:
        content = TrainingNote(trained_on=trained_on, sessions=(*before, now))
        with drafted(run / NOTE) as draft:
            draft.write_bytes(content.to_json() + b"\n")

    write(session)
    # What ends a process at once leaves it at that.
    ended = session
    try:
        yield
        ended = msgspec.structs.replace(session, end="finished")
    except AskedToEndError as asked:
        ended = msgspec.structs.replace(session, end="interrupted", until=asked.done)
        raise
    except Exception as error:
        said = _without_places(str(error) or type(error).__name__, {"RUN": run, "OUT": data})
        ended = msgspec.structs.replace(session, end="failed", said=shortened(said))
        raise
    finally:
        # On a full disk, what ended the training is to be said, and not this.
        with suppress(OSError):
            write(ended)


def _without_places(text: str, places: Mapping[str, str | Path]) -> str:
    """The text with names in place of whole paths, which are of this machine."""
    for name, place in places.items():
        if Path(place).is_absolute():
            text = text.replace(str(place), name)
    return text
