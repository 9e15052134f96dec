"""A small world of drawn videos, served, misnamed and broken like the real one, all of it local."""
