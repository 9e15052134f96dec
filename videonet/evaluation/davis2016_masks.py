"""The protocol of DAVIS-2017 on the masks of DAVIS-2016: one object a video.

The masks of the two releases differ, and 2016 has no objects told apart. So this is another
evaluation, for those who have no more than the older one.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from videonet.errors import UsageError
from videonet.evaluation import davis2017
from videonet.evaluation.dataset_files import folder
from videonet.evaluation.j_and_f import Labels
from videonet.evaluation.protocol import Given, Outcome

PROTOCOL = msgspec.structs.replace(
    davis2017.PROTOCOL,
    name="davis2016-masks",
    mark="ours",
    confirmed_by=(
        "nothing published: VFS and the paper have rows of DAVIS-2017 alone, whose masks are others"
    ),
    notes=("On the masks of the 2016 release: no number of this is one of DAVIS-2017.",),
)

NEEDS = msgspec.structs.replace(
    davis2017.NEEDS, data="DAVIS-2016, 480p", layout=davis2017.NEEDS.layout[:2]
)

EXPECTED = {"sequences": 20, "frames": 1376, "objects": 20}

# The validation set of DAVIS-2016 (Perazzi et al. 2016).
NAMES = (
    *("blackswan", "bmx-trees", "breakdance", "camel", "car-roundabout", "car-shadow", "cows"),
    *("dance-twirl", "dog", "drift-chicane", "drift-straight", "goat", "horsejump-high"),
    *("kite-surf", "libby", "motocross-jump", "paragliding-launch", "parkour", "scooter-black"),
    "soapbox",
)

Settings = davis2017.Settings


def evaluate(given: Given) -> Outcome:
    """J, F and J&F over the sequences of the validation set."""
    folder(given.data, PROTOCOL.name, NEEDS.layout)
    return davis2017.evaluated(given, NAMES, foreground, EXPECTED, PROTOCOL.name)


def foreground(mask: NDArray[np.uint8]) -> Labels:
    """A mask of 0 and 255 as one of 0 and 1. Raises UsageError for one of other numbers."""
    strange = np.setdiff1d(mask, (0, 255))
    if strange.size:
        raise UsageError(
            f"there is the number {strange[0]}, and masks of DAVIS-2016 have 0 and 255 alone; for "
            f"several objects there is davis2017."
        )
    found: Labels = (mask == 255).astype(np.uint8)
    return found
