"""Settings by full names, "optimizer.base_lr": what to say of a name or a value that is wrong.

Which settings there are, and of which types, `config` says.
"""

import difflib
import json
import math
from collections.abc import Collection, Iterable
from typing import Any

import msgspec
from msgspec import inspect

from videonet.errors import UsageError


def check_name(name: str, known: Collection[str], where: str) -> None:
    """Raise UsageError unless this is one of the full names that are known."""
    if name in known:
        return
    if "accum" in name.lower():
        raise UsageError(
            f"{where}: there is no setting {name}, for gradients accumulated over small batches "
            f"are not those of a large one, neither of InfoNCE, whose negatives are the batch, nor "
            f"of batch norm; for a larger train.batch use more ranks."
        )
    within = _within(name, known)
    if within:
        raise UsageError(f"{where}: {name} is a table; its settings are {', '.join(within)}.")
    raise UsageError(f"{where}: there is no setting {name}; did you mean {_meant(name, known)}?")


def converted(name: str, value: Any, kind: Any) -> Any:
    """The value of a setting, of its type. Raises UsageError."""
    try:
        result = msgspec.convert(value, kind)
    except msgspec.ValidationError:
        result = math.nan
    if isinstance(result, float) and not math.isfinite(result):
        expected = _expected(inspect.type_info(kind))
        raise UsageError(f"{name} is {shown(value)}; it must be {expected}.")
    return result


def nearest(name: str, known: Iterable[str]) -> str:
    """Of the names that are known, the one that is most like this one."""
    return difflib.get_close_matches(name, list(known), n=1, cutoff=0.0)[0]


def shown(value: Any) -> str:
    """A value as TOML and JSON write it."""
    return json.dumps(value, ensure_ascii=False, default=str)


def _meant(name: str, known: Collection[str]) -> str:
    """The full names of the settings that somebody may have meant."""
    fields = {each: each.rpartition(".")[2] for each in known}
    table, dot, field = name.rpartition(".")
    if not dot:
        likely = nearest(field, fields.values())
        return " or ".join(each for each in known if fields[each] == likely)
    same = [each for each in known if fields[each] == field]
    return nearest(name, same or _within(table, known) or known)


def _within(table: str, known: Collection[str]) -> list[str]:
    """The full names of the settings of a table."""
    return [each for each in known if each.startswith(f"{table}.")]


def _expected(kind: inspect.Type) -> str:
    """What a type takes, in words."""
    match kind:
        case inspect.LiteralType(values=values):
            return " or ".join(shown(value) for value in values)
        case inspect.VarTupleType(item_type=inspect.StrType()):
            return "a list of names"
        case inspect.VarTupleType(item_type=inspect.FloatType() as item):
            return f"a list whose items are each {_expected(item)}"
        case inspect.VarTupleType(item_type=item, min_length=least):
            return f'a list of at least {least} of {_expected(item)}, such as ["A1", "A2"]'
        case inspect.IntType() | inspect.FloatType():
            number = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
            limits = {
                "above": kind.gt,
                "at least": kind.ge,
                "below": kind.lt,
                "at most": kind.le,
            }
            stated = [f"{how} {limit}" for how, limit in limits.items() if limit is not None]
            return f"{number} that is {' and '.join(stated)}"
        case inspect.BoolType():
            return "true or false"
    return "the name of a timm model"
