"""How a data set was made: what became of its candidates, and the settings."""

from dataclasses import dataclass

from videonet.dataset.card.facts import CardFacts
from videonet.dataset.card.markdown import plain
from videonet.schemas.reason import Outcome, Reason
from videonet.sources.source_spec import searched_site


@dataclass(frozen=True)
class PairCounts:
    """Pairs of video and class, by what became of them."""

    # whose title names the class, also beyond the quota
    matched: int
    # the candidates: kept + rejected + failed + withdrawn
    pairs: int
    kept: int
    # without those that were withdrawn, which may have been what was asked for
    rejected: int
    failed: int
    withdrawn: int
    # that are no candidates, since their videos have more classes than one may be a candidate for
    crowded_out: int


@dataclass(frozen=True)
class LeftOut:
    """The pairs that are not kept for one reason."""

    # that stands in the verdicts
    outcome: Outcome
    reason: Reason
    pairs: int


def pair_counts(facts: CardFacts) -> PairCounts:
    """How many pairs there were, and what became of them."""
    verdicts, lookup = facts.manifest.totals.verdicts, facts.output.lookup()
    withdrawn = verdicts.rejected.get(Reason.WITHDRAWN, 0)
    return PairCounts(
        matched=sum(lookup.matched.values()) if lookup else 0,
        pairs=verdicts.pairs,
        kept=verdicts.kept,
        rejected=sum(verdicts.rejected.values()) - withdrawn,
        failed=sum(verdicts.failed.values()),
        withdrawn=withdrawn,
        crowded_out=lookup.crowded_out if lookup else 0,
    )


def left_out(facts: CardFacts) -> list[LeftOut]:
    """Why candidates are not in the data set: rejections first, of either the commonest first."""
    verdicts = facts.manifest.totals.verdicts
    return [
        LeftOut(outcome, Reason(reason), pairs)
        for outcome, reasons in (
            (Outcome.REJECTED, verdicts.rejected),
            (Outcome.FAILED, verdicts.failed),
        )
        for reason, pairs in sorted(reasons.items(), key=lambda each: (-each[1], each[0]))
    ]


def site_kind(facts: CardFacts) -> str | None:
    """What kind of site was searched, such as "youtube"; None: the source is no search."""
    site = searched_site(facts.settings.source)
    return site.kind if site else None


def setting_rows(facts: CardFacts) -> list[tuple[str, str]]:
    """Every setting that the files depend on: its name in the manifest, and its value, Markdown."""
    rows = facts.settings.by_name()
    # It is said beside the classes.
    rows.pop("left_out", None)
    return [(name, _value(value)) for name, value in rows.items()]


def _value(value: object) -> str:
    if value is None or value == ():
        return "none"
    if isinstance(value, dict):
        return ", ".join(f"{plain(name)} {_value(each)}" for name, each in value.items())
    if isinstance(value, tuple | list):
        return ", ".join(plain(str(each)) for each in value)
    if isinstance(value, float):
        return f"{value:g}"
    return f"{value:,}" if isinstance(value, int) else plain(str(value))
