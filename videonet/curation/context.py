"""What the steps of a run share within one process: the store, the classifier, the disk budget."""

import hashlib
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import fields
from functools import cached_property

import msgspec
from cachetools import LRUCache

from videonet.classifier.model import Classifier
from videonet.classifier.neighbours import Neighbours, embedding_key
from videonet.classifier.shared import shared_classifier, shared_embedding
from videonet.curation.addresses import with_address
from videonet.curation.first_refusals import FirstRefusals
from videonet.curation.in_hand import InHand
from videonet.curation.listed import Listed, with_known
from videonet.curation.progress import Progress
from videonet.curation.verdict import Limits
from videonet.errors import MachineError, UsageError, machine_error
from videonet.fetch.allowed_hosts import allowed_hosts
from videonet.fetch.credentials import NO_CREDENTIALS, Credentials
from videonet.fetch.credentials_file import credentials_here
from videonet.fetch.disk_budget import DiskBudget
from videonet.fetch.disk_limit import usual_limit
from videonet.fetch.host_state import Pace
from videonet.fetch.limits import FetchLimits
from videonet.fetch.web import Web
from videonet.schemas.candidate import Candidate
from videonet.schemas.decode_limits import DecodeLimits
from videonet.schemas.run import Lookup, Plan, ShardState
from videonet.selection.exclusion import Excluded, load_exclusion
from videonet.selection.likeness import LIKENESS_VERSION
from videonet.selection.reference import Reference, load_reference
from videonet.selection.stored_hashes import ClipPlaces
from videonet.shards.layout import shard_of
from videonet.sources.outage import Outage
from videonet.sources.video_key import keys_of
from videonet.stop_signal import StopSignal
from videonet.storage.claims import Claims
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.disk_ledger import SharedLedger
from videonet.storage.fence import OvertakenError
from videonet.storage.handed_on import HandedOn
from videonet.storage.scratch import scratch_at
from videonet.storage.store import Store
from videonet.video.clips import ClipSettings
from videonet.video.decoder import Decoder
from videonet.video.frame_hash import HASH_VERSION

# Shards whose states are kept: candidates that follow each other are of few shards.
_STATES = 64

# Of the runs that go on in this process, by plan: two of them share nothing. Stages find their
# run's here, since Beam hands them copies of the plan and nothing else.
_contexts: dict[Plan, "RunContext"] = {}
_lock = threading.Lock()


class NotClaimed(BaseException):
    """A video is to be worked on, and this run has not taken it in hand yet.

    No Exception, so that nothing takes it for a failure and records it.
    """


