"""What a report is made from: a data set, finished or not, opened for counting."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from videonet.dataset.verdict_db import VerdictDB, open_verdicts
from videonet.errors import UsageError
from videonet.schemas.label import Label
from videonet.schemas.manifest import DataSettings, Manifest
from videonet.schemas.neighbours import NOT_COMPARED
from videonet.schemas.record import shared_fields
from videonet.schemas.run import Lookup, Plan
from videonet.schemas.target import Target
from videonet.storage.dataset_dir import DatasetDir

# What a report counts of each pair.
_COLUMNS = (
    *("file", "row", "chance", "step", "matched_names", "clips", "seconds", "side", "fps", "codec"),
    *("first_match", "best_probability", "seen", "seen_probability", "licence", "channel"),
)


@dataclass(frozen=True)
class ReportInput:
    """What is known of a data set."""

    output: DatasetDir
    db: VerdictDB
    # what the classifier's outputs stand for; empty where they were not written down
    labels: tuple[Label, ...]
    lookup: Lookup
    # None while a run goes on
    manifest: Manifest | None
    settings: DataSettings
    # as in `PageFacts`
    state: str
    sampled: bool

    @property
    def targets(self) -> tuple[Target, ...]:
        """The classes, in the order of the list."""
        return self.db.targets

    @property
    def classes(self) -> int:
        """How many classes there are, without what stands for videos that were not compared."""
        return sum(target != NOT_COMPARED for target in self.targets)

    @property
    def selects_neighbours(self) -> bool:
        """Whether neighbours of images were taken."""
        return self.settings.selects_neighbours

    @property
    def is_rebuilt(self) -> bool:
        """Whether it was made from a lock file: nothing was searched for or classified."""
        return self.settings.lock is not None


def settings_of(plan: Plan) -> DataSettings:
    """The settings of a run that has no manifest yet, without paths of this machine."""
    kind, _, place = plan.settings.source.partition(":")
    source = kind if Path(place).is_absolute() else plan.settings.source
    return DataSettings(**shared_fields(plan.settings, DataSettings) | {"source": source})


@contextmanager
def open_input(
    output: DatasetDir,
    settings: DataSettings,
    *,
    verdicts: Path | None = None,
    state: str = "finished",
    sampled: bool = False,
) -> Iterator[ReportInput]:
    """What a report on a data set is made from, as long as the context is open.

    `verdicts` is a folder with tables of other verdicts than those that lie in OUT. Raises
    UsageError if anything cannot be read.
    """
    lookup = output.lookup()
    if lookup is None:
        raise UsageError(
            f"{output.address} has no list of candidates yet; wait until it is complete."
        )
    labels = output.labels()
    output.targets()
    least = settings.min_seconds
    # Verdicts of earlier versions have no such columns.
    further = ("duplicate_of", "inherited") if settings.looks_for_duplicates else ()
    columns = (*_COLUMNS, *further)
    with open_verdicts(output, columns, min_seconds=least, folder=verdicts) as db:
        yield ReportInput(
            output=output,
            db=db,
            labels=labels,
            lookup=lookup,
            manifest=output.manifest(),
            settings=settings,
            state=state,
            sampled=sampled,
        )
