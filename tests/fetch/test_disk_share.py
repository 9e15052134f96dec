"""videonet.fetch.disk_share: who may take how much, and who waits in vain."""

import msgspec
import pytest

from videonet.fetch.disk_share import Counts, growth, is_in_vain, kept_share
from videonet.schemas.disk_ledger import DiskLedger, Share

ME = "me"


def counts(held: int = 0, **given: object) -> Counts:
    usual = Counts(limit=1600, held=held, settled=0, share=held, waits=None, stuck=False)
    return usual._replace(**given)  # type: ignore[arg-type]


def ledger(rest: int = 0, mine: int = 0, **others: Share) -> DiskLedger:
    shares = {ME: Share(bytes=mine, limit=1600), **others}
    return DiskLedger(rest=rest, exact=True, shares=shares)


def share(size: int, **said: object) -> Share:
    return msgspec.structs.replace(Share(bytes=size, limit=1600), **said)


def test_a_share_has_more_than_is_needed_so_that_it_changes_seldom():
    assert growth(ledger(), ME, counts(), 10) == 110
    assert growth(ledger(mine=110), ME, counts(10, share=110), 90) == 110


def test_no_share_is_larger_than_what_is_free():
    assert growth(ledger(rest=1580), ME, counts(), 10) == 20
    assert growth(ledger(rest=1591), ME, counts(), 10) is None


def test_beside_others_that_do_not_wait_half_of_what_is_free_stays_free():
    assert growth(ledger(rest=1500, other=share(50)), ME, counts(), 10) == 30


def test_what_is_decided_is_at_rest_and_no_longer_in_the_share():
    assert growth(ledger(mine=800), ME, counts(100, settled=700, share=800), 800) == 900
    assert growth(ledger(mine=800), ME, counts(100, settled=700, share=800), 801) is None


def test_while_another_process_waits_a_share_has_what_is_needed_and_no_more():
    waiting = share(0, waits=500)
    assert kept_share(ledger(mine=110), ME, counts(10, share=110)) == 110
    assert kept_share(ledger(mine=110, other=waiting), ME, counts(10, share=110)) == 10
    assert growth(ledger(mine=10, other=waiting), ME, counts(0, share=10), 20) == 20


def test_who_holds_more_takes_no_more_while_who_holds_less_waits():
    one = ledger(rest=1000, mine=100, other=share(99, waits=500))
    assert growth(one, ME, counts(100), 1) is None
    other = ledger(rest=1000, mine=100, other=share(100, waits=500))
    assert growth(other, ME, counts(100), 1) == 101


def test_who_holds_more_goes_on_where_nobody_else_can():
    everybody = ledger(rest=1000, mine=100, other=share(99, waits=500, stuck=True))
    assert growth(everybody, ME, counts(100, waits=1, stuck=True), 1) == 101


@pytest.mark.parametrize("stuck", [True, False])
def test_waiting_is_in_vain_when_nobody_could_make_room(stuck: bool):
    beside = share(500, waits=700, stuck=stuck)
    here = counts(500, waits=700, stuck=True)
    assert is_in_vain(ledger(rest=500, mine=500, other=beside), ME, here) == stuck


def test_waiting_is_not_in_vain_while_something_here_is_undecided():
    assert not is_in_vain(ledger(rest=1600), ME, counts(waits=10))
    assert is_in_vain(ledger(rest=1600), ME, counts(waits=10, stuck=True))


def test_waiting_is_not_in_vain_while_another_process_has_room_to_go_on():
    beside = share(500, waits=100, stuck=True)
    here = counts(500, share=600, waits=700, stuck=True)
    assert not is_in_vain(ledger(rest=500, mine=600, other=beside), ME, here)