class ReadContext:
    """What verdicts are made of: a run's records, and its rules. To be read only."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        scratch = scratch_at(plan.scratch, plan.scratch_budget)
        self.scratch = scratch
        self.store = Store(plan.store, scratch=scratch)
        self.output = DatasetDir(plan.out, scratch, of=plan)
        settings = plan.settings
        self.verdict_limits = Limits(
            settings.min_seconds,
            settings.max_bytes,
            settings.licence,
            settings,
            neighbours=settings.selects_neighbours,
            # What a lock file asks for was compared, or not, where it was made.
            compares=settings.excluded_like is not None and settings.lock is None,
        )
        self.clip_settings = ClipSettings(
            **{each.name: getattr(settings, each.name) for each in fields(ClipSettings)}
        )
        self.cut_key = self.clip_settings.key
        self.decode_limits = DecodeLimits(
            memory=settings.decode_memory, seconds=settings.decode_seconds
        )
        # by id, in the order of the run's list
        self.targets = {target.target_id: target for target in self.output.targets()}
        # likewise, whose titles are looked for; none where all videos are candidates
        self.looked_for = (
            {target.target_id: target for target in self.output.titles()}
            if settings.selects_neighbours
            else self.targets
        )
        # keys of videos that were withdrawn from this store or this data set
        self.withdrawn = {
            each.video_key for each in (*self.store.withdrawals(), *self.output.withdrawals())
        }
        self.allowed_hosts = allowed_hosts(plan.allow_private_hosts)
        self._lookup: Lookup | None = None
        # by index, of the shards that were asked for last: each names all its videos
        self._states: LRUCache[int, ShardState | None] = LRUCache(_STATES)
        self._states_lock = threading.Lock()
        self._reference: Reference | None = None
        self._reference_lock = threading.Lock()
        # by path of a shard's first file, whether one of its files can be read
        self._readable: dict[str, bool] = {}

    @property
    def lookup(self) -> Lookup | None:
        """What looking for titles brought; None: the candidate list is not complete yet.

        It is read until it is there, and then no more.
        """
        self._lookup = self._lookup or self.output.lookup()
        return self._lookup

    def candidates(self, index: int, shards: int) -> Iterator[Candidate]:
        """The listed candidates of a shard, with the addresses that they are fetched from.

        Raises UsageError for a table that is damaged, or not there.
        """
        for candidate in self.output.candidates(index, shards):
            yield with_address(candidate, self.store)

    def with_known(self, part: str, candidates: Iterable[Candidate]) -> Iterator[Listed]:
        """Listed candidates as they are fetched: with their addresses and what is known of them.

        See `videonet.curation.listed.with_known`.
        """
        for each in with_known(self.store, part, candidates):
            yield each._replace(candidate=with_address(each.candidate, self.store))

    def is_withdrawn(self, candidate: Candidate) -> bool:
        """Whether somebody asked for a video to be taken out, under whichever of its keys."""
        if not self.withdrawn:
            return False
        keys = {candidate.video_key, *self.store.former_keys(candidate.video_key)}
        if candidate.video.root is None:
            keys.update(keys_of(candidate.video.url))
        return not self.withdrawn.isdisjoint(keys)

    def excluded_by(self, candidate: Candidate) -> str | None:
        """By what a list of --exclude has a video, or its channel; None: none has.

        What a lock file asks for was excluded, or not, where it was made.
        """
        if candidate.sha256 is not None or self._excluded is None:
            return None
        return self._excluded.named_by(candidate, self.store.former_keys(candidate.video_key))

    @cached_property
    def likeness_key(self) -> str | None:
        """Name under which the store keeps what comparing clips has found; None: none are."""
        if not self.verdict_limits.compares:
            return None
        said = self.plan.settings.excluded_like
        depends = [said and said.sha256, self.cut_key, HASH_VERSION, LIKENESS_VERSION]
        return hashlib.sha256(msgspec.json.encode(depends)).hexdigest()[:32]

    @property
    def reference(self) -> Reference:
        """The evaluation set that clips are compared with. Raises UsageError if it is not here."""
        said = self.plan.settings.excluded_like
        assert said is not None, "nothing is compared"
        with self._reference_lock:
            self._reference = self._reference or load_reference(self.store, said)
            return self._reference

    @property
    def clip_places(self) -> ClipPlaces:
        """Where the clips of the run's videos are."""
        shards = self.lookup.shards if self.lookup else None
        return ClipPlaces(self.store, self.output, self.cut_key, self.plan.run_id, shards)

    @cached_property
    def _excluded(self) -> Excluded | None:
        excluded = self.plan.settings.excluded
        return None if excluded is None else load_exclusion(self.store, excluded)

    def look_for_withdrawal(self, video_key: str) -> None:
        """Learn whether somebody has withdrawn a video since the run was begun."""
        if self.store.is_withdrawn(video_key):
            self.withdrawn.add(video_key)

    def require_not_withdrawn(self, kept: Iterable[str]) -> None:
        """Raise UsageError if any of these videos was withdrawn since this run looked at it."""
        withdrawn = self.store.withdrawn_among(kept)
        if withdrawn:
            raise UsageError(
                f"{len(withdrawn)} videos that this run has kept were withdrawn meanwhile, such as "
                f"{withdrawn[0]}; the same command goes on, and leaves them out."
            )

    def is_in_shard(self, video_key: str, sha256: str) -> bool:
        """Whether an earlier run over OUT has put the clips of this content into their shard."""
        lookup = self.lookup
        if lookup is None:
            return False
        shard = self._shard_state(shard_of(video_key, lookup.shards))
        if shard is None or shard.cut_key != self.cut_key:
            return False
        return shard.videos.get(video_key) == sha256 and self._is_readable(shard)

    def _shard_state(self, index: int) -> ShardState | None:
        """What a shard was made of when this run began: it is asked for each of its videos."""
        with self._states_lock:
            if index not in self._states:
                self._states[index] = self.output.shard_state(index)
            return self._states[index]

    def _is_readable(self, shard: ShardState) -> bool:
        """Whether a file of a shard is as it was written. It is looked at once a run."""
        name = shard.files[0].path
        if name not in self._readable:
            self._readable[name] = self.output.has_any(shard)
        return self._readable[name]


