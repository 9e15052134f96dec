"""What becomes of a pair of video and class, and the closed list of reasons why one is not kept.

Everything that is said of a reason stands here once. Data card, report, documentation and command
line take it from here.
"""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What became of a pair of candidate and target."""

    KEPT = "kept"
    REJECTED = "rejected"  # it was looked at and is not what was asked for
    FAILED = "failed"  # it could not be looked at


class Policy(StrEnum):
    """Whether a later run looks again."""

    NEVER = "never"  # nothing that a run knows of will change it
    NEXT_RUN = "next_run"  # it may work another time
    WAIT = "wait"  # likewise, when the site has calmed down; a run says when to come back


class Reason(StrEnum):
    """Why a candidate was rejected or failed."""

    TOO_SHORT = "too_short"
    NO_TOP1_MATCH = "no_top1_match"
    WEAK_MATCH = "weak_match"
    NOT_SELECTED = "not_selected"
    STILL = "still"
    CUTS = "cuts"
    LICENCE = "licence"
    WITHDRAWN = "withdrawn"
    EXCLUDED = "excluded"
    EVALUATION_DATA = "evaluation_data"
    DUPLICATE = "duplicate"

    UNAVAILABLE = "unavailable"
    MISSING = "missing"
    PRIVATE = "private"
    GEO_BLOCKED = "geo_blocked"
    AGE_GATED = "age_gated"
    LIVE = "live"
    UPCOMING = "upcoming"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    NETWORK = "network"
    TIMEOUT = "timeout"
    TOO_LARGE = "too_large"
    PAGE_TOO_LARGE = "page_too_large"
    DISK_FULL = "disk_full"
    REFUSED = "refused"
    REFUSED_ADDRESS = "refused_address"
    BAD_ADDRESS = "bad_address"
    REDACTED = "redacted"
    EXTRACTION = "extraction"
    UNSUPPORTED = "unsupported"
    CHANGED = "changed"
    NOT_A_VIDEO = "not_a_video"
    UNDECODABLE = "undecodable"
    INTERRUPTED = "interrupted"
    INTERNAL = "internal"

    @property
    def outcome(self) -> Outcome:
        """REJECTED or FAILED."""
        return _DECLARED[self].outcome

    @property
    def policy(self) -> Policy:
        """Whether a later run looks again."""
        return _DECLARED[self].policy

    @property
    def explanation(self) -> str:
        """What is the matter with such a video: part of a sentence, without a full stop."""
        return _DECLARED[self].explanation

    @property
    def advice(self) -> str:
        """What a person can do about such videos: one or two sentences."""
        return _DECLARED[self].advice

    @property
    def is_hopeless(self) -> bool:
        """Whether neither a person nor a later run can do anything about it."""
        return _DECLARED[self].is_hopeless


@dataclass(frozen=True)
class _Declaration:
    """Everything that is said of one reason; see the properties of `Reason`."""

    outcome: Outcome
    policy: Policy
    explanation: str
    advice: str
    is_hopeless: bool = False


_DECLARED: dict[Reason, _Declaration] = {
    Reason.TOO_SHORT: _Declaration(
        Outcome.REJECTED,
        Policy.NEVER,
        "shorter than the minimum, as declared or as measured",
        "A lower --min-seconds would keep more videos.",
    ),
    Reason.NO_TOP1_MATCH: _Declaration(
        Outcome.REJECTED,
        Policy.NEVER,
        "no frame that was looked at shows the class to the classifier",
        "The report's table of names says which names bring such videos.",
    ),
    Reason.WEAK_MATCH: _Declaration(
        Outcome.REJECTED,
        Policy.NEVER,
        "frames show the class, but too few, too late, or not surely enough for what was asked",
        "Other values of --min-frames, --min-probability and --first-match-before would keep more; "
        "`videonet explain` says how many.",
    ),
    Reason.NOT_SELECTED: _Declaration(
        Outcome.REJECTED,
        Policy.NEVER,
        "other videos are nearer to the same target, and no more were asked for",
        "A higher --per-target takes more videos.",
    ),
    Reason.STILL: _Declaration(
        Outcome.REJECTED,
        Policy.NEVER,
        "less moves in each of its clips than was asked for",
        "A lower --min-motion would keep more videos; most of these are slides or stills.",
    ),
    Reason.CUTS: _Declaration(
        Outcome.REJECTED,
        Policy.NEVER,
        "each of its clips has a cut in it, or is still",
        "Without --no-cuts they are kept, and the trainer can keep to shots: views.within_shot.",
    ),
    Reason.LICENCE: _Declaration(
        Outcome.REJECTED,
        Policy.NEVER,
        "not stated to be under a licence of the kind that was asked for",
        "A run with --licence any takes videos under any licence.",
    ),
    Reason.WITHDRAWN: _Declaration(
        Outcome.REJECTED,
        Policy.NEVER,
        "taken out of the data set on request",
        "Nothing is to be done: no run over this store or this data set takes it again.",
    ),
    Reason.EXCLUDED: _Declaration(
        Outcome.REJECTED,
        Policy.NEVER,
        "named, or its channel, in a list that was given with --exclude",
        "It was not downloaded. A run without --exclude, or with a shorter list, looks at it.",
    ),
    Reason.EVALUATION_DATA: _Declaration(
        Outcome.REJECTED,
        Policy.NEVER,
        "its clips show what is in an evaluation set that was given with --exclude-like",
        "The error text names what it is like, and how like it is.",
    ),
    Reason.DUPLICATE: _Declaration(
        Outcome.REJECTED,
        Policy.NEVER,
        "the same video as another one, which stays",
        "The report shows which one stays, and why. It has the labels of both. With --duplicates "
        "mark both stay.",
    ),
    Reason.UNAVAILABLE: _Declaration(
        Outcome.FAILED,
        Policy.NEVER,
        "gone from where it was",
        "Nothing brings it back; a newer catalogue, or a new search, has fewer such videos.",
        is_hopeless=True,
    ),
    Reason.MISSING: _Declaration(
        Outcome.FAILED,
        Policy.NEXT_RUN,
        "a local file that cannot be read, or is another one by now",
        "Check --files-root and whether the disk is there; the next run looks again.",
    ),
    Reason.PRIVATE: _Declaration(
        Outcome.FAILED,
        Policy.NEVER,
        "needs an invitation or a login",
        "It is not asked for again, and a public data set should not have it.",
        is_hopeless=True,
    ),
    Reason.GEO_BLOCKED: _Declaration(
        Outcome.FAILED,
        Policy.NEXT_RUN,
        "not shown in the country where this was run",
        "A run from another country, or through a proxy there (--proxy), can look at it where "
        "that is allowed.",
    ),
    Reason.AGE_GATED: _Declaration(
        Outcome.FAILED,
        Policy.NEXT_RUN,
        "needs a login that proves an age",
        "The next run looks again; --cookies takes the cookies of such a login.",
    ),
    Reason.LIVE: _Declaration(
        Outcome.FAILED,
        Policy.NEXT_RUN,
        "was still being streamed",
        "The next run takes it if the stream has ended by then.",
    ),
    Reason.UPCOMING: _Declaration(
        Outcome.FAILED,
        Policy.NEXT_RUN,
        "was not streamed yet",
        "A run after its date takes it.",
    ),
    Reason.RATE_LIMITED: _Declaration(
        Outcome.FAILED,
        Policy.WAIT,
        "the site asked for a pause",
        "Wait an hour or more and run the same command again, with a lower --requests-per-second "
        "if it comes back.",
    ),
    Reason.SERVER_ERROR: _Declaration(
        Outcome.FAILED,
        Policy.NEXT_RUN,
        "the site answered with an error of its own",
        "The next run tries again; if all videos of one host fail, look at one of the addresses.",
    ),
    Reason.NETWORK: _Declaration(
        Outcome.FAILED,
        Policy.NEXT_RUN,
        "no connection, or it broke",
        "Check the network and any proxy, and run the same command again.",
    ),
    Reason.TIMEOUT: _Declaration(
        Outcome.FAILED,
        Policy.NEXT_RUN,
        "not done within the time for one video",
        "Run again with a higher --deadline, or with fewer --downloads where the line is slow.",
    ),
    Reason.TOO_LARGE: _Declaration(
        Outcome.FAILED,
        Policy.NEVER,
        "larger than the limit",
        "If it is worth it, curate into another OUT with a higher --max-bytes.",
    ),
    Reason.PAGE_TOO_LARGE: _Declaration(
        Outcome.FAILED,
        Policy.NEVER,
        "the pages or playlists that lead to it are larger than the limit",
        "Few honest pages are. If it is worth it, curate into another OUT with a higher "
        "--max-page-bytes or --max-pages-bytes.",
    ),
    Reason.DISK_FULL: _Declaration(
        Outcome.FAILED,
        Policy.NEXT_RUN,
        "no room for it while this was run",
        "Raise --disk-budget, or let fewer videos stay with --keep kept or none, and run the same "
        "command again.",
    ),
    Reason.REFUSED: _Declaration(
        Outcome.FAILED,
        Policy.NEXT_RUN,
        "the site refused it",
        "Sites also refuse clients that they suspect. Open one of the addresses in a browser: if "
        "it plays there, wait and run again, more slowly or with --cookies.",
    ),
    Reason.REFUSED_ADDRESS: _Declaration(
        Outcome.FAILED,
        Policy.NEVER,
        "its address, or one that it leads to, is not on the public web",
        "If the host is yours, name it with --allow-private-hosts, or its network; a run with "
        "another value of that looks again.",
    ),
    Reason.BAD_ADDRESS: _Declaration(
        Outcome.FAILED,
        Policy.NEVER,
        "its address is not for the web, or outside the folder that was given",
        "Correct the catalogue, or give --files-root.",
    ),
    Reason.REDACTED: _Declaration(
        Outcome.FAILED,
        Policy.NEXT_RUN,
        "its address was published without the secret that is needed to fetch it",
        "Give a catalogue that has the whole address with --source catalogue:FILE, or the --store "
        "that it was fetched into.",
    ),
    Reason.EXTRACTION: _Declaration(
        Outcome.FAILED,
        Policy.NEXT_RUN,
        "its page could not be read",
        "Sites change: update yt-dlp, and run the same command again.",
    ),
    Reason.UNSUPPORTED: _Declaration(
        Outcome.FAILED,
        Policy.NEVER,
        "no video was found on its page",
        "Give addresses of pages that yt-dlp knows, or of the files themselves.",
    ),
    Reason.CHANGED: _Declaration(
        Outcome.FAILED,
        Policy.NEVER,
        "its content is another one than the lock file asks for",
        "What is there now was re-encoded or replaced. It can be rebuilt only from the old file.",
        is_hopeless=True,
    ),
    Reason.NOT_A_VIDEO: _Declaration(
        Outcome.FAILED,
        Policy.NEVER,
        "a file without a video in it",
        "It may be a web page or a sound file: look at one of the addresses. If all files of one "
        "host are so, leave the host out of the catalogue.",
    ),
    Reason.UNDECODABLE: _Declaration(
        Outcome.FAILED,
        Policy.NEVER,
        "its frames cannot be decoded, or too many of them are damaged",
        "The file was cut off or damaged at its source. A few are usual; if there are many, look "
        "at one of them with ffprobe. Another version of the decoder looks at it again.",
        is_hopeless=True,
    ),
    Reason.INTERRUPTED: _Declaration(
        Outcome.FAILED,
        Policy.NEXT_RUN,
        "its decoding was ended by somebody else, or by a machine that was short of memory",
        "The next run tries again; give it fewer --workers where memory is short.",
    ),
    Reason.INTERNAL: _Declaration(
        Outcome.FAILED,
        Policy.NEXT_RUN,
        "a fault of the program",
        "The error text says which; please report it with one of the addresses. The next run "
        "tries again.",
    ),
}
