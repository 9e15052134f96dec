"""The closed list of reasons why a candidate is not kept, and what becomes of it."""

from enum import StrEnum


class Policy(StrEnum):
    """Whether a later run looks again."""

    NEVER = "never"  # nothing that we know of will change it
    NEXT_RUN = "next_run"  # it may work another time
    WAIT = "wait"  # so may this, when the site has calmed down; a run says when to come back


class Reason(StrEnum):
    """Why a candidate was rejected or failed."""

    # rejected: it was looked at and is not what was asked for
    TOO_SHORT = "too_short"  # declared or measured length below the minimum
    NO_TOP1_MATCH = "no_top1_match"  # no frame's top-1 class confirms the target
    LICENCE = "licence"  # not stated to be of the kind that was asked for
    WITHDRAWN = "withdrawn"  # taken out of the data set on request

    # failed: it could not be looked at
    UNAVAILABLE = "unavailable"  # 404 or 410, or said to be removed
    MISSING = "missing"  # a local file that cannot be read, or is another one by now
    PRIVATE = "private"  # needs an invitation or a login
    GEO_BLOCKED = "geo_blocked"  # not from here
    AGE_GATED = "age_gated"  # needs a login that proves an age
    LIVE = "live"  # still being streamed
    UPCOMING = "upcoming"  # not streamed yet
    RATE_LIMITED = "rate_limited"  # 429 or a bot check, or not asked after many of these
    SERVER_ERROR = "server_error"  # 5xx, after all attempts
    NETWORK = "network"  # no connection, or it broke, after all attempts
    TIMEOUT = "timeout"  # not done within the deadline
    TOO_LARGE = "too_large"  # above the size limit
    DISK_FULL = "disk_full"  # the disk budget had no room for it
    REFUSED = "refused"  # 401, 403 and other 4xx: sites answer so to whom they suspect, too
    BAD_ADDRESS = "bad_address"  # not for the web, or outside the folder that was given
    EXTRACTION = "extraction"  # the site's page could not be read, or says no more than that
    UNSUPPORTED = "unsupported"  # a page on which no video can be found
    CHANGED = "changed"  # its content is another one than the lock file asks for
    NOT_A_VIDEO = "not_a_video"  # a file without a video stream
    UNDECODABLE = "undecodable"  # a video whose frames cannot be decoded
    INTERNAL = "internal"  # a fault of ours; the error text says which


REJECTIONS = frozenset({Reason.TOO_SHORT, Reason.NO_TOP1_MATCH, Reason.LICENCE, Reason.WITHDRAWN})

POLICIES: dict[Reason, Policy] = {
    Reason.TOO_SHORT: Policy.NEVER,
    Reason.NO_TOP1_MATCH: Policy.NEVER,
    Reason.LICENCE: Policy.NEVER,
    Reason.WITHDRAWN: Policy.NEVER,
    Reason.UNAVAILABLE: Policy.NEVER,
    Reason.MISSING: Policy.NEXT_RUN,
    Reason.PRIVATE: Policy.NEVER,
    Reason.GEO_BLOCKED: Policy.NEXT_RUN,
    Reason.AGE_GATED: Policy.NEXT_RUN,
    Reason.LIVE: Policy.NEXT_RUN,
    Reason.UPCOMING: Policy.NEXT_RUN,
    Reason.RATE_LIMITED: Policy.WAIT,
    Reason.SERVER_ERROR: Policy.NEXT_RUN,
    Reason.NETWORK: Policy.NEXT_RUN,
    Reason.TIMEOUT: Policy.NEXT_RUN,
    Reason.TOO_LARGE: Policy.NEVER,
    Reason.DISK_FULL: Policy.NEXT_RUN,
    Reason.REFUSED: Policy.NEXT_RUN,
    Reason.BAD_ADDRESS: Policy.NEVER,
    Reason.EXTRACTION: Policy.NEXT_RUN,
    Reason.UNSUPPORTED: Policy.NEVER,
    Reason.CHANGED: Policy.NEVER,
    Reason.NOT_A_VIDEO: Policy.NEVER,
    Reason.UNDECODABLE: Policy.NEVER,
    Reason.INTERNAL: Policy.NEXT_RUN,
}
