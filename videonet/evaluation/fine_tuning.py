"""Fine-tuning a network on clips: Adam, first of what was added alone, then of all of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from videonet.evaluation.clip_pooling import ClipClassifier
from videonet.evaluation.clips import Clips
from videonet.evaluation.model import Model
from videonet.evaluation.training_state import (
    begin_random,
    restore,
    state_of,
    training_precision,
)
from videonet.training.augment.augmentation import jitter
from videonet.training.augment.image_operations import to_device


@dataclass(frozen=True)
class Plan:
    """How a network is fine-tuned. Counted in epochs of `steps` steps."""

    steps: int
    # in which pooling and classifier alone are trained
    warm_up_epochs: int
    epochs: int
    rate: float
    # epochs, from 0 on after those of the warm-up, from which on the rate is `gamma` times as large
    milestones: Sequence[int]
    gamma: float
    seed: int
    # clips that batch norms count together; of all clips of a step gradients are added up
    together: int
    # of products: float32 or bfloat16
    precision: Literal["float32", "bfloat16"]

    @property
    def all_epochs(self) -> int:
        """Epochs with those of the warm-up."""
        return self.warm_up_epochs + self.epochs

    def is_warm_up(self, done: int) -> bool:
        """Whether the step after so many is one of the warm-up."""
        return done < self.warm_up_epochs * self.steps

    def rate_of(self, done: int) -> float:
        """The rate of the step after so many."""
        if self.is_warm_up(done):
            return self.rate
        epoch = done // self.steps - self.warm_up_epochs
        return float(self.rate * self.gamma ** sum(each <= epoch for each in self.milestones))


class FineTuner:
    """Fine-tunes a classifier of clips, which lies on its device, a step at a time.

    What dropout leaves out depends on the seed and the number of the step alone. While pooling and
    classifier are trained alone, the network's weights stay, and its batch norms count on, as in
    AVID-CMA. Steps are to be made within `random_of_its_own`.
    """

    def __init__(self, network: ClipClassifier, plan: Plan, model: Model) -> None:
        # steps that were done
        self.done = 0
        self._network, self._plan, self._model = network, plan, model
        self._optimizer = self._begun()
        # whether the pooling has been given features to begin with
        self._has_begun = False

    def step(self, clips: Clips, labels: Tensor) -> None:
        """Change the network by N clips and their classes [N], on its device or the CPU."""
        plan, device = self._plan, self._model.device
        if self.done == plan.warm_up_epochs * plan.steps:
            self._optimizer = self._begun()
        for group in self._optimizer.param_groups:
            group["lr"] = plan.rate_of(self.done)
        begin_random(plan.seed, self.done)
        self._network.train()
        self._optimizer.zero_grad()
        parts = _split(clips, plan.together), torch.split(labels, plan.together)
        for part, right in zip(*parts, strict=True):
            # Also where the network itself is asked for none.
            with torch.enable_grad():
                loss = self._loss(part, to_device(right, device)) * (len(right) / len(labels))
            loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self.done += 1

    def state(self) -> bytes:
        """All that going on depends on: equal states are equal bytes."""
        return state_of(self._network, self._optimizer, self.done)

    def restore(self, file: Path) -> None:
        """Go on from what `state` gave of such a network. Raises SafetensorError for half of it."""
        self.done = restore(file, self._network, self._optimizer)
        self._has_begun = True

    def _loss(self, clips: Clips, labels: Tensor) -> Tensor:
        """The mean loss of clips that batch norms count together."""
        is_warm_up = self._plan.is_warm_up(self.done)
        with training_precision(self._model.device, self._plan.precision):
            with torch.set_grad_enabled(not is_warm_up):
                frames = self._network.of_frames(self._shown(clips))
            if not self._has_begun:
                self._network.begin([each.detach() for each in frames])
                self._has_begun = True
            logits = self._network(frames)
        return functional.cross_entropy(logits.float(), labels)

    def _shown(self, clips: Clips) -> Tensor:
        """Clips as the network takes them: float32 [N, frames, 3, H, W]."""
        frames = clips.frames.to(self._model.device, non_blocking=True).float() / 255
        count = frames.shape[1]
        factors, order = (each.repeat_interleave(count, dim=0) for each in clips[1:])
        images = frames.flatten(0, 1)
        jitter(images, torch.ones(len(images), dtype=torch.bool), factors, order)
        return self._model.normalised(images).view_as(frames)

    def _begun(self) -> torch.optim.Adam:
        """Adam that has seen no step. What has no gradient in the warm-up, it leaves alone."""
        return torch.optim.Adam(self._network.parameters(), lr=self._plan.rate)


def _split(clips: Clips, size: int) -> list[Clips]:
    """The clips, so many at a time."""
    return [Clips(*part) for part in zip(*(torch.split(each, size) for each in clips), strict=True)]
