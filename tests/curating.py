"""A whole run in this process, and what it leaves behind, as the tests of the job look at it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from demo.train_classifier import MODEL
from demo.world import World
from tests.local import LOCAL
from tests.once import made_once
from tests.patience import PATIENCE
from videonet.classifier.shared import shared_classifier
from videonet.curation.context import open_context
from videonet.execution.execute import execute
from videonet.execution.prepare import prepare
from videonet.fetch.credentials import NO_CREDENTIALS
from videonet.pipelines.curate import curate as graph
from videonet.schemas.manifest import Manifest
from videonet.schemas.option import options_from
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.settings import CurateOptions, RunOptions
from videonet.schemas.verdict import Verdict
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.locks import exclusive_lock

# Videos of the demo's world: kept ones, with one clip and with several, and one of exactly ten
# seconds; rejected ones; and two that fail.
FEW = (
    *("valley", "meadow", "ten", "both", "either"),
    *("wait", "brief", "best", "official"),
    *("plans", "members"),
)


def few_of(catalogue: Path, folder: Path) -> Path:
    """A catalogue in `folder` with the rows of FEW."""
    chosen = folder / "few.csv"
    rows = catalogue.read_text().splitlines(keepends=True)
    chosen.write_text("".join(row for row in rows if row.partition(",")[0] in ("id", *FEW)))
    return chosen


@dataclass(frozen=True)
class WholeJob:
    """A finished run over the demo's world: to be read only."""

    folder: Path

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def store(self) -> Path:
        return self.folder / "store"

    def bytes_sent(self, path: str) -> list[int]:
        """Bytes of body of each answer of the server to a request for that file."""
        requests = json.loads((self.folder / "requests.json").read_text())
        return [sent for asked, sent in requests if asked == path]


def whole_job_once(temporary: Path, world: World) -> WholeJob:
    """A run over the demo's world, made once a session.

    `temporary` is pytest's folder of this session.
    """

    def make(folder: Path) -> None:
        with world.serve() as server:
            curate(f"catalogue:{world.catalogue}", world.classes, folder)
            requests = [(each.path, each.bytes_sent) for each in server.requests()]
        (folder / "requests.json").write_text(json.dumps(requests))

    return WholeJob(made_once(temporary, "whole_job", make))


def curate(source: str, targets: Path | str, folder: Path, **options: Any) -> Manifest:
    """Run `videonet curate` with OUT `folder/out`, the store beside it, and the demo's model.

    `form` is the graph's: see `Plan.form`. `beam_options` are as typed behind `--`.
    """
    given = {
        "store": folder / "store",
        "out": folder / "out",
        "classifier": str(MODEL),
        "workers": 2,
        "deadline": PATIENCE,
        "requests_per_second": 10_000.0,
        "per_host": 8,
        "allow_private_hosts": LOCAL,
    }
    values = {**given, **options, "source": source, "targets": targets}
    credentials = values.pop("credentials", NO_CREDENTIALS)
    form = values.pop("form", "together")
    beam_options = values.pop("beam_options", ())
    asked, run = options_of(values)
    with exclusive_lock(Path(run.store), Path(run.out)):
        plan = prepare(asked, run, credentials, beam_options)
        plan = msgspec.structs.replace(plan, form=form)
        with open_context(plan, credentials) as context:
            manifest = execute(context, graph, beam_options)
    assert manifest is not None
    return manifest


def options_of(values: Mapping[str, Any]) -> tuple[CurateOptions, RunOptions]:
    """What is asked for with these values, by the names of the options."""
    known = {*CurateOptions.__struct_fields__, *RunOptions.__struct_fields__}
    assert known.issuperset(values)
    return options_from(CurateOptions, values), options_from(RunOptions, values)


def verdicts_of(out: Path) -> list[Verdict]:
    """All verdicts in OUT."""
    output = DatasetDir(out)
    lookup = output.lookup()
    assert lookup is not None
    return [row for index in range(lookup.shards) for row in output.verdicts(index, lookup.shards)]


def outcomes_of(out: Path) -> dict[tuple[str, str], tuple[Outcome, Reason | None]]:
    """Outcome and reason by video id and target; fails if a pair has two verdicts."""
    verdicts = verdicts_of(out)
    outcomes = {
        (each.video.video_id, each.target_id): (each.outcome, each.reason) for each in verdicts
    }
    assert len(outcomes) == len(verdicts)
    return outcomes


def bytes_of(out: Path) -> dict[str, str]:
    """The sha256 of every file of the data set, and of its manifest, by path below OUT."""
    files = [
        *(file for file in (out / "clips").rglob("*") if file.is_file()),
        out / "manifest.json",
    ]
    return {
        str(file.relative_to(out)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(files)
    }


def frames_classified() -> int:
    """How many frames the demo's classifier has seen in this process."""
    return shared_classifier(str(MODEL), "cpu").frames_classified
