"""Why candidates could not be looked at, and what one can do about it."""

from collections import Counter
from collections.abc import Iterable

from schemas import POLICIES, Reason, Verdict
from videonet.report.account import Account
from videonet.report.facts import ClassRow, Example, Failure
from videonet.report.funnel import ordered

EXAMPLES = 5

# More than are shown: a video that failed for several classes is one example.
_DRAWN = 25

ADVICE: dict[Reason, str] = {
    Reason.UNAVAILABLE: (
        "The videos are gone from where they were. Nothing brings them back; a newer catalogue, "
        "or a new search, has fewer of them."
    ),
    Reason.MISSING: (
        "The files cannot be read, or are others by now. Check --files-root and whether the disk "
        "is there; the next run looks again."
    ),
    Reason.PRIVATE: (
        "They need an invitation or a login. They are not asked for again, and a public data set "
        "should not have them."
    ),
    Reason.GEO_BLOCKED: (
        "They are not shown where this machine is. A run from another country, or through a proxy "
        "there (--proxy), can look at them where that is allowed."
    ),
    Reason.AGE_GATED: (
        "They need a login that proves an age. The next run looks again; cookies of such a login "
        "are given with --cookies."
    ),
    Reason.LIVE: "They were still being streamed. The next run finds those that have ended.",
    Reason.UPCOMING: "They were not streamed yet. A run after their date finds them.",
    Reason.RATE_LIMITED: (
        "The site asked for a pause, and the run left it alone. Wait an hour or more and run the "
        "same command again, with a lower --requests-per-second if it comes back."
    ),
    Reason.SERVER_ERROR: (
        "The site answered with an error of its own, several times. The next run tries again; if "
        "all of one host fail, look at one of the addresses."
    ),
    Reason.NETWORK: (
        "There was no connection, or it broke. Check the network and any proxy, and run the same "
        "command again."
    ),
    Reason.TIMEOUT: (
        "They were not done within the deadline. Run again with a higher --deadline, or with "
        "fewer --downloads where the line is slow."
    ),
    Reason.TOO_LARGE: (
        "They are above the size limit. If they are worth it, curate into another OUT with a "
        "higher --max-bytes."
    ),
    Reason.DISK_FULL: (
        "The disk budget had no room for them. Raise --disk-budget, or let fewer videos stay with "
        "--keep kept or none, and run the same command again."
    ),
    Reason.REFUSED: (
        "The site refused them (401, 403 and the like), as it also does to whom it suspects. "
        "Open one of the addresses in a browser: if it plays there, wait and run again, more "
        "slowly or with --cookies."
    ),
    Reason.BAD_ADDRESS: (
        "Their addresses are not for the web, or lead out of the folder that was given. Correct "
        "the catalogue, or give --files-root."
    ),
    Reason.EXTRACTION: (
        "The site's page could not be read. Sites change: update yt-dlp, and run the same command "
        "again."
    ),
    Reason.UNSUPPORTED: (
        "No video can be found on their pages. Give addresses of pages that yt-dlp knows, or of "
        "the files themselves."
    ),
    Reason.CHANGED: (
        "Their content is another one than the lock file asks for: what is there now was "
        "re-encoded or replaced. Only whoever has the old files can rebuild them."
    ),
    Reason.NOT_A_VIDEO: (
        "What came is no video, such as a page with status 200 or a sound file. Look at one of "
        "the addresses; if all of one host are so, leave it out of the catalogue."
    ),
    Reason.UNDECODABLE: (
        "The files are videos whose frames cannot be decoded: cut off or damaged at their source. "
        "A few are usual; if there are many, look at one of them with ffprobe."
    ),
    Reason.INTERNAL: (
        "This is a fault in videonet. The error text says which; please report it with one of the "
        "addresses. The next run tries again."
    ),
}

# Reasons that neither a person nor a later run can do anything about.
HOPELESS = frozenset({Reason.UNAVAILABLE, Reason.PRIVATE, Reason.CHANGED, Reason.UNDECODABLE})


def failures(account: Account, rows: Iterable[ClassRow]) -> tuple[Failure, ...]:
    """The reasons that occur, the commonest first. `rows` are those of all classes."""
    counts = ordered(sum((Counter(row.failed) for row in rows), Counter()))
    examples = _examples(account) if counts else {}
    return tuple(
        Failure(
            reason=reason,
            pairs=pairs,
            policy=POLICIES[Reason(reason)].value,
            advice=ADVICE[Reason(reason)],
            examples=examples.get(reason, ()),
        )
        for reason, pairs in counts.items()
    )


def _examples(account: Account) -> dict[str, tuple[Example, ...]]:
    """A few videos of each reason, by chance, but always the same ones."""
    drawn = account.db.execute(
        "select reason, arg_min({'file': file, 'row': row}, chance, ?) from pairs "
        "where outcome = 'failed' group by reason",
        [_DRAWN],
    ).fetchall()
    places = {reason: [(each["file"], each["row"]) for each in videos] for reason, videos in drawn}
    verdicts = account.verdicts_at([each for several in places.values() for each in several])
    return {
        reason: _distinct(verdicts[each] for each in several) for reason, several in places.items()
    }


def _distinct(verdicts: Iterable[Verdict]) -> tuple[Example, ...]:
    by_key: dict[str, Example] = {}
    for verdict in verdicts:
        example = Example(
            video_id=verdict.video_id,
            title=verdict.title,
            url=verdict.url,
            error=verdict.error or "",
        )
        by_key.setdefault(verdict.video_key, example)
    return tuple(by_key.values())[:EXAMPLES]
