"""A data set of any number of verdicts, as a run would leave it, but made up and without clips.

Titles, errors and addresses have the usual lengths, verdicts lie in as many files as a run would
write, and the store has thumbnails for the pictures that a report shows.

    python -m benchmarks.many_verdicts FOLDER ROWS [LIST]
    python -m benchmarks.many_verdicts FOLDER --scans

LIST is a class list that is built in; without it, imagenet1k. --scans gives the store of such a
data set what was seen in the frames of kept videos, packed as a run leaves it: a million verdicts
have some 240,000 of them, for which it takes minutes.
"""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from demo.drawing import KINDS, Scene
from videonet.dataset.manifest import Key, counts_of, tally_table, totals_of
from videonet.report.inputs import open_input
from videonet.report.pictures import MOST, drawn_kept, drawn_rejected
from videonet.schemas.manifest import (
    ClassifierCard,
    DataSettings,
    Manifest,
    ManifestSettings,
    Shard,
)
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.record import shared_fields
from videonet.schemas.run import Lookup
from videonet.schemas.scan import Scan
from videonet.schemas.search import NameYield, Search
from videonet.schemas.table import arrow_schema
from videonet.schemas.target import Target
from videonet.schemas.verdict import Verdict
from videonet.schemas.video_record import VideoRecord, sections_of
from videonet.shards.layout import SHARD_BYTES, number_of_shards, shard_path
from videonet.shards.writer import FORMATS
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.packing import pack
from videonet.storage.store import RecordState, Store
from videonet.targets.imagenet import WITH_PEOPLE, imagenet_labels
from videonet.targets.imagenet1k import IMAGENET_1K
from videonet.targets.resolve import resolve_targets
from videonet.video.clips import DATASET
from videonet.video.thumbnails import spread, strip

# Of 100 verdicts that are not kept, about so many are of each reason; of all others, one.
SHARES = {
    Reason.NO_TOP1_MATCH: 60,
    Reason.TOO_SHORT: 12,
    Reason.UNAVAILABLE: 12,
    Reason.PRIVATE: 4,
    Reason.RATE_LIMITED: 3,
}

# Rows that are made up at once.
_CHUNK = 100_000

_ROW_GROUP = 1_000
_FRAMES = 100


def make_data_set(folder: Path, rows: int, class_list: str = IMAGENET_1K) -> None:
    """Write `folder`/out with so many verdicts on the classes of a list, and `folder`/store."""
    output, store = DatasetDir(folder / "out"), Store(folder / "store")
    labels = imagenet_labels(class_list.removesuffix(WITH_PEOPLE))
    targets = resolve_targets(class_list, labels)
    # Every twentieth row is the video of the row before, for another class.
    candidates = rows - rows // 20
    shards = number_of_shards(candidates)
    output.write_targets(targets)
    output.write_labels(labels)
    counts = _write_verdicts(output, targets, rows, shards)
    output.write_lookup(_lookup(targets, rows, candidates, shards))
    store.prepare()
    _write_thumbnails(output, store)
    output.write_manifest(_manifest(targets, 6 * rows, shards, counts))


