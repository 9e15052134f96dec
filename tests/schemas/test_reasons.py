"""reason: what is said of each reason, and that the documentation says the same."""

from pathlib import Path

import pytest

from scripts.document_reasons import page
from videonet.schemas.reason import Outcome, Policy, Reason

DOCUMENTED = Path(__file__).parents[2] / "docs" / "reasons.md"


@pytest.mark.parametrize("reason", Reason)
def test_everything_is_said_of_a_reason(reason: Reason):
    assert reason.outcome in (Outcome.REJECTED, Outcome.FAILED)
    assert reason.policy in Policy
    assert reason.explanation
    # It stands in a table, in a sentence, and before a full stop.
    assert reason.explanation == reason.explanation.strip().rstrip(".")
    assert "|" not in reason.explanation + reason.advice
    assert reason.advice[0].isupper() or reason.advice.startswith("--")
    assert reason.advice.endswith(".")


def test_no_two_reasons_have_the_same_explanation():
    assert len({each.explanation for each in Reason}) == len(Reason)


def test_what_a_later_run_may_change_is_not_hopeless():
    assert {each.policy for each in Reason if each.is_hopeless} == {Policy.NEVER}


def test_a_rejection_is_never_looked_at_again():
    rejections = {each for each in Reason if each.outcome is Outcome.REJECTED}
    assert {each.policy for each in rejections} == {Policy.NEVER}
    assert {each.policy for each in Reason} == set(Policy)


def test_the_documentation_says_what_the_program_says():
    assert DOCUMENTED.read_text("utf-8") == page()
