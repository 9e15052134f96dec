"""videonet.fetch.failure: from each cause to its reason."""

import errno
import os

import pytest
from yt_dlp.utils import ExtractorError, GeoRestrictedError

from schemas import POLICIES, Policy, Reason
from tests.fetch.visiting import LIMITS, candidate
from videonet.budget import DiskBudget
from videonet.fetch import (
    ERROR_LENGTH,
    explain,
    fetch,
    shortened,
)

# Error texts.


def test_a_long_error_is_shortened_to_what_a_record_keeps(store):
    record = fetch(candidate("no" * 1000), store, DiskBudget(0), LIMITS, "run")
    assert len(record.error) == ERROR_LENGTH == 300
    assert record.error.endswith("…")


def test_an_error_is_one_line_without_colours():
    assert shortened("\x1b[0;31mERROR:\x1b[0m  no\n such   file\n") == "ERROR: no such file"
    assert shortened("e" * 300) == "e" * 300
    assert shortened("e" * 301) == "e" * 299 + "…"


WORDS = {
    "Sign in to confirm you\u2019re not a bot. Use --cookies": Reason.RATE_LIMITED,
    "The current session has been rate-limited by YouTube": Reason.RATE_LIMITED,
    "Sign in to confirm your age. This video may be inappropriate": Reason.AGE_GATED,
    "Private video. Sign in if you've been granted access": Reason.PRIVATE,
    "This video is only available for registered users": Reason.PRIVATE,
    "This live event will begin in 3 days.": Reason.UPCOMING,
    "Premieres in 2 hours": Reason.UPCOMING,
    "Video unavailable. This video has been removed by the uploader": Reason.UNAVAILABLE,
    "This video does not exist.": Reason.UNAVAILABLE,
    "The account associated with this video has been terminated.": Reason.UNAVAILABLE,
    "This video is no longer available": Reason.UNAVAILABLE,
    "Video unavailable. This content isn't available, try again later.": Reason.EXTRACTION,
    "Unable to extract the player's settings": Reason.EXTRACTION,
}


@pytest.mark.parametrize(("words", "reason"), WORDS.items())
def test_what_a_site_says_in_words_has_its_reason(words, reason):
    assert explain(ExtractorError(words, expected=True)).reason is reason


def test_a_video_that_is_not_shown_here_is_geo_blocked():
    assert explain(GeoRestrictedError("not in your country")).reason is Reason.GEO_BLOCKED


def test_a_bug_of_an_extractor_is_internal_and_tried_by_the_next_run():
    assert explain(ExtractorError("no title found")).reason is Reason.INTERNAL
    assert explain(KeyError("title")).reason is Reason.INTERNAL


def test_what_may_be_a_sites_mood_is_tried_by_the_next_run_and_what_is_gone_is_not():
    policies = {
        Reason.REFUSED: Policy.NEXT_RUN,
        Reason.EXTRACTION: Policy.NEXT_RUN,
        Reason.UNAVAILABLE: Policy.NEVER,
        Reason.BAD_ADDRESS: Policy.NEVER,
    }
    assert {reason: POLICIES[reason] for reason in policies} == policies


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_told_from_other_faults_of_the_machine(number):
    assert explain(OSError(number, os.strerror(number))).reason is Reason.DISK_FULL
    assert explain(PermissionError(errno.EACCES, "denied")).reason is Reason.INTERNAL
