"""Which videos of a data set a sample shows: some of each class, always the same ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from videonet.dataset.verdict_db import VerdictDB
from videonet.errors import UsageError
from videonet.schemas.target import Target
from videonet.schemas.verdict import Verdict
from videonet.text import as_shown

# What is asked of each pair of video and class.
COLUMNS = ("file", "row", "chance", "clips", "best_probability")


@dataclass(frozen=True)
class Asked:
    """What a sample is to show."""

    # most videos of each class, and most clips in all
    per_class: int
    most: int
    # another one draws other videos
    seed: int = 0
    # names or ids of classes; none: all
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class DrawnClass:
    """A class with some of its videos."""

    target: Target
    # kept videos that give a clip, and the mean of their highest probabilities, where these are
    # known
    videos: int
    probability: float | None
    # the verdicts on those that are shown, the least sure first
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True)
class Drawn:
    """What a sample shows."""

    # those with a kept video, in the order of the class list
    classes: tuple[DrawnClass, ...]
    # of the classes that were asked for, those without a kept video that gives a clip
    without: int
    # how many videos `per_class` asks for in all
    wanted: int

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """All verdicts that are shown, by class."""
        return tuple(verdict for each in self.classes for verdict in each.verdicts)


# The mean is one of whole millionths: their sum is the same in whichever order it is made.
_SIZES = """
select
    target,
    count(*),
    sum(round(best_probability * 1e6)::hugeint)::double / count(best_probability) / 1e6
from pairs
where outcome = 'kept' and clips > 0 and list_contains($classes::int[], target)
group by target order by target
"""

# One video of each class, then another one of each, until there are enough.
_DRAWN = """
with turns as (
    select target, file, row, best_probability, drawn, row_number() over (
        partition by target order by drawn, file, row
    ) as turn
    from (
        select *, md5_number_lower(concat(chance, ' ', $seed::bigint)) as drawn from pairs
        where outcome = 'kept' and clips > 0 and list_contains($classes::int[], target)
    )
)
select target, file, row
from (
    select * from turns where turn <= $per_class
    qualify row_number() over (order by turn, drawn, file, row) <= $most
)
order by target, best_probability nulls last, drawn, file, row
"""


def draw(db: VerdictDB, asked: Asked) -> Drawn:
    """Draw kept videos that give a clip, by hashes of their keys: the same for the same seed.

    `db` has `COLUMNS`. Raises UsageError for a class that is not in the class list.
    """
    chosen = _positions(db.targets, asked.classes)
    sizes = {target: rest for target, *rest in db.rows(_SIZES, {"classes": chosen})}
    rows = db.rows(
        _DRAWN,
        {
            "classes": chosen,
            "seed": asked.seed,
            "per_class": asked.per_class,
            "most": asked.most,
        },
    )
    verdicts = db.verdicts_at([(file, row) for _, file, row in rows])
    by_class: dict[int, list[Verdict]] = {target: [] for target in sizes}
    for target, file, row in rows:
        by_class[target].append(verdicts[file, row])
    return Drawn(
        classes=tuple(
            DrawnClass(db.targets[target], videos, probability, tuple(by_class[target]))
            for target, (videos, probability) in sizes.items()
        ),
        without=len(chosen) - len(sizes),
        wanted=sum(min(videos, asked.per_class) for videos, _ in sizes.values()),
    )


def _positions(targets: Sequence[Target], classes: Sequence[str]) -> list[int]:
    """Positions in the class list of those that have these names or ids; of none, all."""
    if not classes:
        return list(range(len(targets)))
    found = set()
    for each in classes:
        own = [
            place for place, target in enumerate(targets) if each in (target.target_id, target.name)
        ]
        if not own:
            raise UsageError(_unknown(each, targets))
        found.update(own)
    return sorted(found)


def _unknown(name: str, targets: Sequence[Target]) -> str:
    names = list(dict.fromkeys(target.name for target in targets))
    near = get_close_matches(name, names, n=3, cutoff=0.3) or names[:3]
    return (
        f"--class {name!r} is no class of this data set; give the name or the id of one, such as "
        f"{', '.join(map(as_shown, near))}."
    )
