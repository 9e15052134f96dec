"""One video of a data set: all that is known of it, gathered for a person to look at."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import simplejpeg
from PIL import Image

from videonet.errors import UsageError
from videonet.schemas.clip import Clip
from videonet.schemas.label import Label
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.scan import Scan
from videonet.schemas.target import Target
from videonet.schemas.verdict import Verdict
from videonet.shards.layout import shard_of, shard_path
from videonet.shards.writer import FORMATS
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store, digest
from videonet.training.torch_extra import needed_for
from videonet.video import thumbnails

if TYPE_CHECKING:
    from videonet.training.data.preview import Views  # needs PyTorch

# Frames of a clip, and clips of a video, that are shown.
FRAMES = 8
CLIPS = 8

# Windows of a clip whose training views are shown.
WINDOWS = 3


@dataclass(frozen=True)
class Judgement:
    """What became of the video for one class."""

    target: Target
    verdict: Verdict


@dataclass(frozen=True)
class Moment:
    """One frame of a clip."""

    # within the video, microseconds
    time: int
    image: Image.Image


@dataclass(frozen=True)
class ShownClip:
    """A few evenly spread frames of a clip."""

    # 0-based
    number: int
    # within the video, microseconds
    begin: int
    end: int
    # frames that the clip has in all
    stored: int
    labels: tuple[str, ...]
    moments: tuple[Moment, ...]
    # what the trainer would see of it; empty if that was not asked for
    views: tuple[Views, ...]


@dataclass(frozen=True)
class Exhibit:
    """All that is shown of a video."""

    # in the order of the class list; at least one
    judgements: tuple[Judgement, ...]
    # at most CLIPS of them, evenly spread
    clips: tuple[ShownClip, ...]
    # what the classifier saw in the first frames; None: see the notes
    scan: Scan | None
    # by index among the first frames
    thumbnails: dict[int, Image.Image]
    labels: tuple[Label, ...]
    # one sentence for each thing that could not be shown
    notes: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """The first verdict: what it says of the video itself, all of them say."""
        return self.judgements[0].verdict


def exhibit(out: Path, asked: str, store: Path | None, training_views: bool) -> Exhibit:
    """Gather what there is of the video that is called `asked`: its video_id or video_key.

    `store` is the run's own if None. Raises UsageError if there is no such video or store, or
    several videos.
    """
    if store is not None and not store.is_dir():
        raise UsageError(f"The store {store} is no folder; give the --store of a run.")
    output = DatasetDir(out)
    targets = _targets(output)
    verdicts = _verdicts(output, asked)
    judgements = tuple(
        Judgement(target, verdict)
        for target in targets
        for verdict in verdicts
        if verdict.target_id == target.target_id
    )
    verdict = verdicts[0]
    notes: list[str] = []
    clips = _clips(output, verdicts, training_views, notes)
    scan, thumbnails = _seen(output, verdict, store, notes)
    return Exhibit(judgements, clips, scan, thumbnails, output.labels(), tuple(notes))


def label_name(labels: Sequence[Label], output: int) -> str:
    """What a classifier output is called, in short."""
    if output >= len(labels):
        return f"output {output}"
    return labels[output].name.split(",")[0]


def sentence(judgement: Judgement, labels: Sequence[Label]) -> str:
    """What was seen of the video with respect to one class. Frames are counted from 0."""
    verdict, target = judgement.verdict, judgement.target
    parts = []
    if verdict.reason is Reason.TOO_SHORT:
        length, how = verdict.duration, "long"
        if length is None:
            length, how = verdict.declared_duration, "long, says its source"
        parts.append(f"{length:.2f} s {how}" if length is not None else "too short")
    if verdict.frames_scanned and verdict.frames_matched:
        parts.append(
            f"{verdict.frames_matched} of the first {verdict.frames_scanned} frames confirm it, "
            f"best frame {verdict.best_match} ({verdict.best_probability:.2f})"
        )
    elif verdict.frames_scanned:
        parts.append(f"none of the first {verdict.frames_scanned} frames confirms it")
    else:
        parts.append("the classifier has seen nothing of it")
    if verdict.seen is not None and verdict.seen not in target.outputs:
        parts.append(
            f"the classifier saw {label_name(labels, verdict.seen)} in {verdict.seen_frames} "
            f"of them ({verdict.seen_probability:.2f} at most)"
        )
    return "; ".join(parts)


def file_name(verdict: Verdict) -> str:
    """A file name for a video's picture that every file system takes, another for each video."""
    plain = re.sub(r"[^A-Za-z0-9_]+", "-", verdict.video_id).strip("-")
    return f"{plain[:60] or 'video'}-{digest(verdict.video_key)[:8]}.png"


