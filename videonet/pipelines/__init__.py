"""Runnable Beam graphs."""
