"""Where candidate videos come from. A source hands out rows, in batches, in an order of its own."""

from videonet.sources.opening import open_source
from videonet.sources.row import Batch, Row, Source

__all__ = ["Batch", "Row", "Source", "open_source"]
