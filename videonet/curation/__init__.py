"""The procedure for one candidate, from its title to its verdict and clips."""
