"""DuckDB for files that may be a stranger's: in bounded memory, and with no way to other files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

# An extension is code that is loaded; the others would be looked for on the web.
_CONFIGURATION: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    # Names of tables that are none are not looked up among the variables of this program.
    "python_enable_replacements": False,
}


@contextmanager
def open_database(
    spill: Path, *, memory: str, threads: int | None = None, folders: Sequence[Path] = ()
) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database in memory, which puts on disk below `spill` what `memory` has no room for.

    A query can read files below `folders`, and none else; what is registered with it can be read,
    too. Files are given to queries as parameters. In names of files, `*`, `?` and `[` are patterns:
    a link in a temporary folder has none of them.
    """
    # Here, since it takes long to import and few commands need it.
    import duckdb

    config = {**_CONFIGURATION, "memory_limit": memory, "temp_directory": str(spill)}
    with duckdb.connect(":memory:", config=config) as db:
        if threads is not None:
            db.execute(f"set threads = {threads:d}")
        quoted = ", ".join(_quoted(str(folder.absolute())) for folder in folders)
        # In this order: each of them forbids the one before it.
        db.execute(f"set allowed_directories = [{quoted}]")
        db.execute("set enable_external_access = false")
        db.execute("set lock_configuration = true")
        yield db


def _quoted(text: str) -> str:
    """A text as SQL has it."""
    return "'" + text.replace("'", "''") + "'"
