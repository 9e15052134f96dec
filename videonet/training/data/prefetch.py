"""Batches on their way to the device, one ahead of the step that works."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import torch

from videonet.training.data.loader import Batch


def prefetch_to_device(batches: Iterable[Batch], device: torch.device) -> Iterator[Batch]:
    """The same batches, frames and sizes of the videos on `device`.

    A GPU copies the next batch from pinned memory on a stream of its own while it computes; it
    never waits for the processor to ask for it. `sizes` stay on the CPU, where crops are drawn.
    """
    if device.type != "cuda":
        yield from batches
        return
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    here: Batch | None = None
    for batch in batches:
        with torch.cuda.stream(stream):
            following = replace(
                batch,
                frames=batch.frames.to(device, non_blocking=True),
                videos=batch.videos.to(device, non_blocking=True),
            )
        if here is not None:
            yield here
        _take_over(following, stream)
        here = following
    if here is not None:
        yield here


def _take_over(batch: Batch, stream: torch.cuda.Stream) -> None:
    """Let the stream that computes wait for the copy, and keep its memory until it is used."""
    working = torch.cuda.current_stream()
    working.wait_stream(stream)
    for tensor in (batch.frames, batch.videos):
        tensor.record_stream(working)
