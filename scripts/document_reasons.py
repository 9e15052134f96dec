"""Writes docs/reasons.md from the declaration of the reasons.

    python -m scripts.document_reasons

A test compares the two.
"""

from pathlib import Path

from videonet.schemas.reason import Policy, Reason

FILE = Path(__file__).parent.parent / "docs" / "reasons.md"

_INTRODUCTION = """\
# Why a video is not kept

Every pair of video and class that is not kept has one of these reasons, in the column `reason` of
the verdicts. A *rejected* pair was looked at and is not what was asked for. A *failed* one could
not be looked at.

"""

_LATER_RUN = {
    Policy.NEVER: "does not look again",
    Policy.NEXT_RUN: "looks again",
    Policy.WAIT: "looks again, best after a while",
}


def page() -> str:
    """The whole of docs/reasons.md."""
    head = ("reason", "outcome", "what it means", "what one can do", "a later run")
    rows = [
        (f"`{each}`", each.outcome, each.explanation, each.advice, _LATER_RUN[each.policy])
        for each in Reason
    ]
    rule = ["---"] * len(head)
    lines = [f"| {' | '.join(cells)} |\n" for cells in (head, rule, *rows)]
    return _INTRODUCTION + "".join(lines)


if __name__ == "__main__":
    FILE.write_text(page(), "utf-8")
