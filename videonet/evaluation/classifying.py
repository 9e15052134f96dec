"""What a classifier decides of many images, a part at a time."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from videonet.evaluation.images import batches
from videonet.evaluation.model import Function, needed_logits
from videonet.evaluation.protocol import Given

# Images of a part. What an interruption costs at most.
PART = 2048


def decisions(
    given: Given, paths: Sequence[Path], what: str, decide: Function
) -> NDArray[np.int64]:
    """What `decide` makes of the logits of each image, in order: int64 [images].

    `decide` takes logits, float [N, 1000], and gives int64 [N]. Raises UsageError.
    """
    logits = needed_logits(given.model, what)

    def of_part(begin: int) -> pa.Table:
        found: list[Tensor] = []
        with torch.inference_mode():
            part = paths[begin : begin + PART]
            for images in batches(part, given.model.preparation, given.batch, given.workers):
                found.append(decide(logits(given.model.normalised(images))))
                given.told(what, begin + len(found) * given.batch, len(paths))
        # Here alone the device is waited for.
        return pa.table({"decision": torch.cat(found).cpu().numpy().astype(np.int64)})

    parts = [
        given.parts.made(f"{what} {begin}", partial(of_part, begin))
        for begin in range(0, len(paths), PART)
    ]
    return np.concatenate([part["decision"].to_numpy() for part in parts])
