"""sources.outage: several queries without a connection, and none with an answer."""

import pytest

from videonet.schemas.reason import Reason
from videonet.sources.outage import Outage


def outage(*words: str) -> Outage:
    """After an attempt at each of these queries failed for the network."""
    outage = Outage()
    for each in words:
        outage.failed(each, Reason.NETWORK)
    return outage


def test_three_queries_that_failed_twice_are_an_outage():
    assert outage("a", "b", "c", "a", "b", "c").is_total


@pytest.mark.parametrize("words", ["", "aaaaaaaa", "aabbbb", "abcdefgh", "aabbc"])
def test_fewer_queries_or_a_single_failure_of_each_are_none(words: str):
    assert not outage(*words).is_total


def test_after_one_answer_there_is_a_connection():
    connected = outage("a", "a", "b", "b", "c")
    connected.answered()
    connected.failed("c", Reason.NETWORK)
    assert not connected.is_total


@pytest.mark.parametrize("reason", [Reason.RATE_LIMITED, Reason.SERVER_ERROR, Reason.TIMEOUT])
def test_a_site_that_refuses_is_reached(reason: Reason):
    reached = outage("a", "a", "b", "b")
    reached.failed("d", reason)
    reached.failed("c", Reason.NETWORK)
    reached.failed("c", Reason.NETWORK)
    assert not reached.is_total
