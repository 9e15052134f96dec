"""What the parts of a data card are drawn from."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from videonet.dataset.card.numbers import NO_PAIR, Confirmation, Numbers
from videonet.errors import UsageError
from videonet.schemas.manifest import Manifest, ManifestSettings
from videonet.schemas.neighbours import NOT_COMPARED
from videonet.schemas.settings import Licence
from videonet.schemas.target import Target
from videonet.storage.dataset_dir import DatasetDir
from videonet.text import target_names


@dataclass(frozen=True)
class CardFacts:
    """A data set: where it lies, its manifest, and what was counted."""

    output: DatasetDir
    manifest: Manifest
    numbers: Numbers

    @property
    def settings(self) -> ManifestSettings:
        """What the data set was made with."""
        return self.manifest.settings

    @cached_property
    def targets(self) -> tuple[Target, ...]:
        """The classes, in the order of the run's list."""
        return self.output.targets()

    @cached_property
    def names(self) -> Mapping[str, str]:
        """What each class is called, by target_id. No two classes have the same name."""
        ids = [target.target_id for target in self.targets]
        return dict(zip(ids, target_names(self.targets), strict=True))

    @property
    def classes(self) -> int:
        """How many classes there are, without what stands for videos that were not compared."""
        return sum(target != NOT_COMPARED for target in self.targets)

    @property
    def is_near(self) -> bool:
        """Whether its videos are neighbours of images, here or where the lock file is from."""
        return self.settings.neighbours is not None

    @cached_property
    def titles_looked_for(self) -> int | None:
        """Where neighbours were taken, of how many classes a title had to name one; 0: of none.

        None: a copy does not say it.
        """
        try:
            return len(self.output.titles())
        except UsageError:
            return None

    @property
    def names_looked_for(self) -> int:
        """Names and synonyms of all classes."""
        return sum(1 + len(target.synonyms) for target in self.targets)

    @property
    def formats(self) -> frozenset[str]:
        """The formats that there are shards in."""
        return frozenset(self.settings.formats)

    @property
    def kept_pairs(self) -> int:
        """Kept pairs of video and class."""
        return self.manifest.totals.verdicts.kept

    @cached_property
    def inherited(self) -> int:
        """Labels that kept videos have from duplicates that were dropped."""
        return sum(each.inherited for each in self.numbers.classes.values())

    @property
    def labels(self) -> int:
        """All labels of kept videos."""
        return self.kept_pairs + self.inherited

    def labels_of(self, target_id: str) -> int:
        """How many kept videos are labelled with a class."""
        kept = self.manifest.targets[target_id].kept
        return kept + self.confirmation(target_id).inherited

    @property
    def videos_with_clip(self) -> int:
        """How many videos the clips are of."""
        totals = self.manifest.totals
        return totals.kept_videos - totals.kept_without_clip

    @cached_property
    def classes_with_clip(self) -> int:
        """How many classes have a clip."""
        return sum(self.confirmation(each.target_id).clips > 0 for each in self.targets)

    @property
    def is_rebuilt(self) -> bool:
        """Whether it was made from a lock file, without searching and judging."""
        return self.settings.lock is not None

    @property
    def is_free(self) -> bool:
        """Whether only videos were taken whose source states a licence of Creative Commons."""
        return self.settings.licence is Licence.CC

    def confirmation(self, target_id: str) -> Confirmation:
        """How the classifier's word stands behind a class."""
        return self.numbers.classes.get(target_id, NO_PAIR)
