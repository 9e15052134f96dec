"""Text of others as Markdown that shows it and does nothing else."""

import re

from videonet.text import as_shown

# Characters. A longer text says no more, and makes a table that cannot be read.
LONGEST = 120

_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
# ":" and "@" too: "https://", "www." and an address of e-mail would become links, ":x:" a picture.
_MARKS = re.compile(r"[\\`*_\[\]{}()#+!|~$^=]")


def plain(text: str) -> str:
    """`text`, which may be anything, as one line of Markdown that shows just that, cut if long."""
    words = as_shown(text)
    if len(words) > LONGEST:
        words = words[: LONGEST - 1] + "…"
    # Marks first: "#" is one, and stands in no entity below.
    marked = _MARKS.sub(r"\\\g<0>", words).translate(_HTML)
    return (
        marked.replace("://", "&colon;//").replace("@", "&commat;").replace("www.", "www&period;")
    )


def literal(text: str) -> str:
    """`text`, which may be anything, as a string of Python within a block of code."""
    return ascii(text).replace("`", "\\x60")  # backticks could end the block


def paragraph(text: str) -> str:
    """`text` as one line that ends: a paragraph that is broken into lines where it is shown."""
    return " ".join(text.split()) + "\n"
