"""Trains a linear classifier on single frames of a data set: a training loop of one's own.

    python examples/train_on_clips.py OUT

It needs the extra `train`. `videonet train` is the project's own trainer.
"""

import sys

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, binary_cross_entropy_with_logits
from torch.utils.data import DataLoader

import videonet

SIDE = 32  # pixels


def small(frames: Tensor) -> Tensor:
    """Frames uint8 [V, H, W, 3] as float32 [V, 3, SIDE, SIDE], from 0 to 1."""
    return adaptive_avg_pool2d(frames.permute(0, 3, 1, 2).float() / 255, SIDE)


def train(out: str, passes: int) -> list[float]:
    """The mean loss of each pass over the clips."""
    torch.manual_seed(0)
    clips = videonet.ClipDataset(out, views=2, transform=small)
    classes = clips[0]["labels"].numel()
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE * SIDE, classes))
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    losses = []
    for number in range(passes):
        clips.set_epoch(number)
        total = 0.0
        for batch in DataLoader(clips, batch_size=4, shuffle=True):
            frames, labels = batch["frames"], batch["labels"].float()
            # Each view is an example with the labels of its clip.
            scores = network(frames.flatten(0, 1))
            loss = binary_cross_entropy_with_logits(
                scores, labels.repeat_interleave(frames.shape[1], dim=0)
            )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.item() * len(frames)
        losses.append(total / len(clips))
    return losses


if __name__ == "__main__":
    for number, loss in enumerate(train(sys.argv[1], passes=10)):
        print(f"pass {number}: loss {loss:.3f}")
