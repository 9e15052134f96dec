"""The report as one HTML file that opens from disk and asks nothing of the web."""

import base64
import hashlib
import html
import string
from importlib import resources

import msgspec

from videonet.report.page.content import PageFacts
from videonet.schemas.shown import printable, printable_values

# In the order in which they stand in the page's one script: each uses what is above it.
_SCRIPTS = (
    *("elements.js", "listing.js", "charts.js", "pictures.js", "duplicates.js", "tables.js"),
    *("header.js", "page.js"),
)

# JSON inside of a <script> must not be able to end it or to begin a comment in it; the last two
# are line ends to JavaScript and not to JSON. As escapes they are the same JSON.
_ESCAPES = str.maketrans({each: f"\\u{ord(each):04x}" for each in "<>&\u2028\u2029"})


def render_page(facts: PageFacts) -> str:
    """The page as HTML, the same for the same facts.

    The facts are in it as JSON, which the page's script draws as text.
    """
    style = style_sheet()
    script = "".join(_read(name) for name in _SCRIPTS)
    data = msgspec.json.encode(printable_values(msgspec.json.decode(facts.to_json())))
    return string.Template(_read("page.html")).substitute(
        policy=content_policy(style, script),
        title=html.escape(printable(facts.dataset)),
        style=style,
        data=as_page_json(data),
        script=script,
    )


def style_sheet() -> str:
    """What all pages have in common: colours, light and dark, type, and sections."""
    return _read("page.css")


def elements_script() -> str:
    """What the scripts of pages begin with: elements, and numbers as people read them."""
    return _read("elements.js")


def as_page_json(data: bytes) -> str:
    """JSON as it may stand in a <script> of a page: the same values, nothing of it is markup."""
    return data.decode().translate(_ESCAPES)


def content_policy(style: str, script: str | None = None) -> str:
    """The content security policy of a page that consists of one file.

    The policy allows this style sheet and this script alone, by their hashes, and pictures that
    are in the page. `script`: None for a page without one.
    """
    scripts = f"script-src '{_hash(script)}'; " if script is not None else ""
    return (
        f"default-src 'none'; {scripts}style-src '{_hash(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _read(name: str) -> str:
    return (resources.files(__package__) / name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
