"""A pilot: a sample of the candidates goes through the steps of a run, over the run's own store.

STORE/plans/<key>.json    what it has seen; another plan that asks for the same begins with it
STORE/plans/<key>/        its own OUT, while it goes on: candidate list, sample, what that takes

What the sample's videos are, and the files of those that are kept, stay in the store as those of
any run do, so that the run pays for nothing twice. Its clips are deleted: they are in no data set.
"""

import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import apache_beam as beam
import msgspec

from videonet.curation.addresses import with_address
from videonet.curation.context import RunContext, open_context
from videonet.curation.evidence import load_records, records_of
from videonet.curation.listed import Listed, in_parts
from videonet.curation.progress import Progress
from videonet.errors import UsageError
from videonet.execution.execute import Graph, carry_out
from videonet.execution.finished import given_to
from videonet.execution.prepare import prepare
from videonet.execution.resume import data_settings, refuse_other_settings, refuse_wrong_inputs
from videonet.fetch.credentials import Credentials
from videonet.fetch.rate_limit import host_of
from videonet.planning.measured import Measured, measured
from videonet.planning.sample import Sketch, declared_of, mean_of, shared_out, strata_of
from videonet.planning.settled import Settled, settled
from videonet.schemas.candidate import Candidate
from videonet.schemas.pilot import Choice, ClassCount, KnownVideos, Observed, Pilot, Sampled
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.run import Lookup, Plan
from videonet.schemas.settings import CurateOptions, Keep, RunOptions
from videonet.stages.filters import DownloadFilterAndCut
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.locks import store_lock
from videonet.storage.places import absolute
from videonet.storage.scratch import scratch_at
from videonet.storage.store import Store
from videonet.storage.waiting_clips import forget_clips
from videonet.text import number

_PLANS = "plans"
_CHOICE = "choice.json"
_TOOK = "took.jsonl"

# What only says where a run works, and what a run over the store changes by itself.
_NOT_ASKED_FOR = ("store", "found")

Shown = Callable[[Progress], AbstractContextManager[object]]


def pilot_of(
    options: CurateOptions,
    run: RunOptions,
    credentials: Credentials,
    sample: int,
    listing: Graph,
    *,
    again: bool = False,
    say: Callable[[str], object],
    shown: Shown = lambda _: nullcontext(),
) -> Pilot:
    """What `sample` candidates have shown; they are looked at unless that was done before.

    `listing` is the graph that writes a candidate list. With `again`, and where a run asks searches
    again, the candidates are listed and sampled anew. `shown` shows the progress of what goes on.
    OUT is read, and not written.

    Raises UsageError for what `videonet curate` would refuse, and where the sample shows nothing.
    """
    if options.select is not None:
        raise UsageError(
            "--select neighbours takes the nearest of all videos, which a sample of them does not "
            "show; plan with a class list, or curate at once."
        )
    output = DatasetDir(absolute(run.out))
    refuse_other_settings(output, data_settings(options, credentials.options, output))
    store = Store(run.store, scratch=scratch_at(run.scratch, run.scratch_budget))
    key = _key(options, run, credentials, sample)
    done = None if again or run.refresh_search else _done(store, key)
    if done is not None:
        say("The pilot was made before: nothing is asked, and --again makes another one.")
        return done
    for note in refuse_wrong_inputs(options, run):
        say(note)
    work = store.root / _PLANS / key
    keep = Keep.KEPT if run.keep is Keep.NONE else run.keep
    own = msgspec.structs.replace(run, out=str(work), keep=keep)
    with store_lock(run.store):
        with DatasetDir(work).files.exclusive():
            pilot = _made(options, own, credentials, sample, listing, work, say, shown)
            store.write(f"{_PLANS}/{key}.json", pilot.to_json(), lasting=True)
        shutil.rmtree(work, ignore_errors=True)
    return pilot


def _key(options: CurateOptions, run: RunOptions, credentials: Credentials, sample: int) -> str:
    """A name of all that a pilot depends on."""
    given, _ = given_to(options, run, credentials)
    asked = {name: value for name, value in given.items() if name not in _NOT_ASKED_FOR}
    return hashlib.sha256(msgspec.json.encode([sorted(asked.items()), sample])).hexdigest()[:32]


