"""What videos show that were asked for as something else."""

from dataclasses import dataclass

from videonet.report.inputs import ReportInput
from videonet.report.page.content import Confusion
from videonet.text import label_names, target_names

# A table of more is not read; how many there are besides is said.
SHOWN = 500


@dataclass(frozen=True)
class Confusions:
    """The commonest confusions, and of each class its commonest."""

    shown: tuple[Confusion, ...]
    left_out: int
    # name of what is seen most often instead, by position of the class
    commonest: dict[int, str]


def confusions(given: ReportInput) -> Confusions:
    """What the classifier saw in the videos without any frame that confirms their class."""
    outputs = label_names(given.labels)
    asked = target_names(given.targets)

    def name(output: int) -> str:
        return outputs[output] if output < len(outputs) else f"output {output}"

    given.db.rows(
        "create or replace temp table confusions as "
        "select target, seen, count(*) as pairs, "
        # Probabilities have four digits: as decimals they have the same sum in every order.
        "sum(seen_probability::decimal(9, 4))::double / count(seen_probability) as probability "
        "from pairs where reason = 'no_top1_match' and seen is not null group by target, seen"
    )
    top = given.db.rows(
        "select target, seen, pairs, coalesce(probability, 0) from confusions "
        "order by pairs desc, target, seen limit ?",
        [SHOWN],
    )
    ((total,),) = given.db.rows("select count(*) from confusions")
    first = given.db.rows(
        "select target, arg_min(seen, (-pairs, seen)) from confusions group by target"
    )
    shown = tuple(
        Confusion(
            target_id=given.targets[target].target_id,
            asked=asked[target],
            seen=name(seen),
            pairs=pairs,
            probability=round(probability, 4),
        )
        for target, seen, pairs, probability in top
    )
    return Confusions(shown, total - len(shown), {target: name(seen) for target, seen in first})
