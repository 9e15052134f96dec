"""videonet.targets.plurals: what one calls several of a thing."""

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from videonet.targets.imagenet1k import imagenet1k_labels
from videonet.targets.plurals import plurals_of


@pytest.mark.parametrize(
    ("noun", "plurals"),
    [
        ("cactus", ("cactuses", "cacti")),
        ("mother-in-law", ("mothers-in-law", "mothers-in-law")),
        ("hot dog", ("hot dogs", "hot dogs")),
        ("mine", ("mines", "mines")),
        ("sheep", ("sheep", "sheep")),
        ("señorita\n", ("señoritas\n", "señoritas\n")),
    ],
)
def test_a_noun_has_a_modern_and_a_classical_plural(noun: str, plurals: tuple[str, str]):
    assert plurals_of([noun]) == [plurals]


@pytest.mark.slow
def test_they_are_those_of_inflect_as_it_is():
    import inflect  # takes seconds, since typeguard adds its checks to it

    nouns = [label.name for label in imagenet1k_labels()]
    modern, classical = inflect.engine(), inflect.engine()
    classical.classical(all=True)
    expected = [
        tuple(each.plural_noun(f"the {noun}").removeprefix("the ") for each in (modern, classical))
        for noun in nouns
    ]
    assert plurals_of(nouns) == expected


def test_no_nouns_have_no_plurals():
    assert plurals_of([]) == []


def test_threads_get_the_plurals_of_their_own_nouns():
    nouns = [["dog"], ["ox"], ["cherry", "mouse"]] * 20
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(plurals_of, nouns))
    expected = [[("dogs",) * 2], [("oxen",) * 2], [("cherries",) * 2, ("mice",) * 2]]
    assert answers == expected * 20


# Asks, and prints the number of the second process.
_ASK = (
    "import psutil, sys\n"
    "from videonet.targets.plurals import plurals_of\n"
    "assert plurals_of(['ox']) == [('oxen', 'oxen')]\n"
    "(second,) = psutil.Process().children()\n"
    "print(second.pid, flush=True)\n"
)


def test_inflect_and_typeguard_are_not_loaded_by_the_process_that_asks():
    code = _ASK + "print({'inflect', 'typeguard'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1:] == ["set()"]


def test_the_second_process_ends_with_the_first():
    done = subprocess.run([sys.executable, "-c", _ASK], capture_output=True, text=True, check=True)
    assert not psutil.pid_exists(int(done.stdout))


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM])
def test_the_second_process_ends_when_the_first_is_killed(by: signal.Signals):
    code = _ASK + "sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as first:
        second = psutil.Process(int(first.stdout.readline()))
        first.send_signal(by)
        second.wait(60)


def test_ctrl_c_does_not_reach_the_second_process():
    code = _ASK + (
        "import os, signal\n"
        "try: os.killpg(0, signal.SIGINT); signal.pause()\n"
        "except KeyboardInterrupt: print(plurals_of(['goose']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, start_new_session=True
    )
    assert done.stdout.splitlines()[1:] == ["[('geese', 'geese')]"], done.stderr


def test_a_forked_process_asks_a_second_process_of_its_own():
    code = _ASK + (
        "import os\n"
        "child = os.fork()\n"
        "kind = 'dog' if child else 'cat'\n"
        "for number in range(100):\n"
        "    assert plurals_of([f'{number} {kind}']) == [(f'{number} {kind}s',) * 2]\n"
        "if child: assert os.waitpid(child, 0)[1] == 0\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
