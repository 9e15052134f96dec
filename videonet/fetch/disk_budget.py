"""The disk budget: how many bytes of downloaded videos may lie in the store at once.

All processes that fill one folder keep it together, by a ledger in that folder: see
`videonet.storage.disk_ledger`. What lies there and stays is counted for all. Beside that, a process
has a share: what it may fill. It takes more than a video needs, so that most videos change the
ledger not at all, and gives that back as soon as another process waits for room.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Condition, Event, Lock, Thread

import msgspec

from videonet.errors import UsageError
from videonet.fetch.disk_share import (
    Counts,
    growth,
    is_contested,
    is_in_vain,
    kept_share,
    with_word,
    without_holder,
    word_of,
)
from videonet.schemas.disk_ledger import UNKNOWN, DiskLedger, Share
from videonet.stop_signal import StopSignal
from videonet.storage.disk_ledger import Ledger, Look, PrivateLedger, damaged

_LOOK_UP = 0.25  # seconds; how soon a wait sees that the run is to end

# Of the time that a share holds, the part after which its holder says that it is there.
_WORD_AFTER = 1 / 4

# How often a process looks what others need, seconds.
_LOOK = 1.0

# While others are at work, what lies in the store is added up again after so many times as long as
# that took, and no sooner than this, seconds.
_MEASURE_RARELY, _MEASURE_AFTER = 20, 1.0


class Room:
    """What one video takes of a budget while its fate is open. For one thread at a time."""

    def __init__(self, budget: "DiskBudget", place: str) -> None:
        self._budget = budget
        # of its files below the store, <xx>/<digest>
        self.place = place
        # bytes found or taken, and not given back
        self.bytes = 0
        # whether its files are no longer what they were when the run came to it
        self.is_touched = False

    @property
    def is_held(self) -> bool:
        """Whether what was taken is still this process's: it may have been held up for long."""
        return self._budget.is_held

    def touch(self) -> None:
        """To be called before files of the video are deleted; `take` and `bring` do so, too.

        What lies there of it is from then on this video's, as if it had been taken.
        """
        self._budget.touch(self)

    def take(self, wanted: int, timeout: float) -> bool:
        """Take `wanted` bytes, waiting up to `timeout` seconds.

        Where the share of this process was lost, this takes that again. False if there is no room,
        now or when all others have been decided. Raises Stopped when the run is to end, and OSError
        and UsageError as a place of objects does.
        """
        return self._budget.take(self, wanted, timeout)

    def give_back(self, released: int) -> None:
        """`released` bytes are gone."""
        self._budget.add(self, -released)

    def bring(self, size: int) -> None:
        """`size` bytes are here, whether or not there is room."""
        if size:
            self.touch()
            self._budget.add(self, size)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """While this lasts, a video that holds no bytes waits for something other than room."""
        self._budget.count_open(-1)
        try:
            yield
        finally:
            self._budget.count_open(1)

    def settle(self, released: int = 0) -> None:
        """The video's fate is decided, and `released` bytes of it are gone."""
        self._budget.settle(self, released)


