"""videonet.curation.in_hand: what a killed process had in hand comes last."""

import contextlib
import multiprocessing
import os
import signal
import threading
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from demo.world import World
from tests.curating import bytes_of, curate, few_of, verdicts_of
from videonet.curation.in_hand import InHand


def test_what_was_taken_up_and_not_put_down_is_left(tmp_path: Path):
    notes = InHand(tmp_path / "notes")
    for key in ("a", "b", "c", "ü\ud800"):
        notes.take(key)
    notes.take("a")
    notes.put_down("b")
    notes.put_down("never taken up")
    later = InHand(tmp_path / "notes")
    left = [each for each in ("a", "b", "c", "d", "ü\ud800") if later.was_left(each)]
    assert left == ["a", "c", "ü\ud800"]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=40))
def test_notes_say_at_each_moment_what_is_in_hand(tmp_path_factory, changes):
    folder = tmp_path_factory.mktemp("notes")
    notes, held = InHand(folder), set()
    for is_taken, number in changes:
        (notes.take if is_taken else notes.put_down)(str(number))
        (held.add if is_taken else held.discard)(number)
        seen = InHand(folder)
        assert {each for each in range(6) if seen.was_left(str(each))} == held
    notes.close(is_over=True)
    assert not folder.exists()


def _take_and_die(folder: Path) -> None:
    InHand(folder).take("left")
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_is_killed_leaves_its_notes_and_one_that_ends_does_not(tmp_path: Path):
    folder = tmp_path / "notes"
    process = multiprocessing.get_context("spawn").Process(target=_take_and_die, args=[folder])
    process.start()
    process.join()
    mine = InHand(folder)
    assert mine.was_left("left")
    mine.take("mine")
    mine.close(is_over=False)
    assert InHand(folder).was_left("left")
    assert not InHand(folder).was_left("mine")
    mine.close(is_over=True)
    assert not folder.exists()


def test_a_run_begins_with_what_no_killed_run_had_in_hand(world: World, tmp_path: Path):
    usual, after = tmp_path / "usual" / "out", tmp_path / "after" / "out"
    with world.serve() as server:

        def order(out: Path) -> list[str]:
            """The files that are asked for, in the order of their first requests."""
            begin, source = len(server.requests()), f"catalogue:{few}"
            curate(source, world.classes, out.parent, workers=1, downloads=1, shards=1)
            return list(dict.fromkeys(each.path for each in server.requests()[begin:]))

        few = few_of(world.catalogue, tmp_path)
        first = order(usual)[0]
        keys = [
            each.video_key for each in verdicts_of(usual) if each.video.url.endswith(f"/{first}")
        ]
        InHand(after / "_state" / "in_hand").take(keys[0])
        assert order(after)[-1] == first
    assert not (after / "_state" / "in_hand").exists()
    assert bytes_of(after) == bytes_of(usual)


def test_a_folder_that_another_process_finds_empty_and_deletes_is_made_again(tmp_path: Path):
    folder, over = tmp_path / "in_hand", threading.Event()

    def delete() -> None:
        while not over.is_set():
            with contextlib.suppress(OSError):
                folder.rmdir()

    thread = threading.Thread(target=delete)
    thread.start()
    try:
        for _ in range(300):
            hand = InHand(folder)
            hand.take("a video")
            hand.close(is_over=False)
    finally:
        over.set()
        thread.join()
