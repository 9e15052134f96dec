"""What the stages of a run took, as its processes have counted."""

from schemas import Plan
from videonet.progress import costs_of
from videonet.report.facts import Cost
from videonet.store import Store

STAGES = ("search", "download", "scan", "measure", "cut", "write")


def costs(store: Store, plan: Plan) -> tuple[Cost, ...]:
    """The cost of each stage that did anything, in the order in which a video meets them."""
    by_stage = costs_of(store, plan.run_id)
    return tuple(
        Cost(stage=stage, cost=by_stage[stage])
        for stage in STAGES
        if stage in by_stage and by_stage[stage].items
    )
