"""Gathers a sample: verdicts of videos of each class, and a clip of each video as a loop."""

import hashlib
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from videonet.dataset.verdict_db import open_verdicts
from videonet.errors import UsageError
from videonet.report.sample.choose import COLUMNS, Asked, Drawn, DrawnClass, draw
from videonet.report.sample.content import SampleCard, SampleClass, SamplePage
from videonet.report.sample.loops import Loop, loops
from videonet.schemas.manifest import Manifest
from videonet.schemas.shown import printable
from videonet.schemas.target import Target
from videonet.schemas.verdict import Verdict
from videonet.storage.dataset_dir import DatasetDir
from videonet.text import label_names, number, number_of, target_names
from videonet.video.clips import CLIP_SECONDS, DATASET, MICROSECONDS

# Of a stranger's text, characters that a page has; and of the labels of a clip, how many.
_LONGEST = 500
_MOST_LABELS = 20


@dataclass(frozen=True)
class Sample:
    """What a page shows."""

    page: SamplePage
    # animated AVIFs; cards name them by their positions
    loops: tuple[bytes, ...]
    # cards whose clip cannot be read
    unreadable: int


def sample_of(
    out: Path | str, asked: Asked, told: Callable[[int, int], object] = lambda _done, _of: None
) -> Sample:
    """Draw a sample of the clips of OUT, finished or not.

    `told` hears how many clips are read, and how many there are to read; threads call it.

    Raises UsageError where there are no clips to look at, for a class that OUT does not have, and
    where verdicts cannot be read. A clip that cannot be read is no error: its card says so.
    """
    if isinstance(out, Path) and not out.is_dir():
        raise UsageError(f"{out} is no folder; give the --out of `videonet curate`.")
    output = DatasetDir(out)
    manifest = output.manifest()
    shards = _shards(output, manifest)
    written = sum(
        path.endswith(f"-of-{shards:05d}.parquet") for path in output.files.list("verdicts")
    )
    if not written:
        raise UsageError(
            f"{output.address} has no verdicts yet; wait until its run has written some, "
            "or give the --out of another."
        )
    with open_verdicts(output, COLUMNS) as db:
        drawn = draw(db, asked)
        targets = db.targets
    if not drawn.verdicts:
        so_far = " yet" if manifest is None else ""
        raise UsageError(
            f"{output.address} has no clip of the classes that are asked for{so_far}; "
            "`videonet report` says what became of their videos."
        )
    clips = {_clip_id(each) for each in drawn.verdicts}
    done = itertools.count(1)
    found = loops(output, shards, clips, lambda: told(next(done), len(clips)))
    places = {
        example_id: place
        for place, example_id in enumerate(
            each for each in sorted(clips) if isinstance(found[each], Loop)
        )
    }
    cards = _cards(drawn, found, places, _seen_names(output))
    unreadable = sum(card.loop is None for card in cards)
    sha256 = output.files.sha256("manifest.json") if manifest else None
    page = SamplePage(
        dataset=manifest.dataset if manifest else DATASET,
        manifest_sha256=sha256,
        # A run that goes on has other clips each time, but the same classes.
        identity=sha256 or hashlib.sha256(output.files.read("targets.json", 1 << 28)).hexdigest(),
        neighbours=_selects_neighbours(output, manifest),
        summary=_summary(drawn, asked),
        notes=tuple(_notes(drawn, asked, unreadable, written, shards if not manifest else None)),
        classes=tuple(map(_class_of, drawn.classes, _names(drawn, targets))),
        cards=cards,
    )
    shown = (found[each] for each in sorted(clips))
    return Sample(page, tuple(each.avif for each in shown if isinstance(each, Loop)), unreadable)


def _shards(output: DatasetDir, manifest: Manifest | None) -> int:
    if manifest is not None:
        return manifest.settings.shards
    lookup = output.lookup()
    if lookup is None:
        raise UsageError(
            f"{output.address} holds no data set and no run that has listed its candidates; give "
            "the --out of `videonet curate`."
        )
    return lookup.shards


def _selects_neighbours(output: DatasetDir, manifest: Manifest | None) -> bool:
    plan = output.plan()
    settings = manifest.settings if manifest else plan and plan.settings
    return bool(settings and settings.selects_neighbours)


def _clip_id(verdict: Verdict) -> str:
    """The clip of a kept video that is nearest to the frame that confirms its class most.

    Clips follow each other without a gap, but for those that were left out.
    """
    seen = (verdict.best_match or 0) / verdict.fps if verdict.fps else 0.0
    clip = math.floor(seen / CLIP_SECONDS)
    return f"{verdict.video_key}#{min(clip, verdict.clips - 1)}"


