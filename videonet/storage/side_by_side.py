"""Calls that wait for a place of objects go on at the same time: a bucket answers one in 30 ms."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
U = TypeVar("U")

# Small objects of a bucket that are asked for at once.
_OF_BUCKET = 32


def at_once(address: str) -> int:
    """How many small objects of a place are asked for at once: in a folder, one after the other."""
    return _OF_BUCKET if "://" in address else 1


def side_by_side(number: int, act: Callable[[T], U], values: Iterable[T]) -> Iterator[U]:
    """The results of a call with each of these values, in their order; so many at once."""
    if number == 1:
        yield from map(act, values)
    else:
        with ThreadPoolExecutor(number) as pool:
            yield from pool.map(act, values)
