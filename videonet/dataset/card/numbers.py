"""The numbers of a data card that the manifest lacks, counted from verdicts and lock file."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import duckdb

from videonet.dataset.verdict_db import INHERITED, VerdictDB, open_verdicts
from videonet.errors import UsageError
from videonet.schemas.licence import is_creative_commons
from videonet.schemas.settings import DataOptions
from videonet.storage.dataset_dir import LOCK_FILE, DatasetDir
from videonet.video.clips import CLIP_SECONDS, MICROSECONDS, WINDOW

# What a card counts of each pair.
_COLUMNS = (
    *("matched_names", "clips", "frames_matched", "best_probability", "seconds", "side", "fps"),
    *("is_portrait", "has_other_script", "host", "licence", "channel", "content"),
)

LARGEST_CHANNELS = 10
LICENCES_SHOWN = 20
HOSTS_SHOWN = 10

# A label is called uncertain when no matching frame is more probable than this.
UNCERTAIN = 0.5

# From here on a frame is called large: the short side of "720p", pixels.
LARGE = 720


@dataclass(frozen=True)
class Lengths:
    """How long the videos of known length are: quartiles, seconds."""

    known: int
    least: float
    quarter: float
    half: float
    three_quarters: float
    most: float


class Licences(NamedTuple):
    """What some videos state of their licence."""

    # how many different statements there are, and how many videos have a free one: one of Creative
    # Commons, or of the public domain
    statements: int
    creative_commons: int
    # all that are free, in the order of the alphabet
    free: tuple[str, ...]
    # the commonest, and on how many videos they are
    commonest: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Videos:
    """What is known of distinct videos."""

    videos: int
    # with a channel stated, how many channels, and videos of the largest of them
    with_channel: int
    channels: int
    in_largest_channels: int
    # with a licence stated, and with one of Creative Commons or the public domain
    with_licence: int
    creative_commons: int
    # the statements that name one of these, in the order of the alphabet
    free_licences: tuple[str, ...]
    # the commonest statements and on how many videos they are, and how many statements there are
    licences: tuple[tuple[str, int], ...]
    statements: int
    # with a letter in the title that is not a Latin one
    other_script: int
    # measured, else as the source declares
    lengths: Lengths | None
    # of known frame size: higher than wide, smaller than the frames of clips, large
    sized: int
    portrait: int
    enlarged: int
    large: int
    # of known frame rate, and slower than the frames of clips
    timed: int
    slow: int

    @property
    def without_channel(self) -> int:
        """Videos without a stated channel."""
        return self.videos - self.with_channel

    @property
    def without_licence(self) -> int:
        """Videos without a stated licence."""
        return self.videos - self.with_licence

    @property
    def other_statements(self) -> int:
        """How many statements of a licence are not among `licences`."""
        return self.statements - len(self.licences)

    @property
    def with_other_statement(self) -> int:
        """Videos with one of these."""
        return self.with_licence - sum(videos for _, videos in self.licences)


@dataclass(frozen=True)
class Confirmation:
    """How the classifier's word stands behind a class, in pairs of video and class."""

    # with a frame that confirms the class, and rejected since none does
    confirmed: int
    unseen: int
    kept: int
    # clips that are labelled with the class: a video that is kept for two classes has its clips
    # counted for both
    clips: int
    # kept pairs with a known number of frames that confirm the class, and those with only one
    weighed: int
    on_one_frame: int
    # kept pairs whose best matching frame is at most UNCERTAIN probable
    uncertain: int
    # kept pairs whose title has the class's first name, not only synonyms
    by_name: int
    # labels that kept videos have from duplicates that were dropped
    inherited: int = 0


NO_PAIR = Confirmation(0, 0, 0, 0, 0, 0, 0, 0)


@dataclass(frozen=True)
class Numbers:
    """All that is counted for a card."""

    candidates: Videos
    kept: Videos
    # by target_id, of those that have a candidate
    classes: dict[str, Confirmation]
    # host, candidates and kept videos from there; "" for local files; and how many hosts there are
    hosts: tuple[tuple[str, int, int], ...]
    all_hosts: int
    # of kept videos, and of clips, by the lock file; None without one; seconds
    kept_seconds: float
    clip_seconds: float | None
    # kept videos that are longer, by a window at least, than their clips may be
    longer: int
    # kept videos whose content another kept video has too, under another address
    copies: int


def numbers_of(output: DatasetDir, settings: DataOptions, *, inherits: bool = False) -> Numbers:
    """Count the verdicts in OUT, which was made with these settings.

    `inherits`: whether videos may have labels from duplicates. Raises UsageError if the verdicts,
    or the lock file, cannot be read.
    """
    with open_verdicts(output, (*_COLUMNS, "inherited") if inherits else _COLUMNS) as db:
        ((kept_ms, longer, copies),) = db.rows(_WHOLE.format(max_clips=settings.max_clips))
        ((all_hosts,),) = db.rows("select count(distinct host) from candidates")
        return Numbers(
            candidates=_videos(db, "candidates", settings),
            kept=_videos(db, "kept", settings),
            classes=_classes(db, inherits=inherits),
            hosts=tuple(db.rows(_HOSTS)),
            all_hosts=all_hosts,
            kept_seconds=kept_ms / 1000,
            clip_seconds=clip_seconds(db, output),
            longer=longer,
            copies=copies,
        )


