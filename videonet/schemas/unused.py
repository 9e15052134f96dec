"""Which settings of a data set are not written: those that earlier versions had none of.

So a data set that uses none of them is the same, to the byte, as one of such a version.
"""

from collections.abc import Mapping
from typing import Any

from videonet.schemas.selection import ClipOptions

# Each of them, where it is not used.
_UNUSED: Mapping[str, Any] = {
    **ClipOptions().to_row(),
    "exclude": (),
    "exclude_like": (),
    "excluded": None,
    "excluded_like": None,
    "left_out": (),
    "select": None,
    "embedding": None,
    "neighbours": None,
    # columns of motion and of the labels' ids, and the form of the shards
    "motion": False,
    "label_ids": False,
    "layout": 1,
}


def without_unused(row: Mapping[str, Any]) -> dict[str, Any]:
    """Settings or options by name, without those that are not used."""
    return {name: value for name, value in row.items() if not _is_unused(name, value)}


def _is_unused(name: str, value: Any) -> bool:
    # JSON has lists where records have tuples.
    plain = tuple(value) if isinstance(value, list) else value
    return name in _UNUSED and plain == _UNUSED[name]
