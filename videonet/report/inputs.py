"""What a report is made from: a data set, finished or not, opened for counting."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from videonet.dataset.verdict_db import VerdictDB, open_verdicts
from videonet.errors import UsageError
from videonet.schemas.label import Label
from videonet.schemas.manifest import Manifest
from videonet.schemas.run import Lookup, Plan
from videonet.schemas.target import Target
from videonet.storage.dataset_dir import DatasetDir

# What a report counts of each pair.
_COLUMNS = (
    *("file", "row", "chance", "step", "matched_names", "clips", "seconds", "side", "fps", "codec"),
    *("first_match", "best_probability", "seen", "seen_probability"),
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
    # by name, as in a manifest
    settings: Mapping[str, object]
    # as in `PageFacts`
    state: str
    sampled: bool

    @property
    def targets(self) -> tuple[Target, ...]:
        """The classes, in the order of the list."""
        return self.db.targets

    @property
    def per_class(self) -> int:
        """Most candidates that a class could have."""
        return int(str(self.settings["per_class"]))

    @property
    def is_rebuilt(self) -> bool:
        """Whether it was made from a lock file: nothing was searched for or classified."""
        # A setting that only newer manifests have.
        return self.settings.get("lock") is not None


def settings_of(plan: Plan) -> dict[str, object]:
    """The settings of a run that has no manifest yet, by name, without paths of this machine."""
    settings: dict[str, object] = plan.settings.to_row()
    del settings["files_root"], settings["classifier"]
    kind, _, place = plan.settings.source.partition(":")
    if Path(place).is_absolute():
        settings["source"] = kind
    return settings


@contextmanager
def open_input(
    output: DatasetDir,
    settings: Mapping[str, object],
    *,
    verdicts: Path | None = None,
    state: str = "finished",
    sampled: bool = False,
) -> Iterator[ReportInput]:
    """What a report on a data set is made from, as long as the context is open.

    `settings` are named as in a manifest; `verdicts` is a folder with tables of other verdicts than
    those that lie in OUT. Raises UsageError if anything cannot be read.
    """
    lookup = output.lookup()
    if lookup is None:
        raise UsageError(f"{output.root} has no list of candidates yet; wait until it is complete.")
    try:
        labels = output.labels()
        output.targets()
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(
            f"The classes or labels of {output.root} cannot be read ({error}); was it made by "
            "an older version? Run the same curation again."
        ) from error
    least = float(str(settings["min_seconds"]))
    with open_verdicts(output, _COLUMNS, min_seconds=least, folder=verdicts) as db:
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
