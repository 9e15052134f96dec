"""What a data card says in numbers that the manifest lacks: counted from verdicts and lock file.

All is counted in SQL, in bounded memory: the files are read once, into a table without long texts.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from videonet.licence import is_creative_commons
from videonet.storage.dataset_dir import LOCK_FILE, DatasetDir
from videonet.video.clips import CLIP_SECONDS, FRAME_RATE, MICROSECONDS, SHORT_SIDE, WINDOW

# More is put on disk.
MEMORY = "1GB"

LARGEST_CHANNELS = 10
LICENCES_SHOWN = 20
HOSTS_SHOWN = 10

# A label is called uncertain when no matching frame is more probable than this.
UNCERTAIN = 0.5

# From here on a frame is called large: the short side of "720p", pixels.
LARGE = 720


@dataclass(frozen=True)
class Lengths:
    """How long videos are, seconds: of those of which it is known, the quartiles."""

    known: int
    least: float
    quarter: float
    half: float
    three_quarters: float
    most: float


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


@dataclass(frozen=True)
class Confirmation:
    """How the classifier's word stands behind a class, in pairs of video and class."""

    # with a frame that confirms the class, and rejected since none does
    confirmed: int
    unseen: int
    kept: int
    # clips of kept pairs: a video that is kept for two classes has its clips counted for both
    clips: int
    # kept pairs of which it is known how many frames confirm the class, and those with one only
    weighed: int
    on_one_frame: int
    # kept pairs whose best matching frame is at most UNCERTAIN probable
    uncertain: int
    # kept pairs whose title has the class's first name, not only synonyms
    by_name: int


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


def numbers_of(output: DatasetDir, max_clips: int) -> Numbers:
    """Count the verdicts in OUT, where a video has at most `max_clips`.

    Raises duckdb.Error if they, or the lock file, cannot be read.
    """
    with _opened(output) as db:
        ((kept_ms, longer, copies),) = _rows(db, _WHOLE.format(max_clips=max_clips))
        ((all_hosts,),) = _rows(db, "select count(distinct host) from candidates")
        return Numbers(
            candidates=_videos(db, "candidates"),
            kept=_videos(db, "kept"),
            classes={target_id: Confirmation(*row) for target_id, *row in _rows(db, _CLASSES)},
            hosts=tuple(_rows(db, _HOSTS)),
            all_hosts=all_hosts,
            kept_seconds=kept_ms / 1000,
            clip_seconds=_clip_seconds(db, output.root / LOCK_FILE),
            longer=longer,
            copies=copies,
        )


