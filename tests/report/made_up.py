"""Facts of a data set that does not exist, of any size, with the worst of titles."""

import base64
import functools
import io
from collections import Counter
from random import Random

from demo.drawing import KINDS, Scene
from videonet.report.page.content import (
    Advice,
    Bin,
    ClassRow,
    Cluster,
    Clusters,
    ClusterVideo,
    Confusion,
    Cost,
    Example,
    Failure,
    Funnel,
    Histogram,
    LastRun,
    NameRow,
    PageFacts,
    Picture,
    Setting,
    Sizes,
)
from videonet.schemas.progress import StageCost

HOSTILE = (
    "</script><script>alert(1)</script>",
    '<img src=x onerror="alert(2)">',
    "<!--<script>alert(3)",
    "\u202egnp.exe\u202d of a sailboat",
    "a balloon " * 100,
    "W" * 1000,
    "🎈⛵🦋 👩‍👩‍👧‍👦 Z͑ͫa̴l͎g͓o̐ מפרשית قارب",
    "\u2028new line\u2029&lt;b&gt; ' \" ` ${1} $data \\u003c \x00 \x1b",
)
ADDRESSES = (
    "https://videos.example/watch?v=1&list=<b>",
    "javascript:alert(4)",
    "file:///etc/passwd",
    "data:text/html,<script>alert(5)</script>",
    "boats/a sailboat.mp4",
    "//videos.example/watch",
)

SUBJECTS = ("balloon", "sailboat", "butterfly", "locomotive", "mushroom", "lighthouse")
SECOND = ("hot air balloon", "yacht", "swallowtail", "steam engine", "toadstool", "light tower")
ERRORS = {
    "unavailable": "HTTP Error 404: Not Found",
    "rate_limited": "HTTP Error 429: Too Many Requests\nSign in to confirm you're not a bot",
    "not_a_video": "moov atom not found <b>",
}


