"""Tries mutants for some time, and prints what came of them: `python -m tests.fuzz MINUTES`."""

import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.mutants import mutant
from tests.fuzz.trial import LIMITS, Tally, try_mutant
from videonet.video.decoder import Decoder


def main(minutes: float, seed: int) -> int:
    """Begin with the first mutant of a seed; 1: something is wrong."""
    decoder, tally, end = Decoder(LIMITS), Tally(), time.monotonic() + 60 * minutes
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < end:
            known = len(tally.faults)
            try_mutant(mutant(seed, tally.mutants), decoder, Path(folder), tally)
            for fault in tally.faults[known:]:
                print(f"seed {seed}, mutant {fault}", file=sys.stderr, flush=True)  # noqa: T201
    decoder.close()
    print(tally.line())  # noqa: T201
    return 1 if tally.faults else 0


if __name__ == "__main__":
    given = sys.argv[1:]
    started = int(time.time())
    sys.exit(main(float(given[0]) if given else 60, int(given[1]) if given[1:] else started))
