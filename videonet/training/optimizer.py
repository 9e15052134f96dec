"""How the weights are stepped: LARS, AdamW or SGD, and the schedules of the rate and the target's.

The optimiser and the schedules are those of BYOL (Grill et al. 2020, "Optimization"), which VITO
trains with. Where the paper leaves a choice, its published code (deepmind-research/byol) decides.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer

from videonet.training import config

# The batch to which the base rate belongs; the rate grows in proportion (BYOL). A clip counts once
# with all its views, as an image does there.
RATE_FOR_BATCH = 256

# Decay of AdamW's mean of squared gradients: Kingma and Ba 2015, the default of torch and timm.
ADAMW_SECOND = 0.999


class LARS(Optimizer):
    """Momentum whose gradient is scaled, tensor by tensor, to the norm of the weights.

    With `adapted` off, a group of parameters is stepped by plain momentum. No value is fetched
    from the device, so a GPU goes on computing.

    NOTE: the forms are those of BYOL's code. The momentum gathers the scaled gradients and the
    rate is multiplied in afterwards, so that a change of the rate takes effect at once (in You et
    al. 2017 the rate is inside). The ratio's divisor is the norm of the gradient and the decay
    together. `timm.optim.Lars` divides by the sum of their norms, as You et al. do, so it is not
    exact here.
    """

    def __init__(
        self,
        groups: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float,
        momentum: float,
        trust_coefficient: float,
        weight_decay: float = 0.0,
        *,
        adapted: bool = True,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "trust_coefficient": trust_coefficient,
            "weight_decay": weight_decay,
            "adapted": adapted,
        }
        super().__init__(groups, defaults)

    @torch.no_grad()
    def step(  # type: ignore[override]
        self, closure: Callable[[], float] | None = None
    ) -> float | None:
        """Step what has a gradient; `closure`, if given, computes it and returns the loss."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            weights = [each for each in group["params"] if each.grad is not None]
            if not weights:
                continue
            updates = torch._foreach_add(
                [each.grad for each in weights], weights, alpha=group["weight_decay"]
            )
            if group["adapted"]:
                ratios = trust_ratios(weights, updates, group["trust_coefficient"])
                torch._foreach_mul_(updates, ratios)
            for each in weights:
                if not self.state[each]:
                    self.state[each]["momentum"] = torch.zeros_like(each)
            momenta = [self.state[each]["momentum"] for each in weights]
            torch._foreach_mul_(momenta, group["momentum"])
            torch._foreach_add_(momenta, updates)
            torch._foreach_add_(weights, momenta, alpha=-group["lr"])
        return loss


def trust_ratios(
    weights: list[Tensor], updates: tuple[Tensor, ...], coefficient: float
) -> tuple[Tensor, ...]:
    """Scalars `coefficient` |w| / |u|, one for each weight and its update, 1 where either is 0."""
    lengths = torch.stack(torch._foreach_norm(weights))
    strides = torch.stack(torch._foreach_norm(updates))
    moving = (lengths > 0) & (strides > 0)
    return torch.where(moving, coefficient * lengths / strides, 1.0).unbind()


def parameter_groups(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """The parameters that learn, in two groups: decayed and adapted, and neither.

    Neither are biases and the parameters of norms (BYOL), which are those of one dimension, and
    what a backbone of timm itself exempts from decay, such as Swin's tables of position biases.
    """
    exempt = {
        f"{prefix}.{name}".removeprefix(".")
        for prefix, part in module.named_modules()
        if hasattr(part, "no_weight_decay")
        for name in part.no_weight_decay()
    }
    decayed: list[nn.Parameter] = []
    spared: list[nn.Parameter] = []
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            spare = parameter.ndim <= 1 or name in exempt
            (spared if spare else decayed).append(parameter)
    return [
        {"params": decayed, "weight_decay": weight_decay, "adapted": True},
        {"params": spared, "weight_decay": 0.0, "adapted": False},
    ]


def optimizer_of(settings: config.Optimizer, module: nn.Module) -> Optimizer:
    """The optimiser that is configured, for what of a module learns.

    Its rate is the base rate until `set_learning_rate`. AdamW is for transformers.
    """
    groups = parameter_groups(module, settings.weight_decay)
    if settings.name == "adamw":
        return AdamW(groups, lr=settings.base_lr, betas=(settings.momentum, ADAMW_SECOND))
    if settings.name == "sgd":
        return SGD(groups, lr=settings.base_lr, momentum=settings.momentum)
    return LARS(
        groups,
        lr=settings.base_lr,
        momentum=settings.momentum,
        trust_coefficient=settings.trust_coefficient,
    )


def set_learning_rate(optimizer: Optimizer, value: float) -> None:
    """Step with this rate from now on."""
    for group in optimizer.param_groups:
        group["lr"] = value


# The schedules, by the number of steps that are done.


def peak_learning_rate(base_lr: float, batch: int) -> float:
    """The highest rate for a batch of so many clips on all ranks together."""
    return base_lr * batch / RATE_FOR_BATCH


def learning_rate(
    step: int, steps: int, warmup_steps: int, peak: float, decay_steps: Sequence[int] = ()
) -> float:
    """From 0 in a line to `peak` at `warmup_steps`, from there by a cosine to 0 at `steps`.

    With `decay_steps` it stays where it is instead, and falls to a tenth at each of them. A run
    that is no longer than its warm-up rises to its end.
    """
    if step < warmup_steps:
        return peak * step / warmup_steps
    if decay_steps:
        return peak * 0.1 ** sum(step >= each for each in decay_steps)
    return peak * _cosine(step - warmup_steps, max(steps - warmup_steps, 1))


def target_momentum(step: int, steps: int, start: float) -> float:
    """How much of the target network stays: from `start` by a cosine to 1 at `steps`."""
    return 1 - (1 - start) * _cosine(step, steps)


def _cosine(step: int, steps: int) -> float:
    """From 1 at 0 to 0 at `steps`, half a turn."""
    return (math.cos(math.pi * step / steps) + 1) / 2
