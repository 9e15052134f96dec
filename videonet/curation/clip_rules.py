"""Which clips of a video a data set takes: those that move enough, and those without a cut.

What was measured of each clip is kept with what cutting brought: a video that gives no clip under
other rules is decided without being cut again.
"""

from videonet.schemas.fetch import Cut
from videonet.schemas.reason import Reason
from videonet.schemas.selection import SelectionOptions
from videonet.video.motion import PARTS


def left_out_because(repeated: float, cuts: int, rules: SelectionOptions) -> Reason | None:
    """Why a clip is left out, of whose ticks such a share is repeated, with so many cuts.

    None: it is taken.

    >>> left_out_because(0.97, 0, SelectionOptions(min_motion=0.1))
    <Reason.STILL: 'still'>
    """
    if 1 - repeated < rules.min_motion:
        return Reason.STILL
    return Reason.CUTS if rules.no_cuts and cuts else None


def places_taken(cut: Cut, rules: SelectionOptions) -> tuple[int, ...]:
    """Which clips of a video are taken, by their positions among all of them."""
    reasons = _reasons(cut, rules)
    return tuple(place for place, reason in enumerate(reasons) if reason is None)


def no_clip_because(cut: Cut, rules: SelectionOptions) -> Reason | None:
    """Why no clip of a video is taken that has clips; None: one is, or it has none."""
    reasons = _reasons(cut, rules)
    if not reasons or None in reasons:
        return None
    return Reason.CUTS if Reason.CUTS in reasons else Reason.STILL


def _reasons(cut: Cut, rules: SelectionOptions) -> list[Reason | None]:
    """Why each clip is left out; None: it is taken."""
    if not cut.repeated:
        # Nothing was measured: no rule asks for it.
        return [None] * cut.clips
    return [
        left_out_because(repeated / PARTS, cuts, rules)
        for repeated, cuts in zip(cut.repeated, cut.cuts, strict=True)
    ]
