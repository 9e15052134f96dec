"""Where candidate videos come from. A source hands out rows, in batches, in an order of its own."""
