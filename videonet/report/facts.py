"""All that a report says of a folder OUT, from its verdicts, its manifest and the store."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from videonet.errors import UsageError
from videonet.report.advice import names_to_drop, thin_classes, top_failures
from videonet.report.confusions import confusions
from videonet.report.costs import costs
from videonet.report.duplicates import clusters
from videonet.report.failures import failures
from videonet.report.funnel import class_rows, ordered, whole_funnel
from videonet.report.histograms import histograms
from videonet.report.inputs import ReportInput, open_input, settings_of
from videonet.report.names import name_yield
from videonet.report.page.content import PageFacts
from videonet.report.pictures import pictures
from videonet.report.settings import last_run, settings
from videonet.report.sizes import sizes_of, summary_of
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store, store_at_hand
from videonet.video.clips import DATASET


def facts_of(out: Path | str, store: Path | str | None) -> PageFacts:
    """All that the page says of OUT, finished or not.

    `store` is where the store of the run is; None: where the run had it, if it is still there.
    Raises UsageError where there is nothing to say yet, or something cannot be read.
    """
    if isinstance(out, Path) and not out.is_dir():
        raise UsageError(f"{out} is no folder; give the --out of `videonet curate`.")
    output = DatasetDir(out)
    if isinstance(store, Path) and not store.is_dir():
        raise UsageError(f"There is no store {store}; give the folder that the run had.")
    at_hand = Store(store) if store is not None else store_at_hand(store_of(out, None))
    with opened(output, at_hand) as given:
        return _facts(given, at_hand)


def store_of(out: Path | str, given: Path | str | None) -> Path | str | None:
    """Where the store of the run over OUT should be: as given, else where the run had it.

    None: neither says. The folder may be missing.
    """
    plan = DatasetDir(out).plan()
    return given or (plan.store if plan else None)


@contextmanager
def opened(output: DatasetDir, store: Store | None) -> Iterator[ReportInput]:
    """A finished data set, or one in the making as far as it is known, opened for counting.

    Raises UsageError where there is neither.
    """
    manifest, plan = output.manifest(), output.plan()
    if manifest is not None:
        with open_input(output, manifest.settings) as given:
            yield given
    elif plan is not None:
        # It brings all that a run is made of, 160 MB, which a finished one does not need.
        from videonet.report.provisional import provisional

        with tempfile.TemporaryDirectory(prefix="videonet-report-") as folder:
            known = provisional(output, store, Path(folder))
            with open_input(
                output,
                settings_of(plan),
                verdicts=known.verdicts,
                state=known.state,
                sampled=known.sampled,
            ) as given:
                yield given
    else:
        raise UsageError(
            f"{output.address} holds no data set, no run and no training; give the --out of "
            "`videonet curate` or of `videonet train`."
        )


def _facts(given: ReportInput, store: Store | None) -> PageFacts:
    output, manifest = given.output, given.manifest
    plan = output.plan()
    rows = class_rows(given)
    without_titles = given.is_rebuilt or given.selects_neighbours
    funnel = whole_funnel(rows, None if without_titles else given.lookup.titles)
    names = name_yield(given)
    seen_instead = confusions(given)
    failed = failures(given, rows)
    sizes = sizes_of(given, rows)
    thinnest = thin_classes(given, rows, seen_instead.commonest)
    shown = pictures(given, store)
    return PageFacts(
        dataset=manifest.dataset if manifest else DATASET,
        summary=summary_of(given, sizes),
        neighbours=given.selects_neighbours,
        state=given.state,
        sampled=given.sampled,
        last_run=last_run(output),
        sizes=sizes,
        funnel=funnel,
        rejected=ordered(sum((Counter(row.rejected) for row in rows), Counter())),
        failed={each.reason: each.pairs for each in failed},
        thin=thinnest.advice,
        thin_classes=thinnest.classes,
        drop=names_to_drop(given, names, funnel.kept),
        chase=top_failures(failed, funnel.candidates),
        classes=rows,
        names=tuple(each.row for each in names) if not given.selects_neighbours else (),
        confusions=seen_instead.shown,
        confusions_left_out=seen_instead.left_out,
        duplicates=clusters(given, store),
        histograms=histograms(given, rows),
        kept_pictures=shown.kept,
        rejected_pictures=shown.rejected,
        pictures_note=shown.note,
        failures=failed,
        costs=costs(given.output, store, plan),
        settings=settings(given),
    )
