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


def test_two_queries_that_failed_three_times_are_an_outage():
    assert outage(*"ababab").is_total


@pytest.mark.parametrize("words", ["", "aaaaaaaa", "aaabb", "aabbccdd", "abcdefgh"])
def test_one_query_or_fewer_failures_of_each_are_none(words: str):
    assert not outage(*words).is_total


def test_after_one_answer_there_is_a_connection():
    connected = outage(*"aaabb")
    connected.answered()
    connected.failed("b", Reason.NETWORK)
    assert not connected.is_total


@pytest.mark.parametrize("reason", [Reason.RATE_LIMITED, Reason.SERVER_ERROR, Reason.TIMEOUT])
def test_a_site_that_refuses_is_reached(reason: Reason):
    reached = outage(*"aaabb")
    reached.failed("c", reason)
    reached.failed("b", Reason.NETWORK)
    assert not reached.is_total
