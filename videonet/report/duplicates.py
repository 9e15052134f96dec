"""Videos that are the same, with pictures: which of them stays, and why."""

from collections.abc import Mapping

from videonet.dataset.verdict_db import Place
from videonet.report.inputs import ReportInput
from videonet.report.page.content import Cluster, Clusters, ClusterVideo
from videonet.report.pictures import as_jpeg
from videonet.schemas.verdict import Verdict
from videonet.storage.store import Store
from videonet.video.thumbnails import frames_of

# Clusters that are shown, those of most videos, and how many videos of each.
SHOWN = 50
MEMBERS = 8

NO_CLUSTERS = Clusters(clusters=(), left_out=0)

# Those of most videos; of equal ones always the same.
_CLUSTERS = """
with duplicates as (
    select video, duplicate_of, min((file, row)) as place from pairs
    where duplicate_of is not null group by video, duplicate_of
)
select duplicate_of, count(*) as videos, list(place order by place) from duplicates
group by duplicate_of order by videos desc, duplicate_of
"""

_STAYING = """
select video, min((file, row)) from pairs
where list_contains($videos::ubigint[], video) group by video
"""


def clusters(given: ReportInput, store: Store | None) -> Clusters:
    """The videos that were dropped or marked as duplicates, by the one that stays.

    `store` has the pictures; None: there are none.
    """
    if not given.settings.looks_for_duplicates:
        return NO_CLUSTERS
    rows = given.db.rows(_CLUSTERS)
    shown = rows[:SHOWN]
    staying = {
        video: _place(place)
        for video, place in given.db.rows(_STAYING, {"videos": [row[0] for row in shown]})
    }
    places = {video: [_place(each) for each in own[:MEMBERS]] for video, _, own in shown}
    verdicts = given.db.verdicts_at(
        [*staying.values(), *(place for own in places.values() for place in own)]
    )
    return Clusters(
        clusters=tuple(
            Cluster(
                stays=_video(verdicts[staying[video]], store),
                others=tuple(_video(verdicts[place], store) for place in places[video]),
                videos=number,
            )
            for video, number, _ in shown
            if video in staying
        ),
        left_out=len(rows) - len(shown),
    )


def _place(place: Mapping[str, int] | tuple[int, int]) -> Place:
    """A place as the database gives it."""
    file, row = place.values() if isinstance(place, Mapping) else place
    return int(file), int(row)


def _video(verdict: Verdict, store: Store | None) -> ClusterVideo:
    strip = store.thumbnail(verdict.video_key) if store is not None else None
    frames = frames_of(strip) if strip else {}
    middle = frames[sorted(frames)[len(frames) // 2]] if frames else None
    size, length = verdict.bytes, verdict.duration
    return ClusterVideo(
        video_id=verdict.video.video_id,
        video_key=verdict.video_key,
        title=verdict.video.title,
        url=verdict.video.url,
        width=verdict.width,
        height=verdict.height,
        bytes_a_second=round(size / length) if size and length else None,
        outcome=verdict.outcome.value,
        reason=verdict.reason.value if verdict.reason else None,
        why=(verdict.error or "").partition(" as ")[0] if verdict.duplicate_of else "",
        jpeg=as_jpeg(middle) if middle is not None else "",
    )
