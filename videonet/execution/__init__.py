"""One curation, from what was asked for to its exit code."""
