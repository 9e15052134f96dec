"""What the classes of a clip are called in every data set, beside their positions in this one."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from videonet.errors import UsageError
from videonet.schemas.clip import Clip
from videonet.schemas.target import Target


def with_label_ids(clips: Iterable[Clip], targets: Sequence[Target]) -> Iterator[Clip]:
    """The clips with the columns of their labels' ids, one by one.

    `targets` is the class list of their data set, in which their labels are positions. Raises
    UsageError for a label that is none.
    """
    for clip in clips:
        labels = clip.clip_label_index
        if not all(0 <= each < len(targets) for each in labels):
            raise UsageError(
                f"The clip {clip.example_id} is labelled {list(labels)}, and targets.json has "
                f"{len(targets)} classes, counted from 0; `videonet verify` says what is wrong, "
                "and the command that made the data set mends it."
            )
        own = [targets[each] for each in labels]
        yield msgspec.structs.replace(
            clip,
            clip_label_target_id=tuple(each.target_id for each in own),
            clip_label_wnid=tuple(each.wnid or "" for each in own),
        )