def made_up(classes: int = 6, per_class: int = 40, *, hostile: bool = True) -> PageFacts:
    """Facts of so many classes with at most so many candidates each: equal ones for equal sizes.

    With `hostile`, titles, names and errors are such as would break a careless page.
    """
    random = Random(f"{classes} {per_class}")
    names = [_name(index) for index in range(classes)]
    rows = tuple(_class(index, names[index], per_class, random) for index in range(classes))
    rejected = sum((Counter(row.rejected) for row in rows), Counter())
    failed = sum((Counter(row.failed) for row in rows), Counter())
    whole = _sum([row.funnel for row in rows])
    titles = HOSTILE if hostile else ("A quiet day out", "What we saw, part two", "Close up")
    urls = ADDRESSES if hostile else ADDRESSES[:1]
    thinnest = sorted(rows, key=lambda row: row.funnel.kept)[:5]
    return PageFacts(
        dataset=HOSTILE[0] if hostile else "videonet",
        summary=f"{whole.kept:,} of {whole.candidates:,} videos found were kept, "
        f"{whole.kept - whole.with_clip:,} of them too short for a clip. {whole.with_clip:,} "
        f"videos in {classes:,} classes give {whole.clips:,} clips, 4.1 GB.",
        state="finished",
        sampled=False,
        last_run=LastRun(
            begun="2026-05-09 07:12 UTC",
            command=f"videonet curate --targets {HOSTILE[0]!r}" if hostile else "videonet curate",
        ),
        sizes=Sizes(
            candidates=whole.candidates,
            kept=whole.kept,
            with_clip=whole.with_clip,
            classes=sum(row.funnel.kept > 0 for row in rows),
            classes_with_clip=sum(row.funnel.with_clip > 0 for row in rows),
            clips=whole.clips,
            frames=128 * whole.clips,
            clip_seconds=10.24 * whole.clips,
            kept_seconds=31.0 * whole.kept,
            bytes=4_100_000_000,
            channels=whole.kept // 3,
            without_channel=2,
            licences=4,
            without_licence=whole.kept // 2,
            creative_commons=whole.kept // 4,
        ),
        funnel=whole,
        rejected=dict(rejected),
        failed=dict(failed),
        thin=tuple(
            Advice(
                about=row.name,
                text=f"{row.name}: {row.funnel.kept:,} kept of {row.funnel.candidates:,} "
                f"candidates; {row.rejected['no_top1_match']:,} show something else, most often "
                f"\u201ccontainer ship\u201d. See below which name brings it.",
            )
            for row in thinnest
        ),
        thin_classes=max(len(thinnest), int(0.995 * classes)),
        drop=tuple(
            Advice(
                about=SECOND[index],
                text=f"\u201c{SECOND[index]}\u201d (class {names[index]}) alone brought 31 "
                "candidates: none was kept, 29 show something else. Leave it out of the class "
                "list.",
            )
            for index in range(min(classes, 3))
        ),
        chase=tuple(
            Advice(
                about=reason,
                text=f"{reason}: {pairs:,} of {whole.candidates:,} candidates (3.1 %). The site "
                "asked for a pause, and the run left it alone. Wait an hour or more and run the "
                "same command again.",
            )
            for reason, pairs in failed.most_common()
        ),
        classes=rows,
        names=tuple(
            _brought(row, name, random)
            for index, row in enumerate(rows)
            for name in _names(index, row.name, hostile)
        ),
        confusions=tuple(
            Confusion(
                target_id=row.target_id,
                asked=row.name,
                seen=titles[1] if hostile and index == 1 else "container ship, or what looks so",
                pairs=row.rejected["no_top1_match"],
                probability=0.2 + 0.6 * random.random(),
            )
            for index, row in enumerate(rows[:200])
        ),
        confusions_left_out=max(0, classes - 200),
        duplicates=_duplicates(titles, urls),
        histograms=_histograms(random),
        kept_pictures=tuple(
            _picture(index, rows, titles, urls, is_kept=True)
            for index in range(min(4 * classes, 90))
        ),
        rejected_pictures=tuple(
            _picture(index, rows, titles, urls, is_kept=False)
            for index in range(min(4 * classes, 90))
        ),
        pictures_note="Four of each class at most.",
        failures=tuple(
            Failure(
                reason=reason,
                pairs=pairs,
                policy=("never", "next_run", "wait")[order % 3],
                advice="The videos are gone from where they were. Nothing brings them back.",
                examples=tuple(
                    Example(
                        video_id=f"{reason}-{index}",
                        title=titles[(order + index) % len(titles)],
                        url=urls[(order + index) % len(urls)],
                        error=ERRORS[reason],
                    )
                    for index in range(3)
                ),
            )
            for order, (reason, pairs) in enumerate(failed.most_common())
        ),
        costs=tuple(
            Cost(stage=stage, cost=StageCost(seconds=seconds, items=items, bytes=bytes))
            for stage, seconds, items, bytes in (
                ("download", 18_402.5, whole.candidates, 96_200_000_000),
                ("scan", 90_410.0, whole.downloaded, 96_200_000_000),
                ("measure", 310.2, whole.matching, 31_000_000_000),
                ("cut", 9_120.9, whole.kept, 30_500_000_000),
                ("write", 61.0, 17, 4_100_000_000),
            )
        ),
        settings=(
            Setting(name="--targets", value=f"{classes} classes: {', '.join(names[:3])}"),
            Setting(name="--source", value=titles[0] if hostile else "catalogue:videos.csv"),
            Setting(name="--per-class", value=f"{per_class} videos"),
            Setting(name="--min-seconds", value="10 seconds"),
        ),
    )


def _name(index: int) -> str:
    # Two classes of one name, as in ImageNet.
    if index in (7, 8):
        return "crane"
    return SUBJECTS[index] if index < len(SUBJECTS) else f"{SUBJECTS[index % 6]} no. {index}"


def _names(index: int, name: str, hostile: bool) -> list[str]:
    names = [name, SECOND[index] if index < len(SECOND) else f"{SECOND[index % 6]} {index}"]
    return [*names, HOSTILE[0]] if hostile and index == 0 else names


def _class(index: int, name: str, quota: int, random: Random) -> ClassRow:
    candidates = min(quota, int(quota * random.uniform(0.3, 1.6)))
    matched = candidates if candidates < quota else int(quota * random.uniform(1, 3))
    unavailable, limited = int(0.06 * candidates), int(0.03 * candidates)
    broken = 1 if index % 3 == 0 else 0
    downloaded = candidates - unavailable - limited
    matching = int((downloaded - broken) * random.uniform(0.1, 0.8))
    long_enough = int(matching * random.uniform(0.8, 1))
    return ClassRow(
        target_id=f"n{index:08}",
        name=name,
        funnel=Funnel(
            titles=None,
            matched=matched,
            candidates=candidates,
            downloaded=downloaded,
            matching=matching,
            long_enough=long_enough,
            kept=long_enough,
            with_clip=int(long_enough * 0.9),
            clips=int(long_enough * 2.4),
        ),
        quota=quota,
        rejected={
            "no_top1_match": downloaded - broken - matching,
            "too_short": matching - long_enough,
        },
        failed={"unavailable": unavailable, "rate_limited": limited, "not_a_video": broken},
    )


def _sum(funnels: list[Funnel]) -> Funnel:
    steps = [name for name in Funnel.__struct_fields__ if name != "titles"]
    sums = {name: sum(getattr(each, name) for each in funnels) for name in steps}
    return Funnel(titles=40 * sums["matched"], **sums)