def _done(store: Store, key: str) -> Pilot | None:
    data = store.read(f"{_PLANS}/{key}.json")
    try:
        return None if data is None else Pilot.from_json(data)
    except msgspec.DecodeError:
        # Damaged, or of another version: it is made again, of what the store knows.
        return None


def _made(
    options: CurateOptions,
    run: RunOptions,
    credentials: Credentials,
    sample: int,
    listing: Graph,
    work: Path,
    say: Callable[[str], object],
    shown: Shown,
) -> Pilot:
    plan = prepare(options, run, credentials, say=say)
    if not plan.listed:
        with open_context(plan, credentials) as context, shown(context.progress):
            carry_out(context, listing)
    with open_context(plan, credentials) as context:
        found = context.lookup
        assert found is not None, "the candidates are listed"
        if not found.candidates:
            shutil.rmtree(work, ignore_errors=True)
            raise UsageError(_why_none(found))
        choice = _choice(context, found, sample, work)
        candidates = _candidates(context, found, choice)
        say(_said(choice))
        context.progress = Measured(context, work / _TOOK)
        context.progress.listed(sum(len(each.matches) for each in candidates))
        if candidates:
            with shown(context.progress):
                carry_out(context, _graph(candidates))
        pilot = _seen(context, choice, candidates, work / _TOOK)
        _require_use(pilot, work)
        forget_clips(context.store, plan.run_id)
    context.store.forget_progress(plan.run_id)
    return pilot


def _choice(context: RunContext, found: Lookup, sample: int, work: Path) -> Choice:
    """Which candidates are looked at.

    An interrupted pilot goes on with those that it had chosen.
    """
    file = work / _CHOICE
    if file.exists():
        try:
            return Choice.from_json(file.read_bytes())
        except msgspec.DecodeError:
            # It is made again of the same list; what was looked at since is known then.
            file.unlink()
    declared = [0]

    def durations() -> Iterator[float | None]:
        for candidate in _listed(context, found):
            declared[0] += declared_of(candidate.video.duration) is not None
            yield candidate.video.duration

    mean = mean_of(durations())
    sketch: Sketch[Sampled] = Sketch(sample, mean)
    known: dict[str, Counter[str]] = {}
    for part, own in in_parts(context.store, _listed(context, found), found.candidates):
        for listed in context.with_known(part, own):
            candidate, state = listed.candidate, listed.known
            of = candidate.matches[0].target_id
            assert state is not None, "what is known was read"
            word = settled(context, candidate, records_of(context, state))
            if word is not None:
                known.setdefault(of, Counter()).update(_counted(word))
                continue
            drawn = Sampled(
                video_key=candidate.video_key,
                target_id=of,
                stratum="",
                chance=1.0,
                size=1.0,
                host="" if candidate.video.root is not None else host_of(candidate.video.url),
            )
            sketch.add(candidate.video_key, of, candidate.video.duration, drawn)
    strata = strata_of(shared_out(sketch.sizes, sample, sketch.candidates))
    choice = Choice(
        titles=found.titles,
        mean_duration=mean,
        declared=declared[0],
        classes=tuple(
            ClassCount(
                target_id=target_id,
                name=target.name,
                unknown=sketch.candidates.get(target_id, 0),
                size=sketch.sizes.get(target_id, 0.0),
                stratum=strata.get(target_id, ""),
                known=msgspec.convert(dict(known.get(target_id, {})), KnownVideos),
            )
            for target_id, target in context.targets.items()
            if target_id in sketch.candidates or target_id in known
        ),
        sampled=tuple(
            msgspec.structs.replace(
                each.item, stratum=each.stratum, chance=each.chance, size=each.size
            )
            for each in sketch.drawn()
        ),
    )
    context.output.files.write(_CHOICE, choice.to_json())
    return choice


def _counted(word: Settled) -> dict[str, float]:
    """What a known candidate adds to the counts of its class."""
    if not word.kept:
        return {"videos": 1}
    return {
        "videos": 1,
        "kept": 1,
        "seconds": word.seconds,
        "clips": word.clips,
        "bytes": word.bytes,
        "to_fetch": 0 if word.here else word.moved,
    }


def _listed(context: RunContext, found: Lookup) -> Iterator[Candidate]:
    for index in range(found.shards):
        yield from context.output.candidates(index, found.shards)


