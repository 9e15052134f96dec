"""The data card of a data set, OUT/README.md: what it is, how it was made, what to beware of."""
