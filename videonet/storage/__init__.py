"""The two places where a run keeps things: the store, and the folder of a data set."""
