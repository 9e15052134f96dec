"""Which classes are wanted, what a title may call them, and which classifier outputs confirm them.

A class list is ImageNet-1k, which comes with the package, or a file of WordNet ids, synsets, nouns
and names. WordNet is needed for what is not in ImageNet-1k.
"""

from videonet.targets.imagenet1k import imagenet1k_labels
from videonet.targets.resolve import resolve_targets

__all__ = ["imagenet1k_labels", "resolve_targets"]
