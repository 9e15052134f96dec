"""How far a training is, and how each of its sessions ended."""

from dataclasses import dataclass

from videonet.files import has_ended, running_here
from videonet.schemas.training_note import Session, TrainingNote

# The most sessions that are shown, the last ones: each is a row.
_MOST = 50


@dataclass(frozen=True)
class SessionRow:
    """One session, in words."""

    begun: str
    # steps done when it began, and when it ended; "" where that is not known
    after: str
    until: str
    end: str
    where: str


def steps_done(note: TrainingNote | None, logged: int) -> int:
    """How many steps are done, of which the log has said `logged`: not each is a line."""
    sessions = note.sessions if note is not None else ()
    return max(logged, *(max(each.after, each.until or 0) for each in sessions), 0)


def state_of(note: TrainingNote | None, done: int, steps: int) -> str:
    """How far it is, and why it is no further; "finished" if there is nothing more to do."""
    last = note.sessions[-1] if note is not None and note.sessions else None
    if last is not None and last.end == "finished":
        return "finished"
    if last is None and done >= steps:
        return "finished"
    reached = f"{done:,} of {steps:,} steps"
    return f"{reached}, {_end(last)}" if last is not None else reached


def session_rows(note: TrainingNote | None, steps: int) -> tuple[SessionRow, ...]:
    """The last sessions, in the order in which they began."""
    if note is None:
        return ()
    last = note.sessions[-1:]
    return tuple(
        SessionRow(
            begun=each.begun,
            after=f"{each.after:,}",
            until=_until(each, steps),
            # Two never train at once: what another one came after has ended.
            end="killed" if each.end is None and (each,) != last else _end(each),
            where=f"{each.ranks} x {each.device}" if each.ranks > 1 else each.device,
        )
        for each in note.sessions[-_MOST:]
    )


def _until(session: Session, steps: int) -> str:
    if session.end == "finished":
        return f"{steps:,}"
    return "" if session.until is None else f"{session.until:,}"


def _end(session: Session) -> str:
    match session.end:
        case None if running_here(session.process):
            return "running"
        case None if has_ended(session.process):
            return "killed"
        case None:
            return "running elsewhere, or killed"
        case "failed":
            return f"failed: {session.said}"
        case end:
            return end
