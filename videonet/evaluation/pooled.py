"""Pooled features of many images, computed once and kept until the result is written."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from videonet.evaluation.images import batches
from videonet.evaluation.model import needed_features
from videonet.evaluation.protocol import Given

# Images of a part. What an interruption costs at most.
PART = 2048


def pooled(given: Given, paths: Sequence[Path], what: str) -> Tensor:
    """Features of the images, float32 [images, D] on the CPU, in order. Raises UsageError."""
    features = needed_features(given.model, what)

    def of_part(begin: int) -> pa.Table:
        found: list[Tensor] = []
        with torch.inference_mode():
            part = paths[begin : begin + PART]
            for images in batches(part, given.model.preparation, given.batch, given.workers):
                found.append(features(given.model.normalised(images)).float())
                given.told(what, begin + len(found) * given.batch, len(paths))
        # Here alone the device is waited for.
        together = torch.cat(found).cpu().numpy()
        values = pa.FixedSizeListArray.from_arrays(together.ravel(), together.shape[1])
        return pa.table({"features": values})

    parts = [
        given.parts.made(f"{what} {begin}", partial(of_part, begin))
        for begin in range(0, len(paths), PART)
    ]
    return torch.from_numpy(np.concatenate([_array(each) for each in parts]))


def _array(table: pa.Table) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    column = table["features"].combine_chunks()
    flat = column.flatten().to_numpy(zero_copy_only=False)
    found: np.ndarray[tuple[int, int], np.dtype[np.float32]]
    found = flat.reshape(len(column), column.type.list_size)
    return found
