"""videonet.curation.first_refusals: when a run over private hosts stops, and when it goes on."""

from itertools import permutations

import msgspec
import pytest

from videonet.curation.first_refusals import FIRST, FirstRefusals
from videonet.errors import UsageError
from videonet.schemas.fetch import Fetch
from videonet.schemas.reason import Reason

REFUSED = Fetch(
    video_key="url:key",
    here=False,
    path=None,
    sha256=None,
    bytes=None,
    mtime_ns=None,
    reason=Reason.REFUSED_ADDRESS,
    error=None,
    declared_duration=None,
    licence=None,
    attempts=1,
    run_id="run",
    refused=("nas.lab", "10.0.0.1"),
)
FETCHED = msgspec.structs.replace(REFUSED, reason=None, refused=())
AWAY = msgspec.structs.replace(FETCHED, reason=Reason.NETWORK)
EARLIER = msgspec.structs.replace(REFUSED, run_id="another")


def test_it_stops_once_each_of_the_first_was_refused():
    refusals = FirstRefusals("run")
    numbers = [refusals.begin() for _ in range(FIRST + 4)]
    # The first to end need not be the first to begin.
    for number in numbers[:0:-1]:
        refusals.end(number, REFUSED)
    with pytest.raises(UsageError, match=r"--allow-private-hosts nas\.lab\."):
        refusals.end(numbers[0], REFUSED)


@pytest.mark.parametrize("other", [FETCHED, AWAY])
@pytest.mark.parametrize("place", [0, FIRST - 1])
def test_it_goes_on_where_one_of_the_first_comes_to_anything_else(other, place):
    refusals = FirstRefusals("run")
    numbers = [refusals.begin() for _ in range(5 * FIRST)]
    for number in numbers:
        # That one takes longer.
        if number != numbers[place]:
            refusals.end(number, REFUSED)
    refusals.end(numbers[place], other)
    for _ in range(FIRST):
        refusals.end(refusals.begin(), REFUSED)


@pytest.mark.parametrize("passed_over", [None, EARLIER])
def test_what_was_decided_without_a_request_does_not_count(passed_over):
    for order in permutations([passed_over, passed_over, REFUSED]):
        refusals = FirstRefusals("run")
        for became in [*order, *(FIRST - 2) * [REFUSED]]:
            refusals.end(refusals.begin(), became)
        with pytest.raises(UsageError):
            refusals.end(refusals.begin(), REFUSED)
