"""Lets Beam's `--setup_file` stage this project on Dataflow workers; see pyproject.toml."""

from setuptools import setup

setup()