class DiskBudget:
    """The room for videos in a store, as one process has it; a download waits here until it fits.

    A video's bytes are taken while it is downloaded and given back when it is not to be kept. While
    steps are taken with it, its fate is open. When no video whose fate is open could still make
    room, in this process or another, waiting is in vain, and `Room.take` returns False: to one
    after the other, as what one gives back may be enough for the next.

    Safe to share between threads.
    """

    def __init__(
        self,
        limit: int | None,
        used: int = 0,
        *,
        ledger: Ledger | None = None,
        stop: StopSignal | None = None,
    ) -> None:
        """`limit` in bytes; no limit with None. `stop` ends every wait.

        Without a `ledger`, no other process uses the store, which holds `used` bytes. Nothing is
        read or written before the first video needs room.
        """
        self._limit = UNKNOWN if limit is None else limit
        self._ledger = ledger or PrivateLedger(used)
        self._stop = stop or StopSignal()
        # One thread after the other is at the ledger. It is taken before `_changed`, never after.
        self._turn = Lock()
        # While it is held, no more videos come whose files are changed.
        self._touching = Lock()
        self._changed = Condition()
        # grows with all that may let a wait go on
        self._version = 0
        self._open = 0
        # bytes that are waited for, by whom
        self._waits: dict[Room, int] = {}
        # whose files are not what they were when it came
        self._touched: dict[Room, None] = {}
        # see `Counts`
        self._held = self._settled = self._share = 0
        # what is at rest, as the ledger said last; until when the share is sure
        self._rest, self._until = used, 0.0
        # when the ledger was last written, and when the files may be added up again
        self._spoke, self._measure_at = 0.0, 0.0
        # whether the ledger has this process; whether it had, and has lost it; whether it says that
        # all videos here wait
        self._joined = self._lost = self._said_stuck = False
        self._over = Event()
        self._thread: Thread | None = None

    @property
    def used(self) -> int:
        """Bytes at rest, as far as known, and those that this process has taken besides."""
        return self._rest + self._held + self._settled

    @property
    def is_held(self) -> bool:
        """Whether the share covers what was taken, as far as this process can tell."""
        needed = self._held + self._settled
        return needed <= self._share and self._ledger.now() < self._until

    def begin(self, place: str = "") -> Room:
        """A video's fate is open from here on; its files lie at `place`, <xx>/<digest>."""
        self.count_open(1)
        return Room(self, place)

    def tend(self) -> None:
        """Say that this process is there, and let others have what it does not need.

        A thread does so now and then. Raises OSError and UsageError.
        """
        with self._turn:
            look = self._looked()
            if self._joined and self._is_news(look.ledger):
                self._say(look)

    def close(self) -> None:
        """Let others have the share of this process. What it has left in the store is at rest."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        with suppress(OSError, UsageError), self._turn:
            while self._joined and not self._leave(self._looked()):
                pass

    # What rooms do.

    def touch(self, room: Room) -> None:
        """See `Room`."""
        if room.is_touched:
            return
        if not (room.place and self._ledger.size(room.place)):
            with self._touching:
                self._mark(room)
            return
        with self._turn:
            while not room.is_touched:
                self._take_over(room)

    def take(self, room: Room, wanted: int, timeout: float) -> bool:
        """See `Room`."""
        if wanted > self._limit:
            return False
        deadline = time.monotonic() + timeout
        self.touch(room)
        try:
            while True:
                with self._changed:
                    version = self._version
                    if self._took(room, wanted):
                        return True
                answer = self._asked(room, wanted, waits=timeout > 0)
                if answer is not None:
                    return answer
                self._stop.check()
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                with self._changed:
                    if self._version == version:
                        self._changed.wait(min(left, _LOOK_UP))
        finally:
            self._waits_no_more(room)

    def add(self, room: Room, size: int) -> None:
        """`size` bytes more of a video are here; fewer, where it is below 0."""
        with self._changed:
            room.bytes += size
            self._held += size
            self._moved()
        if size > 0:
            with self._turn:
                while not self._say(self._looked(), least=True):
                    pass

    def count_open(self, more: int) -> None:
        """So many videos more have an open fate, and could make room."""
        with self._changed:
            self._open += more
            self._moved()
        if more > 0:
            self._unstick()

    def settle(self, room: Room, released: int) -> None:
        """See `Room`."""
        with self._changed:
            left = room.bytes - released
            self._held -= room.bytes
            self._settled += left
            room.bytes = 0
            self._touched.pop(room, None)
            self._open -= 1
            self._moved()

    def _took(self, room: Room, wanted: int) -> bool:
        """Take bytes that the share has already. The caller holds `_changed`."""
        needed = self._held + self._settled + wanted
        if needed > self._share or self._ledger.now() >= self._until or self._said_stuck:
            return False
        room.bytes += wanted
        self._held += wanted
        return True

    def _waits_no_more(self, room: Room) -> None:
        with self._changed:
            if self._waits.pop(room, None) is None:
                return
            self._moved()
        self._unstick()

    def _unstick(self) -> None:
        """Say that not all videos here wait, if the ledger says so: others give up for that."""
        if self._said_stuck:
            with self._turn:
                while self._said_stuck and not self._say(self._looked()):
                    pass

    def _mark(self, room: Room) -> None:
        with self._changed:
            room.is_touched = True
            self._touched[room] = None

    def _moved(self) -> None:
        """Wake those who wait. The caller holds `_changed`."""
        self._version += 1
        self._changed.notify_all()

    # At the ledger. The caller holds `_turn`.

    def _asked(self, room: Room, wanted: int, *, waits: bool) -> bool | None:
        """Take bytes by a larger share; whether that was done. None: there may be room later."""
        with self._turn:
            if waits:
                with self._changed:
                    self._waits[room] = wanted
            measured = False
            while True:
                look = self._looked()
                with self._changed:
                    if self._took(room, wanted):
                        return True
                    counts = self._counts()
                ledger, holder = look.ledger, self._ledger.holder
                share = growth(ledger, holder, counts, wanted)
                if share is not None:
                    if self._write(look, share, but=room):
                        with self._changed:
                            if self._took(room, wanted):
                                return True
                    continue
                if not (ledger.exact or measured) and self._ledger.now() >= self._measure_at:
                    measured = self._measure(look)
                    continue
                if not waits:
                    return False
                is_known = look.is_fresh and (ledger.exact or measured)
                if is_known and is_in_vain(ledger, holder, counts):
                    # From here on this process is not stuck: what is given up makes room.
                    if not ledger.others(holder) or self._say(look, but=room):
                        with self._changed:
                            del self._waits[room]
                        return False
                elif not self._is_news(ledger) or self._say(look):
                    return None

    def _looked(self) -> Look:
        """The ledger as it is now, with this process in it."""
        ledger, generation, is_fresh = self._ledger.look()
        holder = self._ledger.holder
        with self._changed:
            if holder not in ledger.shares:
                if self._joined:
                    # Whoever took it out counts what lies there as at rest. Downloads that are not
                    # complete go on when there is room for the rest of them again.
                    self._joined, self._lost = False, True
                    self._settled = 0
                    self._share = self._landed() + self._ledger.downloading()
                if self._lost:
                    found = damaged() if generation is None else ledger
                    ledger = msgspec.structs.replace(found, exact=False)
                ledger = ledger.with_share(holder, Share(bytes=0, limit=self._limit))
            self._rest = ledger.rest
        return Look(ledger, generation, is_fresh)

    def _counts(self, but: Room | None = None) -> Counts:
        """What is counted now; `but` is taken for one that does not wait."""
        waits = {room: wanted for room, wanted in self._waits.items() if room is not but}
        return Counts(
            limit=self._limit,
            held=self._held,
            settled=self._settled,
            share=self._share,
            waits=min(waits.values(), default=None),
            stuck=len(waits) >= self._open,
        )

    def _is_news(self, ledger: DiskLedger) -> bool:
        """Whether others should hear at once what this process has and needs now.

        So it is as well when they have not heard of it for some time.
        """
        holder = self._ledger.holder
        if self._ledger.now() - self._spoke > self._ledger.seconds * _WORD_AFTER:
            return True
        said = ledger.shares[holder]
        with self._changed:
            counts = self._counts()
        if not is_contested(ledger, holder, counts):
            return said.waits is not None
        share = kept_share(ledger, holder, counts)
        return (counts.waits, counts.stuck) != (said.waits, said.stuck) or share < said.bytes

    def _say(self, look: Look, *, but: Room | None = None, least: bool = False) -> bool:
        """Write what this process has and needs; with `least`, also what it has no room for."""
        holder = self._ledger.holder
        with self._changed:
            counts = self._counts(but)
        share = kept_share(look.ledger, holder, counts)
        return self._write(look, max(share, counts.held) if least else share, but=but)

    def _write(
        self,
        look: Look,
        share: int,
        *,
        but: Room | None = None,
        taken_over: int = 0,
        measured: tuple[DiskLedger, int] | None = None,
    ) -> bool:
        """Write that this process has a share of so many bytes; False: the ledger is another now.

        Of these, so many were `taken_over` from what is at rest. `measured` is the ledger with what
        was found at rest, and what of that was this process's.
        """
        ledger, holder = look.ledger, self._ledger.holder
        with self._changed:
            counts = self._counts(but)
            settled = counts.settled if measured is None else measured[1]
            # Meanwhile, videos may have taken more of the share than when it was decided.
            share = max(share, min(self._held, self._share - settled))
            # Until this is written, they take no more than it says.
            self._share = min(self._share, share - taken_over + settled)
            landed = self._landed() + counts.settled - settled if counts.stuck else 0
            word = word_of(ledger, holder, counts, share, landed)
            self._said_stuck = self._said_stuck or word.stuck
        after = with_word(ledger, holder, word, settled - taken_over)
        if measured is not None:
            after = msgspec.structs.replace(after, rest=measured[0].rest, exact=measured[0].exact)
        begun = self._ledger.now()
        if not self._ledger.write(after, look.generation):
            return False
        with self._changed:
            self._share, self._rest = share, after.rest
            self._settled -= settled
            self._said_stuck = word.stuck
            self._joined, self._lost = True, False
            self._spoke, self._until = begun, begun + self._ledger.seconds
            self._moved()
        if self._thread is None and self._ledger.is_watched and not self._over.is_set():
            self._thread = Thread(target=self._keep, name="disk budget", daemon=True)
            self._thread.start()
        return True

    def _take_over(self, room: Room) -> None:
        """Count what lies at rest of a video as taken by this process, if nobody is in between."""
        look = self._looked()
        found = self._ledger.size(room.place)
        with self._changed:
            share = max(0, self._share - self._settled) + found
            self._held += found
        if self._write(look, share, taken_over=found):
            room.bytes += found
            self._mark(room)
        else:
            with self._changed:
                self._held -= found

    def _landed(self) -> int:
        """Bytes of files of videos whose fate is open. The caller holds `_changed`."""
        return sum(self._ledger.size(each.place) for each in self._touched if each.place)

    def _measure(self, look: Look) -> bool:
        """Add up what is at rest; whether all of it is known now, and nothing can change it.

        What this process has in hand is left out, and what others have that are stuck: they said
        how much it is. Where others are at work, this finds what they have in hand, too.
        """
        ledger, holder = look.ledger, self._ledger.holder
        if not self._joined:
            # Who comes while this one looks has to find that somebody is there.
            self._write(look, self._share)
            return False
        others = ledger.others(holder).values()
        begun = time.monotonic()
        with self._touching:
            with self._changed:
                touched, counts = {each.place for each in self._touched}, self._counts()
            held = self._ledger.held(touched, ledger.shares)
        rest = max(0, held.bytes - sum(each.landed for each in others if each.stuck))
        quiet = all(each.stuck for each in others)
        exact = quiet and held.exact
        if not exact:
            rest = min(rest, ledger.rest + counts.settled)
        pause = max(_MEASURE_AFTER, _MEASURE_RARELY * (time.monotonic() - begun))
        after = msgspec.structs.replace(ledger, rest=rest, exact=exact)
        share = kept_share(ledger, holder, counts)
        written = self._write(look, share, measured=(after, counts.settled))
        if written:
            self._measure_at = self._ledger.now() + pause
        return written and quiet

    def _leave(self, look: Look) -> bool:
        """Take this process out of the ledger; whether it is."""
        ledger, generation, _ = look
        holder = self._ledger.holder
        with self._changed:
            if not self._joined or generation is None:
                return True
            left, exact = self._held + self._settled, not self._touched
        after = without_holder(ledger, holder, left, exact=exact)
        gone = (
            self._ledger.write(after, generation)
            if after.shares
            else self._ledger.forget(generation)
        )
        if gone:
            self._joined = False
            self._share = 0
        return gone

    def _keep(self) -> None:
        pause = min(_LOOK, self._ledger.seconds * _WORD_AFTER / 2)
        while not self._over.wait(pause):
            with suppress(OSError, UsageError):
                self.tend()
