"""What the licence that a source states allows: whether it is of Creative Commons, and which."""

import re
import unicodedata

# Text comes as lower-case words with one space between them: "CC-BY-SA 4.0" is "cc by sa 4 0".
# Anywhere in a text, among other words:
_SAID = re.compile(
    r"""
    \bcreative\ ?commons\b          # YouTube, Wikimedia Commons, LBRY; the urls of archive.org
    | \bcc\ ?by(\ (nc|nd|sa))+\b
    | \bcc\ ?by\ [1-4]\ [05]\b
    | \bcc\ ?(0|zero|pdm)\b         # Flickr: "Public Domain Dedication (CC0)"
    | \bpublic\ ?domain             # PeerTube, Minds, Flickr, Wikimedia Commons
    | \bno\ rights\ reserved\b      # SoundCloud's name for it
    """,
    re.VERBOSE,
)

# And what means it only if it is all that is said ("by" and "attribution" are ordinary words):
_WHOLE = re.compile(
    r"""
    cc
    | creativecommon                                    # YouTube's programming interface
    | (cc\ ?)?by(\ (nc|nd|sa))*(\ [1-4]\ [05])?         # Vimeo, Jamendo, SoundCloud, Khan Academy
    | (licen[cs]e\ )?cc\ by(\ licen[cs]e)?
    | (cc\ )?attribution                                # Flickr, PeerTube, Minds
      (\ non\ ?commercial)?
      (\ share\ ?alike|\ no\ ?deriv(ative)?s)?
      (\ [1-4]\ [05](\ international|\ unported|\ generic)?)?
      (\ licen[cs]e)?
      (\ cc)?
    """,
    re.VERBOSE,
)

# What says which of the licences is meant, among other words. A licence that does not say it may be
# one that forbids adaptations: "Creative Commons" alone is none of these.
_WHICH = re.compile(
    r"""
    \bcc\ ?by\b
    | \blicenses\ by\b                   # creativecommons.org/licenses/by-sa/4.0/
    | \bby(\ (nc|sa))*\ [1-4]\ [05]\b
    | \battribution\b                    # YouTube: "Creative Commons Attribution license"
    | \bmit\ quellenangabe\b            # YouTube in German
    | \bcc\ ?(0|zero|pdm)\b
    | \bpublic\ ?domain
    | \bno\ rights\ reserved\b
    """,
    re.VERBOSE,
)
_WHICH_WHOLE = re.compile(r"creativecommon|(cc\ ?)?by(\ (nc|sa))*", re.VERBOSE)

# How the licences say that what was adapted may not be handed on.
_NO_ADAPTATIONS = re.compile(r"\bnd\b|\b(no|non)\ ?deriv")

# All that may stand beside that. Any other word may take back what a name gives: "personal use
# only", "no redistribution", or what forbids adaptations in another language.
_BESIDE = frozenset(
    [
        "cc",
        "by",
        "sa",
        "nc",
        "ccby",
        "cc0",
        "cczero",
        "zero",
        "0",
        "pdm",
        "publicdomaincco",
        "creative",
        "commons",
        "creativecommon",
        "creativecommons",
        "attribution",
        "share",
        "sharealike",
        "alike",
        "noncommercial",
        "licence",
        "license",
        "licences",
        "licenses",
        "licensed",
        "under",
        "the",
        "a",
        "public",
        "domain",
        "publicdomain",
        "dedication",
        "mark",
        "work",
        "universal",
        "international",
        "unported",
        "generic",
        "reuse",
        "allowed",
        "lizenz",
        "mit",
        "quellenangabe",
        "wiederverwendung",
        "erlaubt",
        "http",
        "https",
        "www",
        "org",
        "legalcode",
        "deed",
        "1",
        "2",
        "3",
        "4",
        "5",
    ]
)
_TOGETHER = re.compile(
    r"""
    \bno\ rights\ reserved\b
    | (?<=\battribution\ )non\ commercial\b
    # the country that a version was written for; of 4.0 there is none
    | (?<=[1-3]\ [05]\ )(
        igo|scotland|a[rtuz]|b[egr]|c[ahlnorz]|d[ek]|e[cegs]|f[ir]|g[ert]|h[kru]|i[elnt]|jp|kr|lu
        |m[ktxy]|n[loz]|p[ehlrt]|r[os]|s[egi]|t[hw]|u[gks]|v[en]|za
      )$
    | (?<=\bdeed\ )[a-z]{2}$                      # the language of a page
    """,
    re.VERBOSE,
)

# Whatever else a text names, it does not grant it.
_DENIED = re.compile(r"\bnot\b|\ball rights reserved\b")


def is_creative_commons(licence: str | None) -> bool:
    """Whether `licence` names a Creative Commons licence, CC0, or the public domain.

    All of them count, also those that forbid commercial use or adaptations (NC, ND): the text is
    kept, so a reader who needs less can select further. What is unclear does not count, nor "No
    known copyright restrictions" and "United States government work", which hold in some countries.
    """
    words = _words(licence)
    if _DENIED.search(words):
        return False
    return bool(_SAID.search(words) or _WHOLE.fullmatch(words))


def forbids_adaptations(licence: str | None) -> bool:
    """Whether `licence` is one of Creative Commons that forbids to share adaptations (ND)."""
    return is_creative_commons(licence) and bool(_NO_ADAPTATIONS.search(_words(licence)))


def allows_redistribution(licence: str | None) -> bool:
    """Whether `licence` says that anybody may hand on clips of a video.

    These do: the Creative Commons licences BY, BY-SA, BY-NC and BY-NC-SA, CC0, and the public
    domain. Section 2(a)(1) of the licences of version 4.0 gives leave to "reproduce and Share the
    Licensed Material, in whole or in part", and to "produce, reproduce, and Share Adapted
    Material". The conditions stay with whoever hands the clips on: to name the maker (BY), to use
    the same licence (SA), and to have no commercial advantage in mind (NC).

    Those with ND do not: they give leave to produce adapted material, "but not Share" it. A clip
    is cut out, scaled, thinned out in time and given a label. Whether that is an adaptation is not
    settled, and what is unclear does not count. Nor does a text that does not say which of the
    licences is meant, such as "Creative Commons" alone, nor one with any word besides the name of a
    licence, since that may be a condition. "creativeCommon", YouTube's name in its programming
    interface, is CC BY there, and counts.
    """
    words = _words(licence)
    return (
        is_creative_commons(licence)
        and not _NO_ADAPTATIONS.search(words)
        and bool(_WHICH.search(words) or _WHICH_WHOLE.fullmatch(words))
        and "?" not in (licence or "")
        and _BESIDE.issuperset(_TOGETHER.sub(" ", words).split())
    )


def _words(licence: str | None) -> str:
    """A text as lower-case words with one space between them."""
    text = unicodedata.normalize("NFKC", licence or "").casefold()
    return " ".join(re.findall(r"[^\W_]+", text))