def _brought(row: ClassRow, name: str, random: Random) -> NameRow:
    candidates = int(row.funnel.candidates * random.uniform(0.2, 0.9))
    kept = min(row.funnel.kept, int(candidates * random.uniform(0, 0.7)))
    no_match = int((candidates - kept) * 0.8)
    return NameRow(
        target_id=row.target_id,
        name=name,
        candidates=candidates,
        kept=kept,
        no_match=no_match,
        other=candidates - kept - no_match,
        only=candidates // 2,
        only_kept=kept // 2,
        queries=None,
        results=None,
        new=None,
    )


def _histograms(random: Random) -> tuple[Histogram, ...]:
    axes = {
        "Length": ("as measured, else as the source states it", "candidates", 12, "{}0-{}5 s"),
        "Frame size": ("short side, pixels", "candidates", 9, "{}40-{}79"),
        "Frame rate": ("frames per second, rounded", "candidates", 12, "{}4"),
        "Codec": ("", "candidates", 3, "codec {}"),
        "First frame that matches": ("of the first 100 frames", "candidates", 11, "{}1-{}9"),
        "Probability of the class in the frame that matches best": (
            *("as the classifier states it", "candidates", 10, "{}0-{}9 %"),
        ),
        "Clips of a class": ("clips", "classes", 10, "{}0-{}9"),
        "Size of a shard": ("bytes", "shards", 5, "24{}.0 MB - 25{}.0 MB"),
    }
    return tuple(
        Histogram(
            title=title,
            unit=unit,
            counts=counts,
            bins=tuple(
                Bin(
                    label=label.format(index, index),
                    kept=random.randrange(300),
                    rejected=random.randrange(200) if counts == "candidates" else 0,
                    failed=random.randrange(20) if counts == "candidates" else 0,
                )
                for index in range(bins)
            ),
            note=f"Half of those kept are in the first {bins // 2} of {bins}.",
        )
        for title, (unit, counts, bins, label) in axes.items()
    )


def _picture(
    index: int,
    rows: tuple[ClassRow, ...],
    titles: tuple[str, ...],
    urls: tuple[str, ...],
    *,
    is_kept: bool,
) -> Picture:
    row = rows[index % len(rows)]
    subject = SUBJECTS[(index % len(rows) + (0 if is_kept else 2)) % len(SUBJECTS)]
    return Picture(
        video_id=f"{'k' if is_kept else 'r'}{index}",
        video_key=f"sha256-{index:04}",
        title=titles[index % len(titles)],
        url=urls[index % len(urls)],
        target_id=row.target_id,
        asked=row.name,
        seen=row.name if is_kept else subject,
        seen_frames=40 + index % 60,
        frames=100,
        outcome="kept" if is_kept else "rejected",
        reason=None if is_kept else ("too_short" if index % 5 == 0 else "no_top1_match"),
        frame=index % 100,
        is_match=is_kept,
        probability=0.3 + (index * 7 % 70) / 100,
        first_match=index % 40 if is_kept else None,
        matching=40 if is_kept else 0,
        damage="Damage took 3 of the first 100 frames." if index == 2 else "",
        jpeg=_jpeg(subject, index % 4),
    )


def _duplicates(titles: tuple[str, ...], urls: tuple[str, ...]) -> Clusters:
    def same(index: int, outcome: str, why: str) -> ClusterVideo:
        return ClusterVideo(
            video_id=f"d{index}",
            video_key=f"url:d{index}",
            title=titles[index % len(titles)],
            url=urls[index % len(urls)],
            width=1920 // (index + 1) if index else None,
            height=1080 // (index + 1) if index else None,
            bytes_a_second=500_000 if index else None,
            outcome=outcome,
            reason=None if outcome == "kept" else "duplicate",
            why=why,
            jpeg="" if index == 1 else _jpeg(SUBJECTS[0], 0),
        )

    dropped = tuple(same(index, "rejected", "70 of 84 frames show the same") for index in (1, 2))
    marked = (same(4, "kept", ""),)
    return Clusters(
        clusters=(
            Cluster(stays=same(0, "kept", ""), others=dropped, videos=9),
            Cluster(stays=same(3, "kept", ""), others=marked, videos=1),
        ),
        left_out=2,
    )


@functools.cache
def _jpeg(kind: str, seed: int) -> str:
    assert kind in KINDS
    written = io.BytesIO()
    Scene(kind, (112, 112), seed).frame(1.0).convert("RGB").save(written, "JPEG", quality=80)
    return base64.b64encode(written.getvalue()).decode()