def _candidates(context: RunContext, found: Lookup, choice: Choice) -> list[Candidate]:
    """The sampled candidates, with the addresses that they are fetched from, in their order."""
    order = {each.video_key: place for place, each in enumerate(choice.sampled)}
    chosen = (each for each in _listed(context, found) if each.video_key in order)
    by_place = sorted(chosen, key=lambda each: order[each.video_key])
    return [with_address(each, context.store) for each in by_place]


def _graph(candidates: list[Candidate]) -> Graph:
    """The steps of a run, for these candidates alone."""

    def graph(pipeline: beam.Pipeline, plan: Plan) -> Any:
        listed = pipeline | "Sample" >> beam.Create(list(map(Listed, candidates)), reshuffle=False)
        return listed | "DownloadFilterAndCut" >> DownloadFilterAndCut(plan)

    return graph


def _seen(context: RunContext, choice: Choice, candidates: list[Candidate], took: Path) -> Pilot:
    """What the store knows of the sample now, and what that took."""
    by_key, times = {each.video_key: each for each in candidates}, measured(took)
    observed = []
    for each in choice.sampled:
        candidate = by_key[each.video_key]
        records = load_records(context, each.video_key)
        word = settled(context, candidate, records)
        clips = context.store.clips(each.video_key, context.cut_key, context.plan.run_id)
        own, fetched = times.get(each.video_key), records.fetch
        # Where a step broke down there is no record of that.
        failed = (fetched and fetched.reason) or Reason.INTERNAL
        observed.append(
            Observed(
                **msgspec.structs.asdict(each),
                kept=word.kept if word else False,
                reason=word.reason if word else failed,
                seconds=word.seconds if word else 0.0,
                moved=word.moved if word else 0,
                bytes=word.bytes if word else 0,
                clips=word.clips if word else 0,
                clip_bytes=(context.store.files.size(clips) or 0) if word and word.kept else 0,
                scanned=word.scanned if word else False,
                requests=own.requests if own else {},
                took=own.seconds if own else None,
            )
        )
    return Pilot(
        titles=choice.titles,
        mean_duration=choice.mean_duration,
        declared=choice.declared,
        classes=choice.classes,
        observed=tuple(observed),
        device=context.classifier.device,
    )


def _said(choice: Choice) -> str:
    known = sum(each.known.videos for each in choice.classes)
    unknown = sum(each.unknown for each in choice.classes)
    said = f"A pilot looks at {len(choice.sampled):,} of {number(unknown, 'candidate')}"
    if known:
        said += f"; {known:,} more are known already, and cost nothing"
    return f"{said}. What it downloads stays in the store."


def _why_none(found: Lookup) -> str:
    failed = sorted(
        {name.failed for search in found.searches for name in search.names if name.failed}
    )
    if failed:
        return (
            f"No candidate was found: searches failed ({', '.join(failed)}). The same command asks "
            "again what was not answered."
        )
    return (
        f"None of {number(found.titles, 'title')} names a class, so that there is nothing to plan; "
        "give other classes with --targets, or another --source."
    )


def _require_use(pilot: Pilot, work: Path) -> None:
    """Raise UsageError where a sample says nothing of the other candidates."""
    reasons = Counter(each.reason for each in pilot.observed if each.reason is not None)
    if without := reasons[Reason.DISK_FULL]:
        raise UsageError(
            f"The store had no room for {without} of {number(len(pilot.observed), 'sampled video')}"
            ": the disk is full, or --disk-budget is. Make room, or raise it; the same command "
            "goes on."
        )
    failed = {each: n for each, n in reasons.items() if each.outcome is Outcome.FAILED}
    others = any(each.known.kept for each in pilot.classes) and len(pilot.observed) == sum(
        each.unknown for each in pilot.classes
    )
    if pilot.observed and sum(failed.values()) == len(pilot.observed) and not others:
        commonest = max(failed, key=lambda reason: (failed[reason], reason))
        # The next pilot asks again what may pass, and others in the place of what is gone.
        shutil.rmtree(work, ignore_errors=True)
        raise UsageError(
            f"All {number(len(pilot.observed), 'sampled video')} failed, most of them "
            f"({failed[commonest]:,}) as {commonest}: {commonest.explanation}. {commonest.advice} "
            "No plan can be made of that; the same command tries again."
        )
