"""Text of others as Markdown that shows it and does nothing else; tables; numbers for people."""

import re
from collections.abc import Iterable, Sequence

from videonet.text import share

# A longer one says no more, and makes a table that nobody can read.
LONGEST = 120

_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
# ":" and "@" too: "https://", "www." and an address of e-mail would become links, ":x:" a picture.
_MARKS = re.compile(r"[\\`*_\[\]{}()#+!|~$^=]")


def plain(text: str) -> str:
    """`text`, which may be anything, as one line of Markdown that shows just that, cut if long."""
    words = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(words) > LONGEST:
        words = words[: LONGEST - 1] + "…"
    # Marks first: "#" is one, and stands in no entity below.
    marked = _MARKS.sub(r"\\\g<0>", words).translate(_HTML)
    return (
        marked.replace("://", "&colon;//").replace("@", "&commat;").replace("www.", "www&period;")
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: int | None = None) -> str:
    """A table; the last `numbers` columns are aligned to the right, without it all but the first.

    Cells are Markdown: what comes from others has been through `plain`.
    """
    texts = 1 if numbers is None else len(head) - numbers
    rule = ["---" if column < texts else "---:" for column in range(len(head))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))


def of(part: int, whole: int) -> str:
    """A part with its share, such as "1,200 (12 %)"; "unknown" where there is no whole."""
    return f"{part:,} ({share(part, whole)})" if whole else "unknown"