def _targets(output: DatasetDir) -> tuple[Target, ...]:
    try:
        return output.targets()
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(
            f"{output.root} holds no data set (targets.json cannot be read); "
            "give the --out of a run."
        ) from error


# Its verdicts.


def _verdicts(output: DatasetDir, asked: str) -> list[Verdict]:
    """All verdicts on one video."""
    lookup = output.lookup()
    shards = lookup.shards if lookup else 0
    files = sorted(output.verdict_folder.glob(f"verdicts-*-of-{shards:05d}.parquet"))
    if not files:
        raise UsageError(
            f"{output.root} has no verdicts yet; wait until its run has written some, "
            "or give the --out of another."
        )
    try:
        found = _with_key(files, asked, shards)
        if not found:
            found = _with_id(files, asked, shards)
    except (OSError, pa.ArrowException, msgspec.MsgspecError) as error:
        raise UsageError(f"The verdicts of {output.root} cannot be read: {error}.") from error
    if found:
        return found
    unfinished = ""
    if len(files) < shards:
        unfinished = f" so far (the verdicts of {len(files)} of {shards} shards are there)"
    raise UsageError(
        f"{output.root} has no video {asked!r}{unfinished}. Give a video_id or video_key of "
        f"{output.verdict_folder}, such as {', '.join(_nearest(files, asked))}."
    )


def _with_key(files: list[Path], video_key: str, shards: int) -> list[Verdict]:
    """The verdicts on a video; they are all in the file of its shard."""
    index = shard_of(video_key, shards)
    theirs = [file for file in files if file.name.startswith(f"verdicts-{index:05d}-")]
    if not theirs:
        return []
    rows = ds.dataset(theirs).to_table(filter=ds.field("video_key") == video_key)
    return [Verdict.from_row(row) for row in rows.to_pylist()]


def _with_id(files: list[Path], video_id: str, shards: int) -> list[Verdict]:
    """The verdicts on the only video that its source calls so; none if there is none."""
    same = ds.field("video_id") == video_id
    keys = ds.dataset(files).to_table(columns=["video_key"], filter=same)
    found = sorted(set(keys["video_key"].to_pylist()))
    if len(found) > 1:
        raise UsageError(
            f"{len(found)} videos have the id {video_id!r}; give the video_key of one: "
            f"{', '.join(found)}."
        )
    return _with_key(files, found[0], shards) if found else []


def _nearest(files: list[Path], asked: str) -> list[str]:
    """The three ids that are most like what was asked for."""
    with duckdb.connect() as database:
        database.register("verdicts", ds.dataset(files))
        rows = database.execute(
            "SELECT DISTINCT video_id, jaro_winkler_similarity(video_id, ?) AS likeness "
            "FROM verdicts ORDER BY likeness DESC, video_id LIMIT 3",
            [asked],
        ).fetchall()
    return [video_id for video_id, _ in rows]


# Its clips.


def _clips(
    output: DatasetDir, verdicts: list[Verdict], training_views: bool, notes: list[str]
) -> tuple[ShownClip, ...]:
    video_key = verdicts[0].video_key
    count = max(verdict.clips for verdict in verdicts)
    kept = any(verdict.outcome is Outcome.KEPT for verdict in verdicts)
    if not count:
        if kept:
            notes.append("It is too short for a clip.")
        return ()
    numbers = sorted(set(np.linspace(0, count - 1, min(count, CLIPS)).round().astype(int).tolist()))
    if count > CLIPS:
        notes.append(f"{len(numbers)} of its {count} clips are shown.")
    clips = [
        _shown(clip, number, training_views)
        for number, clip in _read_clips(output, video_key, numbers)
    ]
    if len(clips) < len(numbers):
        notes.append("Its clips are not in their shard; videonet verify says what else is wrong.")
    return tuple(clips)


