"""Whether the licence that a source states is one of Creative Commons, in any usual form."""

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

# Whatever else a text names, it does not grant it.
_DENIED = re.compile(r"\bnot\b|\ball rights reserved\b")


def is_creative_commons(licence: str | None) -> bool:
    """Whether `licence` names a Creative Commons licence, CC0, or the public domain.

    All of them count, also those that forbid commercial use or adaptations (NC, ND): the text is
    kept, so a reader who needs less can select further. What is unclear does not count, nor "No
    known copyright restrictions" and "United States government work", which hold in some countries.
    """
    text = unicodedata.normalize("NFKC", licence or "").casefold()
    words = " ".join(re.findall(r"[^\W_]+", text))
    if _DENIED.search(words):
        return False
    return bool(_SAID.search(words) or _WHOLE.fullmatch(words))
