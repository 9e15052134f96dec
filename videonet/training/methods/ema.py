"""The target network: it follows the online network, and gives it what to aim for.

Its parameters are an exponential moving average of the online network's (MoCo, He et al. 2020;
BYOL, Grill et al. 2020), moved after each step of the optimiser. It has no gradient.
"""

import copy

import torch
from timm.layers.drop import DropBlock2d, DropPath
from timm.layers.patch_dropout import PatchDropout, PatchDropoutWithIndices
from torch import nn
from torch.nn.modules.dropout import _DropoutNd


def make_target(online: nn.Module) -> nn.Module:
    """A copy of the online network to begin with, which learns nothing by itself.

    It stays in training mode: its batch norms normalise by the statistics of the batch, as in
    BYOL's published code.

    NOTE: that it begins as a copy is MoCo's; BYOL's code draws other weights for it, and notes
    that this made no difference.

    NOTE: stochastic depth, which timm's Swin has by default, is off in it, as in DINO's teacher
    (Caron et al. 2021), and so is dropout of any kind: noise in the target would be noise in what
    is learnt. We know of no word of VITO on it.
    """
    target = copy.deepcopy(online).requires_grad_(False).train()
    for module in target.modules():
        # Probabilities and not modes: attention reads them, and `train` would undo modes.
        if isinstance(module, _DropoutNd):
            module.p = 0.0
        elif isinstance(module, DropPath | DropBlock2d):
            module.drop_prob = 0.0
        elif isinstance(module, PatchDropout | PatchDropoutWithIndices):
            module.prob = 0.0
    return target


@torch.no_grad()
def update(target: nn.Module, online: nn.Module, momentum: float) -> None:
    """Move the target's parameters: `momentum` of their own, the rest of the online network's.

    Parameters only. The running statistics of the target's batch norms are its own, and follow the
    batches that it sees.
    """
    torch._foreach_lerp_(list(target.parameters()), list(online.parameters()), 1 - momentum)