def _read_clips(
    output: DatasetDir, video_key: str, numbers: list[int]
) -> Iterator[tuple[int, Clip]]:
    """The clips with these numbers. Of a Parquet shard no other is read."""
    lookup = output.lookup()
    assert lookup is not None, "there are verdicts"
    index = shard_of(video_key, lookup.shards)
    wanted = {f"{video_key}#{number}": number for number in numbers}
    parquet = output.root / shard_path("parquet", index, lookup.shards)
    tfrecord = output.root / shard_path("tfrecord", index, lookup.shards)
    if parquet.is_file():
        for clip in _from_parquet(parquet, wanted):
            yield wanted[clip.example_id], clip
    elif tfrecord.is_file():
        theirs = (clip for clip in FORMATS["tfrecord"].read(tfrecord) if clip.example_id in wanted)
        # Once all are found, the rest of the file is not read.
        for clip in itertools.islice(theirs, len(wanted)):
            yield wanted[clip.example_id], clip


def _from_parquet(file: Path, wanted: dict[str, int]) -> Iterator[Clip]:
    """The clips of these ids. A row group is a clip, and its statistics say which."""
    try:
        with pq.ParquetFile(file, page_checksum_verification=True) as shard:
            column = shard.schema_arrow.get_field_index("example_id")
            for group in range(shard.num_row_groups):
                statistics = shard.metadata.row_group(group).column(column).statistics
                if statistics.min in wanted:
                    for row in shard.read_row_group(group).to_pylist():
                        yield Clip.from_row(row)
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"{file} is damaged ({error}). Write it again.") from error


def _shown(clip: Clip, number: int, training_views: bool) -> ShownClip:
    stored = len(clip.image_encoded)
    shown = sorted(set(np.linspace(0, stored - 1, FRAMES).round().astype(int).tolist()))
    return ShownClip(
        number=number,
        begin=clip.clip_start_timestamp,
        end=clip.clip_end_timestamp,
        stored=stored,
        labels=clip.clip_label_text,
        moments=tuple(
            Moment(clip.image_timestamp[index], _decoded(clip.image_encoded[index]))
            for index in shown
        ),
        views=_views(clip, number) if training_views else (),
    )


def _decoded(jpeg: bytes) -> Image.Image:
    return Image.fromarray(simplejpeg.decode_jpeg(jpeg, colorspace="RGB"))


def _views(clip: Clip, number: int) -> tuple[Views, ...]:
    with needed_for("--training-views"):
        from videonet.training.data.preview import views_of  # only where it is asked for
    # Other windows in each clip, the same ones each time.
    return tuple(views_of(clip, number * WINDOWS + place) for place in range(WINDOWS))


# What the classifier saw.


def _seen(
    output: DatasetDir, verdict: Verdict, folder: Path | None, notes: list[str]
) -> tuple[Scan | None, dict[int, Image.Image]]:
    """Its scan and the thumbnails, from the store; if either is missing, the notes say why."""
    if verdict.reason is Reason.WITHDRAWN:
        notes.append("It was withdrawn, so no picture of it is shown.")
        return None, {}
    plan = output.plan()
    if folder is None and plan is not None:
        folder = Path(plan.store)
    if folder is None or not folder.is_dir():
        where = f" ({folder})" if folder else ""
        notes.append(
            f"The store of the run{where} is not here, so the line of the first frames is "
            "missing; --store DIR names it."
        )
        return None, {}
    store = Store(folder)
    scan_key = _scan_key(output)
    scan = store.scan(verdict.video_key, scan_key) if scan_key else None
    if scan is None or not scan.top1:
        if verdict.frames_scanned:
            notes.append(f"The store {folder} knows nothing of its first frames.")
        return None, {}
    if verdict.sha256 is not None and verdict.sha256 != _content_of(scan, store):
        notes.append(f"The store {folder} has seen other content of it since.")
        return None, {}
    strip = store.thumbnail(verdict.video_key)
    return scan, thumbnails.frames_of(strip) if strip else {}


def _content_of(scan: Scan, store: Store) -> str | None:
    """The sha256 of the file that was scanned, also where a part of it was here then."""
    fetched = store.fetch(scan.video_key)
    if fetched is not None and fetched.part is not None and fetched.part.sha256 == scan.sha256:
        return fetched.sha256
    return scan.sha256


def _scan_key(output: DatasetDir) -> str | None:
    """The name under which the store has the scans of this data set."""
    manifest, plan = output.manifest(), output.plan()
    if manifest is not None:
        return str(manifest.settings["scan_key"])
    return plan.settings.scan_key if plan else None
