"""What was asked for becomes the plan of a run: all checks, before any work is done."""

import hashlib
import logging
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from videonet.classifier.download import DEFAULT
from videonet.classifier.model import Classifier
from videonet.classifier.neighbours import Neighbours
from videonet.classifier.shared import shared_classifier
from videonet.curation.scan import earlier_scan_keys, scan_key
from videonet.errors import UsageError
from videonet.execution.beside_job import refuse_beside_job
from videonet.execution.neighbours import images_of, model_of
from videonet.execution.older_list import drop_list_with_secrets
from videonet.execution.open_neighbours import (
    neighbours_of,
    refuse_evaluation_images,
    titles_of,
)
from videonet.execution.parts import wait_for_parts
from videonet.execution.resume import (
    data_settings,
    join_run,
    require_apart,
    resume_or_start,
)
from videonet.execution.runner import engine_of
from videonet.fetch.allowed_hosts import allowed_hosts
from videonet.fetch.credentials import NO_CREDENTIALS, Credentials
from videonet.fetch.credentials_file import FILE_VARIABLE
from videonet.fetch.disk_limit import checked_limit
from videonet.fetch.ytdlp import check_yt_dlp
from videonet.schemas.record import shared_fields
from videonet.schemas.run import Part, Plan, Settings
from videonet.schemas.selection import CHANGEABLE
from videonet.schemas.settings import CurateOptions, RunOptions
from videonet.schemas.target import LeftOutClasses, Target
from videonet.selection.exclusion import exclusion_files, reference_folders, resolve_exclusion
from videonet.selection.reference import load_reference, resolve_reference
from videonet.sources.former_keys import find_former_keys
from videonet.sources.search import search_plan
from videonet.sources.source_spec import searched_site
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.places import absolute, is_remote
from videonet.storage.scratch import scratch_at
from videonet.storage.store import Store
from videonet.storage.take_over import take_over
from videonet.targets.resolve import resolve_class_list
from videonet.video.decoder import shared_decoder

_LOG = logging.getLogger(__name__)


def prepare(
    options: CurateOptions,
    run: RunOptions,
    credentials: Credentials = NO_CREDENTIALS,
    beam_options: Sequence[str] = (),
    *,
    same_list: bool = False,
    part: Part | None = None,
    say: Callable[[str], object] = _LOG.info,
) -> Plan:
    """Check what was asked for, and lay OUT and the store ready. Raises UsageError.

    That the source can be read was checked before, by `videonet.execution.finished.look_before`.
    With `same_list`, a run after a finished one takes its candidate list. With a `part` of a list
    that is there, OUT is left as it is. `say` is given sentences about what this takes time for.
    """
    engine = engine_of(beam_options)
    local, processes = engine.local, engine.processes
    here = local or bool(processes)
    data = data_settings(options, credentials.options, DatasetDir(absolute(run.out)))
    # Elsewhere, the machines that scan open it on their GPU, and this one only looks at it.
    output = DatasetDir(absolute(run.out))
    opened_on = run.device if here else "cpu"
    images = images_of(options)
    classifier: Classifier | Neighbours
    left_out: tuple[LeftOutClasses, ...] = ()
    if images is None:
        classifier = shared_classifier(options.classifier, opened_on)
        class_list = resolve_class_list(str(options.targets), classifier.labels)
        targets = class_list.targets
        titles: tuple[Target, ...] = ()
        if class_list.left_out:
            say(class_list.said_of_left_out)
            left_out = class_list.account_of_left_out
    else:
        classifier = neighbours_of(options, images, opened_on, output, say)
        targets, titles = classifier.targets, titles_of(options)
    device = classifier.device if here or run.device == "auto" else run.device
    kind, _, place = options.source.partition(":")
    store = prepared_store(run, credentials, Path(place) if kind == "folder" else None, local=local)
    excluded = resolve_exclusion(exclusion_files(options.exclude), store, say)
    excluded_like = None
    if folders := reference_folders(options.exclude_like):
        excluded_like = resolve_reference(folders, store, shared_decoder(), say)
    if images is not None and excluded_like is not None:
        refuse_evaluation_images(images, load_reference(store, excluded_like))
    settings = Settings(
        **data,
        left_out=left_out,
        excluded=excluded,
        targets=_digest((*targets, *titles)),
        excluded_like=excluded_like,
        classifier=classifier.card,
        scan_key=scan_key(classifier, options.frames),
        neighbours=classifier.centres.images if isinstance(classifier, Neighbours) else None,
    )
    if part is None:
        refuse_beside_job(output, store)
        if isinstance(classifier, Classifier):
            earlier = earlier_scan_keys(classifier, options.frames)
            _take_up_of_earlier_version(output, settings, earlier)
        wait_for_parts(output, store, say)
    plan = make_plan(
        # Other machines of the run are to decide as this one does.
        msgspec.structs.replace(run, device=device),
        settings,
        store,
        # As other machines find it, too; each has a place of its own for the default one.
        classifier=(
            model_of(options)
            if is_remote(model_of(options)) or (model_of(options) == DEFAULT and not here)
            else str(classifier.path.absolute())
        ),
        local=local,
        processes=processes,
        same_list=same_list,
        part=part,
    )
    if part is not None:
        return plan
    take_over(store, say)
    # From here on as the run itself: another command may take OUT up.
    output = DatasetDir(plan.out, of=plan)
    output.write_targets(targets)
    output.write_labels(classifier.labels)
    if isinstance(classifier, Neighbours):
        output.write_centres(classifier.centres)
        output.write_titles(titles)
    site = searched_site(options.source)
    if site is not None and not plan.listed:
        searched = search_plan(titles or targets, data["modifiers"], site.prefix)
        say(searched.said(run.requests_per_second))
    return plan


