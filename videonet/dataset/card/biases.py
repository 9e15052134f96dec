"""What a data set has too much and too little of, by the numbers."""

import math
import statistics

from videonet.dataset.card.facts import Facts
from videonet.dataset.card.markdown import of, plain, table
from videonet.dataset.card.numbers import LARGE, LARGEST_CHANNELS, UNCERTAIN, Lengths
from videonet.text import number, share
from videonet.video.clips import FRAME_RATE, SHORT_SIDE, WINDOW

# Of fewer judged candidates, the share that was confirmed says little.
ENOUGH = 10
SHOWN = 5


def biases(facts: Facts) -> str:
    """All of them, each with its numbers."""
    if not facts.manifest.totals.candidates:
        return "There is no video to count."
    said = [_imbalance(facts), _unseen(facts), _uncertain(facts), _names(facts), _spans(facts)]
    bullets = "\n".join(f"- {each}" for each in said if each)
    parts = [bullets, _comparison(facts), _hosts(facts)]
    return "\n\n".join(part for part in parts if part)


def _imbalance(facts: Facts) -> str:
    """How unevenly labels are spread over classes."""
    kept = {target_id: counts.kept for target_id, counts in facts.manifest.targets.items()}
    if not facts.labels:
        return "**Classes.** No video was kept for any class."
    ordered = sorted(kept.values(), reverse=True)
    fullest = next(each for each in facts.targets if kept[each.target_id] == ordered[0])
    tenth = math.ceil(len(ordered) / 10)
    empty = ordered.count(0)
    return (
        f"**Classes are uneven.** {facts.names[fullest.target_id]} has most labels, "
        f"{of(ordered[0], facts.labels)} of {facts.labels:,}; the class in the middle has "
        f"{statistics.median(ordered):g}, and {of(empty, len(ordered))} of the classes "
        "have none. "
        f"The fullest tenth ({number(tenth, 'class', 'classes')}) has "
        f"{share(sum(ordered[:tenth]), facts.labels)} of the labels."
    )


def _unseen(facts: Facts) -> str:
    """What the classifier does not recognise is missing."""
    if facts.is_rebuilt:
        return (
            "**The selection was made elsewhere.** Only videos of the lock file were candidates "
            "here; what was left out before is told by the card of the data set that it is of."
        )
    counted = facts.numbers.classes
    unseen = sum(each.unseen for each in counted.values())
    judged = unseen + sum(each.confirmed for each in counted.values())
    if not judged:
        return ""
    text = (
        f"**What the classifier fails to see is missing.** Of {number(judged, 'pair')} of video "
        f"and class whose frames it judged, {of(unseen, judged)} showed it the class in none. "
        "Many of these titles were misleading; but a class in an unusual place, pose, size, style "
        f"or light, or after the first {facts.setting('frames')} frames, was left out with them, "
        "and what the classifier takes for the class is in."
    )
    telling = sorted(
        (each.confirmed / (each.confirmed + each.unseen), target_id)
        for target_id, each in counted.items()
        if each.confirmed + each.unseen >= ENOUGH
    )
    lowest = [
        f"{facts.names[target_id]} ({counted[target_id].confirmed:,} of "
        f"{counted[target_id].confirmed + counted[target_id].unseen:,})"
        for _, target_id in telling[:SHOWN]
    ]
    return f"{text} Most seldom confirmed: {', '.join(lowest)}." if lowest else text


def _uncertain(facts: Facts) -> str:
    """On how little a label may rest."""
    counted = facts.numbers.classes.values()
    weighed = sum(each.weighed for each in counted)
    if not weighed:
        return ""
    single = sum(each.on_one_frame for each in counted)
    uncertain = sum(each.uncertain for each in counted)
    return (
        f"**Labels can rest on little.** {of(single, weighed)} of {number(weighed, 'label')} rest "
        f"on a single frame, and for {of(uncertain, weighed)} the best frame is at most "
        f"{100 * UNCERTAIN:.0f} % probable to the classifier. And only the first frames were "
        "looked at: the clips of a long video may show other things."
    )


