"""That something is in one hand, for as long as its holder says so again and again."""

from videonet.schemas.record import Record


class Lease(Record, frozen=True, kw_only=True):
    """STORE/lease/<what>.json, and STORE/claim/<xx>/<digest>.json for a video in hand.

    It holds for `seconds` from when it was last written, by the clock of the place.
    """

    # grows with each holder
    number: int
    # the process and what it holds it for, see `videonet.storage.lease`; "": nobody holds it
    holder: str
    seconds: float
    # grows each time that the holder says that it is still there: no two states are equal
    renewed: int = 0
