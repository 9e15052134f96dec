"""What the store knows of a candidate: its records, and which of them still count.

Reading the records and weighing them are two things: steps that follow each other in one process
read once, and weigh again what each of them has added.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from videonet.curation.clip_rules import places_taken
from videonet.curation.context import ReadContext
from videonet.curation.verdict import Evidence
from videonet.fetch.acquire import is_local, local_part
from videonet.fetch.verified_file import has_content
from videonet.files import below
from videonet.schemas.candidate import Candidate
from videonet.schemas.exclusion import Likeness
from videonet.schemas.fetch import Cut, Fetch, Length
from videonet.schemas.reason import Reason
from videonet.schemas.scan import Scan
from videonet.storage.store import RecordState
from videonet.versions import decoder_version

# To be raised with every change to what a length is. (2: recordings one after the other)
LENGTH_VERSION = 2


class Records(NamedTuple):
    """What is known of a video, for the classifier and the settings of a run."""

    fetch: Fetch | None
    scan: Scan | None
    length: Length | None
    cut: Cut | None
    # what its clips have in common with an evaluation set; None also where there is no such set
    likeness: Likeness | None
    # what the store has of that, and what of it is still to be written there, by section
    stored: RecordState
    unwritten: Mapping[str, bytes]

    def with_new(self, sections: Mapping[str, bytes], **contents: Any) -> "Records":
        """The same with what a step has found, which is to be written: as sections, and as it is.

        >>> records.with_new(sections_of(length=length), length=length)
        """
        return self._replace(unwritten={**self.unwritten, **sections}, **contents)


def load_evidence(known: ReadContext, candidate: Candidate) -> Evidence:
    """What the store knows of a candidate. Results for another content do not count."""
    return weighed(known, candidate, load_records(known, candidate.video_key))


def load_records(known: ReadContext, video_key: str) -> Records:
    """What the store has of a video, as it is."""
    return records_of(known, known.store.record(video_key))


def records_of(known: ReadContext, stored: RecordState) -> Records:
    """What of a record speaks of the classifier and the settings of a run."""
    scan_key, cut_key = known.plan.settings.scan_key, known.cut_key
    likeness_key = known.likeness_key
    names = ("fetch", "page", "length", f"scan/{scan_key}", f"cut/{cut_key}")
    record = known.store.complete(stored.record, names)
    return Records(
        fetch=record.fetch,
        scan=record.scan(scan_key),
        length=record.length,
        cut=record.cut(cut_key),
        likeness=None if likeness_key is None else record.likeness(likeness_key),
        stored=stored,
        unwritten={},
    )


def written(known: ReadContext, records: Records) -> Records:
    """The same records, after the store was given what it lacks of them."""
    if not records.unwritten:
        return records
    stored = known.store.write_record(records.stored, records.unwritten)
    return records._replace(stored=stored, unwritten={})


def weighed(known: ReadContext, candidate: Candidate, records: Records) -> Evidence:
    """What `records` say of a candidate: those that are of its content, and of what is here now."""
    fetched, scanned, length, clips, likeness, *_ = records
    content = fetched.sha256 if fetched else None
    # A scan needs no more than a part: the part counts as the content.
    seen_content = {content, fetched.part.sha256} if fetched and fetched.part else {content}
    if scanned is not None and (
        scanned.sha256 not in seen_content or _may_be_decoded_now(known, scanned)
    ):
        scanned = None
    # What was measured by another rule is not believed.
    if length is not None and (length.sha256 != content or length.version != LENGTH_VERSION):
        length = None
    if length is not None and _may_be_decoded_now(known, length):
        length = None
    # Clips alone are not enough where the first frames have to be seen.
    is_known = scanned is not None or candidate.sha256 is not None
    if clips is not None and (
        clips.sha256 != content or not _has_clips(known, candidate.video_key, clips)
    ):
        clips = None
    if clips is not None and _broke_other_limits(known, clips):
        clips = None
    if candidate.sha256 not in (None, content):
        # What a lock file asks for is something else.
        clips = None
    if likeness is not None and (clips is None or likeness.sha256 != content):
        likeness = None
    is_whole = _is_whole(known, candidate, fetched)
    # Also where its bytes were deleted since, so that an interrupted run asks for it once.
    fetched_now = fetched and fetched.reason is None and fetched.run_id == known.plan.run_id
    return Evidence(
        fetch=fetched,
        scan=scanned,
        length=length,
        cut=clips,
        likeness=likeness,
        whole=is_whole or (clips is not None and is_known),
        part=not is_whole and _is_partial(known, fetched),
        withdrawn=known.is_withdrawn(candidate),
        excluded=known.excluded_by(candidate),
        current=is_whole or bool(fetched_now),
    )


def _may_be_decoded_now(known: ReadContext, record: Scan | Length) -> bool:
    """Whether another decoder could not decode what this record is of, or under other limits."""
    if record.reason is not Reason.UNDECODABLE:
        return False
    return record.decoder != decoder_version() or _broke_other_limits(known, record)


def _broke_other_limits(known: ReadContext, record: Scan | Length | Cut) -> bool:
    """Whether decoding broke limits that are not those of this run."""
    return record.limits not in (None, known.decode_limits)


def _is_whole(known: ReadContext, candidate: Candidate, fetched: Fetch | None) -> bool:
    """Whether the whole file can be read where this candidate says that it is."""
    if fetched is None or not is_local(fetched, known.store):
        return False
    if candidate.video.root is None:
        return True
    return fetched.path == str(below(candidate.video.root, candidate.video.url))


def _is_partial(known: ReadContext, fetched: Fetch | None) -> bool:
    """Whether a part of the file can be read that may be enough for the first frames."""
    part = fetched.part if fetched else None
    return part is not None and part.enough and local_part(fetched, known.store) is not None


def _has_clips(known: ReadContext, video_key: str, clips: Cut) -> bool:
    """Whether the clips need no bytes of the video: none is taken, they wait, or are written."""
    if not places_taken(clips, known.verdict_limits.selection):
        return True
    files = known.store.files
    waiting = known.store.clips(video_key, known.cut_key, known.plan.run_id)
    if files.size(waiting) is not None:
        file = files.file(waiting)
        sha256 = clips.waiting_sha256
        return file is None or sha256 is None or has_content(file, sha256)
    return known.is_in_shard(video_key, clips.sha256)
