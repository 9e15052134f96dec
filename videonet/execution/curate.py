"""One curation from Python: what `videonet curate` does, with its options as keywords."""

import difflib
import logging
from pathlib import Path
from typing import Any

import msgspec

from videonet.curation.context import open_context
from videonet.dataset.finished_dataset import FinishedDataset, open_dataset
from videonet.errors import UsageError
from videonet.execution.execute import execute
from videonet.execution.finished import look_before, remember_given
from videonet.execution.prepare import prepare
from videonet.fetch.credentials import credentials_from
from videonet.fetch.options import options_of
from videonet.pipelines.curate import curate as graph
from videonet.schemas.option import options_from
from videonet.schemas.settings import AccessOptions, CurateOptions, RunOptions
from videonet.schemas.shown import printable
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.locks import store_lock
from videonet.storage.places import absolute

_LOG = logging.getLogger(__name__)

_GROUPS = (CurateOptions, RunOptions, AccessOptions)


def curate(
    targets: str | Path,
    source: str,
    *,
    store: str | Path,
    out: str | Path,
    **options: Any,
) -> FinishedDataset:
    """Build the data set OUT in this process, and open it.

    `targets` is "imagenet1k" or a class list, `source` such as "folder:DIR" or "catalogue:FILE".
    Further options are those of `videonet curate` by the names in docs/options.md: numbers are
    numbers, sizes are bytes, several values are a list. An interrupted run goes on; one that is
    finished, and was given the same, only tries again what failed.

    Raises UsageError for wrong input. A run in which videos failed is no error: see
    `FinishedDataset.verdicts`.

    >>> dataset = curate(
    ...     "classes.txt", "folder:videos", store="store", out="birds",
    ...     classifier="classifier.onnx", formats=["parquet"])
    >>> dataset.manifest.totals.candidates, len(dataset)
    (1, 0)
    """
    given = {"targets": str(targets), "source": source, "store": store, "out": out, **options}
    known = {name for group in _GROUPS for name in group.__struct_fields__}
    for name in sorted(set(given) - known):
        (near, *_) = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
        raise UsageError(f"There is no option {name!r}; did you mean {near!r}?")
    try:
        data, run = options_from(CurateOptions, given), options_from(RunOptions, given)
        access = options_from(AccessOptions, given)
    except msgspec.ValidationError as error:
        raise UsageError(f"An option has a value of another type: {error}.") from error
    credentials = credentials_from(access, options_of(access.yt_dlp_option))
    output = DatasetDir(absolute(run.out))
    with store_lock(run.store), output.files.exclusive():
        inputs, before = look_before(data, run, credentials)
        if before is None or not before.is_over:
            for note in inputs.notes:
                _LOG.info(printable(note))
            plan = prepare(data, run, credentials, same_list=before is not None)
            remember_given(output, inputs)
            with open_context(plan, credentials) as context:
                execute(context, graph)
    return open_dataset(run.out)
