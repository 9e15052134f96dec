"""What a store knows of many videos, in tables of small records: see `RecordShards`."""

from collections.abc import Callable, Sequence
from functools import cached_property, reduce

from videonet.schemas.neighbours import together
from videonet.schemas.video_record import VideoRecord, merged
from videonet.storage.objects import Objects
from videonet.storage.record_shards import MOST_SHARD_BYTES, RecordShards
from videonet.storage.side_by_side import at_once

# Bytes of a shard of which no run reads more than a few rows: they are many, and files are few.
LARGE_SHARD_BYTES = 4 * MOST_SHARD_BYTES


class StoreTables:
    """The tables of one store. Cheap to make; safe to share between threads."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    @cached_property
    def records(self) -> RecordShards:
        """All that is known of each video."""
        return self._table("record", "records", one_record)

    @cached_property
    def thumbnails(self) -> RecordShards:
        """JPEGs with a few frames of each video."""
        return self._table(
            "side/thumbnail", "side/thumbnails", _latest, suffix="", most_bytes=LARGE_SHARD_BYTES
        )

    @cached_property
    def frame_hashes(self) -> RecordShards:
        """What the frames of each video's clips look like: see `videonet.schemas.clip_hashes`."""
        return self._table(
            "side/frame_hash", "side/frame_hashes", _latest, most_bytes=LARGE_SHARD_BYTES
        )

    @cached_property
    def sections(self) -> RecordShards:
        """What is too large for a record, by its own sha256."""
        return self._table("side/section", "side/sections", _latest, most_bytes=LARGE_SHARD_BYTES)

    @cached_property
    def embeddings(self) -> RecordShards:
        """Features of a few frames of each video: see `videonet.storage.embedded_videos`."""
        return self._table(
            "side/embedding",
            "side/embeddings",
            together,
            suffix="",
            most_bytes=LARGE_SHARD_BYTES,
        )

    @cached_property
    def captions(self) -> RecordShards:
        """What is said in each video: see `videonet.storage.stored_captions`."""
        return self._table("side/caption", "side/captions", _latest, most_bytes=LARGE_SHARD_BYTES)

    @cached_property
    def addresses(self) -> RecordShards:
        """Whole addresses."""
        return self._table("address", "addresses", _latest)

    @property
    def all(self) -> tuple[RecordShards, ...]:
        """All of them."""
        return self.records, self.sections, *self.that_show

    @property
    def that_show(self) -> tuple[RecordShards, ...]:
        """Those that may not have a withdrawn video."""
        return self.thumbnails, self.frame_hashes, self.embeddings, self.captions, self.addresses

    def _table(
        self,
        loose: str,
        packed: str,
        merge: Callable[[Sequence[bytes]], bytes | None],
        suffix: str = ".json",
        most_bytes: int = MOST_SHARD_BYTES,
    ) -> RecordShards:
        return RecordShards(
            self._objects,
            loose,
            packed,
            merge,
            suffix=suffix,
            readers=at_once(self._objects.address),
            most_bytes=most_bytes,
        )


def one_record(states: Sequence[bytes]) -> bytes | None:
    """What several states of a video's record come to together."""
    decoded = [(VideoRecord.decode(state), state) for state in states]
    whole = [(record, state) for record, state in decoded if record is not None]
    of_one = [
        (record, state) for record, state in whole if record.video_key == whole[-1][0].video_key
    ]
    if len(of_one) < 2:
        return of_one[0][1] if of_one else None
    return reduce(merged, (record for record, _ in of_one)).encode()


def _latest(states: Sequence[bytes]) -> bytes:
    return states[-1]
