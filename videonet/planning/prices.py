"""The price table of a plan: what each thing costs, its unit, and where the price comes from."""

import math
import tomllib
from pathlib import Path
from typing import Annotated

import msgspec

from videonet.errors import UsageError
from videonet.files import read_toml
from videonet.schemas.record import Record
from videonet.storage.inputs import local_input

# As it comes with the package.
USUAL = Path(__file__).with_name("prices.toml")

# More than anything costs: a slip of the keys is said, and no sum is beyond what a float holds.
_MOST = 1e9

_NotNegative = Annotated[float, msgspec.Meta(ge=0, le=_MOST)]
_Positive = Annotated[float, msgspec.Meta(gt=0, le=_MOST)]


class Price(Record, frozen=True, kw_only=True):
    """A price and what it is of."""

    dollars: _NotNegative
    unit: str
    # where it is from, and from when
    source: str


class Prices(Record, frozen=True, kw_only=True):
    """All prices that a plan knows of: see prices.toml for what each is of."""

    core_hour: Price
    gpu_hour: Price
    download_gb: Price
    stored_gb_month: Price
    egress_gb: Price
    write_thousand: Price
    read_thousand: Price


class Assumptions(Record, frozen=True, kw_only=True):
    """What else a plan takes for granted."""

    # months that the result stays at rest
    months: _NotNegative
    # frames that a GPU classifies, a second
    gpu_frames_per_second: _Positive


class PriceTable(Record, frozen=True, kw_only=True):
    """A price table as it is written."""

    prices: Prices
    assumptions: Assumptions


def read_prices(file: str | None) -> PriceTable:
    """The prices in a TOML file; None: those that come with the package. Raises UsageError."""
    try:
        table = read_toml(USUAL if file is None else local_input(file))
        found = msgspec.convert(table, PriceTable)
    except (OSError, ValueError, tomllib.TOMLDecodeError) as error:
        raise UsageError(
            f"The price table {file} cannot be used: {error}. Begin with a copy of {USUAL}, and "
            "change its numbers."
        ) from error
    numbers = [each.dollars for each in msgspec.structs.astuple(found.prices)]
    if not all(map(math.isfinite, [*numbers, *msgspec.structs.astuple(found.assumptions)])):
        raise UsageError(f"The price table {file} has a value that is no number; give numbers.")
    return found
