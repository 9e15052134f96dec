"""A card as its readers see it."""

import html
import re
from pathlib import Path
from typing import Any

import yaml
from markdown_it import MarkdownIt

from tests.dataset.card.made_up import made_up
from videonet.dataset.card.write import write_card

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def card_of(root: Path, *of: Any, **settings: Any) -> str:
    output, manifest = made_up(root, *of, **settings)
    write_card(output, manifest)
    return (root / "README.md").read_text()


def header_of(card: str) -> dict[str, Any]:
    opening, header, _ = card.split("---\n", 2)
    assert opening == ""
    read = yaml.safe_load(header)
    assert isinstance(read, dict)
    return read


def cells_of(card: str) -> list[list[str]]:
    """All rows of all tables, as a reader of the rendered card sees them."""
    rendered = MARKDOWN.render(card.split("---\n", 2)[2])
    return [
        [
            html.unescape(re.sub("<.*?>", "", cell))
            for cell in re.findall("<t[dh].*?>(.*?)</t[dh]>", row, re.DOTALL)
        ]
        for row in re.findall("<tr>(.*?)</tr>", rendered, re.DOTALL)
    ]


def elements_of(card: str) -> list[str]:
    """The HTML elements that the card becomes, in order."""
    return re.findall(r"<(/?\w+)", MARKDOWN.render(card.split("---\n", 2)[2]))