class RunContext(ReadContext):
    """The tools of one run in one process, shared by all its threads."""

    def __init__(self, plan: Plan, credentials: Credentials = NO_CREDENTIALS) -> None:
        super().__init__(plan)
        if not plan.local and not self.store.is_folder:
            # Each machine of a run has files of its own.
            self.store.prepare()
        settings = plan.settings
        # set when this run is to end
        self.stop = StopSignal()
        self.fetch_limits = FetchLimits(
            max_bytes=settings.max_bytes,
            max_page_bytes=settings.max_page_bytes,
            max_pages_bytes=settings.max_pages_bytes,
            decode_memory=settings.decode_memory,
            decode_seconds=settings.decode_seconds,
            deadline=plan.deadline,
            min_seconds=settings.min_seconds,
            licence=settings.licence,
        )
        # A host that refuses is left alone for as long as 25 requests would have taken: 5 s at
        # the usual pace.
        pause = 25 / plan.requests_per_second
        pace = Pace(plan.requests_per_second, plan.per_host, pause=pause)
        self.web = Web(
            pace,
            credentials_here(credentials),
            plan.downloads,
            stop=self.stop,
            allowed_hosts=self.allowed_hosts,
            shared=None if plan.alone else self.store.objects,
            captions=settings.captions,
        )
        self.first_refusals = FirstRefusals(plan.run_id)
        self.in_hand = InHand(self.output.in_hand)
        # which videos no other run is to work on meanwhile
        self.claims = Claims(self.store.objects, stop=self.stop)
        # what stages on machines of their own hand on to each other; None: they share files
        self.handed_on = (
            HandedOn(self.store, self.scratch, plan.run_id)
            if plan.form == "apart" and not self.store.is_folder
            else None
        )
        self.decoder = Decoder(self.decode_limits, look=self.stop.check)
        # What takes the processor does so here: so many at once, for all threads.
        self.computing = threading.Semaphore(plan.workers)
        limit = plan.disk_budget
        if limit is None:
            limit = usual_limit(self.store)
        self.budget = DiskBudget(limit, ledger=SharedLedger(self.store.root), stop=self.stop)
        self.search_outage = Outage()
        # what this run ends with; None: it goes on
        self.complaint: UsageError | None = None
        closed = self.web.rate_limiter.closed_hosts
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._pools_lock = threading.Lock()
        part = "" if plan.part is None else str(plan.part)
        self.progress = Progress(self.store, self.output, plan.run_id, closed=closed, part=part)
        self._positions = {target_id: place for place, target_id in enumerate(self.targets)}

    def threads(self, name: str, number: int) -> ThreadPoolExecutor:
        """So many threads for the stage of this name, and no more however often it is asked."""
        with self._pools_lock:
            if name not in self._pools:
                self._pools[name] = ThreadPoolExecutor(number)
            return self._pools[name]

    def close(self) -> None:
        """End what goes on in other threads and processes."""
        with self._pools_lock:
            pools = list(self._pools.values())
        for pool in pools:
            # Stages have waited for what they have begun.
            pool.shutdown(wait=False, cancel_futures=True)
        self.progress.end()
        self.web.rate_limiter.close()
        self.decoder.close()
        self.claims.close()
        self.budget.close()
        self.in_hand.close(is_over=self.output.manifest() is not None)

    @property
    def is_over(self) -> bool:
        """Whether the run is finished, or OUT belongs to another run by now."""
        try:
            self.output.fence.check()
        except OvertakenError:
            return True
        return self.output.manifest() is not None

    @contextmanager
    def while_gpu_works(self) -> Iterator[None]:
        """Let others have the processor while frames are at a classifier on a GPU."""
        if (self.neighbours or self.classifier).device == "cpu":
            yield
            return
        self.computing.release()
        try:
            yield
        finally:
            self.computing.acquire()

    @contextmanager
    def complaining(self) -> Iterator[None]:
        """End the run with the sentence of a UsageError that the work inside raises.

        So do faults of the machine, such as a full disk. Beam hands on no exceptions, only their
        traces.
        """
        try:
            yield
        except Exception as error:
            fault = self.machine_error(error) or error
            if not isinstance(fault, UsageError):
                raise
            if self.plan.local:
                self.complaint = self.complaint or fault
                self.stop.set()
            else:
                # The process that began the run looks there. Here, the next work may go well.
                with suppress(OSError, OvertakenError):
                    self.output.complain(str(fault))
            raise fault from error

    def require_claim(self, video_key: str) -> None:
        """Raise NotClaimed unless this run has a video in hand: it is to be worked on now."""
        if not self.claims.has(self.store.place(video_key)):
            raise NotClaimed

    def machine_error(self, error: BaseException) -> MachineError | None:
        """What the machine lacks, if `error` comes of that; it says nothing of a video then."""
        return machine_error(error, self.store.root, *self.output.folders)

    def position(self, target_id: str) -> int:
        """Where a target stands in the run's list, 0-based."""
        return self._positions[target_id]

    @cached_property
    def classifier(self) -> Classifier:
        """The classifier, opened when it is first needed. Raises UsageError for another file."""
        classifier = shared_classifier(self.plan.classifier, self.plan.device)
        planned = self.plan.settings.classifier.sha256
        if classifier.sha256 != planned:
            raise UsageError(
                f"The classifier {classifier.path} has sha256 {classifier.sha256[:12]}..., and the "
                f"run was prepared for {planned[:12]}...; put that file back, or begin again."
            )
        return classifier

    @cached_property
    def neighbours(self) -> Neighbours | None:
        """What videos are compared with, opened when it is first needed; None: with nothing.

        Raises UsageError for another embedding than the run was prepared for, or other targets.
        """
        settings = self.plan.settings
        if not settings.selects_neighbours:
            return None
        centres = self.output.centres()
        found = Neighbours(shared_embedding(self.plan.classifier, self.plan.device), centres)
        planned = (settings.classifier.sha256, settings.neighbours)
        if (found.sha256, centres.images) != planned:
            raise UsageError(
                f"The embedding {found.path}, or the targets in {self.output.address}, are others "
                "than the run was prepared for; put them back, or begin again."
            )
        return found

    @cached_property
    def embedding_key(self) -> str:
        """Name under which the store keeps the features of videos."""
        assert self.neighbours is not None, "no embedding is at work"
        return embedding_key(self.neighbours.embedding, self.plan.settings.frames)


