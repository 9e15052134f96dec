"""How much is asked when large class lists are searched for, and how long politeness makes that.

    python -m benchmarks.search_plan

Of each list, for a classifier that knows all of it, with YouTube's rounds of queries. Nothing is
asked: the figures are those that a run says before it begins. Those of ten requests each are for
queries with 200 results, in pages of 20.
"""

from videonet.schemas.option import default_of
from videonet.schemas.settings import RunOptions
from videonet.sources.search import search_plan
from videonet.sources.source_spec import YOUTUBE
from videonet.targets.imagenet import WITH_PEOPLE, imagenet_labels
from videonet.targets.resolve import resolve_targets
from videonet.text import duration

LISTS = ("imagenet1k", "imagenet12k", "imagenet22k", f"imagenet22k{WITH_PEOPLE}")

PAGES = 10


def main() -> None:
    """Print the plan of each list."""
    pace = default_of(RunOptions, "requests_per_second")
    for name in LISTS:
        targets = resolve_targets(name, imagenet_labels(name.removesuffix(WITH_PEOPLE)))
        plan = search_plan(targets, (), YOUTUBE)
        print(f"{name}: {plan.said(pace)}")
        first, whole = (duration(PAGES * each / pace) for each in (plan.names, plan.queries))
        print(f"  {PAGES} requests a query: {first} for the names, {whole} for all")


if __name__ == "__main__":
    main()
