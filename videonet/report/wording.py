"""Numbers and names as the sentences of a report have them."""

from collections import Counter
from collections.abc import Sequence

from videonet.schemas.label import Label
from videonet.schemas.target import Target


def number(count: int, one: str, many: str = "") -> str:
    """A number with its noun in the singular or plural, such as "1,200 clips"."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def share(part: int, whole: int) -> str:
    """A share in percent that is 0 or 100 only where it is so exactly, such as "0.3 %"."""
    percent = 100 * part / whole
    if part in (0, whole):
        return f"{percent:.0f} %"
    if percent < 0.1:
        return "less than 0.1 %"
    if percent > 99.9:
        return "more than 99.9 %"
    return f"{percent:.1f} %" if percent < 10 or percent > 99 else f"{percent:.0f} %"


def label_names(labels: Sequence[Label]) -> list[str]:
    """The first name of each output; where two have the same, with what tells them apart."""
    names = [label.name.partition(",")[0].strip() for label in labels]
    marks = [label.wnid or f"output {index}" for index, label in enumerate(labels)]
    return _told_apart(names, marks)


def target_names(targets: Sequence[Target]) -> list[str]:
    """The name of each class; where two have the same, with their ids."""
    return _told_apart([each.name for each in targets], [each.target_id for each in targets])


def _told_apart(names: Sequence[str], marks: Sequence[str]) -> list[str]:
    number_of = Counter(names)
    return [
        f"{name} ({mark})" if number_of[name] > 1 else name
        for name, mark in zip(names, marks, strict=True)
    ]
