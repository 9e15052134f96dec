"""Copies between devices, and which of them the CPU would wait for. Imported where PyTorch is."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class Copies(TorchDispatchMode):
    """Counts the copies to another device, and which of them the CPU would wait for."""

    def __init__(self):
        super().__init__()
        self.all = self.waited_for = 0

    def __torch_dispatch__(self, function, types, arguments=(), given=None):
        given = given or {}
        copied = function is torch.ops.aten._to_copy.default
        if copied and given.get("device") not in (None, arguments[0].device):
            self.all += 1
            self.waited_for += not given.get("non_blocking")
        return function(*arguments, **given)
