"""From shards to batches of frames."""
