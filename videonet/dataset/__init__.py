"""A data set as a whole: its shards, manifest, lock file and data card."""
