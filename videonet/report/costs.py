"""What the stages of a run took, as its processes have counted."""

from videonet.curation.run_progress import STAGES, costs_of
from videonet.report.page.content import Cost
from videonet.schemas.run import Plan
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store


def costs(output: DatasetDir, store: Store | None, plan: Plan | None) -> tuple[Cost, ...]:
    """The cost of each stage that did anything, in the order in which a video meets them.

    Over all runs that worked on OUT, as the last one wrote it down at its end; while one goes on,
    from the store.
    """
    by_stage = output.stages()
    if not by_stage and store is not None and plan is not None:
        by_stage = costs_of(store, plan.run_id)
    return tuple(
        Cost(stage=stage, cost=by_stage[stage])
        for stage in STAGES
        if stage in by_stage and by_stage[stage].items
    )