@contextmanager
def open_context(plan: Plan, credentials: Credentials = NO_CREDENTIALS) -> Iterator[RunContext]:
    """The context of a run that this process begins; stages find it until this ends."""
    context = RunContext(plan, credentials)
    with _lock:
        assert plan not in _contexts, "a plan is carried out once at a time"
        _contexts[plan] = context
    try:
        yield context
    finally:
        context.close()
        with _lock:
            _contexts.pop(plan, None)


def close_contexts() -> None:
    """End all that this process does, for any run; what it has counted is in their stores then."""
    with _lock:
        contexts = list(_contexts.values())
        _contexts.clear()
    for context in contexts:
        context.stop.set()
        context.close()


def run_context(plan: Plan) -> RunContext:
    """The context of the run that `plan` describes, in this process.

    Another machine's stages make it when the first of them asks: there is nothing that tells that
    machine when a run begins or ends. It goes when another run comes and this one is over.
    """
    with _lock:
        if plan not in _contexts:
            if plan.local:
                raise RuntimeError("the run is not open in this process: see open_context")
            for other in [each for each in _contexts.values() if not each.plan.local]:
                if other.is_over:
                    other.close()
                    del _contexts[other.plan]
            _contexts[plan] = RunContext(plan)
        return _contexts[plan]
