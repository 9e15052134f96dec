"""English plurals, by inflect, in a Python of its own.

inflect has typeguard check what its methods are given. For that, importing inflect parses all of
its source again for each method, which takes more than a second. typeguard documents that it adds
no checks where Python runs with -O. So inflect runs in a second Python with -O, which is started
when a plural is first wanted, and ends with this one.
"""

import atexit
import functools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence

_PATIENCE = 10
"""Seconds within which the second Python ends once nothing more can be asked."""


def plurals_of(nouns: Sequence[str]) -> list[tuple[str, str]]:
    """The modern and the classical plural of each noun of one or more words: cactuses, cacti.

    Raises `RuntimeError` where no second Python can answer; what is wrong is then on stderr.
    """
    # After a fork, two processes must not share one pipe.
    return _inflect(os.getpid()).plurals_of(nouns) if nouns else []


class _Inflect:
    """The second Python. Any number of threads may ask, one at a time."""

    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-O", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # It finds the same inflect.
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            # Ctrl-C is for this process, which ends the other one.
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._questions, self._answers = self._process.stdin, self._process.stdout
        atexit.register(self._end)

    def plurals_of(self, nouns: Sequence[str]) -> list[tuple[str, str]]:
        """As `plurals_of`."""
        with self._asking:
            self._questions.write(json.dumps(nouns) + "\n")
            self._questions.flush()
            answer = self._answers.readline()
        if not answer:
            raise RuntimeError(f"{sys.executable} -O ended while inflect made plurals in it")
        return [(modern, classical) for modern, classical in json.loads(answer)]

    def _end(self) -> None:
        self._questions.close()
        self._process.wait(_PATIENCE)


@functools.cache
def _inflect(process: int) -> _Inflect:
    """The second Python of the process of this number, which is this one."""
    del process
    return _Inflect()


def _answer() -> None:
    """Answer lists of nouns, a line each, until there are no more: the second Python does this."""
    import inflect

    modern, classical = inflect.engine(), inflect.engine()
    classical.classical(all=True)
    for line in sys.stdin:
        # With an article, "mine" is a place and not a pronoun whose plural is "ours".
        nouns = [f"the {noun}" for noun in json.loads(line)]
        answer = [
            [engine.plural_noun(noun).removeprefix("the ") for engine in (modern, classical)]
            for noun in nouns
        ]
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _answer()
