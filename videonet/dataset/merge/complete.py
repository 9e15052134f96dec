"""Whether an input still has all that its manifest counts: what a table lacks, a union would lack.

A few columns are read, so that a million videos take seconds.
"""

from collections import Counter
from typing import NoReturn

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from videonet.dataset.captions import counted_captions
from videonet.dataset.manifest import COUNTED, Key, counts_of, tally_table, totals_of
from videonet.dataset.merge.inputs import Input
from videonet.errors import UsageError
from videonet.storage.dataset_tables import table_path, unreadable_table
from videonet.text import number

_ADVICE = "the command that made the data set writes it again"


def check_complete(own: Input, *, captions: bool) -> None:
    """Raise UsageError where the tables of an input are not what its manifest counts.

    `captions` says whether those of its captions are read as well.
    """
    counts: Counter[Key] = Counter()
    for index in range(own.shards):
        verdicts = _columns(own, "verdicts", index, COUNTED)
        listed = _columns(own, "candidates", index, ["video_key"])["video_key"].combine_chunks()
        judged = pc.unique(verdicts["video_key"])
        both = pc.sum(pc.is_in(judged, value_set=listed)).as_py() or 0
        if not len(listed) == len(judged) == both:
            _refuse(
                own,
                f"{table_path('candidates', index, own.shards)} lists "
                f"{number(len(listed), 'video')}, its verdicts are on {len(judged):,}, and "
                f"{both:,} are in both",
            )
        counts.update(tally_table(verdicts))
    stated, targets = own.manifest.totals, own.manifest.targets
    found = totals_of(counts, stated.titles, list(targets))
    for name in ("candidates", "kept_videos", "kept_without_clip", "clips"):
        if getattr(found, name) != getattr(stated, name):
            _refuse(
                own,
                f"its verdicts come to {getattr(found, name):,} {name.replace('_', ' ')}, and its "
                f"manifest states {getattr(stated, name):,}",
            )
    for target, due in targets.items():
        if counts_of(counts, [target]) != due:
            _refuse(own, f"its verdicts for the class {target} are not those that are stated")
    if captions and counted_captions(own.output, own.shards) != stated.captions:
        _refuse(own, "its captions are not as many as its manifest states")


def _refuse(own: Input, what: str) -> NoReturn:
    raise UsageError(
        f"{own.address} is not what its manifest.json says: {what}; `videonet verify "
        f"{own.address}` says more, and the command that made the data set mends it."
    )


def _columns(own: Input, kind: str, index: int, names: list[str]) -> pa.Table:
    path = table_path(kind, index, own.shards)
    try:
        with own.output.files.local(path) as file, pq.ParquetFile(file) as table:
            return table.read(columns=names)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise unreadable_table(own.output.files, path, error, _ADVICE) from error
