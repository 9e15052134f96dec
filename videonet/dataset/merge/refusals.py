"""Which videos a merged data set may not have: what any of its inputs has withdrawn or excluded."""

from collections.abc import Sequence
from typing import NamedTuple

from videonet.dataset.merge.inputs import Input
from videonet.dataset.own_store import own_store
from videonet.errors import UsageError
from videonet.schemas.exclusion import ExcludedSet, Exclusion
from videonet.schemas.withdrawal import Withdrawal
from videonet.selection.exclusion import (
    Excluded,
    excluded_by,
    stored_exclusion,
    united_exclusion,
)


class Refusals(NamedTuple):
    """What a merged data set may not have."""

    # by key
    withdrawn: dict[str, Withdrawal]
    # lists of --exclude that some inputs had and others had not; None: all had the same
    excluded: Excluded | None
    # what the settings say of them
    excluded_set: ExcludedSet | None


def united_refusals(inputs: Sequence[Input]) -> Refusals:
    """What any of the inputs refuses.

    Raises UsageError where lists differ, and one of them is not at hand: stores alone have them.
    """
    withdrawn = {video.video_key: video for each in inputs for video in each.output.withdrawals()}
    said = {each.settings.excluded.sha256 if each.settings.excluded else "" for each in inputs}
    if len(said) == 1:
        return Refusals(withdrawn, None, inputs[0].settings.excluded)
    lists, names = list[Exclusion](), list[str]()
    for each in inputs:
        if (excluded := each.settings.excluded) is not None:
            lists.append(_list(each, excluded))
            names += excluded.names
    _, united = united_exclusion(lists, names)
    found = [excluded_by(each) for each in lists]
    all_of_them = Excluded(
        frozenset().union(*(each.keys for each in found)),
        frozenset().union(*(each.ids for each in found)),
        frozenset().union(*(each.channels for each in found)),
    )
    return Refusals(withdrawn, all_of_them, united)


def _list(of: Input, excluded: ExcludedSet) -> Exclusion:
    """What an input excludes. Raises UsageError where its store is not at hand, or lacks that."""
    store = own_store(of.output, None)
    try:
        if store is not None:
            return stored_exclusion(store, excluded)
    except UsageError:
        pass  # said in other words: no run is to be made again
    raise UsageError(
        f"{of.address} excludes what {', '.join(excluded.names)} names, and others do not; the "
        "list is in its store, which is not at hand or lacks it. Curate the others again with the "
        "same --exclude."
    )
