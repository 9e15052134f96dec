"""Where the numbers and pictures of a run go besides its folder: what `log.to` names.

`open_tracker` is the one function that knows them. `train` takes another one in its place, for
whoever has a tracker of their own.
"""

import uuid
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from videonet.errors import UsageError, machine_error
from videonet.text import shortened


class Tracker(Protocol):
    """What is told of a run as it goes. A step's number is how many steps are done."""

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers by name; those of an evaluation have its name before theirs, "retrieval/..."."""

    def picture(self, step: int, name: str, image: NDArray[np.uint8]) -> None:
        """A picture, uint8 [H, W, 3], RGB."""

    def close(self) -> None:
        """The run has ended, or was interrupted."""


# The tracker of a name, of a run in a folder, that goes on after so many steps (0: begins), with
# these settings by table and name. Raises UsageError.
OpenTracker = Callable[[str, Path, int, Mapping[str, Any]], Tracker]


def open_tracker(name: str, run: Path, resumed_at: int, settings: Mapping[str, Any]) -> Tracker:
    """TensorBoard or Weights & Biases. Raises UsageError for what is not known or installed."""
    check_installed([name])
    if name == "tensorboard":
        return _TensorBoard(run, resumed_at)
    return _Wandb(run, settings)


class Trackers:
    """The trackers of a run. One that fails is told nothing more: no training of days ends by it.

    `say` is given a sentence for people.
    """

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say
        self._open: dict[str, Tracker] = {}

    def open(self, name: str, opened: Callable[[], Tracker]) -> None:
        """Add one that `opened` opens. Raises UsageError, also where that fails in its own way."""
        try:
            self._open[name] = opened()
        except UsageError:
            raise
        except Exception as error:
            if machine_error(error) is not None:
                raise
            raise UsageError(
                f"log.to names {name}, which cannot be begun ({_words(error)}); mend that, or "
                "leave it out."
            ) from error

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        """Tell each of them; see `Tracker`."""
        self._tell(lambda tracker: tracker.numbers(step, values))

    def picture(self, step: int, name: str, image: NDArray[np.uint8]) -> None:
        """Likewise."""
        self._tell(lambda tracker: tracker.picture(step, name, image))

    def close(self) -> None:
        """Close each of them."""
        self._tell(lambda tracker: tracker.close())
        self._open.clear()

    def _tell(self, what: Callable[[Tracker], object]) -> None:
        for name, tracker in [*self._open.items()]:
            try:
                what(tracker)
            except Exception as error:
                # A full disk ends the training as it does elsewhere.
                if machine_error(error) is not None:
                    raise
                del self._open[name]
                self._say(f"{name} fails and is told nothing more: {_words(error)}")


def _words(error: Exception) -> str:
    """What an exception says, in one line."""
    return shortened(f"{type(error).__name__}: {error}")


def check_installed(names: Collection[str]) -> None:
    """Raise UsageError unless all of these are known and installed. Imports none of them."""
    for name in names:
        if name not in ("tensorboard", "wandb"):
            raise UsageError(
                f'log.to names {name}; it takes "tensorboard" and "wandb", and others where '
                "`train` is given an open_tracker of your own."
            )
        found = find_spec(name)
        # A folder of this name where a program was started is none.
        if found is None or found.origin is None:
            raise UsageError(f"log.to names {name}, which is not installed: pip install {name}")


def gone_on_with(names: Collection[str], run: Path) -> tuple[str, ...]:
    """The names of `log.to`, and TensorBoard where a run has its files already.

    Earlier versions wrote them without being asked.
    """
    has_files = (run / "tensorboard").is_dir() and find_spec("tensorboard") is not None
    added = ("tensorboard",) if has_files and "tensorboard" not in names else ()
    return (*names, *added)


class _TensorBoard:
    """Files in RUN/tensorboard."""

    def __init__(self, run: Path, resumed_at: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        # What was written after the checkpoint is not shown.
        self._board: Any = SummaryWriter(run / "tensorboard", purge_step=resumed_at + 1)

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._board.add_scalar(name, value, step)
        self._board.flush()

    def picture(self, step: int, name: str, image: NDArray[np.uint8]) -> None:
        self._board.add_image(name, image, step, dataformats="HWC")
        self._board.flush()

    def close(self) -> None:
        self._board.close()


class _Wandb:
    """A run of Weights & Biases, which goes on with the training; RUN/wandb-id names it.

    Its own settings, such as where its server is, are its environment variables.
    """

    def __init__(self, run: Path, settings: Mapping[str, Any]) -> None:
        self._wandb: Any = import_module("wandb")
        named = run / "wandb-id"
        if not named.exists():
            named.write_text(uuid.uuid4().hex)
        self._run = self._wandb.init(
            project="videonet",
            name=run.resolve().name,
            id=named.read_text(),
            resume="allow",
            dir=str(run),
            config=dict(settings),
        )

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def picture(self, step: int, name: str, image: NDArray[np.uint8]) -> None:
        self._run.log({name: self._wandb.Image(image)}, step=step)

    def close(self) -> None:
        self._run.finish()