@contextmanager
def _opened(output: DatasetDir) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with the table `pairs`, and the views `candidates` and `kept`, a row a video."""
    with (
        tempfile.TemporaryDirectory(prefix="videonet-card-") as folder,
        duckdb.connect(
            f"{folder}/card.duckdb",
            config={"memory_limit": MEMORY, "temp_directory": f"{folder}/spilled"},
        ) as db,
    ):
        files = sorted(map(str, output.verdict_folder.glob("*-of-*.parquet")))
        db.read_parquet(files).create_view("verdicts")
        targets = output.targets()
        ids, names = [each.target_id for each in targets], [each.name for each in targets]
        db.execute(_TARGETS, [ids, names])
        for statement in (_PAIRS, _CANDIDATES, _KEPT):
            db.execute(statement)
        yield db


def _clip_seconds(db: duckdb.DuckDBPyConnection, lock: Path) -> float | None:
    """How long all clips are together, by a lock file; None: there is no such file."""
    if not lock.is_file():
        return None
    ((microseconds,),) = db.execute(_SPANS, [str(lock)]).fetchall()
    return int(microseconds) / MICROSECONDS


def _videos(db: duckdb.DuckDBPyConnection, view: str) -> Videos:
    ((number, with_channel, channels, with_licence, other_script, *rest),) = _rows(
        db, _VIDEOS.format(view=view)
    )
    (sized, portrait, enlarged, large, timed, slow, measured, quartiles) = rest
    ((in_largest,),) = _rows(db, _LARGEST_CHANNELS.format(view=view))
    statements, creative_commons, commonest = _licences(db, view)
    return Videos(
        videos=number,
        with_channel=with_channel,
        channels=channels,
        in_largest_channels=in_largest,
        with_licence=with_licence,
        creative_commons=creative_commons,
        licences=commonest,
        statements=statements,
        other_script=other_script,
        lengths=Lengths(measured, *quartiles) if measured else None,
        sized=sized,
        portrait=portrait,
        enlarged=enlarged,
        large=large,
        timed=timed,
        slow=slow,
    )


def _licences(
    db: duckdb.DuckDBPyConnection, view: str
) -> tuple[int, int, tuple[tuple[str, int], ...]]:
    """How many statements there are, on how many videos a free one, and the commonest."""
    answer = db.execute(_LICENCES.format(view=view))
    statements = creative_commons = 0
    commonest: list[tuple[str, int]] = []
    while some := answer.fetchmany(10_000):
        statements += len(some)
        creative_commons += sum(number for text, number in some if is_creative_commons(text))
        commonest += some[: LICENCES_SHOWN - len(commonest)]
    return statements, creative_commons, tuple(commonest)


def _rows(db: duckdb.DuckDBPyConnection, query: str) -> list[Any]:
    return db.execute(query).fetchall()


# Given as lists: to take an Arrow table, DuckDB imports pandas, which takes longer than the rest.
_TARGETS = """
create table targets as select unnest(?::varchar[]) as target_id, unnest(?::varchar[]) as name
"""

# What differs between the pairs of one video is its class and what became of it. Channels and
# contents are only told apart, so their hashes will do.
_PAIRS = r"""
create table pairs as
select
    hash(video_key) as video,
    target_id,
    outcome = 'kept' as is_kept,
    if(outcome = 'kept', matched_names, null) as matched_names,
    if(channel is null, null, hash(channel)) as channel,
    nullif(trim(licence), '') as licence,
    lower(regexp_extract(url, '^https?://(?:[^/?#]*@)?(\[[^\]]*\]|[^/:?#]+)', 1)) as host,
    regexp_matches(title, '[^\p{Latin}\P{L}]') as other_script,
    coalesce(duration, declared_duration) as seconds,
    least(width, height) as side,
    height > width as portrait,
    fps,
    reason,
    frames_matched,
    best_probability,
    clips,
    if(sha256 is null, null, hash(sha256)) as content
from verdicts
"""

# The pairs of a video stand together, so it is counted once by looking back one row. Counting
# distinct keys instead would hold all of them in memory.
_CANDIDATES = """
create view candidates as
select * from (select *, lag(video) over () as before from pairs)
where video is distinct from before
"""
_KEPT = """
create view kept as
select * from (select *, lag(video) over () as before from pairs where is_kept)
where video is distinct from before
"""

_VIDEOS = f"""
select
    count(*),
    count(channel),
    count(distinct channel),
    count(licence),
    count(*) filter (other_script),
    count(side),
    count(*) filter (portrait),
    count(*) filter (side < {SHORT_SIDE}),
    count(*) filter (side >= {LARGE}),
    count(fps),
    count(*) filter (fps < {float(FRAME_RATE)}),
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
    count(*) filter (frames_matched > 0),
    count(*) filter (reason = 'no_top1_match'),
    count(*) filter (is_kept),
    coalesce(sum(clips) filter (is_kept), 0)::bigint,
    count(frames_matched) filter (is_kept),
    count(*) filter (is_kept and frames_matched = 1),
    count(*) filter (is_kept and best_probability <= {UNCERTAIN}),
    count(*) filter (list_contains(matched_names, name))
from pairs join targets using (target_id)
group by target_id
"""  # noqa: S608  # constants of this project

_HOSTS = f"""
select host, candidates.videos, coalesce(kept.videos, 0)
from (select host, count(*) as videos from candidates group by host) as candidates
left join (select host, count(*) as videos from kept group by host) as kept using (host)
order by 3 desc, 2 desc, host
limit {HOSTS_SHOWN}
"""  # noqa: S608  # constants of this project
