"""Whether a data set is what its manifest says: every byte, every clip and every account."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec

from videonet.dataset.captions import caption_problems, counted_captions
from videonet.dataset.lock_file import lock_problems
from videonet.dataset.manifest import Key, counts_of, tally, totals_of
from videonet.dataset.motion_counts import MotionTally
from videonet.dataset.split import split_problems
from videonet.errors import UsageError
from videonet.files import sha256_of
from videonet.schemas.clip import LABEL_ID_COLUMNS, MOTION_COLUMNS, Clip
from videonet.schemas.manifest import Manifest, MotionCounts, Shard
from videonet.schemas.reason import Outcome
from videonet.schemas.run import Lookup
from videonet.schemas.target import Target
from videonet.schemas.verdict import Verdict
from videonet.shards.jpeg import decode
from videonet.shards.layout import shard_path
from videonet.shards.writer import FORMATS
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.dataset_tables import CAPTIONS, tables_of
from videonet.video.clips import CLIP_SECONDS, MICROSECONDS
from videonet.video.motion import are_parts

# Each of three times is rounded, microseconds.
_ROUNDING = 2


@dataclass
class VerifyReport:
    """What was looked at, and what is wrong with it: one sentence each."""

    problems: list[str] = field(default_factory=list)
    # what may be right and should be looked at, likewise
    warnings: list[str] = field(default_factory=list)
    shards: int = 0
    clips: int = 0
    frames: int = 0
    pairs: int = 0
    # kept videos that give a clip, and those that are too short for one
    videos: int = 0
    too_short: int = 0


def verify(out: Path | str) -> VerifyReport:
    """Look at all of OUT. Raises UsageError where there is no finished data set."""
    output = DatasetDir(out)
    manifest, lookup = output.manifest(), output.lookup()
    if manifest is None or lookup is None:
        raise UsageError(
            f"{out} holds no finished data set (manifest.json or lookup.json is missing or "
            "damaged); give the --out of a finished run."
        )
    targets = output.targets()
    output.labels()  # the lock file repeats them
    withdrawn = {each.video_key for each in output.withdrawals()}
    totals = manifest.totals
    findings = VerifyReport(
        pairs=totals.verdicts.pairs,
        videos=totals.kept_videos - totals.kept_without_clip,
        too_short=totals.kept_without_clip,
    )
    _check_files(output, manifest, lookup, findings)
    has_captions = _has_captions(output, manifest)
    if manifest.settings.captions and not has_captions:
        findings.warnings.append(
            "captions/ is not here, and the manifest speaks of captions: a copy that is published "
            "without them is whole otherwise. Elsewhere, the command that made the data set writes "
            "them again."
        )
    listed = {shard.path: shard for shard in manifest.shards}
    counts: Counter[Key] = Counter()
    moves = MotionTally() if manifest.settings.motion else None
    for index in range(lookup.shards):
        paths = [shard_path(name, index, lookup.shards) for name in manifest.settings.formats]
        own = [listed.pop(path) for path in paths if path in listed]
        with ExitStack() as opened:
            copies = [_opened(output, each, opened, findings) for each in own]
            files = [each for each in copies if each is not None]
            is_open = manifest.settings.selects_neighbours
            verdicts = _checked_verdicts(output, lookup.shards, index, findings, is_open=is_open)
            has_ids = manifest.settings.label_ids
            expected = None if verdicts is None else _expected(verdicts, targets, ids=has_ids)
            _check_clips(output, index, files, expected, moves, findings)
            if has_captions and expected is not None:
                findings.problems.extend(
                    caption_problems(output, index, lookup.shards, sorted(expected))
                )
        for key in sorted(withdrawn.intersection(expected or ())):
            findings.problems.append(f"{key} was withdrawn and is kept; withdraw it again.")
        counts.update(tally(verdicts or []))
    # Of no shard of this data set, and looked at all the same.
    for shard in listed.values():
        with ExitStack() as opened:
            _opened(output, shard, opened, findings)
    stated = totals.motion
    # How many were left out no clip says.
    motion = moves.counts(stated.left_out) if moves is not None and stated is not None else None
    _check_counts(output, manifest, lookup, counts, motion, findings)
    if not findings.problems:
        # They repeat the rest: whatever is wrong there would be said twice.
        findings.problems.extend(lock_problems(output, manifest))
        findings.problems.extend(split_problems(output, manifest))
    return findings


def _check_files(
    output: DatasetDir, manifest: Manifest, lookup: Lookup, findings: VerifyReport
) -> None:
    """Whether the manifest lists what must be there, and nothing else lies beside it.

    A trainer opens a folder as a whole: a file that the manifest does not list would be read, too.
    """
    formats = manifest.settings.formats
    due = {
        shard_path(name, index, lookup.shards) for name in formats for index in range(lookup.shards)
    }
    tables = {
        f"{kind}/{kind}-{index:05d}-of-{lookup.shards:05d}.parquet"
        for kind in tables_of(manifest.settings)
        for index in range(lookup.shards)
    }
    listed = {shard.path for shard in manifest.shards}
    for path in sorted(due - listed):
        findings.problems.append(f"{path} is not in the manifest.")
    there = {
        path
        for folder, depth in (("clips", 2), ("candidates", 1), ("verdicts", 1), (CAPTIONS, 1))
        for path in output.files.list(folder)
        if path.count("/") >= depth and not path.rpartition("/")[2].startswith(".")
    }
    for path in sorted((there | listed) - due - tables):
        findings.problems.append(f"{path} is no file of this data set.")


def _has_captions(output: DatasetDir, manifest: Manifest) -> bool:
    """Whether there are captions to be looked at; a copy may be published without them."""
    return manifest.settings.captions and any(output.files.list(CAPTIONS))


class _Opened(NamedTuple):
    """A file of clips that has the bytes which the manifest names."""

    shard: Shard
    # on this machine
    file: Path


def _opened(
    output: DatasetDir, shard: Shard, opened: ExitStack, findings: VerifyReport
) -> _Opened | None:
    """A file that is as the manifest says, until `opened` is closed; None: it is not."""
    findings.shards += 1
    if output.files.size(shard.path) is None:
        findings.problems.append(f"{shard.path} is missing.")
        return None
    file = opened.enter_context(output.files.local(shard.path))
    sha256, size = sha256_of(file), file.stat().st_size
    if (sha256, size) != (shard.sha256, shard.bytes):
        findings.problems.append(
            f"{shard.path} was changed: {size} bytes with sha256 {sha256[:12]}..., "
            f"the manifest has {shard.bytes} with {shard.sha256[:12]}...."
        )
        return None
    return _Opened(shard, file)


class _Due(NamedTuple):
    """What the verdicts on a kept video say of its clips."""

    clips: int
    # positions in the target list, ascending, and the names there
    labels: tuple[int, ...]
    names: tuple[str, ...]
    # the columns of the labels' ids, as in a clip
    ids: tuple[tuple[str, ...] | None, ...]


def _expected(
    verdicts: Iterable[Verdict], targets: Sequence[Target], *, ids: bool
) -> dict[str, _Due]:
    """The clips that must be in a shard, by video_key; `ids`: whether they have those of labels."""
    positions = {target.target_id: position for position, target in enumerate(targets)}
    kept: defaultdict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        if verdict.outcome is Outcome.KEPT and verdict.target_id in positions:
            kept[verdict.video_key].append(verdict)
    due = {}
    for key, rows in kept.items():
        own = [row.target_id for row in rows]
        inherited = [each.target_id for each in rows[0].inherited or ()]
        labels = tuple(sorted(positions[each] for each in own + inherited if each in positions))
        classes = [targets[position] for position in labels]
        due[key] = _Due(
            max(row.clips for row in rows),
            labels,
            tuple(each.name for each in classes),
            (tuple(each.target_id for each in classes), tuple(each.wnid or "" for each in classes))
            if ids
            else (None, None),
        )
    return due


def _check_clips(
    output: DatasetDir,
    index: int,
    files: Sequence[_Opened],
    expected: Mapping[str, _Due] | None,
    moves: MotionTally | None,
    findings: VerifyReport,
) -> None:
    """Every clip of a shard decodes and is due, the formats agree, the rows are as many as stated.

    `expected` is None where the verdicts cannot be read.
    """
    if not files:
        return
    reading = [_Reading(output, each, findings) for each in files]
    where = reading[0].path
    state = output.shard_state(index)
    durations = state.first_durations if state else {}
    found: Counter[str] = Counter()
    for number, clips in enumerate(itertools.zip_longest(*reading)):
        first = clips[0]
        # Of a file that breaks off, the clips that are missing are not missed one by one.
        whole = [clip for clip, each in zip(clips, reading, strict=True) if not each.is_damaged]
        if any(clip != whole[0] for clip in whole):
            names = " and ".join(each.path for each in reading)
            findings.problems.append(f"Clip {number} differs between {names}.")
        if first is not None:
            _check_frames(first, where, findings)
            _check_span(first, where, durations, findings)
            _check_motion(first, where, moves, findings)
            if expected is not None:
                _check_labels(first, where, expected, found, findings)
    for each in reading:
        if each.stated != each.rows and not each.is_damaged:
            findings.problems.append(
                f"{each.path} has {each.rows} clips, {each.stated} are stated."
            )
    if expected is None or reading[0].is_damaged:
        return
    for key, due in expected.items():
        if found[key] != due.clips:
            findings.problems.append(
                f"{key} has {found[key]} clips in {where}, its verdict says {due.clips}."
            )


def _check_labels(
    clip: Clip,
    path: str,
    expected: Mapping[str, _Due],
    found: Counter[str],
    findings: VerifyReport,
) -> None:
    """A clip is the next one of a kept video, and labelled with what that was kept for."""
    key, _, number = clip.example_id.rpartition("#")
    where = f"Clip {clip.example_id} in {path}"
    due = expected.get(key)
    if due is None:
        findings.problems.append(f"{where} is of a video that was not kept.")
        return
    if number != str(found[key]):
        findings.problems.append(f"{where} stands where {key}#{found[key]} is due.")
    found[key] += 1
    labels = (clip.clip_label_index, clip.clip_label_string, clip.clip_label_text)
    if labels != (due.labels, due.names, due.names):
        findings.problems.append(
            f"{where} is labelled {clip.clip_label_index} {clip.clip_label_string}, its verdicts "
            f"say {due.labels} {due.names}."
        )
    found_ids = tuple(getattr(clip, name) for name in LABEL_ID_COLUMNS)
    if found_ids != due.ids:
        findings.problems.append(
            f"{where} has {found_ids[0]} {found_ids[1]} as the ids of its labels, "
            f"{due.ids[0]} {due.ids[1]} are due."
        )


class _Reading:
    """The clips of one file, until it turns out to be damaged."""

    def __init__(self, output: DatasetDir, opened: _Opened, findings: VerifyReport) -> None:
        self.path = opened.shard.path
        self.rows = 0
        # as many as the manifest says
        self.stated = opened.shard.rows
        self.is_damaged = False
        self._output = output
        self._file = opened.file
        self._clips = FORMATS[self.path.rpartition(".")[2]].read(opened.file)
        self._findings = findings

    def __iter__(self) -> Iterator[Clip]:
        try:
            for clip in self._clips:
                self.rows += 1
                yield clip
        except (UsageError, msgspec.MsgspecError) as error:
            self.is_damaged = True
            # It names a file of this machine.
            why = str(error).replace(str(self._file), self._output.place_of(self.path))
            self._findings.problems.append(f"{self.path} cannot be read: {why}")


def _check_frames(clip: Clip, path: str, findings: VerifyReport) -> None:
    findings.clips += 1
    findings.frames += len(clip.image_encoded)
    where = f"Clip {clip.example_id} in {path}"
    size = (clip.image_height, clip.image_width)
    for number, jpeg in enumerate(clip.image_encoded):
        try:
            decode(jpeg, size)
        except ValueError as error:
            findings.problems.append(f"{where}: frame {number} cannot be decoded ({error}).")
    times = clip.image_timestamp
    if len(times) != len(clip.image_encoded):
        findings.problems.append(f"{where} has {len(times)} times for its frames.")
    if any(later <= earlier for earlier, later in itertools.pairwise(times)):
        findings.problems.append(f"{where} has times that do not increase.")


def _check_span(
    clip: Clip, path: str, durations: Mapping[str, Sequence[int]], findings: VerifyReport
) -> None:
    """A clip spans its ticks, and what its first frame was shown before them."""
    ticks = round(CLIP_SECONDS * MICROSECONDS)
    span = clip.clip_end_timestamp - clip.clip_start_timestamp
    where = f"Clip {clip.example_id} in {path}"
    key, _, number = clip.example_id.rpartition("#")
    own = durations.get(key, ())
    first = own[int(number)] if number.isdecimal() and int(number) < len(own) else None
    if first is None:
        # How long its first frame is shown was not noted when it was cut.
        if span > 2 * ticks:
            findings.warnings.append(
                f"{where} spans {span / MICROSECONDS:.2f} s: the clock of its video may jump. "
                "Curate into a new OUT over the same store, to have it cut again."
            )
    elif span > ticks + first + _ROUNDING:
        findings.problems.append(
            f"{where} spans {span / MICROSECONDS:.2f} s, and its first frame is shown for "
            f"{first / MICROSECONDS:.2f} s; {(ticks + first) / MICROSECONDS:.2f} s are the most."
        )


def _check_motion(clip: Clip, path: str, moves: MotionTally | None, findings: VerifyReport) -> None:
    """A clip has the columns of motion where the data set has them, and they can be."""
    where = f"Clip {clip.example_id} in {path}"
    measures = [getattr(clip, name) for name in MOTION_COLUMNS]
    if (moves is None) != (measures == [None] * len(measures)):
        what = "columns of motion, and the manifest says that there are"
        findings.problems.append(
            f"{where} has {what} none." if moves is None else f"{where} has no {what}."
        )
        return
    if moves is None:
        return
    moves.add(clip)
    repeated, difference, cuts = measures
    if not are_parts(repeated, 1) or not are_parts(difference, 255):
        findings.problems.append(
            f"{where} has {repeated} and {difference} for what moves in it, which cannot be."
        )
    if list(cuts) != sorted(set(cuts).intersection(clip.image_timestamp[1:])):
        findings.problems.append(f"{where} has cuts at other times than those of its frames.")


def _checked_verdicts(
    output: DatasetDir, shards: int, index: int, findings: VerifyReport, *, is_open: bool
) -> list[Verdict] | None:
    """The verdicts of a shard: one for each pair in the candidate list.

    Where that `is_open`, candidates are listed for no target of their own.
    """
    try:
        verdicts = list(output.verdicts(index, shards))
        listed = Counter(
            (candidate.video_key, "any target" if is_open else match.target_id)
            for candidate in output.candidates(index, shards)
            for match in candidate.matches
        )
    except UsageError as error:
        findings.problems.append(f"The accounts of shard {index} cannot be read: {error}")
        return None
    judged = Counter(
        (verdict.video_key, "any target" if is_open else verdict.target_id) for verdict in verdicts
    )
    for pair in listed - judged:
        findings.problems.append(f"Candidate {pair[0]} for {pair[1]} has no verdict.")
    for pair in judged - listed:
        findings.problems.append(f"The verdict on {pair[0]} for {pair[1]} is one too many.")
    return verdicts


def _check_counts(
    output: DatasetDir,
    manifest: Manifest,
    lookup: Lookup,
    counts: Counter[Key],
    motion: MotionCounts | None,
    findings: VerifyReport,
) -> None:
    """There are as many verdicts, videos, clips and captions as stated, and as much moves."""
    for target, stated in manifest.targets.items():
        if counts_of(counts, [target]) != stated:
            findings.problems.append(f"The verdicts on {target} are not as many as stated.")
    # What is wrong with the clips was said already.
    motion = manifest.totals.motion if findings.problems else motion
    totals = totals_of(counts, lookup.titles, list(manifest.targets), motion)
    captions = manifest.totals.captions
    if _has_captions(output, manifest) and not findings.problems:
        captions = counted_captions(output, lookup.shards)
    totals = msgspec.structs.replace(totals, captions=captions)
    for name in totals.__struct_fields__:
        counted, said = getattr(totals, name), getattr(manifest.totals, name)
        if counted != said:
            findings.problems.append(f"The total of {name} is {counted}, {said} is stated.")
