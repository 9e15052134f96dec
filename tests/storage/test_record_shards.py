"""Records in two forms, while they are read, written, packed and withdrawn all at once."""

from itertools import count

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from tests.storage.record_story import A, B, C, Tasks, begun
from tests.storage.turns import KillAt, Turns, every_order
from videonet.storage.compaction import KEPT_SECONDS


def run_every_order(tasks: Tasks, most_changes: int) -> int:
    orders = 0
    for orders, choices in enumerate(every_order(most_changes), 1):  # noqa: B007
        story = begun()
        Turns(choices).run(story.objects, tasks(story))
        story.check_end()
    return orders


# Every order of steps in which tasks are interrupted at most so often. Twice finds nearly all that
# is to be found: one is interrupted at any step by another, and this one at any step in turn.

often = pytest.mark.parametrize("changes", [2, pytest.param(3, marks=pytest.mark.thorough)])
seldom = pytest.mark.parametrize("changes", [1, pytest.param(2, marks=pytest.mark.thorough)])


@often
def test_a_reader_misses_nothing_at_whatever_step_of_a_compactor_it_reads(changes: int):
    orders = run_every_order(
        lambda story: {"reader": story.reader(), "compactor": story.compactor(2)}, changes
    )
    assert orders > 100


@often
def test_a_reader_of_one_record_misses_nothing_of_it(changes: int):
    run_every_order(
        lambda story: {"reader": story.reader_of_one(A), "compactor": story.compactor(2)}, changes
    )


@often
def test_nothing_that_is_written_while_a_compactor_is_at_work_is_lost(changes: int):
    run_every_order(
        lambda story: {
            "writer": story.writer((A, b"three"), (C, b"two")),
            "compactor": story.compactor(2),
        },
        changes,
    )


@seldom
def test_two_writers_of_one_record_both_count(changes: int):
    run_every_order(
        lambda story: {
            "one": story.writer((A, b"three")),
            "other": story.writer((A, b"four")),
            "compactor": story.compactor(2),
        },
        changes,
    )


@seldom
def test_a_reader_misses_nothing_while_others_write_and_pack(changes: int):
    run_every_order(
        lambda story: {
            "reader": story.reader(),
            "writer": story.writer((B, b"two")),
            "compactor": story.compactor(2),
        },
        changes,
    )


@often
def test_an_earlier_compactor_that_wakes_up_changes_nothing_for_the_worse(changes: int):
    run_every_order(
        lambda story: {
            "asleep": story.compactor(2),
            "awake": story.compactor(3, 10 * KEPT_SECONDS),
        },
        changes,
    )


@seldom
@pytest.mark.parametrize("digest", [A, B, C])
def test_nobody_sees_a_record_once_it_is_withdrawn(digest: str, changes: int):
    run_every_order(
        lambda story: {
            "withdrawal": story.withdrawal(digest, 2),
            "writer": story.writer((digest, b"three")),
            "reader": story.reader(),
        },
        changes,
    )


@seldom
@pytest.mark.parametrize("digest", [A, B, C])
def test_a_withdrawal_ends_well_whatever_an_earlier_compactor_does_meanwhile(
    digest: str, changes: int
):
    run_every_order(
        lambda story: {
            "asleep": story.compactor(2),
            "withdrawal": story.withdrawal(digest, 3),
            "reader": story.reader(),
        },
        changes,
    )


@pytest.mark.slow
@seldom
def test_all_four_at_once(changes: int):
    run_every_order(
        lambda story: {
            "reader": story.reader(),
            "writer": story.writer((B, b"two"), (C, b"two")),
            "compactor": story.compactor(2),
            "withdrawal": story.withdrawal(A, 3),
        },
        changes,
    )


@given(st.data())
@settings(deadline=None, max_examples=30)
def test_all_at_once_in_any_order_with_kills(data: st.DataObject):
    def choose(alive: list[str]) -> str:
        name = data.draw(st.sampled_from(alive))
        dies = name.startswith(("compactor", "withdrawal")) and data.draw(st.integers(0, 19)) == 7
        return f"kill {name}" if dies else name

    story = begun(packed=data.draw(st.booleans()))
    tasks = {
        "reader": story.reader(),
        "reader of one": story.reader_of_one(data.draw(st.sampled_from([A, B, C]))),
        "writer": story.writer((B, b"two"), (C, b"two")),
        "other writer": story.writer((B, b"three"), (A, b"three")),
        "compactor 2": story.compactor(2),
        "compactor 3": story.compactor(3, 10 * KEPT_SECONDS),
        "withdrawal": story.withdrawal(data.draw(st.sampled_from([A, B, C])), 4),
    }
    Turns(choose).run(story.objects, tasks)
    # A withdrawal that was killed is taken up again.
    for number, digest in enumerate(sorted(story.withdrawing - story.withdrawn), 5):
        story.withdrawal(digest, number)()
    story.check_end()


# Kills.


def test_a_compactor_killed_at_any_step_leaves_all_readable_and_the_next_one_finishes():
    for steps in count():
        story, kill = begun(), KillAt(steps)
        Turns(kill).run(story.objects, {"compactor": story.compactor(2)})
        story.reader()()
        story.compactor(3)()
        assert list(story.shards.loose("")) == []
        story.check_end()
        if not kill.killed:
            assert steps > 10
            return


def test_a_withdrawal_killed_at_any_step_is_finished_by_the_next_compactor():
    for steps in count():
        story, kill = begun(), KillAt(steps)
        Turns(kill).run(story.objects, {"withdrawal": story.withdrawal(A, 2)})
        if story.shards.pointer().gone:
            # From here on nobody sees it.
            story.withdrawn.add(A)
            story.reader()()
        story.compactor(3)()
        story.check_end()
        if not kill.killed:
            assert steps > 5
            return
