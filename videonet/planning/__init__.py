"""What a curation would cost and bring: a pilot over a sample, and a forecast of the whole."""
