"""A finished data set in the forms of other tools, for others to use."""
