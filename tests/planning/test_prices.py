"""The price table of a plan, as a user edits it."""

from pathlib import Path

import pytest

from videonet.errors import UsageError
from videonet.planning.prices import USUAL, read_prices


def test_every_price_has_a_unit_and_says_where_it_is_from():
    prices = read_prices(None).prices
    for name in prices.__struct_fields__:
        price = getattr(prices, name)
        assert price.unit, name
        assert price.source, name


def test_an_edited_copy_is_read(tmp_path: Path):
    copy = tmp_path / "prices.toml"
    copy.write_text(USUAL.read_text().replace("dollars = 0.35", "dollars = 2.5"))
    assert read_prices(str(copy)).prices.gpu_hour.dollars == 2.5


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "no table",
        USUAL.read_text().replace("dollars = 0.35", "dollars = -1"),
        USUAL.read_text().replace("dollars = 0.35", "dollars = nan"),
        USUAL.read_text().replace("dollars = 0.35", "dollars = inf"),
        USUAL.read_text().replace("dollars = 0.35", "dollars = 1e308"),
        USUAL.read_text().replace("[prices.gpu_hour]", "[prices.gpu_minute]"),
        USUAL.read_text().replace("gpu_frames_per_second = 400.0", "gpu_frames_per_second = 0"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_in_a_sentence(tmp_path: Path, wrong: str):
    file = tmp_path / "prices.toml"
    file.write_text(wrong)
    with pytest.raises(UsageError, match=r"The price table .*prices\.toml"):
        read_prices(str(file))


def test_a_table_that_is_not_there_is_said(tmp_path: Path):
    with pytest.raises(UsageError):
        read_prices(str(tmp_path / "none.toml"))