def _classes(db: VerdictDB, *, inherits: bool) -> dict[str, Confirmation]:
    classes = {target_id: Confirmation(*row) for target_id, *row in db.rows(_CLASSES)}
    for target, labels, _, clips in db.rows(INHERITED) if inherits else ():
        target_id = db.targets[target].target_id
        own = classes.get(target_id, NO_PAIR)
        classes[target_id] = replace(own, inherited=labels, clips=own.clips + clips)
    return classes


def clip_seconds(db: VerdictDB, output: DatasetDir) -> float | None:
    """How long all clips of OUT are together, by its lock file; None: there is no such file."""
    if db.lock is None:
        return None
    try:
        ((microseconds,),) = db.rows(_SPANS, [str(db.lock)])
    except duckdb.Error as error:
        raise UsageError(
            f"{output.place_of(LOCK_FILE)} cannot be read ({str(error).splitlines()[0]}); run the "
            "same curation again, which writes it."
        ) from error
    return int(microseconds) / MICROSECONDS


def _videos(db: VerdictDB, view: str, settings: DataOptions) -> Videos:
    ((number, with_channel, channels, with_licence, other_script, *rest),) = db.rows(
        _VIDEOS.format(view=view, short_side=settings.short_side, frame_rate=settings.frame_rate)
    )
    (sized, portrait, enlarged, large, timed, slow, measured, quartiles) = rest
    ((in_largest,),) = db.rows(_LARGEST_CHANNELS.format(view=view))
    licences = licences_of(db, view)
    return Videos(
        videos=number,
        with_channel=with_channel,
        channels=channels,
        in_largest_channels=in_largest,
        with_licence=with_licence,
        creative_commons=licences.creative_commons,
        free_licences=licences.free,
        licences=licences.commonest,
        statements=licences.statements,
        other_script=other_script,
        lengths=Lengths(measured, *quartiles) if measured else None,
        sized=sized,
        portrait=portrait,
        enlarged=enlarged,
        large=large,
        timed=timed,
        slow=slow,
    )


def licences_of(db: VerdictDB, view: str) -> Licences:
    """What the videos of a view of the database state of their licence."""
    answer = db.connection.execute(_LICENCES.format(view=view))
    statements = creative_commons = 0
    commonest: list[tuple[str, int]] = []
    free: list[str] = []
    while some := answer.fetchmany(10_000):
        statements += len(some)
        free_here = {text: number for text, number in some if is_creative_commons(text)}
        creative_commons += sum(free_here.values())
        free += free_here
        commonest += some[: LICENCES_SHOWN - len(commonest)]
    return Licences(statements, creative_commons, tuple(sorted(free)), tuple(commonest))


_VIDEOS = f"""
select
    count(*),
    count(channel),
    count(distinct channel),
    count(licence),
    count(*) filter (has_other_script),
    count(side),
    count(*) filter (is_portrait),
    count(*) filter (side < {{short_side}}),
    count(*) filter (side >= {LARGE}),
    count(fps),
    count(*) filter (fps < {{frame_rate}}),
    count(seconds),
    quantile_disc(seconds, [0, 0.25, 0.5, 0.75, 1])
from {{view}}
"""  # noqa: S608  # constants of this project

_LARGEST_CHANNELS = f"""
select coalesce(sum(videos), 0)::bigint
from (
    select count(*) as videos from {{view}} where channel is not null
    group by channel order by videos desc limit {LARGEST_CHANNELS}
)
"""  # noqa: S608  # constants of this project

_LICENCES = """
select licence, count(*) as videos from {view} where licence is not null
group by licence order by videos desc, licence
"""

# In whole milliseconds, for sums of fractions depend on their order.
_WHOLE = f"""
select
    coalesce(sum(round(seconds * 1000)), 0)::bigint,
    count(*) filter (seconds >= {{max_clips}} * {float(CLIP_SECONDS)} + {float(WINDOW)}),
    count(content) - count(distinct content)
from kept
"""  # noqa: S608  # constants of this project

_SPANS = """
select coalesce(sum(list_sum(list_transform(clips, lambda span: span."end" - span."begin"))), 0)
from read_parquet(?)
"""

_CLASSES = f"""
select
    target_id,
    count(*) filter (frames_matched > 0 and reason is distinct from 'weak_match'),
    count(*) filter (reason = 'no_top1_match'),
    count(*) filter (outcome = 'kept'),
    coalesce(sum(clips) filter (outcome = 'kept'), 0)::bigint,
    count(frames_matched) filter (outcome = 'kept'),
    count(*) filter (outcome = 'kept' and frames_matched = 1),
    count(*) filter (outcome = 'kept' and best_probability <= {UNCERTAIN}),
    count(*) filter (outcome = 'kept' and list_contains(matched_names, name))
from pairs join targets using (target)
group by target_id
"""  # noqa: S608  # constants of this project

_HOSTS = f"""
select host, candidates.videos, coalesce(kept.videos, 0)
from (select host, count(*) as videos from candidates group by host) as candidates
left join (select host, count(*) as videos from kept group by host) as kept using (host)
order by 3 desc, 2 desc, host
limit {HOSTS_SHOWN}
"""  # noqa: S608  # constants of this project
