"""All that a report says of a folder OUT, from its verdicts, its manifest and the store."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from videonet.errors import UsageError
from videonet.report.advice import names_to_drop, thin_classes, top_failures
from videonet.report.confusions import confusions
from videonet.report.costs import costs
from videonet.report.failures import failures
from videonet.report.funnel import class_rows, ordered, whole_funnel
from videonet.report.histograms import histograms, shard_sizes
from videonet.report.inputs import ReportInput, open_input, settings_of
from videonet.report.names import name_yield
from videonet.report.page.content import ClassRow, Funnel, PageFacts, Setting
from videonet.report.pictures import pictures
from videonet.schemas.manifest import ClassifierCard
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store
from videonet.text import file_size, number, number_of
from videonet.video.clips import DATASET


def facts_of(out: Path, store: Path | None) -> PageFacts:
    """All that the page says of OUT, finished or not.

    `store` is where the store of the run is; None: where the run had it, if it is still there.
    Raises UsageError where there is nothing to say yet, or something cannot be read.
    """
    if not out.is_dir():
        raise UsageError(f"{out} is no folder; give the --out of `videonet curate`.")
    output = DatasetDir(out)
    if store is not None and not store.is_dir():
        raise UsageError(f"There is no store {store}; give the folder that the run had.")
    place = store_of(out, store)
    at_hand = Store(place) if place and place.is_dir() else None
    with _open(output, at_hand) as given:
        return _facts(given, at_hand)


def store_of(out: Path, given: Path | None) -> Path | None:
    """Where the store of the run over OUT should be: as given, else where the run had it.

    None: neither says. The folder may be missing.
    """
    plan = DatasetDir(out).plan()
    return given or (Path(plan.store) if plan else None)


@contextmanager
def _open(output: DatasetDir, store: Store | None) -> Iterator[ReportInput]:
    """A finished data set, or one in the making as far as it is known, opened for counting."""
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
                verdicts=known.verdict_folder,
                state=known.state,
                sampled=known.sampled,
            ) as given:
                yield given
    else:
        raise UsageError(
            f"{output.root} holds no data set and no run; give the --out of `videonet curate`."
        )


def _facts(given: ReportInput, store: Store | None) -> PageFacts:
    output, manifest = given.output, given.manifest
    plan = output.plan()
    rows = class_rows(given)
    funnel = whole_funnel(rows, None if given.is_rebuilt else given.lookup.titles)
    names = name_yield(given)
    seen_instead = confusions(given)
    failed = failures(given, rows)
    videos = _videos(given)
    thinnest = thin_classes(given, rows, seen_instead.commonest)
    clip_bytes = sum(shard_sizes(given))
    shown = pictures(given, store)
    return PageFacts(
        dataset=manifest.dataset if manifest else DATASET,
        summary=_summary(rows, funnel, videos, clip_bytes),
        state=given.state,
        sampled=given.sampled,
        videos=videos.candidates,
        kept_videos=videos.kept,
        clip_bytes=clip_bytes,
        funnel=funnel,
        rejected=ordered(sum((Counter(row.rejected) for row in rows), Counter())),
        failed={each.reason: each.pairs for each in failed},
        thin=thinnest.advice,
        thin_classes=thinnest.classes,
        drop=names_to_drop(given, names, funnel.kept),
        chase=top_failures(failed, funnel.candidates),
        classes=rows,
        names=tuple(each.row for each in names),
        confusions=seen_instead.shown,
        confusions_left_out=seen_instead.left_out,
        histograms=histograms(given, rows),
        kept_pictures=shown.kept,
        rejected_pictures=shown.rejected,
        pictures_note=shown.note,
        failures=failed,
        costs=costs(given.output, store, plan),
        settings=_settings(given),
    )


class _Videos(NamedTuple):
    """Each video counted once, for however many classes it is a candidate."""

    candidates: int
    kept: int
    # of the kept ones
    clips: int


def _videos(given: ReportInput) -> _Videos:
    """Distinct videos and their clips, as a manifest has counted them once and for all."""
    if given.manifest is not None:
        totals = given.manifest.totals
        return _Videos(totals.candidates, totals.kept_videos, totals.clips)
    ((candidates,),) = given.db.rows("select count(*) from candidates")
    ((kept, clips),) = given.db.rows("select count(*), coalesce(sum(clips), 0)::bigint from kept")
    return _Videos(candidates, kept, clips)


def _summary(rows: Sequence[ClassRow], funnel: Funnel, videos: _Videos, clip_bytes: int) -> str:
    if not funnel.candidates:
        if funnel.titles is None:
            return "There are no candidates: the lock file names no video."
        return f"There are no candidates: {number(funnel.titles, 'title')} looked at."
    begin = f"{funnel.kept:,} of {number(funnel.candidates, 'candidate')}"
    if not funnel.kept:
        return f"None of {number(funnel.candidates, 'candidate')} was kept."
    with_kept = sum(row.funnel.kept > 0 for row in rows)
    classes = number_of(with_kept, len(rows), "class", "classes")
    shards = f", {file_size(clip_bytes)}" if clip_bytes else ""
    return (
        f"{begin} were kept: {number(videos.kept, 'video')} in {classes}, "
        f"{number(videos.clips, 'clip')}{shards}."
    )


def _settings(given: ReportInput) -> tuple[Setting, ...]:
    """What the data set was made with: settings, classifier and versions."""
    manifest, plan = given.manifest, given.output.plan()
    card = manifest.classifier if manifest else plan.settings.classifier if plan else None
    values: dict[str, object] = {
        **given.settings.by_name(),
        **(_classifier(card) if card else {}),
        **(manifest.versions if manifest else {}),
    }
    return tuple(Setting(name=name, value=_text(value)) for name, value in values.items())


def _classifier(card: ClassifierCard) -> dict[str, object]:
    return {
        "classifier": card.name,
        "classifier sha256": card.sha256,
        "classifier input": " x ".join(map(str, card.input_size)),
        "classifier outputs": card.outputs,
    }


def _text(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value)
