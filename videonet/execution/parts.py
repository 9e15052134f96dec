"""A curation that several commands do, without an engine: list, parts, and the rest.

    videonet curate ... --part list     takes OUT up, and writes the candidate list
    videonet curate ... --part 3/8      looks at a part of the candidates; so do others meanwhile
    videonet curate ...                 does all that is left, and writes the data set

The commands are of one run, since they share its id, and meet in the store: in the records of
videos, in the clips that wait there, and in claims. A part leaves OUT as it is. So nothing that it
does can harm a data set, and a part that is killed, given twice, or left out changes no byte: what
is not done is done by the last command.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from videonet.curation.context import RunContext
from videonet.curation.run_progress import processes_of
from videonet.curation.signs_of_life import SILENCE, is_gone, silence_of
from videonet.errors import UsageError
from videonet.schemas.progress import ProcessProgress
from videonet.stop_signal import Stopped
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.fence import OvertakenError
from videonet.storage.store import Store
from videonet.storage.waiting_clips import forget_clips
from videonet.text import number

# Seconds between two looks whether a run is still at its parts: in a folder, and in a bucket, where
# each is paid for.
_LOOK_EVERY, _LOOK_EVERY_IN_A_BUCKET = 2.0, 15.0

# So many parts are named.
_SHOWN = 8


@contextmanager
def as_part(context: RunContext) -> Iterator[None]:
    """While this lasts, work at a part of a run's candidate list, and say so in the store.

    Raises UsageError where another command is at the rest already, and OvertakenError where one
    takes OUT up meanwhile: the work inside is ended then.
    """
    store, output, run_id = context.store, context.output, context.plan.run_id
    others = at_work(store, run_id, lambda each: not each.part)
    if others:
        raise UsageError(
            f"Another command does what is left of the run over {output.address}, parts as well; "
            f"wait for it. If it was killed on another machine, that is known after {SILENCE:.0f} "
            "s."
        )
    context.progress.begin()
    try:
        with _ended_with_run(context):
            yield
    finally:
        with suppress(OSError, UsageError):
            if _is_over(output, run_id):
                # Nobody else would come to what was cut since.
                forget_clips(store, run_id)


def wait_for_parts(output: DatasetDir, store: Store, say: Callable[[str], object]) -> None:
    """Wait until no part is at work on the run that OUT belongs to, if it is not finished.

    What a part that still works would bring would be done twice, or be waited for video by video.
    `say` is told of it.
    """
    state = output.run_state()
    if state is None or output.lookup() is None or output.manifest() is not None:
        return
    said: list[str] = []
    while parts := sorted(
        each.part for each in at_work(store, state.run_id, lambda each: bool(each.part))
    ):
        if parts != said:
            shown = ", ".join(parts[:_SHOWN]) + (", ..." if len(parts) > _SHOWN else "")
            say(f"{number(len(parts), 'part')} of this run at work ({shown}): waiting")
            said = parts
        time.sleep(_pause(store))


def at_work(
    store: Store, run_id: str, of_interest: Callable[[ProcessProgress], bool]
) -> list[ProcessProgress]:
    """The processes of a run that show life, of those that are `of_interest`."""
    now = datetime.now(UTC)
    return [
        each
        for each in processes_of(store, run_id)
        if of_interest(each) and not is_gone(each, silence_of(each, now))
    ]


@contextmanager
def _ended_with_run(context: RunContext) -> Iterator[None]:
    """While this lasts, end the work with a sentence when another command takes OUT up."""
    output, over = context.output, threading.Event()

    def watch() -> None:
        while not over.wait(_pause(context.store)):
            # Where OUT cannot be reached now, it can be the next time.
            with suppress(OSError, UsageError):
                last = output.fence.last()
                if last is not None and last[0] != context.plan.number:
                    context.complaint = context.complaint or OvertakenError(
                        f"Another command has taken over {output.address} since this part was "
                        "begun; this part is over, and what it has found is in the store."
                    )
                    context.stop.set()
                    return

    thread = threading.Thread(target=watch, name="part", daemon=True)
    thread.start()
    try:
        yield
    except Stopped:
        # It was heard of it before Beam was.
        if context.complaint is not None:
            raise context.complaint from None
        raise
    finally:
        over.set()
        thread.join()


def _is_over(output: DatasetDir, run_id: str) -> bool:
    """Whether a run is finished, or OUT belongs to another one by now."""
    state = output.run_state()
    return output.manifest() is not None or (state is not None and state.run_id != run_id)


def _pause(store: Store) -> float:
    return _LOOK_EVERY if store.is_folder else _LOOK_EVERY_IN_A_BUCKET
