"""What the parts of a data card are drawn from."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from videonet.dataset.card.markdown import plain
from videonet.dataset.card.numbers import Confirmation, Numbers
from videonet.schemas.manifest import Manifest
from videonet.schemas.target import Target
from videonet.storage.dataset_dir import DatasetDir
from videonet.text import number, target_names

_NONE = Confirmation(0, 0, 0, 0, 0, 0, 0, 0)


@dataclass(frozen=True)
class Facts:
    """A data set: where it lies, its manifest, and what was counted."""

    output: DatasetDir
    manifest: Manifest
    numbers: Numbers

    @cached_property
    def targets(self) -> tuple[Target, ...]:
        """The classes, in the order of the run's list."""
        return self.output.targets()

    @cached_property
    def names(self) -> Mapping[str, str]:
        """What each class is called, as Markdown, by target_id."""
        ids = [target.target_id for target in self.targets]
        return dict(zip(ids, map(plain, target_names(self.targets)), strict=True))

    @property
    def formats(self) -> frozenset[str]:
        """The formats that there are shards in."""
        return frozenset(self.manifest.formats)

    @property
    def labels(self) -> int:
        """Kept pairs of video and class."""
        return self.manifest.totals.verdicts.kept

    @property
    def videos_called(self) -> str:
        """How many videos the clips are of, such as "1,200 videos"."""
        totals = self.manifest.totals
        return number(totals.kept_videos - totals.kept_without_clip, "video")

    @property
    def classes_with_clips(self) -> int:
        """How many classes have a clip."""
        return sum(self.confirmation(each.target_id).clips > 0 for each in self.targets)

    @property
    def classes_called(self) -> str:
        """How many classes have a clip, such as "8 classes" or "998 of 1,000 classes"."""
        filled = self.classes_with_clips
        of_all = number(len(self.targets), "class", "classes")
        return of_all if filled == len(self.targets) else f"{filled:,} of {of_all}"

    @property
    def is_rebuilt(self) -> bool:
        """Whether it was made from a lock file, without searching and judging."""
        return self.manifest.settings["lock"] is not None

    def confirmation(self, target_id: str) -> Confirmation:
        """How the classifier's word stands behind a class."""
        return self.numbers.classes.get(target_id, _NONE)

    def setting(self, name: str) -> int:
        """A setting that is a whole number."""
        return setting(self.manifest, name)


def setting(manifest: Manifest, name: str) -> int:
    """A setting of a data set that is a whole number."""
    value = manifest.settings[name]
    assert isinstance(value, int), "the schema of the manifest's settings"
    return value
