"""A video that its makers, or anybody with a say, want out of all data sets."""

from videonet.schemas.record import Record


class Withdrawal(Record, frozen=True, kw_only=True):
    """Kept in the store, and in OUT for those who use OUT with another store."""

    video_key: str
    # what the source calls it
    video_id: str
