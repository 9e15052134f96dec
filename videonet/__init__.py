"""Builds video data sets that match a class list."""

__version__ = "0.1.0"
