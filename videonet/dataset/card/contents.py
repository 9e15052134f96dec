"""What is in a data set: its classes, its sizes, and the licences that its sources state."""

from videonet.dataset.card.facts import Facts
from videonet.dataset.card.markdown import of, plain, table
from videonet.schemas.target import Target
from videonet.text import file_size, number, playing_time, share

# With more classes than this, the fullest and the thinnest are shown.
CLASSES_SHOWN = 50
EDGE = 20


def classes(facts: Facts) -> str:
    """A table of the classes; of many, those at both ends."""
    per_class = facts.setting("per_class")
    intro = "A video that is kept for two classes counts in both, and so do its clips."
    short = sum(counts.pairs < per_class for counts in facts.manifest.targets.values())
    if short and not facts.is_rebuilt:
        of_all = number(len(facts.targets), "class", "classes")
        intro += (
            f" For {short:,} of {of_all} fewer than the {per_class:,} videos were found that each "
            "could have."
        )
    return f"{intro}\n\n{_table(facts)}"


def sizes(facts: Facts) -> str:
    """Videos, clips, labels, time and bytes."""
    totals, numbers = facts.manifest.totals, facts.numbers
    counts = facts.manifest.targets.values()
    rows = [
        ("kept videos", f"{totals.kept_videos:,}"),
        ("of them too short for a clip", f"{totals.kept_without_clip:,}"),
        ("length of the kept videos", playing_time(numbers.kept_seconds)),
        ("labels: pairs of kept video and class", f"{facts.labels:,}"),
        ("classes with a kept video", f"{sum(each.kept > 0 for each in counts):,}"),
        ("classes with a clip", f"{facts.classes_with_clips:,}"),
        ("clips", f"{totals.clips:,}"),
    ]
    if numbers.clip_seconds is not None:
        rows.append(("length of the clips", playing_time(numbers.clip_seconds)))
    for name in sorted(facts.formats):
        files = [each for each in facts.manifest.shards if each.path.startswith(f"clips/{name}/")]
        shards = number(len(files), "shard")
        rows.append(
            (f"`clips/{name}/`", f"{shards}, {file_size(sum(each.bytes for each in files))}")
        )
    return table(("", "number"), rows)


def licences(facts: Facts) -> str:
    """What sources state, and what follows from it."""
    kept = facts.numbers.kept
    without = kept.videos - kept.with_licence
    free = (
        "Each of its videos is stated to be under one of Creative Commons or in the public domain. "
        if facts.manifest.settings["licence"] == "cc"
        else ""
    )
    text = (
        "The videos belong to those who made them. This data set gives no right to them: what you "
        "may do with a video is decided by its licence, by the terms of the site that it is from, "
        f"and by the law where you are. {free}What a source states is in the column `licence` of "
        "the verdicts, word for word; nobody has checked it."
    )
    if not kept.videos:
        return text
    text += (
        f"\n\nOf {number(kept.videos, 'video')}, no licence at all is stated for "
        f"{of(without, kept.videos)}, and one of Creative Commons or the public domain for "
        f"{of(kept.creative_commons, kept.videos)}."
    )
    if kept.creative_commons:
        text += (
            " Most of these ask for the maker's name to be given, and some forbid commercial use, "
            "or changes."
        )
    if not kept.licences:
        return text
    rows = [(plain(name), of(videos, kept.videos)) for name, videos in kept.licences]
    left_out = kept.statements - len(kept.licences)
    if left_out:
        rest = kept.with_licence - sum(videos for _, videos in kept.licences)
        rows.append((f"*{number(left_out, 'other statement')}*", of(rest, kept.videos)))
    if without:
        rows.append(("*none*", of(without, kept.videos)))
    return f"{text}\n\n{table(('licence as stated', 'videos'), rows)}"


def copies(facts: Facts) -> str:
    """How many kept videos have the content of another one."""
    found = facts.numbers.copies
    if not found:
        return "no kept video has the same bytes as another"
    share_of = share(found, facts.numbers.kept.videos)
    return f"{found:,} of the kept videos, {share_of}, have the bytes of another one among them"


def _table(facts: Facts) -> str:
    head = ("class", "id", "candidates", "kept", "clips")
    if len(facts.targets) <= CLASSES_SHOWN:
        return table(head, [_row(facts, target) for target in facts.targets], numbers=3)
    counts = facts.manifest.targets
    filled = [each for each in facts.targets if counts[each.target_id].kept]
    # Of classes with as many videos, in the order of the list: sorting is stable.
    filled.sort(key=lambda each: -counts[each.target_id].kept)
    empty = len(facts.targets) - len(filled)
    hidden = len(filled) - 2 * EDGE
    rows = [_row(facts, target) for target in filled]
    if hidden > 0:
        between = (f"*{number(hidden, 'class', 'classes')} between these*", "", "", "", "")
        rows[EDGE:-EDGE] = [between]
    if empty:
        rows.append((f"*{number(empty, 'class', 'classes')} without a video*", "", "", "0", "0"))
    shown = f"The {EDGE} fullest and the {EDGE} thinnest" if hidden > 0 else "Those"
    return (
        f"{shown} that have a video; all are in `targets.json`, and their numbers in "
        f"`manifest.json`.\n\n{table(head, rows, numbers=3)}"
    )


def _row(facts: Facts, target: Target) -> tuple[str, str, str, str, str]:
    counts = facts.manifest.targets[target.target_id]
    return (
        facts.names[target.target_id],
        plain(target.target_id),
        f"{counts.pairs:,}",
        f"{counts.kept:,}",
        f"{facts.confirmation(target.target_id).clips:,}",
    )
