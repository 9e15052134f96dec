"""Which videos may stand beside each other: what clips look like, and what is like what."""
