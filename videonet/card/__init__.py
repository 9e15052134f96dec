"""The data card of a data set, OUT/README.md: what it is, how it was made, what to beware of."""

from videonet.card.card import write_card

__all__ = ["write_card"]
