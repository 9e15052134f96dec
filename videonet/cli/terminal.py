"""The terminal: what is printed on it are characters that are to be seen, and nothing that acts."""

from collections.abc import Iterable
from typing import Any

import rich.console
from rich.segment import Segment

from videonet.schemas.shown import printable


class Console(rich.console.Console):
    """Rich's, of whose texts no character moves the cursor, rings, or turns the text around.

    Names, addresses and messages come from strangers. Whatever is printed of them passes here.
    """

    def render(self, *arguments: Any, **named: Any) -> Iterable[Segment]:
        """The pieces of what is printed; what Rich itself tells the terminal stays as it is."""
        for segment in super().render(*arguments, **named):
            if segment.control or segment.text == "\n":
                yield segment
            else:
                yield segment._replace(text=printable(segment.text))