def _take_up_of_earlier_version(
    output: DatasetDir, settings: Settings, scan_keys: Collection[str]
) -> None:
    """Let an interrupted run go on whose scans are of an earlier version: they are made again.

    `scan_keys` are those of earlier versions. A finished data set stays what it is.
    """
    state = output.run_state()
    if state is None or output.manifest() is not None or state.settings.scan_key not in scan_keys:
        return
    changes = {name: getattr(settings, name) for name in ("scan_key", *CHANGEABLE)}
    if msgspec.structs.replace(state.settings, **changes) == settings:
        output.write_run_state(msgspec.structs.replace(state, settings=settings))


def prepared_store(
    run: RunOptions, credentials: Credentials, videos: Path | None, *, local: bool
) -> Store:
    """The store of a run, ready, when its folders and its credentials are. Raises UsageError.

    `videos` is the folder of local files, if the run reads one.
    """
    require_apart(run, videos)
    allowed_hosts(run.allow_private_hosts)
    check_yt_dlp()
    _check_credentials(credentials, local)
    store = Store(run.store, scratch=scratch_at(run.scratch, run.scratch_budget))
    store.prepare()
    find_former_keys(store)
    return store


def make_plan(
    run: RunOptions,
    settings: Settings,
    store: Store,
    *,
    classifier: str = "",
    local: bool = True,
    processes: int = 0,
    same_list: bool = False,
    part: Part | None = None,
) -> Plan:
    """The plan of a run that OUT was taken up for. Raises UsageError, without a trace in OUT.

    With a `part`, it is that of a run which another command took OUT up for.

    `classifier` is the path of its file; "" where nothing is to be classified. So many `processes`
    of this machine share what is given for all of them; 0: there is but one, or it is not known how
    many there will be. `same_list`: see `prepare`.
    """
    # With a store in a bucket, each machine has a disk of its own for what is in hand.
    here = local or processes or store.is_folder
    budget = checked_limit(store, run.disk_budget) if here else run.disk_budget
    if processes > 1 and part is None:
        # Parts have machines of their own.
        run = _share_of(run, processes)
    output = DatasetDir(absolute(run.out))
    if part is None:
        drop_list_with_secrets(output, settings)
        state = resume_or_start(output, settings, same_list=same_list)
        number = output.fence.take_up(state.run_id)
    else:
        state, number = join_run(output, settings)
    lookup = output.lookup()
    # Scans take turns with downloads, unless they need machines that are too dear to wait.
    together = local or run.device != "cuda" or settings.selects_neighbours
    form: Literal["together", "apart"] = "together" if together else "apart"
    resolved = {"store": store.location, "out": output.address, "disk_budget": budget}
    return Plan(
        **shared_fields(run, RunOptions) | resolved,
        settings=settings,
        run_id=state.run_id,
        classifier=classifier,
        shards=lookup.shards if lookup else state.shards,
        listed=lookup is not None,
        local=local,
        form=form,
        number=number,
        alone=local and part is None,
        part=part,
    )


def _share_of(run: RunOptions, processes: int) -> RunOptions:
    """What one of several processes may do of what a user allows all of them. Raises UsageError.

    What all may ask of a host, they share while they ask: see `videonet.fetch.lanes`.
    """
    if run.downloads < processes:
        raise UsageError(
            f"{processes} processes (--direct_num_workers) cannot share --downloads "
            f"{run.downloads}: start fewer, or raise it."
        )
    return msgspec.structs.replace(
        run,
        workers=max(1, run.workers // processes),
        downloads=run.downloads // processes,
    )


def _check_credentials(credentials: Credentials, local: bool) -> None:
    """Raise UsageError for what cannot be used, or cannot be handed over without a leak."""
    if credentials != NO_CREDENTIALS and not local:
        raise UsageError(
            "Cookies, proxies and options for yt-dlp may hold secrets, which no job graph should "
            "carry; put them into a TOML file on the workers, an object of a bucket or a secret of "
            f"Google's Secret Manager, and its name into {FILE_VARIABLE} there."
        )
    credentials.check()


def _digest(targets: Sequence[Target]) -> str:
    return hashlib.sha256(msgspec.json.encode(targets)).hexdigest()
