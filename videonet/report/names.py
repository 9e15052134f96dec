"""What each name and synonym of a class brought: videos to keep, or noise."""

from collections.abc import Iterator
from dataclasses import dataclass

from videonet.report.inputs import ReportInput
from videonet.report.page.content import NameRow


@dataclass(frozen=True)
class CountedName:
    """What one name brought, and what is needed besides to judge it."""

    row: NameRow
    # position of the class
    target: int
    # those that no other name of the class brought, and that show something else
    only_no_match: int


def name_yield(given: ReportInput) -> tuple[CountedName, ...]:
    """One a name, also of those that brought nothing; by class, its own name first."""
    counted = {(target, name): counts for target, name, *counts in given.db.rows(_YIELD)}
    return tuple(_rows(given, counted))


def _rows(given: ReportInput, counted: dict[tuple[int, str], list[int]]) -> Iterator[CountedName]:
    searches = {
        (search.target_id, each.name.casefold()): each
        for search in given.lookup.searches
        for each in search.names
    }
    for position, target in enumerate(given.targets):
        for name in dict.fromkeys((target.name, *target.synonyms)):
            counts = counted.get((position, name), [0] * 6)
            candidates, kept, no_match, only, only_kept, only_no_match = counts
            search = searches.get((target.target_id, name.casefold()))
            row = NameRow(
                target_id=target.target_id,
                name=name,
                candidates=candidates,
                kept=kept,
                no_match=no_match,
                other=candidates - kept - no_match,
                only=only,
                only_kept=only_kept,
                queries=search.queries if search else None,
                results=search.results if search else None,
                new=search.new if search else None,
            )
            yield CountedName(row, position, only_no_match)


# Pairs with the same names are counted together first: there are few sets of names.
_YIELD = """
with sets as (
    select
        target,
        list_distinct(matched_names) as names,
        count(*) as pairs,
        count(*) filter (outcome = 'kept') as kept,
        count(*) filter (reason = 'no_top1_match') as no_match
    from pairs
    group by target, matched_names
),
named as (
    select target, unnest(names) as name, len(names) = 1 as alone, pairs, kept, no_match from sets
)
select
    target,
    name,
    sum(pairs)::bigint,
    sum(kept)::bigint,
    sum(no_match)::bigint,
    coalesce(sum(pairs) filter (alone), 0)::bigint,
    coalesce(sum(kept) filter (alone), 0)::bigint,
    coalesce(sum(no_match) filter (alone), 0)::bigint
from named
group by target, name
"""
