"""Several finished data sets become one: `merge` is the order of work."""
