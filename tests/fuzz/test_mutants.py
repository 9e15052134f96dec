"""Thousands of broken videos: each ends as a verdict, the same one twice, and within its limits."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import settings

from tests.fuzz.mutants import HONEST, Mutant, honest, mutant
from tests.fuzz.trial import LIMITS, Tally, try_mutant
from videonet.cage.confinement import can_shut_in
from videonet.video.decoder import Decoder

pytestmark = pytest.mark.skipif(not can_shut_in(), reason="this system shuts no process in")

SEED = 14

# Mutants of the fast test; and how many tests share the many. Of these there are 200, and 2,000
# where many examples are drawn (`make test-all`).
A_FEW, SHARES = 16, 8


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    decoder = Decoder(LIMITS)
    yield decoder
    decoder.close()


@pytest.mark.parametrize("name", HONEST)
def test_what_mutants_are_made_of_is_read(name: str, decoder: Decoder, tmp_path: Path):
    tally = Tally()
    try_mutant(Mutant(name, honest(name)), decoder, tmp_path, tally)
    assert tally.faults == []
    # Raw H.264 has no times, and so no length.
    assert set(tally.ends) == ({"success", "undecodable"} if name == "h264" else {"success"})


def test_a_few_mutants_end_as_they_should(
    decoder: Decoder, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    assert faults(range(A_FEW), decoder, tmp_path) == []
    assert capfd.readouterr() == ("", "")


# Mutants that showed a fault, by seed and number. (An index far beyond any file: a whole part was
# no video, and the same file was undecodable.)
FOUND = [(20261129, 4239)]


@pytest.mark.parametrize(("seed", "number"), FOUND)
def test_what_was_found_once_is_mended(seed: int, number: int, decoder: Decoder, tmp_path: Path):
    tally = Tally()
    try_mutant(mutant(seed, number), decoder, tmp_path, tally)
    assert tally.faults == []


@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
def test_many_mutants_end_as_they_should(
    share: int, decoder: Decoder, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    many = settings.default.max_examples
    numbers = range(many * share // SHARES, many * (share + 1) // SHARES)
    assert faults(numbers, decoder, tmp_path) == []
    assert capfd.readouterr() == ("", "")


def faults(numbers: range, decoder: Decoder, folder: Path) -> list[str]:
    """What does not hold of the mutants of these numbers."""
    halves = (numbers[::2], numbers[1::2])

    def attempt(half: int) -> list[str]:
        tally, own = Tally(), folder / str(half)
        own.mkdir()
        for number in halves[half]:
            try_mutant(mutant(SEED, number), decoder, own, tally)
        return tally.faults

    with ThreadPoolExecutor(2) as pool:
        return [fault for found in pool.map(attempt, range(2)) for fault in found]
