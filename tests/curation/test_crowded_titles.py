"""A title that names dozens of classes: its record stays small, and what is left out is counted."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.drawing import draw_video
from tests.curating import curate, verdicts_of
from tests.sources.rows import row_of
from tests.withdrawing import assert_sound
from videonet.cli.outcome import crowded
from videonet.curation.candidate_list import (
    MatchedRow,
    TitleHit,
    match_rows,
    merge_hits,
    pairs_of,
    title_hits,
)
from videonet.fetch.details import DESCRIPTION
from videonet.schemas.candidate import Candidate
from videonet.sources.source import Row, Rows
from videonet.storage.dataset_dir import DatasetDir
from videonet.targets.imagenet import imagenet_labels
from videonet.targets.resolve import resolve_targets
from videonet.targets.title_matcher import target_matcher

# What no record may pass, bytes.
MOST = 4_000


ANIMALS = (
    "aardvark, alpaca, anteater, baboon, badger, beaver, bison, bobcat, camel, cheetah, cougar, "
    "coyote, dingo, dolphin, donkey, ferret, gazelle, gibbon, giraffe, gorilla, hedgehog, hyena, "
    "ibex, jackal, jaguar, koala, lemur, leopard, lion, llama, lynx, meerkat, mole, moose, mule, "
    "ocelot, okapi, opossum, otter, panda, panther, porcupine, puma, rabbit, raccoon, and a zebra"
)


def wnid(number: int) -> str:
    return f"n{number:08}"


def row(title: str, description: str) -> Row:
    plain = row_of(7, "abcdefghijk", "https://example.org/a", None, title)
    return plain._replace(video=msgspec.structs.replace(plain.video, description=description))


def hits_of(title: str, names: dict[str, tuple[str, ...]], description: str) -> list[TitleHit]:
    matched = MatchedRow(row(title, description), names)
    return title_hits(matched, "url:" + 64 * "a", "catalogue")


def merged(hits: list[TitleHit]) -> Candidate:
    return merge_hits(hits, lambda target_id: int(target_id[1:]))


words = st.text("abcdefghij \u00e9\u767d", min_size=1, max_size=30)


@given(
    title=st.text("abcdefghij \u00e9\u767d", min_size=1, max_size=200),
    names=st.lists(st.lists(words, min_size=1, max_size=3), min_size=1, max_size=200),
    description=st.text("abc\u767d", max_size=20).map(lambda text: (50 * text)[:DESCRIPTION]),
)
def test_a_record_is_small_and_has_the_first_targets_of_the_list(title, names, description):
    by_target = {wnid(number): tuple(own) for number, own in enumerate(names)}
    hits = hits_of(title, by_target, description)
    candidate = merged(hits)
    assert len(candidate.to_json()) <= MOST
    kept = [each.target_id for each in candidate.matches]
    assert kept == [wnid(number) for number in range(len(kept))]
    assert pairs_of(hits) - len(kept) == len(names) - len(kept)
    # What was cut away would not have fitted.
    if len(kept) < len(names):
        assert len(candidate.to_json()) > MOST - 500
    # Whatever the order of the hits.
    assert merged(hits[::-1]) == candidate


@pytest.mark.slow
def test_a_title_of_45_classes_of_imagenet_22k_is_a_small_record():
    targets = resolve_targets("imagenet22k", imagenet_labels("imagenet22k"))
    order = {each.target_id: place for place, each in enumerate(targets)}
    (matched,) = match_rows(Rows((row(ANIMALS, DESCRIPTION * "x"),)), target_matcher(targets))
    assert len(matched.names) >= 45
    hits = title_hits(matched, "url:" + 64 * "a", "catalogue")
    candidate = merge_hits(hits, order.__getitem__)
    assert len(candidate.to_json()) <= MOST
    assert 30 <= len(candidate.matches) <= len(matched.names)
    assert all(len(hit.match.to_json()) + len(hit.sighting.to_json()) < MOST for hit in hits)


@pytest.mark.slow
def test_pairs_that_no_record_has_room_for_are_counted_and_said(tmp_path: Path):
    names = [f"kind{number:02}" for number in range(90)]
    lines = "".join(f"{name}: {name} of balloon, balloon\n" for name in names)
    (tmp_path / "classes.txt").write_text(lines)
    folder = tmp_path / "videos"
    folder.mkdir()
    draw_video(folder / "a balloon.mp4", "balloon", 12, size=(96, 72), fps=2, seed="a")
    manifest = curate(f"folder:{folder}", tmp_path / "classes.txt", tmp_path, shards=1)
    lookup = DatasetDir(tmp_path / "out").lookup()
    assert lookup is not None
    assert lookup.crowded_out > 0
    assert lookup.pairs + lookup.crowded_out == len(names) == sum(lookup.matched.values())
    verdicts = verdicts_of(tmp_path / "out")
    assert [each.target_id for each in verdicts] == names[: lookup.pairs]
    assert manifest.totals.verdicts.pairs == lookup.pairs
    assert_sound(tmp_path / "out")
    card = " ".join((tmp_path / "out" / "README.md").read_text().split())
    assert f"{lookup.crowded_out} pairs of video and class" in card
    assert f"{lookup.crowded_out} pairs of video and class were left out" in crowded(
        lookup.crowded_out
    )
