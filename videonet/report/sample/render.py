"""The sample as one HTML file that opens from disk and asks nothing of the web."""

import base64
import html
import string
from importlib import resources
from pathlib import Path

import msgspec

from videonet.errors import UsageError
from videonet.files import drafted
from videonet.report.page.render import as_page_json, content_policy, elements_script, style_sheet
from videonet.report.sample.gather import Sample
from videonet.schemas.shown import printable, printable_values, shown_json

# In the order in which they stand in the page's one script: each uses what is above it.
_SCRIPTS = ("marks.js", "cards.js", "sample.js")

# What a mark names, to the byte: the page is shown other texts of them.
_EXACT = ("video_key", "video_id")


def render_sample(sample: Sample) -> str:
    """The page as HTML, the same for the same sample."""
    style = style_sheet() + _read("sample.css")
    script = elements_script() + "".join(map(_read, _SCRIPTS))
    facts = msgspec.json.decode(sample.page.to_json())
    cards = [
        printable_values(card) | {name: card[name] for name in _EXACT} for card in facts["cards"]
    ]
    data = msgspec.json.encode(printable_values(facts | {"cards": []}) | {"cards": cards})
    loops = msgspec.json.encode([base64.b64encode(each).decode() for each in sample.loops])
    return string.Template(_read("sample.html")).substitute(
        policy=content_policy(style, script),
        title=html.escape(printable(sample.page.dataset)),
        style=style,
        data=as_page_json(shown_json(data)),
        loops=loops.decode(),
        script=script,
    )


def save_page(page: str, file: Path) -> None:
    """Write a page; it appears whole or not at all. Raises UsageError."""
    try:
        with drafted(file) as draft:
            draft.write_text(page, "utf-8")
    except OSError as error:
        raise UsageError(
            f"{file} cannot be written ({error.strerror}); name another file with --out."
        ) from error


def _read(name: str) -> str:
    return (resources.files("videonet.report.sample") / name).read_text("utf-8")
