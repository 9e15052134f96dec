"""How cuDNN chooses the algorithms of convolutions, for images that are all of one shape."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.backends import cudnn


@contextmanager
def fixed_shapes(*, deterministic: bool) -> Iterator[None]:
    """While this lasts, let cuDNN try its algorithms once for each shape, and take the fastest.

    Which one that is may change from run to run, and with it rounding. So where results must not
    change, by `deterministic` or as PyTorch itself was told, it takes the same ones each time.
    """
    same = deterministic or cudnn.deterministic or torch.are_deterministic_algorithms_enabled()
    before = cudnn.benchmark, cudnn.deterministic
    cudnn.benchmark, cudnn.deterministic = not same, same
    try:
        yield
    finally:
        cudnn.benchmark, cudnn.deterministic = before
