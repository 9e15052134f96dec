"""A page as its elements, in their order, without a browser."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

# Elements of HTML that have no end.
_VOID = {"meta", "link", "img", "br", "hr", "input"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    children: list[Element | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text inside, with one space for each run of white space."""
        return " ".join(self._raw().split())

    def all(self, tag: str = "", **attributes: str) -> list[Element]:
        """The elements inside with this tag and these attributes; "data_x" is "data-x".

        An element has the class that is asked for if the class is one of several, too.
        """
        wanted = {name.strip("_").replace("_", "-"): each for name, each in attributes.items()}
        return [
            each
            for each in self._inside()
            if tag in ("", each.tag)
            and all(
                value in (each.attributes.get(name), *_classes(each, name))
                for name, value in wanted.items()
            )
        ]

    def one(self, tag: str = "", **attributes: str) -> Element:
        (found,) = self.all(tag, **attributes)
        return found

    def shape(self) -> list[tuple[str, list[str]]]:
        """Tags and names of attributes of all elements inside."""
        return [(each.tag, sorted(each.attributes)) for each in self._inside()]

    def _raw(self) -> str:
        return "".join(each if isinstance(each, str) else each._raw() for each in self.children)

    def _inside(self) -> list[Element]:
        found = []
        for each in self.children:
            if isinstance(each, Element):
                found += [each, *each._inside()]
        return found


def parsed(page: str) -> Element:
    parser = _Parser()
    parser.feed(page)
    parser.close()
    assert [each.tag for each in parser.open] == ["page"], "some element does not end"
    return parser.open[0]


def _classes(element: Element, name: str) -> list[str]:
    return element.attributes.get("class", "").split() if name == "class" else []


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("page", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in _VOID:
            self.open.append(self.open[-1].children[-1])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        made = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(made)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)
