"""Batches on their way to the device."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import torch

from videonet.training.data.loader import Batch


def prefetch_to_device(batches: Iterable[Batch], device: torch.device) -> Iterator[Batch]:
    """The same batches, frames, videos and numbers of shots on `device`.

    Each is given as soon as it is made, whether or not there is a next one. A GPU copies it from
    pinned memory on a stream of its own while it still computes the step before, which the
    processor has only handed out; it never waits for the processor to ask for the copy. `sizes`
    stay on the CPU, where crops are drawn.
    """
    if device.type != "cuda":
        yield from batches
        return
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    for batch in batches:
        with torch.cuda.stream(stream):
            here = replace(
                batch,
                frames=batch.frames.to(device, non_blocking=True),
                videos=batch.videos.to(device, non_blocking=True),
                shots=batch.shots.to(device, non_blocking=True),
            )
        _take_over(here, stream)
        yield here


def _take_over(batch: Batch, stream: torch.cuda.Stream) -> None:
    """Let the stream that computes wait for the copy, and keep its memory until it is used."""
    working = torch.cuda.current_stream()
    working.wait_stream(stream)
    for tensor in (batch.frames, batch.videos, batch.shots):
        tensor.record_stream(working)