def _write_verdicts(
    output: DatasetDir, targets: Sequence[Target], rows: int, shards: int
) -> Counter[Key]:
    """Write the tables of verdicts; how many there are of each kind."""
    schema = arrow_schema(Verdict)
    counts: Counter[Key] = Counter()
    Path(output.place_of("verdicts")).mkdir(parents=True, exist_ok=True)
    bounds = [rows * index // shards for index in range(shards + 1)]
    at_once = max(1, _CHUNK * shards // rows)
    with duckdb.connect() as db:
        _read_tables(db, targets)
        for first in range(0, shards, at_once):
            files = range(first, min(shards, first + at_once))
            start, stop = bounds[files.start], bounds[files.stop]
            columns = ", ".join(schema.names)
            made = db.sql(f"select {columns} from ({_VERDICTS})", params=[start, stop])  # noqa: S608
            table = made.to_arrow_table().cast(schema)
            for index in files:
                part = table.slice(bounds[index] - start, bounds[index + 1] - bounds[index])
                file = (
                    Path(output.place_of("verdicts"))
                    / f"verdicts-{index:05d}-of-{shards:05d}.parquet"
                )
                pq.write_table(part, file, compression="zstd", row_group_size=_ROW_GROUP)
            counts.update(tally_table(table))
    return counts


def _read_tables(db: duckdb.DuckDBPyConnection, targets: Sequence[Target]) -> None:
    """Make the tables that verdicts are made up from."""
    reasons = [reason for reason in Reason for _ in range(SHARES.get(reason, 1))]
    tables = {
        "classes": {
            "place": pa.array(range(len(targets))),
            "target_id": [each.target_id for each in targets],
            "names": [[each.name, *each.synonyms] for each in targets],
            "output": pa.array([each.outputs[0] for each in targets]),
        },
        "reasons": {
            "number": pa.array(range(len(reasons))),
            "reason": [each.value for each in reasons],
            "is_rejection": [each.outcome is Outcome.REJECTED for each in reasons],
        },
    }
    for name, columns in tables.items():
        db.register("given", pa.table(columns))
        db.execute(f"create table {name} as select * from given")  # noqa: S608
        db.unregister("given")
    db.execute("create macro chance(number, of, what) as (hash(number, what) % of)::int")


# Rows $1 up to $2. `chance(row, n, 'what')` is 0 to n - 1, always the same.
_VERDICTS = f"""
with rows as (
    select
        range as row,
        range - (range % 20 = 19)::int as video,
        md5(video::varchar) as text,
        left(to_base64(unhex(text)), 11) as video_id,
        chance(row, (select count(*) from classes), 'class') as place,
        chance(row, (select count(*) from reasons), 'reason') as number
    from range($1::bigint, $2::bigint)
),
judged as (
    select
        *,
        -- classes differ in how many of their videos are kept
        chance(row, 100, 'kept') < 5 + chance(place, 40, 'yield') as is_kept,
        is_kept or reason in ('no_top1_match', 'too_short') as is_scanned,
        is_kept or reason = 'too_short' as is_matching
    from rows join classes using (place) join reasons using (number)
)
select
    video_id,
    'youtube:' || video_id as video_key,
    target_id,
    target_id as wnid,
    'https://www.youtube.com/watch?v=' || video_id as url,
    names[1] || ' ' || left(text || ' ' || reverse(text), 10 + chance(row, 50, 'title')) as title,
    case chance(row, 3, 'names')
        when 0 then names[:2]
        else [names[1 + chance(row, len(names), 'name')]]
    end as matched_names,
    'youtube' as source,
    names[1] as query,
    chance(row, 5000, 'rank') as rank,
    left(text, 5 + chance(row, 20, 'channel')) as channel,
    case when chance(row, 10, 'licence') = 0 then 'Creative Commons Attribution' end as licence,
    3 + chance(row, 900, 'declared') as declared_duration,
    case when is_kept then 'kept' when is_rejection then 'rejected' else 'failed' end as outcome,
    case when not is_kept then reason end as reason,
    case when not is_kept and not is_rejection then
        'ERROR: [youtube] ' || video_id || ': '
        || left(repeat(text || ' ', 8), 40 + chance(row, 200, 'error'))
    end as error,
    1 as attempts,
    case when is_scanned then {_FRAMES} end as frames_scanned,
    case when is_scanned then is_matching::int * (1 + chance(row, 90, 'matched')) end
        as frames_matched,
    case when is_matching then chance(row, 20, 'first') end as first_match,
    case when is_matching then 20 + chance(row, 80, 'best') end as best_match,
    case when is_matching then chance(row, 10000, 'probability') / 10000 end as best_probability,
    case when is_matching then output when is_scanned then
        (output + chance(row, 5, 'a') * chance(row, 5, 'b') * chance(row, 9, 'c') + 1) % 1000
    end as seen,
    case when is_scanned then 30 + chance(row, 70, 'seen') end as seen_frames,
    case when is_scanned then chance(row, 10000, 'shown') / 10000 end as seen_probability,
    case when is_matching then
        if(is_kept, 10, 5) + chance(row, if(is_kept, 900000, 5000), 'duration') / 1000
    end as duration,
    case when is_scanned then [426, 640, 854, 1280][1 + chance(row, 4, 'size')] end as width,
    case when is_scanned then [240, 360, 480, 720][1 + chance(row, 4, 'size')] end as height,
    case when is_scanned then [23.976, 25, 29.97, 30, 60][1 + chance(row, 5, 'fps')] end as fps,
    case when is_scanned then ['h264', 'h264', 'vp9', 'av1'][1 + chance(row, 4, 'codec')] end
        as codec,
    case when is_scanned then 100000 + chance(row, 100000000, 'bytes') end as bytes,
    case when is_scanned then sha256(text) end as sha256,
    if(is_kept, 1 + chance(row, 4, 'clips'), 0) as clips,
    repeat('0123456789abcdef', 4) as classifier,
    '2' || lpad((chance(row, 9999999, 'date'))::varchar, 7, '0') as upload_date,
    'en' as language,
    left(repeat(text || ' ', 12), chance(row, 700, 'description')) as description,
    [names[1], 'video'] as tags,
    'Pets & Animals' as category,
    0 as age_limit,
    chance(row, 2, 'captions') = 1 as has_captions,
    null::varchar as asked,
    null::varchar as duplicate_of,
    null::struct(target_id varchar, names varchar[], title varchar, query varchar, rank bigint)[]
        as inherited
from judged
order by row
"""  # noqa: S608  # constants of this file


def _write_thumbnails(output: DatasetDir, store: Store) -> None:
    """Put a strip of frames into the store for each video that a report has a picture of."""
    scenes = [Scene(kind, (224, 224), kind) for kind in KINDS]
    films = [
        np.stack([np.asarray(scene.frame(index / 12.5)) for index in range(_FRAMES)])
        for scene in scenes
    ]
    with open_input(output, _SETTINGS) as given:
        drawn = (*drawn_kept(given, MOST).verdicts, *drawn_rejected(given, MOST).verdicts)
    for index, verdict in enumerate(drawn):
        best = [] if verdict.best_match is None else [verdict.best_match]
        jpeg = strip(films[index % len(films)], [*spread(_FRAMES), *best])
        store.write_thumbnail(verdict.video_key, jpeg)


def add_scans(folder: Path) -> None:
    """Put into `folder`/store what the verdicts on kept videos say that was seen in them."""
    output, store = DatasetDir(folder / "out"), Store(folder / "store")
    outputs = {each.target_id: each.outputs[0] for each in output.targets()}
    files = f"{output.place_of('verdicts')}/*.parquet"
    with duckdb.connect() as db:
        kept = db.execute(_KEPT, [files])
        while rows := kept.fetchmany(_ROW_GROUP):
            for row in rows:
                scan = _scan(outputs, *row)
                state = RecordState(VideoRecord(scan.video_key), None)
                sections = sections_of(scans={_SETTINGS.scan_key: scan})
                store.write_record(state, sections)
    pack(store)


# Of the videos that are there for two classes, what was seen speaks of one.
_KEPT = """
select video_key, any_value(target_id), any_value(frames_matched), any_value(first_match),
    any_value(best_probability)
from read_parquet(?) where outcome = 'kept' group by video_key
"""


def _scan(
    outputs: Mapping[str, int], key: str, target_id: str, matched: int, first: int, best: float
) -> Scan:
    """A scan of which the verdict says what it says."""
    output = outputs[target_id]
    frames = range(first, min(_FRAMES, first + matched))
    return Scan(
        video_key=key,
        sha256="0" * 64,
        reason=None,
        error=None,
        top1=tuple(output if each in frames else output + 1 for each in range(_FRAMES)),
        probability=tuple(
            best if each == first else round(best * (each % 7) / 7, 4) for each in range(_FRAMES)
        ),
        probe=None,
        phash=("0123456789abcdef",) * 4,
        seconds=1.5,
    )


_SETTINGS = DataSettings(source="youtube", targets="", scan_key="", frames=_FRAMES)


def _lookup(targets: Sequence[Target], rows: int, candidates: int, shards: int) -> Lookup:
    queries, results, new = 6, 3_000, 2_500
    return Lookup(
        titles=6 * rows,
        candidates=candidates,
        pairs=rows,
        shards=shards,
        matched={each.target_id: rows // len(targets) + 500 for each in targets},
        searches=tuple(
            Search(
                target_id=target.target_id,
                end="full",
                names=tuple(
                    NameYield(name=name, queries=queries, results=results, new=new, failed=None)
                    for name in (target.name, *target.synonyms)
                ),
            )
            for target in targets
        ),
    )


def _manifest(
    targets: Sequence[Target], titles: int, shards: int, counts: Counter[Key]
) -> Manifest:
    return Manifest(
        version=1,
        dataset=DATASET,
        settings=ManifestSettings(
            **shared_fields(_SETTINGS, ManifestSettings) | {"shards": shards}
        ),
        versions={},
        classifier=ClassifierCard(
            name="resnet50.onnx", sha256="0" * 64, input_size=(224, 224), outputs=1000
        ),
        totals=totals_of(counts, titles, [each.target_id for each in targets]),
        targets={each.target_id: counts_of(counts, [each.target_id]) for each in targets},
        shards=tuple(
            Shard(
                path=shard_path(name, index, shards),
                rows=237,
                bytes=SHARD_BYTES + 1_000 * (index % 10_000),
                sha256="0" * 64,
            )
            for name in sorted(FORMATS)
            for index in range(shards)
        ),
    )


if __name__ == "__main__":
    if sys.argv[2] == "--scans":
        add_scans(Path(sys.argv[1]))
    else:
        make_data_set(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
