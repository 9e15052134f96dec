"""Names each package of a lock file that has extras once more without them.

    python -m scripts.pin_extras FILE.lock ...

For pip, a package with an extra and the same package without are two, and with `--require-hashes`
it wants the version and the digests of both.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

_WITH_EXTRAS = re.compile(r"([\w.-]+)\[[^]]+\](.*)", re.DOTALL)


def with_plain_names(text: str) -> str:
    """The text of a lock file in which every package stands under its plain name, too."""
    entries = re.split(r"\n(?=\S)", text.rstrip("\n"))
    plain = {f"{found[1]}{found[2]}" for found in map(_WITH_EXTRAS.fullmatch, entries) if found}
    return "\n".join(sorted({*entries, *plain})) + "\n"


def main(files: Sequence[Path]) -> None:
    """Write these files again."""
    for file in files:
        file.write_text(with_plain_names(file.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main([Path(each) for each in sys.argv[1:]])
