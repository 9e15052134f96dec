"""What the page tells to look at first: thin classes, names to drop, failures to chase."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.report.written import target, verdict, write
from videonet.report.facts import facts_of
from videonet.report.page.content import PageFacts
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.verdict import Verdict


class Rows:
    """Verdicts on ever new videos."""

    def __init__(self) -> None:
        self.verdicts: list[Verdict] = []

    def add(
        self, count: int, target_id: str, became: Reason | None = None, **changes: Any
    ) -> "Rows":
        begin = len(self.verdicts)
        self.verdicts += [verdict(begin + i, target_id, became, **changes) for i in range(count)]
        return self


def facts(folder: Path, rows: Rows, *classes: str, **about: Any) -> PageFacts:
    targets = [target(*each.split("/")) for each in classes]
    return facts_of(write(folder, targets, rows.verdicts, **about), None)


# Which classes are too thin.


def test_a_class_is_thin_since_its_videos_show_something_else(tmp_path: Path):
    rows = Rows().add(30, "crane").add(30, "dog").add(3, "kite").add(2, "kite", Reason.TOO_SHORT)
    rows.add(30, "kite", Reason.NO_TOP1_MATCH, seen=1).add(9, "kite", Reason.NO_TOP1_MATCH, seen=0)
    (advice,) = facts(tmp_path, rows, "crane", "dog", "kite").thin
    assert advice.about == "kite"
    assert advice.text.startswith(
        "kite: 3 kept of 44 candidates; 39 show something else, most often \u201cparachute\u201d."
    )


def test_a_class_is_thin_since_few_titles_name_it(tmp_path: Path):
    rows = Rows().add(30, "crane").add(30, "dog").add(2, "kite").add(1, "kite", Reason.TOO_SHORT)
    (advice,) = facts(tmp_path, rows, "crane", "dog", "kite").thin
    assert advice.text.startswith(
        "kite: 2 kept of 3 candidates, where the class in the middle has 30. Further names that"
    )


def test_a_class_is_thin_since_its_videos_could_not_be_had(tmp_path: Path):
    rows = Rows().add(30, "crane").add(30, "dog").add(2, "kite")
    rows.add(20, "kite", Reason.PRIVATE).add(1, "kite", Reason.TIMEOUT)
    (advice,) = facts(tmp_path, rows, "crane", "dog", "kite").thin
    assert "2 kept of 23 candidates; 21 could not be looked at, most often private" in advice.text


def test_the_thinnest_class_is_named_first_and_five_at_most(tmp_path: Path):
    rows = Rows().add(40, "a").add(40, "b").add(40, "c").add(40, "d").add(40, "e").add(40, "f")
    for position, name in enumerate("uvwxyz"):
        rows.add(6 - position, name).add(50, name, Reason.NO_TOP1_MATCH)
    thin = facts(tmp_path, rows, *"abcdefuvwxyz").thin
    assert [each.about for each in thin] == ["z", "y", "x", "w", "v"]


def test_classes_that_no_title_names_are_told_of_in_one_sentence(tmp_path: Path):
    rows = Rows().add(9, "crane").add(9, "dog").add(9, "fox").add(9, "ram").add(1, "owl")
    thin = facts(tmp_path, rows, "crane", "kite", "dog", "fox", "ram", "owl", "elk", "emu").thin
    assert [each.about for each in thin] == ["kite", "owl"]
    assert thin[0].text.startswith("kite and 2 other classes: no title names them. Further names")


def test_all_thin_classes_are_counted_also_those_that_no_sentence_names(tmp_path: Path):
    rows = Rows().add(1, "z").add(50, "z", Reason.NO_TOP1_MATCH)
    full, empty = [f"full{i}" for i in range(20)], [f"empty{i}" for i in range(12)]
    for name in full:
        rows.add(9, name)
    said = facts(tmp_path, rows, *full, *empty, "z")
    assert [each.about for each in said.thin] == ["empty0", "z"]
    assert said.thin_classes == 13


def test_a_class_without_a_clip_is_thin_whatever_was_kept(tmp_path: Path):
    rows = Rows().add(2, "crane").add(1, "dog").add(1, "kite", clips=0)
    rows.add(3, "owl", clips=0).add(1, "owl", Reason.TOO_SHORT)
    said = facts(tmp_path, rows, "crane", "dog", "fox", "kite", "owl", "crow")
    assert said.thin_classes == 4
    assert [each.text.partition(". ")[0] for each in said.thin] == [
        "fox and 1 other class: no title names them",
        "owl: 3 kept of 4 candidates, but all too short for a clip",
        "kite: 1 kept of 1 candidate, but too short for a clip",
    ]


# Which classes of a rebuilt data set are too thin.

REBUILT = {"lock": "00"}


def test_a_class_of_which_little_is_here_again_is_thin_and_what_is_gone_is_said(tmp_path: Path):
    rows = Rows().add(2, "bee", Reason.UNAVAILABLE).add(9, "dog")
    rows.add(2, "owl").add(3, "owl", Reason.CHANGED).add(1, "owl", Reason.WITHDRAWN)
    rows.add(2, "fox").add(1, "fox", Reason.NETWORK)
    said = facts(tmp_path, rows, "dog", "bee", "owl", "fox", "not locked", settings=REBUILT)
    assert [each.text for each in said.thin] == [
        "bee: 0 of 2 locked videos are here again; 2 unavailable.",
        "owl: 2 of 6 locked videos are here again; 3 changed, 1 withdrawn.",
    ]
    assert said.thin_classes == 2


def test_a_class_that_lost_all_its_clips_is_thin_though_most_videos_are_here_again(tmp_path: Path):
    rows = Rows().add(2, "bee", clips=0).add(1, "bee", Reason.PRIVATE)
    (advice,) = facts(tmp_path, rows, "bee", settings=REBUILT).thin
    assert advice.text == (
        "bee: 2 of 3 locked videos are here again, but all too short for a clip; 1 private."
    )


def test_no_class_is_thin_where_all_is_here_again(tmp_path: Path):
    rows = Rows().add(90, "crane").add(1, "dog").add(1, "kite", clips=0)
    said = facts(tmp_path, rows, "crane", "dog", "kite", "not locked", settings=REBUILT)
    assert (said.thin, said.thin_classes) == ((), 0)


def test_no_class_of_a_balanced_data_set_is_thin(tmp_path: Path):
    rows = Rows().add(3, "crane").add(4, "dog").add(2, "kite").add(90, "kite", Reason.TOO_SHORT)
    assert facts(tmp_path, rows, "crane", "dog", "kite").thin == ()


# Which names to drop.


def test_a_synonym_that_brings_noise_is_to_be_dropped(tmp_path: Path):
    rows = Rows().add(50, "kite").add(1, "kite", matched_names=("hawk",))
    rows.add(60, "kite", Reason.NO_TOP1_MATCH, matched_names=("hawk",))
    rows.add(9, "kite", Reason.NETWORK, matched_names=("hawk",))
    (advice,) = facts(tmp_path, rows, "kite/hawk").drop
    assert advice.about == "hawk"
    assert advice.text == (
        "\u201chawk\u201d (class kite) alone brought 70 candidates: 1 was kept (2.0 % of all that "
        "is), 60 show something else. Leave it out of the class list."
    )


def test_the_name_without_which_most_is_saved_comes_first(tmp_path: Path):
    rows = Rows().add(50, "kite")
    rows.add(9, "kite", Reason.NO_TOP1_MATCH, matched_names=("hawk",))
    rows.add(20, "kite", Reason.NO_TOP1_MATCH, matched_names=("drone",))
    drop = facts(tmp_path, rows, "kite/hawk/drone").drop
    assert [each.about for each in drop] == ["drone", "hawk"]


def test_a_class_of_which_the_own_name_means_something_else_is_to_be_renamed(tmp_path: Path):
    rows = Rows().add(50, "dog").add(20, "crane", Reason.NO_TOP1_MATCH)
    (advice,) = facts(tmp_path, rows, "dog", "crane").drop
    assert "It is the class's own name" in advice.text


@pytest.mark.parametrize(
    ("count", "became", "names"),
    [
        (4, Reason.NO_TOP1_MATCH, ("hawk",)),
        (50, Reason.NETWORK, ("hawk",)),
        (50, Reason.NO_TOP1_MATCH, ("kite", "hawk")),
    ],
    ids=["too few to tell", "failures are not its fault", "another name brings them too"],
)
def test_a_name_that_cannot_be_blamed_stays(
    count: int, became: Reason, names: tuple[str, ...], tmp_path: Path
):
    rows = Rows().add(100, "kite").add(count, "kite", became, matched_names=names)
    assert facts(tmp_path, rows, "kite/hawk").drop == ()


def test_a_name_that_does_as_well_as_all_others_stays(tmp_path: Path):
    rows = Rows().add(5, "kite").add(95, "kite", Reason.NO_TOP1_MATCH)
    rows.add(5, "kite", matched_names=("hawk",))
    rows.add(95, "kite", Reason.NO_TOP1_MATCH, matched_names=("hawk",))
    assert facts(tmp_path, rows, "kite/hawk").drop == ()


# Which failures to chase.


def test_the_commonest_failure_is_to_be_chased_first(tmp_path: Path):
    rows = Rows().add(5, "kite").add(3, "kite", Reason.RATE_LIMITED).add(2, "kite", Reason.LIVE)
    chase = facts(tmp_path, rows, "kite").chase
    assert [each.about for each in chase] == ["rate_limited", "live"]
    assert chase[0].text.startswith("rate_limited: 3 of 10 candidates (30 %). The site asked")


def test_what_nobody_can_change_is_told_of_last(tmp_path: Path):
    rows = Rows().add(20, "kite", Reason.UNAVAILABLE).add(9, "kite", Reason.PRIVATE)
    rows.add(5, "kite", Reason.TOO_LARGE).add(7, "kite", Reason.NETWORK)
    said = facts(tmp_path, rows, "kite")
    assert [each.about for each in said.chase] == ["network", "too_large", "unavailable", "private"]
    assert said.failures[0].reason == "unavailable"


@pytest.mark.parametrize("reason", [each for each in Reason if each.outcome is Outcome.FAILED])
def test_the_page_says_of_a_failure_what_it_means_and_what_to_do(tmp_path: Path, reason: Reason):
    said = facts(tmp_path, Rows().add(1, "kite", reason), "kite")
    (failure,), (advice,) = said.failures, said.chase
    assert failure.policy == reason.policy
    assert failure.advice.lower() == f"{reason.explanation}. {reason.advice}".lower()
    assert failure.advice[0].isupper()
    assert advice.text.endswith(f" {failure.advice}")


@settings(max_examples=10)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["kite", "crane", "dog"]),
            st.sampled_from([None, Reason.NO_TOP1_MATCH, Reason.TOO_SHORT, Reason.NETWORK]),
            st.integers(0, 30),
        )
    )
)
def test_advice_is_a_few_sentences_about_what_there_is(
    drawn: list[tuple[str, Reason | None, int]],
):
    rows = Rows()
    for name, became, count in drawn:
        rows.add(count, name, became)
    with tempfile.TemporaryDirectory() as folder:
        said = facts(Path(folder), rows, "kite/hawk", "crane", "dog")
    for several in (said.thin, said.drop, said.chase):
        assert len(several) <= 5
        assert all(each.text.endswith(".") and each.about in each.text for each in several)
    assert bool(said.thin) == bool(said.thin_classes)
    assert len(said.thin) <= said.thin_classes <= len(said.classes)
    assert {each.about for each in said.chase} == set(said.failed)
