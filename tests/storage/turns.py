"""Tasks that take turns in a given order, a turn at each step they take on shared objects."""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

from tests.storage.memory_objects import MemoryObjects

# Seconds; a step takes microseconds.
_HANGS = 60.0


class Killed(BaseException):
    """The task takes no further step."""


class TurnObjects(MemoryObjects):
    """Objects in memory, on which tasks step when it is their turn."""

    def __init__(self) -> None:
        super().__init__()
        self.turns: Turns | None = None

    def step(self, verb: str, name: str) -> None:
        if self.turns is not None:
            self.turns.wait(f"{verb} {name}")


class Turns:
    """Runs tasks one step at a time. `choose` picks the next of the tasks that are not done.

    It is given their names, the one that stepped last first if it is not done, and says one of
    them, with "kill " before it if that is its end.
    """

    def __init__(self, choose: Callable[[list[str]], str]) -> None:
        self._choose = choose
        self._go: dict[str, threading.Lock] = {}
        self._came = threading.Semaphore(0)
        self._killed: set[str] = set()
        self._failed: list[BaseException] = []
        # what was done, for people
        self.story: list[str] = []

    def run(self, objects: TurnObjects, tasks: dict[str, Callable[[], None]]) -> None:
        """Run all tasks to their ends. Raises what one of them raises."""
        threads = {
            name: threading.Thread(target=self._live, args=(name, task), name=name, daemon=True)
            for name, task in tasks.items()
        }
        self._go = {name: _closed() for name in tasks}
        objects.turns = self
        try:
            for thread in threads.values():
                thread.start()
                self._arrived()
            last = ""
            while alive := [name for name, thread in threads.items() if name in self._go]:
                alive.sort(key=lambda name: name != last)
                chosen = self._choose(alive)
                last = chosen.removeprefix("kill ")
                if last != chosen:
                    self._killed.add(last)
                self._go[last].release()
                self._arrived()
        finally:
            objects.turns = None
        for thread in threads.values():
            thread.join(_HANGS)
        if self._failed:
            raise self._failed[0]

    def wait(self, step: str) -> None:
        """Called by a task before a step: goes on when it is its turn."""
        name = threading.current_thread().name
        if name in self._killed:
            raise Killed
        self._came.release()
        assert self._go[name].acquire(timeout=_HANGS)
        if name in self._killed:
            self.story.append(f"{name} is killed before: {step}")
            raise Killed
        self.story.append(f"{name}: {step}")

    def _arrived(self) -> None:
        assert self._came.acquire(timeout=_HANGS), self.story

    def _live(self, name: str, task: Callable[[], None]) -> None:
        try:
            with suppress(Killed):
                task()
        except BaseException as error:  # noqa: BLE001  # it is raised again by `run`
            error.add_note("\n".join(self.story))
            self._failed.append(error)
        finally:
            del self._go[name]
            self._came.release()


def _closed() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


class Turn(NamedTuple):
    """A choice of the next task."""

    choice: int
    choices: int
    # whether any choice but the first takes the turn from a task that is not done
    interrupts: bool


class Choices:
    """One order of turns: the choices up to some point, and from there on no change of task."""

    def __init__(self, begin: tuple[int, ...] = ()) -> None:
        self._begin = begin
        self._last = ""
        self.turns: list[Turn] = []

    def __call__(self, alive: list[str]) -> str:
        number = len(self.turns)
        choice = self._begin[number] if number < len(self._begin) else 0
        self.turns.append(Turn(choice, len(alive), alive[0] == self._last))
        self._last = alive[choice]
        return self._last


def every_order(most: int) -> Iterator[Choices]:
    """All orders of turns in which tasks are interrupted at most so often.

    The caller runs the tasks with each of them, on objects of their own, before it takes the next.
    """
    waiting: list[tuple[int, ...]] = [()]
    while waiting:
        begin = waiting.pop()
        choices = Choices(begin)
        yield choices
        taken = tuple(turn.choice for turn in choices.turns)
        interrupted = 0
        for number, turn in enumerate(choices.turns):
            if number >= len(begin) and interrupted + turn.interrupts <= most:
                waiting += [(*taken[:number], other) for other in range(1, turn.choices)]
            interrupted += turn.interrupts and turn.choice > 0


class KillAt:
    """Lets a lone task take some steps, and kills it before the next."""

    def __init__(self, steps: int) -> None:
        self._left = steps
        self.killed = False

    def __call__(self, alive: list[str]) -> str:
        if self._left == 0:
            self.killed = True
            return f"kill {alive[0]}"
        self._left -= 1
        return alive[0]
