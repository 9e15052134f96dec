"""English plurals, by inflect."""

from __future__ import annotations

import builtins
import functools
import importlib.util
import sys
import threading
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import inflect

# The name of the copy among the modules of this process.
_COPY = "videonet.targets.inflect_unchecked"

_loading = threading.Lock()


def plurals_of(noun: str) -> tuple[str, str]:
    """The modern and the classical plural of a noun of one or more words: cactuses, cacti."""
    modern, classical = _engines()
    return _plural(modern, noun), _plural(classical, noun)


def _plural(engine: inflect.engine, noun: str) -> str:
    # With an article, "mine" is a place and not a pronoun whose plural is "ours".
    return engine.plural_noun(f"the {noun}").removeprefix("the ")


@functools.cache
def _engines() -> tuple[inflect.engine, inflect.engine]:
    with _loading:
        module = sys.modules.get(_COPY) or _load_copy()
    modern, classical = module.engine(), module.engine()
    classical.classical(all=True)
    return modern, classical


def _load_copy() -> ModuleType:
    """Load a copy of inflect whose methods do not check the types of what they are given.

    The decorator that adds the checks parses all of inflect again for each method: more than a
    second in all. The copy has a name and builtins of its own, in which typeguard is a stand-in.
    Inflect and typeguard themselves stay as they are, for everyone else in this process.
    """
    original = importlib.util.find_spec("inflect")
    assert original is not None, "it is a dependency"
    spec = importlib.util.spec_from_file_location(
        _COPY, original.origin, submodule_search_locations=original.submodule_search_locations
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    vars(module)["__builtins__"] = vars(builtins) | {"__import__": _import}
    sys.modules[_COPY] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[_COPY]
        raise
    return module


_TYPEGUARD = SimpleNamespace(typechecked=lambda method: method)


def _import(name: str, *context: Any) -> Any:
    return _TYPEGUARD if name == "typeguard" else __import__(name, *context)
