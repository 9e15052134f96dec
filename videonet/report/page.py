"""Draws the report: all facts in one HTML file that opens from disk and asks nothing of the web."""

import base64
import hashlib
import html
import string
from importlib import resources

from videonet.report.facts import Facts

# In the order in which they stand in the page's one script: each uses what is above it.
_SCRIPTS = (
    *("elements.js", "listing.js", "charts.js", "pictures.js", "tables.js"),
    *("header.js", "page.js"),
)

# JSON inside of a <script> must not be able to end it or to begin a comment in it; the last two
# are line ends to JavaScript and not to JSON. As escapes they are the same JSON.
_ESCAPES = str.maketrans({each: f"\\u{ord(each):04x}" for each in "<>&\u2028\u2029"})


def page_of(facts: Facts) -> str:
    """The page as HTML, the same for the same facts.

    The facts are in it as JSON, which the page's script draws as text. Its content security policy
    allows that script and that style sheet alone, by their hashes, and pictures that are in it.
    """
    style = _read("page.css")
    script = "".join(_read(name) for name in _SCRIPTS)
    return string.Template(_read("page.html")).substitute(
        policy=f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'",
        title=html.escape(facts.dataset),
        style=style,
        data=facts.to_json().decode().translate(_ESCAPES),
        script=script,
    )


def _read(name: str) -> str:
    return (resources.files("videonet.report") / "page" / name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
