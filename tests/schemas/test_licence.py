"""videonet.schemas.licence: which statements of a licence are Creative Commons."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videonet.schemas.licence import (
    allows_redistribution,
    forbids_adaptations,
    is_creative_commons,
)

STATED = {
    "YouTube": ["Creative Commons Attribution license (reuse allowed)", "creativeCommon"],
    "YouTube in German": ["Creative Commons-Lizenz mit Quellenangabe (Wiederverwendung erlaubt)"],
    "Vimeo": ["by", "by-nc", "by-nc-nd", "by-nc-sa", "by-nd", "by-sa", "cc0"],
    "Vimeo's pages": ["https://creativecommons.org/licenses/by-nc-nd/3.0/"],
    "Flickr": [
        "Attribution",
        "Attribution-NonCommercial",
        "Attribution-NonCommercial-NoDerivs",
        "Attribution-NonCommercial-ShareAlike",
        "Attribution-NoDerivs",
        "Attribution-ShareAlike",
        "Public Domain Dedication (CC0)",
        "Public Domain Work",
    ],
    "PeerTube": [
        "Attribution - Share Alike",
        "Attribution - No Derivatives",
        "Attribution - Non Commercial",
        "Attribution - Non Commercial - Share Alike",
        "Attribution - Non Commercial - No Derivatives",
        "Public Domain Dedication",
    ],
    "archive.org": [
        "http://creativecommons.org/licenses/publicdomain/",
        "http://creativecommons.org/licenses/by-nc-sa/4.0/",
        "https://creativecommons.org/publicdomain/mark/1.0/",
        "https://creativecommons.org/publicdomain/zero/1.0/",
        "http://www.creativecommons.org/licenses/by/2.5/deed.en",
    ],
    "Wikimedia Commons": [
        "Creative Commons Attribution 4.0",
        "Creative Commons Attribution-Share Alike 3.0",
        "Public domain",
    ],
    "Jamendo, SoundCloud, Khan Academy, Minds, LBRY": [
        "by-nc-sa",
        "cc-by",
        "cc-by-nc-sa",
        "no-rights-reserved",
        "attribution-cc",
        "publicdomaincco",
        "Creative Commons Attribution 4.0 International",
    ],
    "SPDX": [
        "CC-BY-4.0",
        "CC BY license",
        "License: CC BY",
        "CC-BY-SA-3.0-DE",
        "CC-BY-NC-ND-4.0",
        "CC0-1.0",
        "CC-BY-3.0-IGO",
        "CC-PDM-1.0",
    ],
    "by hand": [
        "cc by-sa 3.0",
        "CC BY",
        "CC BY 4.0",
        "CC_BY_4.0",
        "CCBY-SA",
        "  cc-by-4.0\n",
        "\uff23\uff23 \uff22\uff39 4.0",
        "CC",
        "Creative Commons",
        "creativecommons.org/licenses/by/4.0",
        "https://creativecommons.org/licenses/by/4.0/",
        "Licensed under CC-BY-SA 3.0, by John Doe",
        "Attribution 4.0 International (CC BY 4.0)",
        "Attribution 2.5 Generic",
        "Attribution-ShareAlike 3.0 Unported",
        "Attribution-ShareAlike License",
    ],
}

OTHERS = {
    "YouTube": ["Standard YouTube License", "youtube", "Standard-YouTube-Lizenz"],
    "Flickr": [
        "All Rights Reserved",
        "No known copyright restrictions",
        "United States government work",
    ],
    "SoundCloud, LBRY, PeerTube, Arnes, Samplefocus": [
        "all-rights-reserved",
        "Copyrighted (contact publisher)",
        "None",
        "Unknown",
        "PRIVATE",
        "Standard License",
    ],
    "nothing": ["", " ", "-", "?"],
    "other words": [
        "accord",
        "account by me",
        "by me",
        "cc by me",
        "by license",
        "cc by the uploader",
        "Made by ND Films",
        "succbyte",
        "Attribution required",
        "Please give attribution",
        "creative common sense",
        "creative",
        "commons",
        "republic domain",
        "domain",
        "Some rights reserved",
        "free to use",
        "MIT",
        "GPL-3.0",
    ],
    "denied": [
        "Not Creative Commons",
        "This is not in the public domain",
        "CC BY 4.0. All rights reserved.",
    ],
}


def flat(table: dict[str, list[str]]) -> list[str]:
    return [each for some in table.values() for each in some]


@pytest.mark.parametrize("licence", flat(STATED))
def test_what_sources_call_creative_commons_is_recognised(licence):
    assert is_creative_commons(licence)


@pytest.mark.parametrize("licence", [None, *flat(OTHERS)])
def test_anything_else_is_none(licence):
    assert not is_creative_commons(licence)


@given(st.sampled_from(flat(STATED) + flat(OTHERS)), st.sampled_from([str.upper, str.lower]))
def test_upper_and_lower_case_mean_the_same(licence, case):
    assert is_creative_commons(case(licence)) == is_creative_commons(licence)


@given(st.sampled_from(flat(STATED) + flat(OTHERS)), st.sampled_from("-_ ./"))
def test_what_stands_between_words_means_nothing(licence, between):
    spelt = between.join(licence.replace("-", " ").replace("_", " ").split())
    assert is_creative_commons(spelt) == is_creative_commons(licence)


# They do not say which of the licences is meant, or say more than that.
UNCLEAR = {"CC", "Creative Commons", "Licensed under CC-BY-SA 3.0, by John Doe"}


@pytest.mark.parametrize("licence", [each for texts in STATED.values() for each in texts])
def test_clips_may_be_handed_on_unless_adaptations_are_forbidden(licence: str):
    forbidden = "nd" in licence.casefold().replace("/", "-").split("-") or "deriv" in (
        licence.casefold()
    )
    assert forbids_adaptations(licence) == forbidden
    assert allows_redistribution(licence) == (not forbidden and licence not in UNCLEAR)


@pytest.mark.parametrize(
    "licence",
    [
        *("Creative Commons", "cc", "Creative Commons video by John", "CC", "sampling+"),
        *("Standard YouTube License", "All rights reserved", "", None, "not CC BY", "by the sea"),
        *("CC BY-ND 4.0", "Attribution - No Derivative Works", "CC-BY-NC-ND-4.0"),
        *("CC BY, all rights reserved", "http://creativecommons.org/", "fair use", "yes"),
        # Conditions, denials, and ND in other languages:
        "Creative Commons Attribution - Pas d'Utilisation Commerciale - Pas de Modification",
        "Creative Commons - Namensnennung, keine Bearbeitung CC BY",
        *("No Creative Commons Attribution", "Non public domain", "Isn't public domain"),
        *("public domain? unknown", "public domain in the US only", "CC BY 4.0 no remixes"),
        *("CC BY 4.0 no", "CC BY 4.0 no reuse", "CC BY?", "non commercial public domain"),
        *("CC BY 4.0 / personal use only", "Creative Commons Attribution, no redistribution"),
    ],
)
def test_what_does_not_say_that_clips_may_be_handed_on_does_not_count(licence: str | None):
    assert not allows_redistribution(licence)


@given(st.text())
def test_only_what_is_creative_commons_may_be_handed_on(licence: str):
    assert is_creative_commons(licence) or not allows_redistribution(licence)
    assert not (forbids_adaptations(licence) and allows_redistribution(licence))
