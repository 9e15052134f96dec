"""A plan for people: sentences and tables."""

from collections.abc import Callable, Iterator

from rich.table import Table
from rich.text import Text

from videonet.schemas.forecast import Forecast, PlanForecast
from videonet.text import as_shown, duration, file_size, number, share

# A thousand classes fill many screens; --json has all.
CLASSES_SHOWN = 30


def sentences(plan: PlanForecast) -> Iterator[str]:
    """What a plan is made of, and what the numbers in its table are."""
    yield (
        f"{number(plan.candidates, 'candidate')} of {number(plan.titles, 'title')}: "
        f"{plan.known:,} known before, {plan.sampled:,} sampled "
        f"({file_size(plan.bytes_moved_by_pilot)} downloaded for that)."
    )
    if plan.reasons:
        listed = ", ".join(f"{count:,} {reason}" for reason, count in plan.reasons.items())
        yield f"Not kept of the sample: {listed}."
    if plan.uses_durations:
        declared = share(plan.declared, plan.candidates)
        yield f"Declared durations, which {declared} have, are the covariate of all totals."
    elif plan.known + plan.sampled < plan.candidates:
        yield "No duration is declared, so that intervals are wider than they could be."
    if plan.total.hours.high is None:
        yield "Nothing in the sample was kept, so that what kept videos come to has no upper end."


def totals(plan: PlanForecast) -> Table:
    """All totals, each with its interval."""
    table = Table(title="The whole run, with 95 % intervals")
    table.add_column("what", no_wrap=True)
    for name in ("about", "from", "to"):
        table.add_column(name, justify="right", no_wrap=True)
    rows: list[tuple[str, Forecast, Callable[[float], str]]] = [
        ("kept videos", plan.total.kept, _whole),
        ("hours of kept videos", plan.total.hours, _hours),
        ("clips", plan.total.clips, _whole),
        ("bytes moved", plan.total.bytes_moved, _size),
        ("bytes stored", plan.total.bytes_stored, _size),
        ("  kept videos (--keep)", plan.total.bytes_videos, _size),
        ("  shards, all formats", plan.total.bytes_shards, _size),
        ("egress, the shards once", plan.total.bytes_egress, _size),
        ("time on this machine", plan.total.hours_machine, _time),
        ("  processor", plan.total.hours_processor, _time),
        ("  downloads", plan.total.hours_downloads, _time),
        ("  politeness, at least", plan.total.hours_politeness, _time),
        ("GPU hours", plan.total.gpu_hours, _hours),
        ("cost, dollars", plan.total.cost, _dollars),
        *(
            (f"  {each.name}", each.dollars, _dollars)
            for each in plan.total.items
            if each.price and each.dollars.value
        ),
    ]
    for name, found, shown in rows:
        high = "not known" if found.high is None else shown(found.high)
        table.add_row(name, shown(found.value), shown(found.low), high)
    return table


def remarks(plan: PlanForecast) -> Iterator[str]:
    """What sets the time and most of the cost, and what is not in the numbers."""
    host = f" of {as_shown(plan.busiest_host)}" if plan.busiest_host else ""
    why = {
        "processor": "what takes the processor",
        "downloads": "downloads",
        "politeness": f"politeness: the pace and the connections{host}",
    }
    yield f"The time is set by {why[plan.total.set_by]}."
    yield f"The largest item of the cost: {_largest(plan)}."
    if plan.seconds_per_scan is not None:
        yield f"A scan took {plan.seconds_per_scan:.2g} s here. GPU hours: {plan.gpu_source}."
    priced = [each for each in plan.total.items if each.price and each.dollars.value]
    if priced:
        listed = "; ".join(f"${each.price:g} for {each.unit}" for each in priced)
        yield f"Prices: {listed}."
    yield (
        "Bytes moved are those of videos, without pages that lead to them. Duplicates that "
        "--duplicates drops are not foreseen."
    )


def classes(plan: PlanForecast) -> Table:
    """What is expected of classes; those with few sampled candidates are one row."""
    table = Table(title="By class", show_lines=True)
    for name in ("class", "found", "seen", "kept", "hours", "moved", "stored", "time", "$"):
        table.add_column(name, justify="left" if name == "class" else "right")
    own = [each for each in plan.classes if each.target_id]
    pools = [each for each in plan.classes if not each.target_id]
    for each in [*own[:CLASSES_SHOWN], *pools]:
        table.add_row(
            Text(as_shown(each.name) if each.target_id else "all others"),
            f"{each.candidates:,}",
            f"{each.sampled:,}",
            _between(each.numbers.kept, _whole),
            _between(each.numbers.hours, _hours),
            _between(each.numbers.bytes_moved, _size),
            _between(each.numbers.bytes_stored, _size),
            _between(each.numbers.hours_machine, _time),
            _between(each.numbers.cost, _dollars),
        )
    return table


def of_classes(plan: PlanForecast) -> Iterator[str]:
    """Which classes are one row, and which have none."""
    own = sum(bool(each.target_id) for each in plan.classes)
    if own > CLASSES_SHOWN:
        yield f"{number(own - CLASSES_SHOWN, 'more class', 'more classes')} stand in --json FILE."
    for each in plan.classes:
        if not each.target_id:
            more = ", ..." if each.classes > len(each.names) else ""
            yield (
                f"All others: {number(each.classes, 'class', 'classes')} of which fewer than 20 "
                f"were sampled ({as_shown(', '.join(each.names))}{more})."
            )


def _largest(plan: PlanForecast) -> str:
    item = next(each for each in plan.total.items if each.name == plan.total.largest_item)
    return f"{item.name}, at ${item.price:g} for {item.unit}"


def _between(found: Forecast, shown: Callable[[float], str]) -> str:
    low, high = shown(found.low), "?" if found.high is None else shown(found.high)
    about = shown(found.value)
    return about if low == high else f"{about}\n{low} to\n{high}"


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _hours(value: float) -> str:
    return f"{value:,.1f}" if value >= 1 else f"{value:.2g}"


def _size(value: float) -> str:
    return file_size(round(value))


def _time(value: float) -> str:
    return duration(value * 3600) if value else "0 s"


def _dollars(value: float) -> str:
    return f"{value:,.2f}" if value >= 0.1 or not value else f"{value:.2g}"