def _names(facts: Facts) -> str:
    """Which words found the videos."""
    if not facts.labels:
        return ""
    by_name = sum(each.by_name for each in facts.numbers.classes.values())
    return (
        f"**Only titles with these names were found.** The class's own name is in the title for "
        f"{of(by_name, facts.labels)} of {number(facts.labels, 'label')}, the others were found "
        "by a synonym alone. Videos that are titled in other languages, or not by what they "
        "show, are missing; which language a title is in was not recorded."
    )


def _spans(facts: Facts) -> str:
    """How much of the videos is in the clips."""
    numbers = facts.numbers
    if not numbers.kept_seconds or numbers.clip_seconds is None:
        return ""
    # A frame that is shown across the end of a clip is the next one's first: clips can overlap.
    whole = round(numbers.kept_seconds * 1000)
    part = share(min(round(numbers.clip_seconds * 1000), whole), whole)
    text = (
        f"**Clips are not whole videos.** They hold {part} of the length of the kept videos. The "
        f"rest is remainders shorter than a window, {float(WINDOW)} s"
    )
    most = f"longer than {number(facts.setting('max_clips'), 'clip')} can hold"
    if not numbers.longer:
        return f"{text}; no kept video is {most}."
    return (
        f"{text}, and what lies between the clips of long videos, which count for less than they "
        f"are: {of(numbers.longer, numbers.kept.videos)} of the kept videos are {most}."
    )


def _comparison(facts: Facts) -> str:
    """What the selection did: all candidates beside those that were kept."""
    both = (facts.numbers.candidates, facts.numbers.kept)
    rows = [
        ("videos", *(f"{each.videos:,}" for each in both)),
        (
            "a letter that is not Latin in the title",
            *(of(each.other_script, each.videos) for each in both),
        ),
        ("no licence stated", *(of(each.videos - each.with_licence, each.videos) for each in both)),
        (
            "no channel stated",
            *(of(each.videos - each.with_channel, each.videos) for each in both),
        ),
        ("channels", *(f"{each.channels:,}" for each in both)),
        (
            f"from the {LARGEST_CHANNELS} largest channels, of those with a channel",
            *(of(each.in_largest_channels, each.with_channel) for each in both),
        ),
        ("length: shortest, longest", *(_extremes(each.lengths) for each in both)),
        ("length: quartiles", *(_quartiles(each.lengths) for each in both)),
        ("of known frame size", *(of(each.sized, each.videos) for each in both)),
        ("higher than wide, of known size", *(of(each.portrait, each.sized) for each in both)),
        (
            f"short side below {SHORT_SIDE} pixels (enlarged in clips)",
            *(of(each.enlarged, each.sized) for each in both),
        ),
        (f"short side of {LARGE} pixels or more", *(of(each.large, each.sized) for each in both)),
        (
            f"fewer than {float(FRAME_RATE)} frames a second",
            *(of(each.slow, each.timed) for each in both),
        ),
    ]
    told = "What is here of what was asked for." if facts.is_rebuilt else "What selecting changed."
    return (
        f"{told} Of candidates, a length is as declared where it was not measured, and unknown "
        "where it was not declared either; frame sizes are known of those that were opened.\n\n"
        + table(("", "candidates", "kept"), rows)
    )


def _hosts(facts: Facts) -> str:
    """Where the videos are from."""
    numbers = facts.numbers
    rows = [
        (plain(host) or "*local files*", f"{videos:,}", of(kept, numbers.kept.videos))
        for host, videos, kept in numbers.hosts
    ]
    left_out = numbers.all_hosts - len(rows)
    if left_out:
        videos = numbers.candidates.videos - sum(each[1] for each in numbers.hosts)
        kept = numbers.kept.videos - sum(each[2] for each in numbers.hosts)
        rows.append(
            (f"*{number(left_out, 'other host')}*", f"{videos:,}", of(kept, numbers.kept.videos))
        )
    return "Where they are from:\n\n" + table(("host", "candidates", "kept"), rows)


def _extremes(lengths: Lengths | None) -> str:
    if lengths is None:
        return "unknown"
    return f"{lengths.least:,.1f} s, {lengths.most:,.1f} s (of {lengths.known:,})"


def _quartiles(lengths: Lengths | None) -> str:
    if lengths is None:
        return "unknown"
    quartiles = (lengths.quarter, lengths.half, lengths.three_quarters)
    return f"{', '.join(f'{each:,.1f} s' for each in quartiles)} (of {lengths.known:,})"
