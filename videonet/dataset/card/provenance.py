"""How a data set was made: the steps with their numbers, what was left out, the settings."""

from videonet.dataset.card.facts import Facts
from videonet.dataset.card.markdown import of, plain, table
from videonet.schemas.reason import Reason
from videonet.sources.search import searched_site
from videonet.text import number

_SOURCES = {
    "catalogue": "A catalogue of videos: a table with their titles and addresses",
    "folder": "A folder of video files; titles are the files' names, or stand in notes beside them",
    "store": "The videos that earlier runs had found",
    "lock": "A lock file",
}


def what_a_label_is(facts: Facts) -> str:
    """What stands behind each label, in one or two sentences."""
    if facts.is_rebuilt:
        return (
            "It was rebuilt from the lock file of another copy, in which each video has a title "
            "that names its class and was found by a classifier to show it; nobody has looked at "
            "them."
        )
    licence = " is stated to be under a licence of Creative Commons," if _is_free(facts) else ""
    seconds = facts.manifest.settings["min_seconds"]
    length = f" is at least {seconds:g} s long," if seconds else ""
    return (
        f"Each video has a title that names its class,{licence}{length} "
        "and shows its class, by an ImageNet-style classifier's first choice, in at least one of "
        f"its first {facts.setting('frames')} frames. That is all that a label says: no person "
        "has looked at the videos."
    )


def how(facts: Facts) -> str:
    """The steps, in order."""
    settings, totals = facts.manifest.settings, facts.manifest.totals
    names = sum(1 + len(target.synonyms) for target in facts.targets)
    classes = number(len(facts.targets), "class", "classes")
    steps = [
        f"**Classes.** {classes} with {number(names, 'name')} and synonyms, in `targets.json`.",
    ]
    if facts.is_rebuilt:
        steps.append(
            "**Rebuilding.** The videos of a lock file were downloaded again, with the sha256 "
            f"that it names; its own is `{settings['lock']}`. Nothing was searched or judged."
        )
    else:
        steps += [
            f"**Source.** {_source(str(settings['source']))}.",
            f"**Titles.** {number(totals.titles, 'title')} were looked at. A title names a class "
            "when it has a name or synonym of it as whole words, in the singular or a plural, "
            "whatever the case, accents and punctuation.",
            f"**Candidates.** The first {facts.setting('per_class'):,} videos of each class, in "
            "the order of the source.",
            f"**Classifier.** The first {facts.setting('frames')} frames of candidates were "
            f"shown to the classifier *{plain(facts.manifest.classifier.name)}*. One whose first "
            "choice is the class, or a kind of it, is enough.",
        ]
        if settings["min_seconds"]:
            steps.append(
                f"**Length.** Videos of less than {settings['min_seconds']:g} s were left out."
            )
        if _is_free(facts):
            steps.append(
                "**Licence.** Videos were left out unless their source states a licence of "
                "Creative Commons, or the public domain."
            )
    most = facts.setting("max_clips")
    steps.append(
        f"**Clips.** At most {number(most, 'clip')} of a video, spread evenly over it, rescaled "
        "and without sound; nothing was cropped."
    )
    return "\n".join(f"{place}. {step}" for place, step in enumerate(steps, start=1))


def funnel(facts: Facts) -> str:
    """How many titles, candidates and kept videos there were."""
    totals, lookup = facts.manifest.totals, facts.output.lookup()
    verdicts = totals.verdicts
    matched = sum(lookup.matched.values()) if lookup else 0
    withdrawn = verdicts.rejected.get(Reason.WITHDRAWN, 0)
    rejected = sum(verdicts.rejected.values()) - withdrawn
    failed = sum(verdicts.failed.values())
    pairs = "pairs of video and class"
    rows = (
        []
        if facts.is_rebuilt
        else [
            ("titles looked at", f"{totals.titles:,}"),
            (f"{pairs} whose title names it", f"{matched:,}"),
        ]
    )
    rows += [
        (f"{pairs} that were candidates", f"{verdicts.pairs:,}"),
        ("of them kept", of(verdicts.kept, verdicts.pairs)),
        ("of them rejected: not what was asked for", of(rejected, verdicts.pairs)),
        ("of them failed: could not be looked at", of(failed, verdicts.pairs)),
    ]
    if withdrawn:
        rows.append(("of them withdrawn: taken out on request", of(withdrawn, verdicts.pairs)))
    rows += [
        ("videos among the candidates", f"{totals.candidates:,}"),
        ("of them kept for at least one class", of(totals.kept_videos, totals.candidates)),
    ]
    return table(("", "number"), rows)


def not_kept(facts: Facts) -> str:
    """Why candidates are not in the data set."""
    verdicts = facts.manifest.totals.verdicts
    both = (("rejected", verdicts.rejected), ("failed", verdicts.failed))
    # The outcome that stands in the verdicts.
    rows = [
        (f"`{outcome}`", f"`{reason}`", Reason(reason).explanation, of(pairs, verdicts.pairs))
        for outcome, reasons in both
        for reason, pairs in sorted(reasons.items(), key=lambda each: (-each[1], each[0]))
    ]
    if not rows:
        return "No candidate was left out."
    head = ("outcome", "reason", "what it means", "pairs")
    return "Why candidates are not in it:\n\n" + table(head, rows, numbers=1)


def settings(facts: Facts) -> str:
    """Every setting that the files depend on, by its name in the manifest."""
    rows = [(f"`{name}`", _value(value)) for name, value in sorted(facts.manifest.settings.items())]
    return table(("setting", "value"), rows, numbers=0)


def classifier_facts(facts: Facts) -> str:
    """What tells the classifier from others."""
    card = facts.manifest.classifier
    size = "x".join(map(str, card.input_size))
    return f"{number(card.outputs, 'output')}, input of {size} pixels, sha256 `{card.sha256}`"


def _source(source: str) -> str:
    site = searched_site(source)
    if site is None:
        return _SOURCES.get(source, plain(source))
    return "YouTube's search" if site.kind == "youtube" else f"The search {plain(source)} of yt-dlp"


def _is_free(facts: Facts) -> bool:
    return facts.manifest.settings["licence"] == "cc"


def _value(value: object) -> str:
    if value is None or value == []:
        return "none"
    if isinstance(value, list):
        return ", ".join(plain(str(each)) for each in value)
    if isinstance(value, float):
        return f"{value:g}"
    return f"{value:,}" if isinstance(value, int) else plain(str(value))
