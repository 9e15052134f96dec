"""A sample of the clips of a data set on one page, for a person to judge its noise by eye."""
