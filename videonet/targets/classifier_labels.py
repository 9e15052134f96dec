"""Which outputs of a classifier confirm a class."""

import functools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from videonet.schemas.label import Label
from videonet.targets import wordnet
from videonet.targets.imagenet import imagenet_classes, imagenet_lineage
from videonet.targets.imagenet1k import imagenet1k_senses
from videonet.targets.synset import Sense
from videonet.targets.title_matcher import normalise


class Outputs:
    """A classifier's outputs, found by what they are called and by their place in WordNet."""

    def __init__(self, labels: Sequence[Label]) -> None:
        self._wnids = {index: label.wnid for index, label in enumerate(labels) if label.wnid}
        self._called: defaultdict[str, set[int]] = defaultdict(set)
        for index, label in enumerate(labels):
            for name in label.name.split(","):
                self._called[normalise(name)].add(index)

    @property
    def in_wordnet(self) -> bool:
        """Whether any output has a wnid. If none has, names are all there is to go by."""
        return bool(self._wnids)

    def called(self, names: Iterable[str]) -> set[int]:
        """Outputs whose label is one of `names`; case, accents and punctuation do not count."""
        return set().union(*(self._called.get(normalise(name), ()) for name in names))

    def confirming(self, sense: Sense) -> set[int]:
        """Outputs at or below `sense` in WordNet, or without WordNet ids, called like it."""
        if not self.in_wordnet:
            # A synonym can be another class's name: partridge is one of the ruffed grouse.
            return self.called(sense.names[:1]) or self.called(sense.names)
        if self._are_flat and sense.wnid in imagenet1k_senses():
            return {index for index, wnid in self._wnids.items() if wnid == sense.wnid}
        if self._are_listed and sense.wnid in imagenet_classes():
            return self._listed_below.get(sense.wnid, set())
        return self._below.get(sense.wnid, set())

    def names(self) -> set[str]:
        """All names that `confirming` or `called` would find outputs for, normalised."""
        known = (wordnet.sense_of(wnid) for wnid in self._below) if self.in_wordnet else ()
        return {normalise(name) for sense in known if sense for name in sense.names} | {
            *self._called
        }

    @functools.cached_property
    def _are_flat(self) -> bool:
        """Whether all are of ImageNet-1k, where no class is above another."""
        return imagenet1k_senses().keys() >= set(self._wnids.values())

    @functools.cached_property
    def _are_listed(self) -> bool:
        """Whether all are of ImageNet's larger lists, of which is known what is above what."""
        return imagenet_classes().keys() >= set(self._wnids.values())

    @functools.cached_property
    def _listed_below(self) -> Mapping[str, set[int]]:
        """Outputs at or below each class of these lists that has any."""
        return self._by_lineage(imagenet_lineage)

    @functools.cached_property
    def _below(self) -> Mapping[str, set[int]]:
        """Outputs at or below each wnid that has any."""
        return self._by_lineage(wordnet.lineage)

    def _by_lineage(self, lineage: Callable[[str], frozenset[str]]) -> Mapping[str, set[int]]:
        below: defaultdict[str, set[int]] = defaultdict(set)
        for index, wnid in self._wnids.items():
            for above in lineage(wnid):
                below[above].add(index)
        return below