def _seen_names(output: DatasetDir) -> Sequence[str]:
    """What the classifier's outputs are called; none where that was not written down."""
    try:
        return label_names(output.labels())
    except UsageError:
        return ()


def _names(drawn: Drawn, targets: Sequence[Target]) -> list[str]:
    """The names of the classes that are shown, told apart."""
    names = dict(zip([each.target_id for each in targets], target_names(targets), strict=True))
    return [names[each.target.target_id] for each in drawn.classes]


def _class_of(drawn: DrawnClass, name: str) -> SampleClass:
    return SampleClass(
        target_id=drawn.target.target_id,
        name=name,
        wnid=drawn.target.wnid,
        videos=drawn.videos,
        probability=drawn.probability,
    )


def _cards(
    drawn: Drawn,
    found: Mapping[str, Loop | str],
    places: Mapping[str, int],
    seen_names: Sequence[str],
) -> tuple[SampleCard, ...]:
    return tuple(
        _card(place, each, verdict, found[_clip_id(verdict)], places, seen_names)
        for place, each in enumerate(drawn.classes)
        for verdict in each.verdicts
    )


def _card(
    place: int,
    drawn: DrawnClass,
    verdict: Verdict,
    loop: Loop | str,
    places: Mapping[str, int],
    seen_names: Sequence[str],
) -> SampleCard:
    video, clip = verdict.video, _clip_id(verdict)
    is_other = verdict.seen is not None and verdict.seen not in drawn.target.outputs
    read = loop if isinstance(loop, Loop) else None
    labels = [each for each in read.labels if each != drawn.target.name] if read else []
    return SampleCard(
        place=place,
        video_key=verdict.video_key,
        video_id=video.video_id,
        shown_key=printable(verdict.video_key),
        shown_id=printable(video.video_id),
        title=_short(video.title),
        url=video.url,
        channel=_short(video.channel) if video.channel else None,
        licence=_short(video.licence) if video.licence else None,
        names=tuple(map(_short, verdict.matched_names)),
        rank=verdict.rank,
        probability=verdict.best_probability,
        matched=verdict.frames_matched,
        scanned=verdict.frames_scanned,
        first=verdict.first_match,
        seen=_seen_name(verdict.seen, seen_names) if is_other else None,
        seen_frames=verdict.seen_frames if is_other else None,
        duration=verdict.duration,
        size=f"{verdict.width} x {verdict.height}" if verdict.width else None,
        clip=int(clip.rpartition("#")[2]),
        clips=verdict.clips,
        begin=read.begin / MICROSECONDS if read else None,
        end=read.end / MICROSECONDS if read else None,
        labels=tuple(map(_short, labels[:_MOST_LABELS])),
        more_labels=max(0, len(labels) - _MOST_LABELS),
        loop=places[clip] if read else None,
        unreadable=loop if isinstance(loop, str) else None,
    )


def _seen_name(output: int | None, names: Sequence[str]) -> str:
    return names[output] if output is not None and output < len(names) else f"output {output}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _summary(drawn: Drawn, asked: Asked) -> str:
    """One sentence on what is shown."""
    videos = sum(each.videos for each in drawn.classes)
    # A video that is kept for two classes is there twice.
    what = number_of(len(drawn.verdicts), videos, "kept verdict")
    seed = f", seed {asked.seed}" if asked.seed else ""
    return (
        f"A clip for each of {what} in {number(len(drawn.classes), 'class', 'classes')}, at most "
        f"{asked.per_class:,} of a class, drawn by a hash of their keys{seed}."
    )


def _notes(
    drawn: Drawn, asked: Asked, unreadable: int, written: int, unfinished_shards: int | None
) -> list[str]:
    """A sentence for each thing that is not shown."""
    notes = []
    if unfinished_shards is not None:
        notes.append(
            "The run is not finished: shown are videos of "
            f"{number_of(written, unfinished_shards, 'shard')}."
        )
    if len(drawn.verdicts) < drawn.wanted:
        most = max(len(each.verdicts) for each in drawn.classes)
        notes.append(
            f"{drawn.wanted - len(drawn.verdicts):,} of {number(drawn.wanted, 'clip')} that "
            f"--per-class {asked.per_class} asks for are left out: a page has at most "
            f"{number(asked.most, 'clip')}, so no class has more than {most:,}. --most "
            f"{drawn.wanted} shows all of them, --class NAME those of one class."
        )
    if drawn.without:
        notes.append(
            f"{number(drawn.without, 'class has', 'classes have')} no kept video that gives a clip."
        )
    if unreadable:
        notes.append(
            f"{number(unreadable, 'clip')} cannot be read; `videonet verify` says what is damaged."
        )
    return notes
