"""Why candidates could not be looked at, and what one can do about it."""

from collections import Counter
from collections.abc import Iterable

from videonet.report.funnel import ordered
from videonet.report.inputs import ReportInput
from videonet.report.page.content import ClassRow, Example, Failure
from videonet.schemas.reason import Reason
from videonet.schemas.verdict import Verdict

EXAMPLES = 5

# More than are shown: a video that failed for several classes is one example.
_DRAWN = 25


def failures(given: ReportInput, rows: Iterable[ClassRow]) -> tuple[Failure, ...]:
    """The reasons that occur, the commonest first. `rows` are those of all classes."""
    counts = ordered(sum((Counter(row.failed) for row in rows), Counter()))
    examples = _examples(given) if counts else {}
    return tuple(
        Failure(
            reason=reason,
            pairs=pairs,
            policy=Reason(reason).policy.value,
            advice=_what_to_do(Reason(reason)),
            examples=examples.get(reason, ()),
        )
        for reason, pairs in counts.items()
    )


def _what_to_do(reason: Reason) -> str:
    """What a reason means, and what one can do about it, in sentences."""
    return f"{reason.explanation[:1].upper()}{reason.explanation[1:]}. {reason.advice}"


def _examples(given: ReportInput) -> dict[str, tuple[Example, ...]]:
    """A few videos of each reason, by chance, but always the same ones."""
    drawn = given.db.rows(
        "select reason, arg_min({'file': file, 'row': row}, chance, ?) from pairs "
        "where outcome = 'failed' group by reason",
        [_DRAWN],
    )
    places = {reason: [(each["file"], each["row"]) for each in videos] for reason, videos in drawn}
    verdicts = given.db.verdicts_at([each for several in places.values() for each in several])
    return {
        reason: _distinct(verdicts[each] for each in several) for reason, several in places.items()
    }


def _distinct(verdicts: Iterable[Verdict]) -> tuple[Example, ...]:
    by_key: dict[str, Example] = {}
    for verdict in verdicts:
        example = Example(
            video_id=verdict.video.video_id,
            title=verdict.video.title,
            url=verdict.video.url,
            error=verdict.error or "",
        )
        by_key.setdefault(verdict.video_key, example)
    return tuple(by_key.values())[:EXAMPLES]
